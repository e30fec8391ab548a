//! Users, organizations, machines, relying parties and sessions from a file.
//!
//! # Invariants
//!
//! - Everything is checked before anything changes; an error says where, what was expected and what was found.
//! - Applied twice it changes nothing the second time. What is not in the file stays as it is.
//! - No error shows a token or a secret key.

mod machines;
mod parties;
mod reader;

use std::collections::BTreeSet;

use nostore_message::{Secret, UnixTime};
use serde_json::Value;

use super::Issuer;
use super::backend::organizations::{PERMISSION, ROLE, SLUG, is_role, is_slug};
use super::id::secret_body;
use super::model::{Client, Entitlements, Membership, Organization, Session, SessionStatus, Template, User};
use super::sign_in::{MAX_USERS, is_address};
use super::state::{Change, State};
use super::token::{MAX_PERMISSIONS, is_name, split_permission};
use reader::{Members, Node, shown};

/// What a file may have at its top.
const TOP: [&str; 9] = [
    "users",
    "organizations",
    "machines",
    "api_keys",
    "m2m_tokens",
    "oauth_tokens",
    "jwt_templates",
    "relying_parties",
    "sessions",
];

/// What the name of a feature or a plan looks like.
const NAME: &str = "1 to 64 letters, digits, hyphens and underscores";

/// What the part of a browser's token after its prefix looks like.
const CLIENT: &str = "16 to 64 letters and digits";

/// Why a seed is refused. Nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SeedError {
    /// The text is no JSON.
    #[error("line {line}, column {column}: expected JSON, found something else ({found})")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
        /// What the parser says.
        found: String,
    },
    /// Something is not what it must be.
    #[error("at {at}: expected {expected}, found {found}")]
    Unexpected {
        /// Where it stands.
        at: String,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
}

impl SeedError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "seed-syntax",
            Self::Unexpected { .. } => "seed-unexpected",
        }
    }
}

impl Issuer {
    /// Returns the changes that a seed asks for, at wall time `now`. `entropy` is asked once for each new session.
    ///
    /// # Errors
    ///
    /// Names the first thing in the file that is not as expected.
    pub fn seed(
        &self,
        text: &str,
        now: UnixTime,
        entropy: &mut dyn FnMut() -> [u8; 32],
    ) -> Result<Vec<Change>, SeedError> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let found = error.to_string();
            let found = found.split(" at line ").next().unwrap_or_default().to_owned();
            SeedError::Syntax { line: error.line(), column: error.column(), found }
        })?;
        let top = Node::root(&value).members(&TOP)?;
        let (state, seen) = (self.state.clone(), BTreeSet::new());
        let prefix = self.settings.mode.known_by().prefix();
        let mut sower = Sower { state, seen, now, prefix, changes: Vec::new() };
        for node in top.list("users")? {
            sower.user(&node)?;
        }
        for node in top.list("organizations")? {
            sower.organization(&node)?;
        }
        for node in top.list("machines")? {
            sower.machine(&node)?;
        }
        for kind in super::MachineTokenKind::ALL {
            for node in top.list(machines::list_name(kind))? {
                sower.machine_token(&node, kind)?;
            }
        }
        for node in top.list("jwt_templates")? {
            sower.template(&node)?;
        }
        for node in top.list("relying_parties")? {
            sower.relying_party(&node)?;
        }
        for node in top.list("sessions")? {
            sower.session(&node, entropy)?;
        }
        Ok(sower.changes)
    }
}

/// Applies a seed to a copy of the state, and collects what changes.
struct Sower {
    state: State,
    /// What the file has named so far.
    seen: BTreeSet<String>,
    now: UnixTime,
    prefix: &'static str,
    changes: Vec<Change>,
}

impl Sower {
    fn put(&mut self, change: Change) {
        self.state.apply(&change);
        self.changes.push(change);
    }

    /// Notes that the file names something; twice is a mistake.
    fn once(&mut self, members: &Members<'_>, name: &str, kind: &str, id: &str) -> Result<(), SeedError> {
        if self.seen.insert(format!("{kind} {id}")) {
            return Ok(());
        }
        Err(members.wrong(name, &format!("one {kind} `{id}`"), "another one above it"))
    }

