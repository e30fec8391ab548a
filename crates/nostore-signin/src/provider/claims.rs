//! Who somebody is, read from claims.
//!
//! # Invariants
//!
//! - An address and its being verified come from the same place: one of userinfo is not verified by the ID token.
//! - Nothing but `true` and the text `true` verifies an address.
//! - An address has one spelling. Only ASCII letters are folded: folding others would make one person's address out of
//!   another's (the Kelvin sign is a `k` in lower case).
//!
//! Specifications: OpenID Connect Core 1.0 sections 5.1, 5.3 and 5.7.

use serde_json::{Map, Value};

use super::config::{Kind, Provider};
use super::id_token::Verified;
use super::{Identity, Tokens};

/// The longest address (RFC 5321 section 4.5.3.1.3, without the brackets).
const MAX_ADDRESS_BYTES: usize = 254;

/// Returns an address in its one spelling: ASCII letters in lower case, no space around it. Nothing where the text is no
/// address: it has one `@`, something on both sides, and neither spaces, quotes nor control characters.
#[must_use]
pub fn normal_address(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.split_once('@')?;
    let bad = |char: char| char.is_control() || char.is_whitespace() || "@\"<>(),;:\\[]".contains(char);
    let dots = |text: &str| text.starts_with('.') || text.ends_with('.') || text.contains("..");
    let fine = |part: &str| !part.is_empty() && !part.contains(bad) && !dots(part);
    (text.len() <= MAX_ADDRESS_BYTES && fine(local) && fine(domain)).then(|| text.to_ascii_lowercase())
}

/// Tells whether the ID token alone says who somebody is.
pub(crate) fn has_address(claims: &Map<String, Value>) -> bool {
    address(claims).is_some()
}

/// Makes an identity of an ID token and what the userinfo endpoint says, which counts where the ID token is silent.
pub(crate) fn identity(
    provider: &Provider,
    verified: Verified,
    userinfo: Option<Map<String, Value>>,
    tokens: Tokens,
) -> Identity {
    let Verified { issuer, subject, claims } = verified;
    let from = if has_address(&claims) { Some(&claims) } else { userinfo.as_ref() };
    let email = from.and_then(address);
    let flag = if provider.kind == Kind::Microsoft { "xms_edov" } else { "email_verified" };
    let email_verified = email.is_some() && from.and_then(|claims| claims.get(flag)).is_some_and(is_true);
    let mut all = userinfo.unwrap_or_default();
    all.extend(claims);
    Identity {
        issuer,
        subject,
        email,
        email_verified,
        name: ["name", "preferred_username", "nickname"].iter().find_map(|name| text(&all, name)),
        picture: text(&all, "picture").filter(|url| url.starts_with("https://")),
        groups: groups(&all, &provider.groups_claim),
        provider_session: text(&all, "sid"),
        tokens,
        claims: all,
    }
}

fn address(claims: &Map<String, Value>) -> Option<String> {
    claims.get("email").and_then(Value::as_str).and_then(normal_address)
}

/// Some providers send texts; Microsoft sends `"1"` and 1 too.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::String(text) => matches!(text.as_str(), "true" | "1"),
        Value::Number(number) => number.as_u64() == Some(1),
        _ => false,
    }
}

pub(crate) fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The claim of that name, or where there is none the one at that path: `realm_access.roles`.
fn groups(claims: &Map<String, Value>, name: &str) -> Vec<String> {
    let at_path = || {
        let mut names = name.split('.');
        let first = claims.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    };
    match claims.get(name).or_else(at_path) {
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(one)) => vec![one.clone()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn addresses_have_one_spelling() {
        let rows = [
            "alice@example.com",
            " Alice@Example.COM\n",
            "a.b+c@example.com",
            "\u{212a}evin@example.com",
            "ä@example.com",
            "",
            "@",
            "alice",
            "alice@",
            "@example.com",
            "a@b@example.com",
            "a b@example.com",
            "\"a\"@example.com",
            "alice@example..com",
            "alice@.example.com",
            "alice@example.com,eve@example.com",
            "alice@example.com\u{0}",
            "Alice <alice@example.com>",
        ];
        let mut table = String::new();
        for row in rows {
            writeln!(table, "{:42}{:?}", format!("{row:?}"), normal_address(row)).unwrap();
        }
        let long = format!("{}@example.com", "a".repeat(242));
        writeln!(table, "254 bytes: {}", normal_address(&long).is_some()).unwrap();
        writeln!(table, "255 bytes: {}", normal_address(&format!("a{long}")).is_some()).unwrap();
        insta::assert_snapshot!(table);
    }
}
