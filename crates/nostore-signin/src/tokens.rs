//! The provider's tokens of a session: kept sealed, refreshed once however many ask.
//!
//! # Invariants
//!
//! - One refresh at a time for a session: in a process by a turn, among processes by a lease in the record, taken by a
//!   write where nothing changed in the meantime.
//! - A refresh token that may have been used is marked before it is sent, so that a process that dies with the answer
//!   leaves a record that says so.
//! - A lost race signs nobody out: whoever comes later reads what the winner wrote. Only a provider that refuses a token
//!   which nobody else has used or replaced ends the session.
//! - Nobody's tokens are written into a session that is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use nostore_message::{Secret, UnixTime};
use nostore_web::{Exchange, Visit};
use serde::{Deserialize, Serialize};

use crate::SignIn;
use crate::draw;
use crate::events::{Event, Kind};
use crate::provider::{RefreshError, RelyingParty, Tokens};
use crate::records::{Lease, SessionRecord, TokensRecord};
use crate::site::{Bearer, Site};
use crate::store::{Record, StoreError};
use crate::vault::Purpose;

/// An access token that ends sooner is refreshed first.
const LEEWAY_MILLIS: i64 = 10_000;
/// How long a process may take for a refresh before others take over: more than one waits for a provider.
const LEASE_MILLIS: i64 = 15_000;
/// How long somebody waits for another process between two looks.
const LOOK: Duration = Duration::from_millis(40);
/// How often one looks: somewhat longer than a lease.
const LOOKS: usize = 450;

/// Why there is no access token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// Nobody is signed in, or not any more.
    #[error("expected a signed-in visitor")]
    SignedOut,
    /// The session has no tokens: the provider issued none that can be refreshed, or its answer to a refresh was lost.
    /// The visitor signs in anew to have some.
    #[error(
        "expected tokens in the session: ask the provider for offline access, or have the visitor sign in anew"
    )]
    NoTokens,
    /// The provider does not answer. Another try may.
    #[error("expected the provider to renew the access token")]
    Provider(#[source] RefreshError),
    /// The store does not answer.
    #[error("expected the store to answer")]
    Store(#[from] StoreError),
    /// Another process has been refreshing for too long.
    #[error("expected another process to finish its refresh")]
    Waited,
}

/// What is sealed of tokens.
#[derive(Default, Deserialize, Serialize)]
struct Kept {
    access: Option<String>,
    refresh: Option<String>,
    id: Option<String>,
}

/// Who refreshes in this process: one at a time for a session.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    fn turn(&self, sid: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() > 1_000 {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        if let Some(turn) = turns.get(sid).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        turns.insert(sid.to_owned(), Arc::downgrade(&turn));
        turn
    }
}

impl SignIn {
    /// Returns an access token of the visitor's at the provider, for calls in the visitor's name. Refreshes it where it
    /// ends within ten seconds, once for all who ask, in all processes.
    ///
    /// # Errors
    ///
    /// See [`AccessError`].
    pub async fn access_token(&self, exchange: &Exchange) -> Result<Secret, AccessError> {
        self.site().access_token(exchange.visit()).await
    }
}

/// What a look at the record says.
enum Look {
    /// There is a token.
    Fresh(Secret),
    /// Somebody else is at it.
    Busy,
    /// It is ours to refresh, with that token, written down as that.
    Ours(Secret, Box<SessionRecord>),
}

impl Site {
    /// Seals the tokens of a sign-in for the record.
    pub(crate) fn kept(&self, tokens: &Tokens) -> Option<TokensRecord> {
        let text = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
        let kept =
            Kept { access: text(&tokens.access), refresh: text(&tokens.refresh), id: text(&tokens.id) };
        let sealed = self.vault.seal(Purpose::Tokens, &serde_json::to_string(&kept).ok()?)?;
        Some(TokensRecord {
            sealed,
            ends: tokens.access_ends.map(UnixTime::millis),
            lease: None,
            uncertain: false,
        })
    }