    fn user(&mut self, node: &Node<'_>) -> Result<(), SeedError> {
        let members =
            node.members(&["id", "email", "email_verified", "name", "groups", "features", "plan"])?;
        let address = "an address such as carol@example.com";
        let email = members.checked("email", address, |text| is_address(&text.to_ascii_lowercase()))?;
        let email = email.ok_or_else(|| members.wrong("email", address, "nothing"))?.to_ascii_lowercase();
        let given = id(&members, "id", "user_")?;
        let known = self.state.user_by_email(&email);
        let id = match (given, known) {
            (Some(given), Some(known)) if known.id != given => {
                let found = format!("the one of {}", shown(&known.id));
                return Err(members.wrong("email", "an address that no other user has", &found));
            }
            (Some(given), _) => given.to_owned(),
            (None, Some(known)) => known.id.clone(),
            (None, None) => format!("user_{}", plain(&email)),
        };
        self.once(&members, "email", "user", &id)?;
        let known = self.state.user(&id);
        if known.is_none() && self.state.user_count() >= MAX_USERS {
            return Err(members.wrong("email", &format!("at most {MAX_USERS} users"), "one more"));
        }
        let mut user = User::new(id, email, known.map_or(self.now, |known| known.created_at));
        let name = members.checked("name", "1 to 256 bytes", |text| (1..=256).contains(&text.len()))?;
        user.name = name.map(str::to_owned);
        user.email_verified = members.flag_or("email_verified", true)?;
        let is_group = |text: &str| (1..=256).contains(&text.len());
        user.groups = members.texts("groups", "1 to 256 bytes", is_group)?;
        user.entitled = entitlements(&members)?;
        if known != Some(&user) {
            self.put(Change::PutUser(user));
        }
        Ok(())
    }

    fn organization(&mut self, node: &Node<'_>) -> Result<(), SeedError> {
        let members = node.members(&["id", "slug", "name", "features", "plan", "members"])?;
        let slug = members.checked("slug", SLUG, is_slug)?;
        let slug = slug.ok_or_else(|| members.wrong("slug", SLUG, "nothing"))?;
        let given = id(&members, "id", "org_")?;
        let known = self.state.organizations().find(|organization| organization.slug == slug);
        let id = match (given, known) {
            (Some(given), Some(known)) if known.id != given => {
                let found = format!("the one of {}", shown(&known.id));
                return Err(members.wrong("slug", "a slug that no other organization has", &found));
            }
            (Some(given), _) => given.to_owned(),
            (None, Some(known)) => known.id.clone(),
            (None, None) => format!("org_{}", plain(slug)),
        };
        self.once(&members, "slug", "organization", &id)?;
        let known = self.state.organization(&id);
        let organization = Organization {
            id: id.clone(),
            slug: slug.to_owned(),
            name: members.optional("name")?.unwrap_or(slug).to_owned(),
            entitled: entitlements(&members)?,
            created_at: known.map_or(self.now, |known| known.created_at),
        };
        if known != Some(&organization) {
            self.put(Change::PutOrganization(organization));
        }
        for node in members.list("members")? {
            self.membership(&node, &id)?;
        }
        Ok(())
    }

    fn membership(&mut self, node: &Node<'_>, organization_id: &str) -> Result<(), SeedError> {
        let members = node.members(&["user", "role", "permissions"])?;
        let user_id = self.user_id(&members, "user")?;
        self.once(&members, "user", &format!("member of `{organization_id}`"), &user_id)?;
        let known = self.state.membership(organization_id, &user_id);
        let role = members.checked("role", ROLE, is_role)?.unwrap_or("org:member");
        let is_permission = |text: &str| split_permission(text).is_some();
        let permissions = members.texts("permissions", PERMISSION, is_permission)?;
        if permissions.len() > MAX_PERMISSIONS {
            let expected = format!("at most {MAX_PERMISSIONS} permissions");
            return Err(members.wrong("permissions", &expected, &permissions.len().to_string()));
        }
        let membership = Membership {
            organization_id: organization_id.to_owned(),
            user_id,
            role: role.to_owned(),
            permissions,
            created_at: known.map_or(self.now, |known| known.created_at),
        };
        if known != Some(&membership) {
            self.put(Change::PutMembership(membership));
        }
        Ok(())
    }

