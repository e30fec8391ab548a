//! Logout tokens: relying parties are told that a session has ended.
//!
//! Whatever ends a session ends it by a change, so what has to be told follows from the changes of a request: no
//! place that ends sessions knows of relying parties.
//!
//! Specifications: OpenID Connect Back-Channel Logout sections 2.4, 2.5 and 2.6.

use std::collections::BTreeSet;
use std::fmt;

use nostore_message::{Secret, UnixTime};
use serde_json::{Map, json};

use super::{RelyingParty, sha256};
use crate::core::model::{Session, SessionStatus};
use crate::core::{Change, Issuer};

/// How long a logout token is valid, in seconds.
const NOTICE_SECS: i64 = 120;

/// The event that a logout token tells of.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A logout token and where it goes.
#[derive(Clone)]
pub struct Notice {
    /// The relying party.
    pub client_id: String,
    /// The address that takes it, by `POST`.
    pub uri: String,
    /// The logout token.
    pub logout_token: Secret,
}

/// Shows no token.
impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client_id, uri, .. } = self;
        f.debug_struct("Notice").field("client_id", client_id).field("uri", uri).finish_non_exhaustive()
    }
}

impl Issuer {
    /// Returns what relying parties have to be told once `changes` took effect. Ask before [`Issuer::apply`].
    #[must_use]
    pub fn notices(&self, changes: &[Change], now: UnixTime) -> Vec<Notice> {
        let ended: BTreeSet<&str> = changes.iter().flat_map(|change| self.ended_by(change)).collect();
        let tell = |id: &&str| self.told_of(id, now);
        ended.iter().flat_map(tell).collect()
    }

    /// Lists the sessions that go on, but not after the change.
    fn ended_by<'a>(&'a self, change: &'a Change) -> Vec<&'a str> {
        let is_active = |session: &&Session| session.status == SessionStatus::Active;
        match change {
            Change::DropSession { id } => {
                self.state.session(id).filter(is_active).map(|_| id.as_str()).into_iter().collect()
            }
            Change::DropUser { id } => {
                let own = self.state.sessions().filter(|session| session.user_id == *id);
                own.filter(is_active).map(|session| session.id.as_str()).collect()
            }
            Change::PutSession(after) if after.status != SessionStatus::Active => self
                .state
                .session(&after.id)
                .filter(is_active)
                .map(|before| before.id.as_str())
                .into_iter()
                .collect(),
            _ => Vec::new(),
        }
    }

    fn told_of(&self, session_id: &str, now: UnixTime) -> Vec<Notice> {
        let redeemed =
            self.state.grants().filter(|grant| grant.session_id == session_id && grant.issued_at.is_some());
        let clients: BTreeSet<(&str, &str)> =
            redeemed.map(|grant| (grant.client_id.as_str(), grant.user_id.as_str())).collect();
        let notice = |(client_id, user_id): (&str, &str)| {
            self.notice(self.state.party(client_id)?, session_id, user_id, now)
        };
        clients.into_iter().filter_map(notice).collect()
    }

    fn notice(&self, party: &RelyingParty, session_id: &str, user_id: &str, now: UnixTime) -> Option<Notice> {
        let uri = party.backchannel_logout_uri.clone()?;
        let client_id = party.client_id.clone();
        // A session ends once, so its name and its relying party's make one of its own.
        let id = sha256(&format!("{session_id} {client_id}"));
        let claims = [
            ("iss", json!(self.provider())),
            ("aud", json!(client_id)),
            ("iat", json!(now.secs())),
            ("exp", json!(now.secs().saturating_add(NOTICE_SECS))),
            ("jti", json!(id)),
            ("events", json!({ EVENT: {} })),
            ("sid", json!(session_id)),
            ("sub", json!(user_id)),
        ];
        let claims = claims.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let header = Map::from_iter([("typ".to_owned(), json!("logout+jwt"))]);
        let token = self.keys.current().key.sign(&header, &claims).ok()?;
        Some(Notice { client_id, uri, logout_token: Secret::new(token) })
    }
}
