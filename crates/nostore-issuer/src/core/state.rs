//! What the service knows, and how it changes.

use std::collections::BTreeMap;
use std::fmt;

use nostore_message::{Secret, UnixTime};

use super::keys::HeldKey;
use super::model::{
    Client, Machine, MachineToken, MachineTokenKind, Membership, Nonce, Organization, Session, SessionStatus,
    Template, User,
};
use super::oidc::{Grant, RelyingParty};

/// One mutation. Those of one request are kept together or not at all.
#[derive(Clone)]
pub enum Change {
    /// Forgets a browser.
    DropClient {
        /// The browser's token.
        token: Secret,
    },
    /// Forgets a relying party's grant, and with it every code and token that it gave out.
    DropGrant {
        /// The grant.
        id: String,
    },
    /// Forgets a signing key.
    DropKey {
        /// The key's name.
        kid: String,
    },
    /// Ends a membership.
    DropMembership {
        /// The organization.
        organization_id: String,
        /// The member.
        user_id: String,
    },
    /// Forgets a handshake result. In memory only.
    DropNonce {
        /// The nonce.
        nonce: String,
    },
    /// Forgets an organization with its memberships.
    DropOrganization {
        /// The organization.
        id: String,
    },
    /// Forgets a session.
    DropSession {
        /// The session.
        id: String,
    },
    /// Forgets a user with sessions and memberships.
    DropUser {
        /// The user.
        id: String,
    },
    /// Adds a browser, or replaces the one with the same token.
    PutClient(Client),
    /// Adds a relying party's grant, or replaces the one with the same identifier.
    PutGrant(Grant),
    /// Adds a signing key, or replaces the one with the same name.
    PutKey(HeldKey),
    /// Adds a machine, or replaces the one with the same identifier.
    PutMachine(Machine),
    /// Adds a machine's token, or replaces the one with the same kind and identifier.
    PutMachineToken(MachineToken),
    /// Adds a membership, or replaces the one of the same user in the same organization.
    PutMembership(Membership),
    /// Keeps a handshake result. In memory only: it lives for a minute.
    PutNonce {
        /// The nonce.
        nonce: String,
        /// The result.
        payload: Nonce,
    },
    /// Adds an organization, or replaces the one with the same identifier.
    PutOrganization(Organization),
    /// Adds a relying party, or replaces the one with the same identifier.
    PutParty(RelyingParty),
    /// Adds a session, or replaces the one with the same identifier.
    PutSession(Session),
    /// Adds a template of tokens, or replaces the one with the same name.
    PutTemplate(Template),
    /// Adds a user, or replaces the one with the same identifier.
    PutUser(User),
}

impl Change {
    /// Tells whether it concerns memory only.
    #[must_use]
    pub const fn is_fleeting(&self) -> bool {
        matches!(self, Self::DropNonce { .. } | Self::PutNonce { .. })
    }
}

/// Shows no token, no nonce and no key.
impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, value): (_, &dyn fmt::Debug) = match self {
            Self::DropClient { .. } => return f.write_str("DropClient"),
            Self::DropGrant { id } => ("DropGrant", id),
            Self::DropKey { kid } => ("DropKey", kid),
            Self::DropMembership { organization_id, .. } => ("DropMembership", organization_id),
            Self::DropNonce { .. } => return f.write_str("DropNonce"),
            Self::DropOrganization { id } => ("DropOrganization", id),
            Self::DropSession { id } => ("DropSession", id),
            Self::DropUser { id } => ("DropUser", id),
            Self::PutClient(client) => ("PutClient", client),
            Self::PutGrant(grant) => ("PutGrant", grant),
            Self::PutKey(key) => ("PutKey", key),
            Self::PutMachine(machine) => ("PutMachine", machine),
            Self::PutMachineToken(token) => ("PutMachineToken", token),
            Self::PutMembership(membership) => ("PutMembership", membership),
            Self::PutNonce { payload, .. } => ("PutNonce", payload),
            Self::PutOrganization(organization) => ("PutOrganization", organization),
            Self::PutParty(party) => ("PutParty", party),
            Self::PutSession(session) => ("PutSession", session),
            Self::PutTemplate(template) => ("PutTemplate", template),
            Self::PutUser(user) => ("PutUser", user),
        };
        f.debug_tuple(name).field(value).finish()
    }
}

