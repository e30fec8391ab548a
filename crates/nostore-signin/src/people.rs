//! Who is meant: addresses, and rules about who may in.
//!
//! # Invariants
//!
//! - Total: any text gives an address, a rule, or an error that says what was expected.
//! - Addresses compare in lower case, in ASCII: providers differ in case, and no two of their accounts differ in case alone.
//!   An address beyond ASCII is refused, because two that look the same would be two people.
//! - A rule for a domain holds for that domain alone, never for those below it.
//!
//! Specifications: RFC 5321 sections 4.1.2 and 4.5.3.1 (the parts of an address, their lengths).

use std::fmt;

use nostore_jose::{Encryption, EncryptionKey};

use crate::provider::Identity;
use crate::store::{Key, Kind};

/// The most octets of an address (RFC 5321 section 4.5.3.1.3, without the angle brackets).
const MOST_ADDRESS_OCTETS: usize = 254;
/// The most octets of a group's name.
const MOST_GROUP_OCTETS: usize = 200;

/// The most octets of the name of somebody without an address: a record's name has a session's id beside it.
const MOST_ID_OCTETS: usize = 400;

/// What somebody may do.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Use the site.
    Member,
    /// Say who may in, too.
    Admin,
}

impl Role {
    /// Returns the stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Admin, Self::Member].into_iter().find(|role| role.code() == text)
    }
}

/// Who may in, as the list says it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Who {
    /// Whoever has that address, in lower case.
    Address(String),
    /// Whoever has an address at that domain, in lower case.
    Domain(String),
    /// Whoever the provider says is in that group.
    Group(String),
}

/// Why a text says nobody.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "expected an address (aunt@example.com), a domain (@example.com) or a group (group:family), found `{found}`{why}"
)]
pub struct WhoError {
    /// What was found, shortened.
    found: String,
    /// What is wrong with it.
    why: &'static str,
}

impl WhoError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "who"
    }

    fn new(found: &str, why: &'static str) -> Self {
        Self { found: found.chars().filter(|char| !char.is_control()).take(80).collect(), why }
    }
}

impl Who {
    /// Reads an address, `@domain` or `group:name`.
    ///
    /// # Errors
    ///
    /// [`WhoError`], which says what was expected.
    pub fn parse(text: &str) -> Result<Self, WhoError> {
        let text = text.trim();
        if let Some(group) = text.strip_prefix("group:") {
            let fits =
                !group.is_empty() && group.len() <= MOST_GROUP_OCTETS && !group.contains(char::is_control);
            return if fits {
                Ok(Self::Group(group.to_owned()))
            } else {
                Err(WhoError::new(text, ": the group has no name"))
            };
        }
        if !text.is_ascii() {
            return Err(WhoError::new(
                text,
                ": only ASCII, because letters of other scripts can look the same",
            ));
        }
        if let Some(domain) = text.strip_prefix('@') {
            let domain = domain.to_ascii_lowercase();
            return if is_domain(&domain) { Ok(Self::Domain(domain)) } else { Err(WhoError::new(text, "")) };
        }
        address(text).map(Self::Address).ok_or_else(|| WhoError::new(text, ""))
    }

    /// Names the record of the list that says it.
    #[must_use]
    pub fn key(&self) -> Key {
        Key::new(Kind::Allow, self.to_string())
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => f.write_str(address),
            Self::Domain(domain) => write!(f, "@{domain}"),
            Self::Group(group) => write!(f, "group:{group}"),
        }
    }
}

/// Somebody whom the provider has identified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Person {
    /// The name under which records are kept: the verified address, else issuer and subject.
    pub id: String,
    /// The verified address.
    pub address: Option<String>,
    /// The groups.
    pub groups: Vec<String>,
}

impl Person {
    /// Takes from an identity what counts. An address that the provider has not verified is none: anybody could have
    /// typed it in there.
    #[must_use]
    pub fn of(identity: &Identity) -> Self {
        let verified = identity.email.as_deref().filter(|_| identity.email_verified);
        let address = verified.and_then(address);
        let id = address.clone().unwrap_or_else(|| unaddressed(identity));
        Self { id, address, groups: identity.groups.clone() }
    }

    /// Lists what on the list lets the person in.
    #[must_use]
    pub fn rules(&self) -> Vec<Who> {
        let address = self.address.iter();
        let domain = address
            .clone()
            .filter_map(|own| own.rsplit_once('@'))
            .map(|(_, domain)| Who::Domain(domain.to_owned()));
        let groups = self.groups.iter().take(MOST_GROUPS).map(|group| Who::Group(group.clone()));
        address.map(|own| Who::Address(own.clone())).chain(domain).chain(groups).collect()
    }
}

/// As many groups are looked up at most.
pub(crate) const MOST_GROUPS: usize = 50;

