//! Which browser asks, and who is signed in there.

use nostore_message::{Secret, SetCookie, UnixTime};

use super::ask::Ask;
use super::form::Form;
use super::{Change, Client, Issuer, Mode, Session, SessionStatus, User};

/// The name of the live cookie on the service's own host.
pub(super) const CLIENT_COOKIE: &str = "__client";

/// How many browsers are remembered; beyond, one that is signed out makes room first.
const MAX_CLIENTS: usize = 10_000;

/// How many sessions are remembered, those that are over included.
const MAX_SESSIONS: usize = 20_000;

/// Ten years, in seconds: the lifetime that the protocol's cookies ask for.
pub(super) const LONG_SECS: i64 = 315_360_000;

impl Issuer {
    /// Finds the browser that asks, if it is known: by `__clerk_db_jwt` in form or query (test), or
    /// by the cookie `__client` (live).
    pub(super) fn client(&self, ask: &Ask<'_>, form: Option<&Form>) -> Option<&Client> {
        match self.settings.mode {
            Mode::Live => {
                let cookies = ask.cookies();
                self.client_with(cookies.raw(CLIENT_COOKIE)?)
            }
            Mode::Test => {
                let in_form = form.and_then(|form| form.text("__clerk_db_jwt"));
                let token = in_form.or_else(|| ask.query.text("__clerk_db_jwt"))?;
                self.client_with(token)
            }
        }
    }

    /// Finds the browser with a token, if it is one of this kind of instance.
    pub(super) fn client_with(&self, token: &str) -> Option<&Client> {
        self.state.client(token).filter(|_| token.starts_with(self.settings.mode.known_by().prefix()))
    }

    /// Returns the session of a client, with its user.
    pub(super) fn signed_in(&self, client: &Client) -> Option<(&Session, &User)> {
        let session = self.state.session_of(client)?;
        Some((session, self.state.user(&session.user_id)?))
    }

    /// Returns the value of `__client_uat` at `now`: seconds, 0 when signed out; never ahead of
    /// `now`, so that a token minted now is not older (handshake protocol, section 4.2 no. 12).
    pub(super) fn updated_secs(&self, client: &Client, now: UnixTime) -> i64 {
        if client.session_id.is_some() { client.updated_at.min(now).secs().max(1) } else { 0 }
    }

    /// Returns who is signed in in the browser that asks.
    pub(super) fn current_user(&self, ask: &Ask<'_>) -> Option<&User> {
        self.client(ask, None).and_then(|client| self.signed_in(client)).map(|(_, user)| user)
    }

    /// Makes a browser that nobody is signed in with.
    pub(super) fn fresh_client(ask: &mut Ask<'_>, known_by: KnownBy) -> Client {
        Client {
            token: Secret::new(ask.ids.token(known_by.prefix())),
            id: ask.ids.id("client_"),
            created_at: ask.now,
            updated_at: ask.now,
            session_id: None,
        }
    }

    /// Keeps a client; where there are too many, the one that has been idle longest goes, with its session.
    pub(super) fn keep(&self, client: &Client, now: UnixTime) -> Vec<Change> {
        let mut changes = Vec::with_capacity(2);
        let known = self.state.client(client.token.expose()).is_some();
        if !known && self.state.clients().len() >= MAX_CLIENTS {
            let idle = self.state.clients().min_by_key(|old| (old.session_id.is_some(), old.updated_at));
            if let Some(old) = idle {
                changes.extend(self.end_session(old, SessionStatus::Removed, now));
                changes.push(Change::DropClient { token: old.token.clone() });
            }
        }
        changes.push(Change::PutClient(client.clone()));
        changes
    }

    /// Ends the sessions of a client, if there are any.
    pub(super) fn end_session(&self, client: &Client, status: SessionStatus, now: UnixTime) -> Vec<Change> {
        let sessions = self.state.sessions_of(client).into_iter();
        sessions.flat_map(|session| self.end_one(session, status, now)).collect()
    }

    /// Ends a session. Sessions that are over are remembered for a while: the oldest makes room.
    fn end_one(&self, session: &Session, status: SessionStatus, now: UnixTime) -> Vec<Change> {
        let mut changes = vec![Change::PutSession(Session { status, updated_at: now, ..session.clone() })];
        if self.state.sessions().len() >= MAX_SESSIONS {
            let over = self.state.sessions().filter(|session| session.status != SessionStatus::Active);
            let oldest = over.min_by_key(|session| session.updated_at);
            changes.extend(oldest.map(|session| Change::DropSession { id: session.id.clone() }));
        }
        changes
    }