/// Users, browsers, sessions, organizations, machines and relying parties.
#[derive(Clone, Default)]
pub struct State {
    users: BTreeMap<String, User>,
    clients: BTreeMap<String, Client>,
    sessions: BTreeMap<String, Session>,
    organizations: BTreeMap<String, Organization>,
    memberships: BTreeMap<(String, String), Membership>,
    machines: BTreeMap<String, Machine>,
    machine_tokens: BTreeMap<(MachineTokenKind, String), MachineToken>,
    templates: BTreeMap<String, Template>,
    parties: BTreeMap<String, RelyingParty>,
    grants: BTreeMap<String, Grant>,
}

/// Counts them: the keys of the maps are tokens.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("users", &self.users.len())
            .field("clients", &self.clients.len())
            .field("sessions", &self.sessions.len())
            .field("organizations", &self.organizations.len())
            .finish_non_exhaustive()
    }
}

impl State {
    /// Makes the state of a first start: Alice and Bob.
    #[must_use]
    pub fn first(now: UnixTime) -> Self {
        let alice = User::new("user_alice", "alice@example.com", now).named("Alice");
        let bob = User::new("user_bob", "bob@example.com", now).named("Bob");
        Self::from_changes([Change::PutUser(alice), Change::PutUser(bob)])
    }

    /// Puts a kept state together.
    #[must_use]
    pub fn from_changes(changes: impl IntoIterator<Item = Change>) -> Self {
        let mut state = Self::default();
        for change in changes {
            state.apply(&change);
        }
        state
    }

    /// Returns the changes that make this state of an empty one.
    #[must_use]
    pub fn to_changes(&self) -> Vec<Change> {
        let mut changes: Vec<Change> = self.users.values().cloned().map(Change::PutUser).collect();
        changes.extend(self.organizations.values().cloned().map(Change::PutOrganization));
        changes.extend(self.memberships.values().cloned().map(Change::PutMembership));
        changes.extend(self.sessions.values().cloned().map(Change::PutSession));
        changes.extend(self.clients.values().cloned().map(Change::PutClient));
        changes.extend(self.machines.values().cloned().map(Change::PutMachine));
        changes.extend(self.templates.values().cloned().map(Change::PutTemplate));
        changes.extend(self.machine_tokens.values().cloned().map(Change::PutMachineToken));
        changes.extend(self.parties.values().cloned().map(Change::PutParty));
        changes.extend(self.grants.values().cloned().map(Change::PutGrant));
        changes
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

    /// Finds a browser by its identifier.
    #[must_use]
    pub fn client_by_id(&self, id: &str) -> Option<&Client> {
        self.clients.values().find(|client| client.id == id)
    }

    /// Lists the sessions, those that are over included.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = &Session> {
        self.sessions.values()
    }