/// Names somebody without an address: no two subjects of a provider have one name, which has neither spaces nor control
/// characters. An issuer has no fragment, so the first `#` is ours.
fn unaddressed(identity: &Identity) -> String {
    let mut id = format!("{}#{}", plain(&identity.issuer), plain(&identity.subject));
    if id.len() > MOST_ID_OCTETS {
        let whole =
            EncryptionKey::derive(Encryption::A256Gcm, id.as_bytes(), b"", b"nostore name of a person");
        // It cannot fail with lengths as these.
        let digest = whole.map_or_else(|_| "unnamed".to_owned(), |key| key.thumbprint().to_owned());
        id.truncate(MOST_ID_OCTETS - digest.len());
        id += &digest;
    }
    id
}

/// Writes what is no ASCII graphic as its octets (RFC 3986 section 2.1), and the sign that says so.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for byte in text.bytes() {
        match byte {
            b'%' | ..=b' ' | 0x7f.. => plain.push_str(&format!("%{byte:02X}")),
            _ => plain.push(char::from(byte)),
        }
    }
    plain
}

/// Reads an address: one `@`, a local part without quotes, a domain. Returns it in lower case.
pub(crate) fn address(text: &str) -> Option<String> {
    let (local, domain) = text.split_once('@')?;
    let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    let local_fits = (1..=64).contains(&local.len())
        && local.bytes().all(is_atom)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    let lower = text.to_ascii_lowercase();
    (text.len() <= MOST_ADDRESS_OCTETS && local_fits && is_domain(&domain.to_ascii_lowercase()))
        .then_some(lower)
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(email: Option<&str>, verified: bool) -> Identity {
        Identity {
            issuer: "https://op.example".to_owned(),
            subject: "4711 \u{e9}".to_owned(),
            email: email.map(str::to_owned),
            email_verified: verified,
            name: None,
            picture: None,
            groups: vec!["family".to_owned()],
            provider_session: None,
            tokens: crate::provider::Tokens::default(),
            claims: serde_json::Map::new(),
        }
    }

    #[test]
    fn a_text_says_an_address_a_domain_a_group_or_nobody() {
        let long = format!("{}@example.com", "a".repeat(65));
        let rows: [(&str, Option<&str>); 17] = [
            ("Aunty.M@Example.COM", Some("aunty.m@example.com")),
            (" aunt+tree@example.com ", Some("aunt+tree@example.com")),
            ("a@localhost", Some("a@localhost")),
            ("@Example.com", Some("@example.com")),
            ("group:Family of M", Some("group:Family of M")),
            ("group:", None),
            ("@", None),
            ("@exa_mple.com", None),
            ("a@b@c", None),
            ("a..b@example.com", None),
            (".a@example.com", None),
            ("\"a b\"@example.com", None),
            ("a@-example.com", None),
            ("\u{e4}unt@example.com", None),
            ("aunt@ex\u{430}mple.com", None),
            ("", None),
            (&long, None),
        ];
        for (text, expected) in rows {
            let found = Who::parse(text);
            assert_eq!(
                found.as_ref().ok().map(ToString::to_string).as_deref(),
                expected,
                "{text}: {found:?}"
            );
        }
        assert_eq!(
            Who::parse("nobody\n").unwrap_err().to_string(),
            "expected an address (aunt@example.com), a domain (@example.com) or a group (group:family), found `nobody`"
        );
    }

    /// A provider's subjects are its own: whoever differs there differs here, in any script and at any length.
    #[test]
    fn two_subjects_are_two_people() {
        let long = |end: &str| format!("{}{end}", "s".repeat(254));
        let spaces = |end: &str| format!("{}{end}", " ".repeat(254));
        let pairs = [
            ("\u{c4}".to_owned(), "\u{d6}".to_owned()),
            ("a b".to_owned(), "a_b".to_owned()),
            ("a b".to_owned(), "a%20b".to_owned()),
            (long("1"), long("2")),
            (spaces("1"), spaces("2")),
        ];
        let id = |subject: String| Person::of(&Identity { subject, ..identity(None, false) }).id;
        for (one, other) in pairs {
            let (one, other) = (id(one), id(other));
            assert!(one != other, "{one}");
            for id in [one, other] {
                assert!(id.len() <= MOST_ID_OCTETS && id.bytes().all(|byte| byte.is_ascii_graphic()), "{id}");
            }
        }
        assert_eq!(id("4711".to_owned()), "https://op.example#4711");
    }

    #[test]
    fn only_a_verified_address_is_one() {
        let known = Person::of(&identity(Some("Aunty@Example.com"), true));
        assert_eq!(known.id, "aunty@example.com");
        let rules: Vec<String> = known.rules().iter().map(ToString::to_string).collect();
        assert_eq!(rules, ["aunty@example.com", "@example.com", "group:family"]);
        let unknown = Person::of(&identity(Some("aunty@example.com"), false));
        assert_eq!(
            (unknown.address.as_deref(), unknown.id.as_str()),
            (None, "https://op.example#4711%20%C3%A9")
        );
        assert_eq!(unknown.rules(), [Who::Group("family".to_owned())]);
        assert_eq!(Person::of(&identity(Some("not an address"), true)).address, None);
    }
}
