//! What the service knows, and how it changes.

use std::collections::BTreeMap;
use std::fmt;

use nostore_message::{Secret, UnixTime};

/// A user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// `user_…`, the `sub` claim.
    pub id: String,
    /// The address, in lower case; no two users share one.
    pub email: String,
    /// The name, where one is known.
    pub name: Option<String>,
    /// When the user was added.
    pub created_at: UnixTime,
}

impl User {
    /// Returns the name, or the part of the address before the `@`.
    #[must_use]
    pub fn display_name(&self) -> &str {
        let local = || self.email.split('@').next().unwrap_or(&self.email);
        self.name.as_deref().unwrap_or_else(local)
    }
}

/// A session of a client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// `sess_…`, the `sid` claim.
    pub id: String,
    /// Whose session it is.
    pub user_id: String,
    /// When it began.
    pub created_at: UnixTime,
}

/// One browser: known by its token, with at most one session.
#[derive(Clone, Debug)]
pub struct Client {
    /// What the browser shows: `dvb_…` in the query (test), `cl_…` in `__client` (live). The prefix
    /// keeps a token that was seen in a URL from ever being one of the live cookie's.
    pub token: Secret,
    /// `client_…`, the name that logs may show.
    pub id: String,
    /// When the browser was first seen.
    pub created_at: UnixTime,
    /// When somebody last signed in or out.
    pub updated_at: UnixTime,
    /// The session, while somebody is signed in.
    pub session: Option<Session>,
}

/// The result of a handshake that was too large for a cookie, kept until it is fetched once.
#[derive(Clone)]
pub struct Nonce {
    /// The `Set-Cookie` values.
    pub directives: Vec<String>,
    /// From when on it is not given out any more.
    pub expires_at: UnixTime,
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonce").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// One mutation. Those of one request are kept together or not at all.
#[derive(Clone)]
pub enum Change {
    /// Forgets a browser.
    DropClient {
        /// The browser's token.
        token: Secret,
    },
    /// Forgets a handshake result. In memory only.
    DropNonce {
        /// The nonce.
        nonce: String,
    },
    /// Adds a browser, or replaces the one with the same token.
    PutClient(Client),
    /// Keeps a handshake result. In memory only: it lives for a minute.
    PutNonce {
        /// The nonce.
        nonce: String,
        /// The result.
        payload: Nonce,
    },
    /// Adds a user, or replaces the one with the same identifier.
    PutUser(User),
}

/// Shows no token and no nonce.
impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DropClient { .. } => f.write_str("DropClient"),
            Self::DropNonce { .. } => f.write_str("DropNonce"),
            Self::PutClient(client) => f.debug_tuple("PutClient").field(client).finish(),
            Self::PutNonce { payload, .. } => f.debug_tuple("PutNonce").field(payload).finish(),
            Self::PutUser(user) => f.debug_tuple("PutUser").field(user).finish(),
        }
    }
}

/// Users and browsers.
#[derive(Clone, Default)]
pub struct State {
    users: BTreeMap<String, User>,
    clients: BTreeMap<String, Client>,
}

/// Counts them: the keys of the maps are tokens.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { users, clients } = self;
        f.debug_struct("State").field("users", &users.len()).field("clients", &clients.len()).finish()
    }
}

impl State {
    /// Makes the state of a first start: Alice and Bob.
    #[must_use]
    pub fn first(now: UnixTime) -> Self {
        let user = |id: &str, email: &str, name: &str| User {
            id: id.to_owned(),
            email: email.to_owned(),
            name: Some(name.to_owned()),
            created_at: now,
        };
        let alice = user("user_alice", "alice@example.com", "Alice");
        let bob = user("user_bob", "bob@example.com", "Bob");
        Self::from_parts([alice, bob], [])
    }

    /// Puts a kept state together.
    #[must_use]
    pub fn from_parts(
        users: impl IntoIterator<Item = User>,
        clients: impl IntoIterator<Item = Client>,
    ) -> Self {
        let users = users.into_iter().map(|user| (user.id.clone(), user)).collect();
        let clients = clients.into_iter().map(|client| (client.token.expose().to_owned(), client)).collect();
        Self { users, clients }
    }

    /// Lists the users, those who were there first first.
    #[must_use]
    pub fn users(&self) -> Vec<&User> {
        let mut users: Vec<&User> = self.users.values().collect();
        users.sort_by_key(|user| (user.created_at, &user.email));
        users
    }

    /// Counts the users.
    #[must_use]
    pub fn user_count(&self) -> usize {
        self.users.len()
    }

    /// Finds a user by identifier.
    #[must_use]
    pub fn user(&self, id: &str) -> Option<&User> {
        self.users.get(id)
    }

    /// Finds a user by address (in lower case).
    #[must_use]
    pub fn user_by_email(&self, email: &str) -> Option<&User> {
        self.users.values().find(|user| user.email == email)
    }

    /// Lists the browsers.
    pub fn clients(&self) -> impl ExactSizeIterator<Item = &Client> {
        self.clients.values()
    }

    /// Finds a browser by its token.
    #[must_use]
    pub fn client(&self, token: &str) -> Option<&Client> {
        self.clients.get(token)
    }

    /// Finds the browser that has a session.
    #[must_use]
    pub fn client_by_session(&self, session_id: &str) -> Option<&Client> {
        let has = |client: &&Client| client.session.as_ref().is_some_and(|session| session.id == session_id);
        self.clients.values().find(has)
    }

    /// Applies one change; those that are none of the state's are ignored.
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::DropClient { token } => drop(self.clients.remove(token.expose())),
            Change::PutClient(client) => {
                self.clients.insert(client.token.expose().to_owned(), client.clone());
            }
            Change::PutUser(user) => {
                self.users.insert(user.id.clone(), user.clone());
            }
            Change::DropNonce { .. } | Change::PutNonce { .. } => {}
        }
    }
}
