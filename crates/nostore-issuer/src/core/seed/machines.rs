//! Machines and the tokens of programs in a seed.

use nostore_message::{Secret, UnixTime};

use super::reader::{Members, Node, shown};
use super::{NAME, SeedError, Sower, id, id_shape, plain};
use crate::core::model::{Machine, MachineToken, MachineTokenKind};
use crate::core::state::Change;

/// What a secret looks like.
const SECRET: &str = "8 to 512 visible ASCII characters";

/// Returns the name of the list of a kind.
pub(super) const fn list_name(kind: MachineTokenKind) -> &'static str {
    match kind {
        MachineTokenKind::ApiKey => "api_keys",
        MachineTokenKind::M2m => "m2m_tokens",
        MachineTokenKind::Oauth => "oauth_tokens",
    }
}

/// Returns the name of the member that holds the token, and the prefix of its identifiers.
const fn names(kind: MachineTokenKind) -> (&'static str, &'static str) {
    match kind {
        MachineTokenKind::ApiKey => ("secret", "apikey_"),
        MachineTokenKind::M2m => ("token", "m2mtoken_"),
        MachineTokenKind::Oauth => ("access_token", "oauthtoken_"),
    }
}

impl Sower {
    pub(super) fn machine(&mut self, node: &Node<'_>) -> Result<(), SeedError> {
        let members = node.members(&["id", "name", "secret_key"])?;
        let id =
            id(&members, "id", "mch_")?.ok_or_else(|| members.wrong("id", &id_shape("mch_"), "nothing"))?;
        self.once(&members, "id", "machine", id)?;
        let key = secret(&members, "secret_key", "")?;
        if self.state.machines().any(|other| other.id != id && other.secret_key.matches(key)) {
            return Err(members.wrong("secret_key", "a key of this machine alone", "another machine's"));
        }
        let name = members.optional("name")?.unwrap_or(id).to_owned();
        let known = self.state.machines().find(|machine| machine.id == id);
        if known.is_some_and(|known| known.name == name && known.secret_key.matches(key)) {
            return Ok(());
        }
        let created_at = known.map_or(self.now, |known| known.created_at);
        let (id, secret_key) = (id.to_owned(), Secret::new(key));
        self.put(Change::PutMachine(Machine { id, name, secret_key, created_at }));
        Ok(())
    }

    pub(super) fn machine_token(&mut self, node: &Node<'_>, kind: MachineTokenKind) -> Result<(), SeedError> {
        let (member, prefix) = names(kind);
        let mut known = vec!["id", "name", member, "subject", "scopes", "expires_at", "revoked"];
        known.push(if kind == MachineTokenKind::Oauth { "client_id" } else { "claims" });
        let members = node.members(&known)?;
        let name = members.checked("name", "1 to 256 bytes", |text| (1..=256).contains(&text.len()))?;
        let id = match (id(&members, "id", prefix)?, name) {
            (Some(id), _) => id.to_owned(),
            (None, Some(name)) => format!("{prefix}{}", plain(name)),
            (None, None) => return Err(members.wrong("name", "a name, or an `id`", "neither")),
        };
        self.once(&members, "name", "token", &id)?;
        let shown = secret(&members, member, kind.prefix())?;
        let is_other = |other: &MachineToken| (other.kind, &other.id) != (kind, &id);
        if self.state.machine_tokens().any(|other| is_other(other) && other.token.matches(shown)) {
            return Err(members.wrong(member, "a token of its own", "another one's"));
        }
        let known = self.state.machine_token(kind, &id);
        let is_any = |text: &str| (1..=256).contains(&text.len());
        let token = MachineToken {
            kind,
            name: name.unwrap_or(&id).to_owned(),
            id,
            token: Secret::new(shown),
            subject: self.subject(&members, kind)?,
            client_id: members.checked_in("client_id", kind == MachineTokenKind::Oauth)?,
            scopes: members.texts("scopes", "1 to 256 bytes", is_any)?,
            claims: members.object("claims")?,
            expires_at: members.seconds("expires_at")?.map(UnixTime::from_secs),
            revoked: members.flag("revoked")?,
            created_at: known.map_or(self.now, |known| known.created_at),
        };
        if !known.is_some_and(|known| is_same(known, &token)) {
            self.put(Change::PutMachineToken(token));
        }
        Ok(())
    }

    /// Returns the identifier of who a token speaks for.
    fn subject(&self, members: &Members<'_>, kind: MachineTokenKind) -> Result<String, SeedError> {
        let given = members.text("subject")?;
        let user = || self.state.user(given).or_else(|| self.state.user_by_email(given));
        let user = || user().map(|user| user.id.clone());
        let organization = || self.state.organization(given).map(|organization| organization.id.clone());
        let machine = || self.state.machines().find(|machine| machine.id == given);
        let (found, expected) = match kind {
            MachineTokenKind::ApiKey => (user().or_else(organization), "a user or an organization"),
            MachineTokenKind::M2m => (machine().map(|machine| machine.id.clone()), "a machine"),
            MachineTokenKind::Oauth => (user(), "a user"),
        };
        found.ok_or_else(|| members.wrong("subject", &format!("the id of {expected}"), &shown(given)))
    }
}

impl Members<'_> {
    /// Returns a name that must be there if `needed`.
    fn checked_in(&self, name: &str, needed: bool) -> Result<Option<String>, SeedError> {
        if !needed {
            return Ok(None);
        }
        let found = self.checked(name, NAME, crate::core::token::is_name)?;
        found.map(str::to_owned).map(Some).ok_or_else(|| self.wrong(name, NAME, "nothing"))
    }
}

/// Reads a secret. An error does not show it.
fn secret<'a>(members: &Members<'a>, name: &str, prefix: &str) -> Result<&'a str, SeedError> {
    let text = members.text(name)?;
    let is_secret = (8..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_secret && text.starts_with(prefix) {
        return Ok(text);
    }
    let start = if prefix.is_empty() { String::new() } else { format!(" that start with `{prefix}`") };
    Err(members.wrong(name, &format!("{SECRET}{start}"), "something else"))
}

fn is_same(one: &MachineToken, other: &MachineToken) -> bool {
    one.token.matches(other.token.expose())
        && one.name == other.name
        && one.subject == other.subject
        && one.client_id == other.client_id
        && one.scopes == other.scopes
        && one.claims == other.claims
        && one.expires_at == other.expires_at
        && one.revoked == other.revoked
}