    fn session(&mut self, node: &Node<'_>, entropy: &mut dyn FnMut() -> [u8; 32]) -> Result<(), SeedError> {
        let members = node.members(&["id", "user", "organization", "client"])?;
        let id =
            id(&members, "id", "sess_")?.ok_or_else(|| members.wrong("id", &id_shape("sess_"), "nothing"))?;
        self.once(&members, "id", "session", id)?;
        let user_id = self.user_id(&members, "user")?;
        let is_token = |text: &str| {
            (16..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        // A refusal does not show what was meant to be a secret.
        let token = members.text("client")?;
        if !is_token(token) {
            return Err(members.wrong("client", CLIENT, "something else"));
        }
        let token = format!("{}{token}", self.prefix);
        let organization_id = match members.optional("organization")? {
            None => None,
            Some(given) => match self.state.organization(given) {
                Some(found) if self.state.membership(&found.id, &user_id).is_some() => Some(found.id.clone()),
                _ => {
                    let expected = "the id or slug of an organization that the user is a member of";
                    return Err(members.wrong("organization", expected, &shown(given)));
                }
            },
        };
        // A session that is there, or was, is left as it is: signing out outlasts a restart.
        if self.state.session(id).is_some() {
            return Ok(());
        }
        // A browser may hold several: the one that was there first is active.
        let known = self.state.client(&token).cloned();
        let own_id = || format!("client_{}", id.trim_start_matches("sess_"));
        let session = Session {
            id: id.to_owned(),
            client_id: known.as_ref().map_or_else(own_id, |client| client.id.clone()),
            user_id,
            status: SessionStatus::Active,
            organization_id,
            refresh_token: Secret::new(format!("rt_{}", secret_body(&entropy()))),
            created_at: self.now,
            authenticated_at: self.now,
            updated_at: self.now,
        };
        let client = Client {
            token: Secret::new(token),
            id: session.client_id.clone(),
            created_at: known.as_ref().map_or(self.now, |client| client.created_at),
            updated_at: self.now,
            session_id: known.and_then(|client| client.session_id).or_else(|| Some(session.id.clone())),
        };
        self.put(Change::PutSession(session));
        self.put(Change::PutClient(client));
        Ok(())
    }

    fn template(&mut self, node: &Node<'_>) -> Result<(), SeedError> {
        let members = node.members(&["name", "claims", "lifetime"])?;
        let name = members.checked("name", NAME, is_name)?;
        let name = name.ok_or_else(|| members.wrong("name", NAME, "nothing"))?.to_owned();
        self.once(&members, "name", "template", &name)?;
        let lifetime_secs = members.number("lifetime", "whole seconds", 1, 315_360_000)?;
        let claims = members.object("claims")?.unwrap_or_default();
        let template = Template { name, claims, lifetime_secs };
        if self.state.template(&template.name) != Some(&template) {
            self.put(Change::PutTemplate(template));
        }
        Ok(())
    }

    /// Returns the identifier of the user that a member names, by address or identifier.
    fn user_id(&self, members: &Members<'_>, name: &str) -> Result<String, SeedError> {
        let given = members.text(name)?;
        let by_email = || self.state.user_by_email(&given.to_ascii_lowercase());
        let user = self.state.user(given).or_else(by_email);
        user.map(|user| user.id.clone())
            .ok_or_else(|| members.wrong(name, "the address or id of a user", &shown(given)))
    }
}

fn entitlements(members: &Members<'_>) -> Result<Entitlements, SeedError> {
    let features = members.texts("features", NAME, is_name)?;
    let plan = members.checked("plan", NAME, is_name)?.map(str::to_owned);
    Ok(Entitlements { features, plan })
}

/// Reads an identifier with its prefix, if it is there.
fn id<'a>(members: &Members<'a>, name: &str, prefix: &str) -> Result<Option<&'a str>, SeedError> {
    members.checked(name, &id_shape(prefix), |text| text.strip_prefix(prefix).is_some_and(is_name))
}

fn id_shape(prefix: &str) -> String {
    format!("`{prefix}` and {NAME}")
}

/// Makes a part of an identifier of a text.
fn plain(text: &str) -> String {
    let safe = |char: char| if char.is_ascii_alphanumeric() { char } else { '_' };
    text.chars().map(safe).take(64).collect()
}