    /// Signs a client out: ends its sessions, and says that the client has changed.
    pub(super) fn signed_out(
        &self,
        client: &Client,
        status: SessionStatus,
        now: UnixTime,
    ) -> (Client, Vec<Change>) {
        let ended = Client { session_id: None, updated_at: now, ..client.clone() };
        let mut changes = self.end_session(client, status, now);
        changes.push(Change::PutClient(ended.clone()));
        (ended, changes)
    }

    /// Signs a client out of one session. Where it was the active one, another takes its place.
    pub(super) fn signed_out_of(
        &self,
        client: &Client,
        session: &Session,
        status: SessionStatus,
        now: UnixTime,
    ) -> (Client, Vec<Change>) {
        let others = self.state.sessions_of(client).into_iter().filter(|other| other.id != session.id);
        let others: Vec<&String> = others.map(|other| &other.id).collect();
        let active = client.session_id.as_ref().filter(|id| others.contains(id));
        let session_id = active.or_else(|| others.first().copied()).cloned();
        let left = Client { session_id, updated_at: now, ..client.clone() };
        let mut changes = self.end_one(session, status, now);
        changes.push(Change::PutClient(left.clone()));
        (left, changes)
    }

    /// Makes a session of `user` for `client`, which has changed by it.
    pub(super) fn start_session(&self, ask: &mut Ask<'_>, client: &mut Client, user: &User) -> Session {
        let session = Session {
            id: ask.ids.id("sess_"),
            client_id: client.id.clone(),
            user_id: user.id.clone(),
            status: SessionStatus::Active,
            organization_id: None,
            refresh_token: Secret::new(ask.ids.token("rt_")),
            created_at: ask.now,
            authenticated_at: ask.now,
            updated_at: ask.now,
        };
        client.session_id = Some(session.id.clone());
        client.updated_at = ask.now;
        session
    }

    /// Makes both `__session` cookies.
    pub(super) fn session_cookies(&self, token: &str) -> [SetCookie<'static>; 2] {
        self.both("__session").map(|name| self.secured(long_cookie(name, token.to_owned())))
    }

    /// Makes `__refresh_<suffix>`. Sites never read the plain one (handshake protocol, section 2.1).
    pub(super) fn refresh_cookie(&self, session: &Session) -> SetCookie<'static> {
        let [_, name] = self.both("__refresh");
        self.secured(long_cookie(name, session.refresh_token.expose().to_owned()).flag("HttpOnly"))
    }

    /// Makes the live cookie that the browser is known by.
    pub(super) fn client_cookie(&self, client: &Client) -> SetCookie<'static> {
        let token = client.token.expose().to_owned();
        self.secured(long_cookie(CLIENT_COOKIE.to_owned(), token).flag("HttpOnly"))
    }

    /// Makes both `__client_uat` cookies.
    pub(super) fn updated_cookies(&self, secs: i64) -> [SetCookie<'static>; 2] {
        self.both("__client_uat").map(|name| self.secured(long_cookie(name, secs.to_string())))
    }

    /// Returns the plain and the suffixed name of a cookie (handshake protocol, section 1.5).
    pub(super) fn both(&self, name: &str) -> [String; 2] {
        [name.to_owned(), format!("{name}_{}", self.suffix)]
    }

    /// Adds `Secure` where the service is reached over TLS.
    pub(super) fn secured(&self, cookie: SetCookie<'static>) -> SetCookie<'static> {
        match self.settings.origin.scheme() {
            nostore_message::Scheme::Http => cookie,
            nostore_message::Scheme::Https => cookie.flag("Secure"),
        }
    }
}

/// How the service recognises a browser.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum KnownBy {
    /// By a cookie of the service's own host.
    Cookie,
    /// By a token that its site sends along in the URL.
    Url,
}

impl KnownBy {
    /// Returns what a browser's token starts with.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Cookie => "cl_",
            Self::Url => "dvb_",
        }
    }
}

impl Mode {
    /// Returns how the handshake recognises a browser.
    pub(super) const fn known_by(self) -> KnownBy {
        match self {
            Self::Live => KnownBy::Cookie,
            Self::Test => KnownBy::Url,
        }
    }
}

/// Makes a host-only cookie in the shape of the protocol (section 7.3 no. 4).
pub(super) fn long_cookie(name: String, value: String) -> SetCookie<'static> {
    SetCookie::new(name, value)
        .with("Path", "/")
        .with("SameSite", "Lax")
        .with("Max-Age", LONG_SECS.to_string())
}
