//! Which browser asks, and who is signed in there.

use nostore_message::{Secret, SetCookie, UnixTime};

use super::ask::Ask;
use super::form::Form;
use super::{Change, Client, Issuer, Mode, Session, User};

/// The name of the live cookie on the service's own host.
const CLIENT_COOKIE: &str = "__client";

/// How many browsers are remembered; beyond, one that is signed out makes room first.
const MAX_CLIENTS: usize = 10_000;

/// Ten years, in seconds: the lifetime that the protocol's cookies ask for.
pub(super) const LONG_SECS: &str = "315360000";

impl Client {
    /// Returns the value of `__client_uat` at `now`: seconds, 0 when signed out; never ahead of
    /// `now`, so that a token minted now is not older (handshake protocol, section 4.2 no. 12).
    pub(super) fn updated_secs(&self, now: UnixTime) -> i64 {
        if self.session.is_some() { self.updated_at.min(now).secs().max(1) } else { 0 }
    }
}

impl Issuer {
    /// Finds the browser that asks, if it is known: by `__clerk_db_jwt` in form or query (test), or
    /// by the cookie `__client` (live).
    pub(super) fn client(&self, ask: &Ask<'_>, form: Option<&Form>) -> Option<&Client> {
        match self.settings.mode {
            Mode::Live => {
                let cookies = ask.cookies();
                let token = cookies.raw(CLIENT_COOKIE)?;
                self.state.client(token).filter(|_| token.starts_with(Mode::Live.token_prefix()))
            }
            Mode::Test => {
                let in_form = form.and_then(|form| form.text("__clerk_db_jwt"));
                let token = in_form.or_else(|| ask.query.text("__clerk_db_jwt"))?;
                self.state.client(token).filter(|_| token.starts_with(Mode::Test.token_prefix()))
            }
        }
    }

    /// Returns the session of a client, with its user.
    pub(super) fn signed_in<'s>(&'s self, client: &'s Client) -> Option<(&'s Session, &'s User)> {
        let session = client.session.as_ref()?;
        Some((session, self.state.user(&session.user_id)?))
    }

    /// Returns who is signed in in the browser that asks.
    pub(super) fn current_user(&self, ask: &Ask<'_>) -> Option<&User> {
        self.client(ask, None).and_then(|client| self.signed_in(client)).map(|(_, user)| user)
    }

    /// Makes a browser that nobody is signed in with.
    pub(super) fn fresh_client(&self, ask: &mut Ask<'_>) -> Client {
        let prefix = self.settings.mode.token_prefix();
        Client {
            token: Secret::new(ask.ids.token(prefix)),
            id: ask.ids.id("client_"),
            created_at: ask.now,
            updated_at: ask.now,
            session: None,
        }
    }

    /// Keeps a client; where there are too many, the one that has been idle longest goes.
    pub(super) fn keep(&self, client: &Client) -> Vec<Change> {
        let mut changes = Vec::with_capacity(2);
        let known = self.state.client(client.token.expose()).is_some();
        if !known && self.state.clients().len() >= MAX_CLIENTS {
            let idle = self.state.clients().min_by_key(|old| (old.session.is_some(), old.updated_at));
            changes.extend(idle.map(|old| Change::DropClient { token: old.token.clone() }));
        }
        changes.push(Change::PutClient(client.clone()));
        changes
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

impl Mode {
    /// Returns what a browser's token starts with.
    const fn token_prefix(self) -> &'static str {
        match self {
            Self::Live => "cl_",
            Self::Test => "dvb_",
        }
    }
}

/// Makes a host-only cookie in the shape of the protocol (section 7.3 no. 4).
pub(super) fn long_cookie(name: String, value: String) -> SetCookie<'static> {
    SetCookie::new(name, value).with("Path", "/").with("SameSite", "Lax").with("Max-Age", LONG_SECS)
}