    fn opened(&self, tokens: &TokensRecord) -> Kept {
        let text = self.vault.open(Purpose::Tokens, &tokens.sealed);
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Returns the ID token of a session, for a logout at the provider.
    pub(crate) fn id_token(&self, session: &SessionRecord) -> Option<Secret> {
        self.opened(session.tokens.as_ref()?).id.map(Secret::new)
    }

    pub(crate) async fn access_token(&self, visit: Visit<'_>) -> Result<Secret, AccessError> {
        let Ok(Some(bearer)) = self.bearer(visit) else { return Err(AccessError::SignedOut) };
        let standing = self.registry.standing(&bearer.person, &bearer.sid, visit.now).await?;
        if !self.holds(&bearer, &standing) {
            return Err(AccessError::SignedOut);
        }
        let turn = self.turns.turn(&bearer.sid);
        let _turn = turn.lock().await;
        // Time goes on while one waits: a clock that stands still, as in tests, only waits less.
        let began = tokio::time::Instant::now();
        for _ in 0..LOOKS {
            let waited = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
            let now = UnixTime::from_millis(visit.now.millis().saturating_add(waited));
            match self.look(&bearer, now).await? {
                Some(Look::Fresh(token)) => return Ok(token),
                Some(Look::Busy) => tokio::time::sleep(LOOK).await,
                Some(Look::Ours(refresh, session)) => {
                    if let Some(token) = self.refresh(visit, &bearer, &refresh, &session, now).await? {
                        return Ok(token);
                    }
                }
                // Somebody changed the record between reading and writing: read it again.
                None => {}
            }
        }
        Err(AccessError::Waited)
    }

    /// Looks at the record, and takes the lease where the token must be refreshed and nobody is at it.
    async fn look(&self, bearer: &Bearer, now: UnixTime) -> Result<Option<Look>, AccessError> {
        let Some((mut session, read)) = self.registry.session(&bearer.person.id, &bearer.sid, now).await?
        else {
            return Err(if bearer.sid.is_empty() { AccessError::SignedOut } else { AccessError::NoTokens });
        };
        if session.ended {
            return Err(AccessError::SignedOut);
        }
        let Some(tokens) = session.tokens.as_mut() else { return Err(AccessError::NoTokens) };
        let kept = self.opened(tokens);
        let fresh = tokens.ends.is_none_or(|ends| ends > now.millis().saturating_add(LEEWAY_MILLIS));
        if let Some(access) = kept.access.filter(|_| fresh) {
            return Ok(Some(Look::Fresh(Secret::new(access))));
        }
        let Some(refresh) = kept.refresh else { return Err(AccessError::NoTokens) };
        if let Some(lease) = &tokens.lease {
            if lease.until > now.millis() {
                return Ok(Some(Look::Busy));
            }
            // Whoever had it died with an answer that may have come.
            tokens.uncertain = true;
        }
        let until = now.millis().saturating_add(LEASE_MILLIS);
        tokens.lease = Some(Lease { by: u64::from_le_bytes(draw::octets()), until });
        let taken = self.registry.replace(&bearer.person.id, &bearer.sid, (&session, &read), now).await?;
        Ok(taken.then(|| Look::Ours(Secret::new(refresh), Box::new(session))))
    }

    /// Refreshes, with the lease. `None`: somebody else has written in the meantime; look again.
    async fn refresh(
        &self,
        visit: Visit<'_>,
        bearer: &Bearer,
        refresh: &Secret,
        session: &SessionRecord,
        now: UnixTime,
    ) -> Result<Option<Secret>, AccessError> {
        let lease = session.tokens.as_ref().and_then(|tokens| tokens.lease.clone());
        let uncertain = session.tokens.as_ref().is_some_and(|tokens| tokens.uncertain);
        let party = self.party(&session.issuer).ok_or(AccessError::NoTokens)?;
        let answer = party.refresh(refresh, now).await;
        let outcome = match &answer {
            Ok(_) => "ok",
            Err(RefreshError::Refused) if uncertain => "lost",
            Err(RefreshError::Refused) => "refused",
            Err(_) => "failed",
        };
        let event = Event { session: self.session_name(&bearer.sid), outcome, ..self.event(visit) };
        self.events.tell(Kind::Refresh, &event, visit.now);
        let write = async |change: &mut (dyn FnMut(&mut SessionRecord) + Send)| {
            self.with_lease(bearer, lease.as_ref(), change, now).await
        };
        match answer {
            Ok(mut tokens) => {
                let id = session.tokens.as_ref().and_then(|own| self.opened(own).id);
                tokens.id = tokens.id.or_else(|| id.map(Secret::new));
                let sealed = self.kept(&tokens);
                let mine = write(&mut |own| own.tokens.clone_from(&sealed)).await?;
                Ok(tokens.access.filter(|_| mine))
            }
            Err(RefreshError::Refused) if uncertain => {
                // It was sent before by somebody who heard no answer: the provider may have used it up. That is no reason
                // to sign anybody out.
                write(&mut |own| own.tokens = None).await?;
                Err(AccessError::NoTokens)
            }
            Err(RefreshError::Refused) => {
                let mine = write(&mut |own| (own.ended, own.tokens) = (true, None)).await?;
                if mine { Err(AccessError::SignedOut) } else { Ok(None) }
            }
            Err(error) => {
                let unknown = matches!(error, RefreshError::Unknown { .. });
                write(&mut |own| {
                    if let Some(tokens) = &mut own.tokens {
                        (tokens.lease, tokens.uncertain) = (None, tokens.uncertain || unknown);
                    }
                })
                .await?;
                Err(AccessError::Provider(error))
            }
        }
    }

    /// Changes the record while the lease is ours. `false`: it is not any more.
    async fn with_lease(
        &self,
        bearer: &Bearer,
        lease: Option<&Lease>,
        change: &mut (dyn FnMut(&mut SessionRecord) + Send),
        now: UnixTime,
    ) -> Result<bool, AccessError> {
        loop {
            let found: Option<(SessionRecord, Record)> =
                self.registry.session(&bearer.person.id, &bearer.sid, now).await?;
            let Some((mut session, read)) = found else { return Ok(false) };
            let ours = session.tokens.as_ref().is_some_and(|tokens| tokens.lease.as_ref() == lease);
            if session.ended || !ours {
                return Ok(false);
            }
            change(&mut session);
            if self.registry.replace(&bearer.person.id, &bearer.sid, (&session, &read), now).await? {
                return Ok(true);
            }
        }
    }

    /// Finds the relying party of an issuer.
    pub(crate) fn party(&self, issuer: &str) -> Option<&RelyingParty> {
        self.parties.iter().find(|party| party.provider().issuer() == issuer)
    }
}