    /// Finds a session, whether or not it goes on.
    #[must_use]
    pub fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.get(id)
    }

    /// Lists the sessions of a browser that go on: those who were there first first.
    #[must_use]
    pub fn sessions_of(&self, client: &Client) -> Vec<&Session> {
        let goes_on =
            |session: &&Session| session.client_id == client.id && session.status == SessionStatus::Active;
        let mut sessions: Vec<&Session> = self.sessions.values().filter(goes_on).collect();
        sessions.sort_by_key(|session| (session.created_at, &session.id));
        sessions
    }

    /// Finds the active session of a browser, while it goes on.
    #[must_use]
    pub fn session_of(&self, client: &Client) -> Option<&Session> {
        let session = self.sessions.get(client.session_id.as_deref()?)?;
        Some(session).filter(|session| session.status == SessionStatus::Active)
    }

    /// Lists the organizations.
    pub fn organizations(&self) -> impl ExactSizeIterator<Item = &Organization> {
        self.organizations.values()
    }

    /// Finds an organization by identifier or slug.
    #[must_use]
    pub fn organization(&self, id_or_slug: &str) -> Option<&Organization> {
        let by_slug = || self.organizations.values().find(|organization| organization.slug == id_or_slug);
        self.organizations.get(id_or_slug).or_else(by_slug)
    }

    /// Lists the memberships.
    pub fn memberships(&self) -> impl ExactSizeIterator<Item = &Membership> {
        self.memberships.values()
    }

    /// Finds a user's place in an organization.
    #[must_use]
    pub fn membership(&self, organization_id: &str, user_id: &str) -> Option<&Membership> {
        self.memberships.get(&(organization_id.to_owned(), user_id.to_owned()))
    }

    /// Lists the machines.
    pub fn machines(&self) -> impl ExactSizeIterator<Item = &Machine> {
        self.machines.values()
    }

    /// Lists the tokens of machines.
    pub fn machine_tokens(&self) -> impl ExactSizeIterator<Item = &MachineToken> {
        self.machine_tokens.values()
    }

    /// Finds a machine's token by kind and identifier.
    #[must_use]
    pub fn machine_token(&self, kind: MachineTokenKind, id: &str) -> Option<&MachineToken> {
        self.machine_tokens.get(&(kind, id.to_owned()))
    }

    /// Finds a template of tokens by name.
    #[must_use]
    pub fn template(&self, name: &str) -> Option<&Template> {
        self.templates.get(name)
    }

    /// Lists the relying parties.
    pub fn parties(&self) -> impl ExactSizeIterator<Item = &RelyingParty> {
        self.parties.values()
    }

    /// Finds a relying party by its client identifier.
    #[must_use]
    pub fn party(&self, client_id: &str) -> Option<&RelyingParty> {
        self.parties.get(client_id)
    }

    /// Lists the grants of relying parties.
    pub fn grants(&self) -> impl ExactSizeIterator<Item = &Grant> {
        self.grants.values()
    }

    /// Finds a grant.
    #[must_use]
    pub fn grant(&self, id: &str) -> Option<&Grant> {
        self.grants.get(id)
    }

    /// Tells whether a session goes on.
    #[must_use]
    pub fn is_active(&self, session_id: &str) -> bool {
        self.session(session_id).is_some_and(|session| session.status == SessionStatus::Active)
    }

    /// Applies one change; those that are none of the state's are ignored.
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::DropClient { token } => drop(self.clients.remove(token.expose())),
            Change::DropGrant { id } => drop(self.grants.remove(id)),
            Change::DropMembership { organization_id, user_id } => {
                self.memberships.remove(&(organization_id.clone(), user_id.clone()));
            }
            Change::DropOrganization { id } => {
                self.organizations.remove(id);
                self.memberships.retain(|(organization, _), _| organization != id);
            }
            Change::DropSession { id } => drop(self.sessions.remove(id)),
            Change::DropUser { id } => {
                self.users.remove(id);
                self.memberships.retain(|(_, user), _| user != id);
                self.sessions.retain(|_, session| session.user_id != *id);
                self.grants.retain(|_, grant| grant.user_id != *id);
            }
            put => self.put(put),
        }
    }

    fn put(&mut self, change: &Change) {
        match change {
            Change::PutClient(client) => {
                self.clients.insert(client.token.expose().to_owned(), client.clone());
            }
            Change::PutGrant(grant) => {
                self.grants.insert(grant.id.clone(), grant.clone());
            }
            Change::PutMachine(machine) => {
                self.machines.insert(machine.id.clone(), machine.clone());
            }
            Change::PutMachineToken(token) => {
                self.machine_tokens.insert((token.kind, token.id.clone()), token.clone());
            }
            Change::PutMembership(membership) => {
                let key = (membership.organization_id.clone(), membership.user_id.clone());
                self.memberships.insert(key, membership.clone());
            }
            Change::PutOrganization(organization) => {
                self.organizations.insert(organization.id.clone(), organization.clone());
            }
            Change::PutParty(party) => {
                self.parties.insert(party.client_id.clone(), party.clone());
            }
            Change::PutSession(session) => {
                self.sessions.insert(session.id.clone(), session.clone());
            }
            Change::PutTemplate(template) => {
                self.templates.insert(template.name.clone(), template.clone());
            }
            Change::PutUser(user) => {
                self.users.insert(user.id.clone(), user.clone());
            }
            _ => {}
        }
    }
}
