//! The claims of a session token as the application sees them: the organization with its
//! permissions, the actor, the ages of the factors, the status.
//!
//! There are two forms. In the first (`v` is not 2) the organization's claims stand beside the
//! others and the permissions are listed. In the second they stand in `o`, and the permissions are
//! a matrix: `o.per` names the columns, the organization's features of `fea` are the rows, and
//! `o.fpm` has one decimal number per row whose bits, lowest first, mark what is granted.
//!
//! # Invariants
//!
//! - Total: any JSON object gives an answer.
//! - A claim of an unexpected type grants nothing.
//!
//! # Not covered
//!
//! Who may see a pending session: that is for the caller.
//!
//! Specifications: the handshake protocol as this project writes it down, "claims and the auth
//! object"; RFC 8693 section 4.1 (`act`).

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::has::{self, Check};

/// The claims of a verified session token.
///
/// ```
/// use nostore_session::{AuthClaims, Check};
///
/// let claims = serde_json::json!({
///     "v": 2, "sub": "user_1", "fea": "o:dash,u:imp,ou:both",
///     "o": {"id": "org_1", "slg": "acme", "rol": "admin", "per": "read,write,delete", "fpm": "3,4"},
/// });
/// let claims = AuthClaims::new(claims.as_object().unwrap());
/// let organization = claims.organization()?.unwrap();
/// assert_eq!(organization.role.as_deref(), Some("org:admin"));
/// assert_eq!(organization.permissions, ["org:dash:read", "org:dash:write", "org:both:delete"]);
/// assert!(claims.has(&Check::role("admin").and(Check::permission("both:delete"))));
/// # Ok::<(), nostore_session::ClaimsError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AuthClaims<'a>(&'a Map<String, Value>);

/// The organization that is active in a session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Organization<'a> {
    /// Its id, never empty.
    pub id: &'a str,
    /// Its slug.
    pub slug: Option<&'a str>,
    /// The visitor's role in it, such as `org:admin`.
    pub role: Option<Cow<'a, str>>,
    /// What the visitor may do in it, such as `org:posts:write`, in the token's order.
    pub permissions: Vec<Cow<'a, str>>,
}

/// How long ago the factors of the sign-in were verified, in minutes; none for a factor that is not
/// enrolled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FactorAges {
    /// The first factor.
    pub first: Option<f64>,
    /// The second factor.
    pub second: Option<f64>,
}

/// Why claims cannot be read: the token is genuine, but its maker and we do not agree.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimsError {
    /// An entry of a list of features or plans has no scope.
    #[error("expected `scope:name` in each entry of the claim `{claim}`, found an entry without a colon")]
    Scope {
        /// The claim's name.
        claim: &'static str,
    },
    /// A claim has another type.
    #[error("expected a string in the claim `{claim}`, found {found}")]
    Type {
        /// The claim's name.
        claim: &'static str,
        /// What was found.
        found: &'static str,
    },
}

/// The names in a list of features or plans, by whom they are for.
#[derive(Debug, Default)]
pub(crate) struct Scoped<'a> {
    pub(crate) organization: Vec<&'a str>,
    pub(crate) user: Vec<&'a str>,
}

impl ClaimsError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Scope { .. } => "claims-scope",
            Self::Type { .. } => "claims-type",
        }
    }
}

impl<'a> AuthClaims<'a> {
    /// Views claims.
    #[must_use]
    pub const fn new(claims: &'a Map<String, Value>) -> Self {
        Self(claims)
    }

    /// Returns who signed in: `sub`, never empty.
    #[must_use]
    pub fn user_id(self) -> Option<&'a str> {
        self.text("sub").filter(|text| !text.is_empty())
    }

    /// Returns the session's id: `sid`.
    #[must_use]
    pub fn session_id(self) -> Option<&'a str> {
        self.text("sid")
    }

    /// Returns the session's status: `sts`.
    #[must_use]
    pub fn session_status(self) -> Option<&'a str> {
        self.text("sts")
    }

    /// Tells whether the sign-in still has open tasks.
    #[must_use]
    pub fn is_pending(self) -> bool {
        self.session_status() == Some("pending")
    }

    /// Returns who acts in the user's place: `act`, whatever its type, so that no one overlooks it.
    #[must_use]
    pub fn actor(self) -> Option<&'a Value> {
        self.0.get("act").filter(|actor| !actor.is_null())
    }

    /// Returns the active organization.
    ///
    /// # Errors
    ///
    /// [`ClaimsError`] if what the permissions are computed from is malformed. Who cannot tell
    /// the permissions should not treat the visitor as signed in.
    pub fn organization(self) -> Result<Option<Organization<'a>>, ClaimsError> {
        organization(self.0)
    }

    /// Returns the ages of the factors: `fva`. None unless there are two, each -1 or not negative.
    #[must_use]
    pub fn factor_ages(self) -> Option<FactorAges> {
        let [first, second] = self.0.get("fva")?.as_array()?.as_slice() else { return None };
        Some(FactorAges { first: factor_age(first)?, second: factor_age(second)? })
    }

    /// Tells whether the visitor has everything that is asked. Also true for a pending session.
    #[must_use]
    pub fn has(self, check: &Check) -> bool {
        has::has(self.0, check)
    }

    /// Returns a claim that is a text.
    fn text(self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(Value::as_str)
    }
}

/// Reads the organization from either form of the claims.
pub(crate) fn organization(claims: &Map<String, Value>) -> Result<Option<Organization<'_>>, ClaimsError> {
    if is_second_form(claims) { second_form(claims) } else { Ok(first_form(claims)) }
}

/// Returns the claims that name the organization's id and slug, as they are.
pub(crate) fn organization_names(claims: &Map<String, Value>) -> (Option<&Value>, Option<&Value>) {
    if is_second_form(claims) {
        let claim = |name| claims.get("o").and_then(|organization| organization.get(name));
        (claim("id"), claim("slg"))
    } else {
        (claims.get("org_id"), claims.get("org_slug"))
    }
}

/// Splits a list such as `o:dash,u:imp,ou:both`. Entries with an unknown scope are for nobody.
pub(crate) fn scoped<'a>(claim: &'static str, list: &'a str) -> Result<Scoped<'a>, ClaimsError> {
    let mut scoped = Scoped::default();
    for entry in list.split(',').filter(|_| !list.is_empty()) {
        let (scope, name) = trim(entry).split_once(':').ok_or(ClaimsError::Scope { claim })?;
        if matches!(scope, "o" | "ou" | "uo") {
            scoped.organization.push(name);
        }
        if matches!(scope, "u" | "ou" | "uo") {
            scoped.user.push(name);
        }
    }
    Ok(scoped)
}

/// Tells whether a value counts as missing: what ECMAScript calls falsy.
pub(crate) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(_) | Value::Bool(true) | Value::Object(_) => false,
    }
}

/// Tells whether ECMAScript calls a character white space or a line terminator.
pub(crate) fn is_space(char: char) -> bool {
    matches!(
        char,
        '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}'
            | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}'
    )
}

fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

fn is_second_form(claims: &Map<String, Value>) -> bool {
    claims.get("v").and_then(Value::as_f64) == Some(2.0)
}

fn first_form(claims: &Map<String, Value>) -> Option<Organization<'_>> {
    let text = |name| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let permissions = claims.get("org_permissions").and_then(Value::as_array);
    Some(Organization {
        id: text("org_id")?,
        slug: text("org_slug"),
        role: text("org_role").map(Cow::Borrowed),
        permissions: permissions.into_iter().flatten().filter_map(Value::as_str).map(Cow::Borrowed).collect(),
    })
}

/// Everything is read before the id is looked at: malformed lists are an error for anybody who has
/// an organization.
fn second_form(claims: &Map<String, Value>) -> Result<Option<Organization<'_>>, ClaimsError> {
    let Some(own) = claims.get("o").filter(|own| !is_blank(own)) else { return Ok(None) };
    let features = list("fea", claims.get("fea"))?;
    let features = scoped("fea", features.unwrap_or_default())?.organization;
    // A missing column list or matrix makes the type of the other one of no interest.
    let [per, fpm] = ["per", "fpm"].map(|name| own.get(name).filter(|list| !is_blank(list)));
    let permissions = if per.is_some() && fpm.is_some() {
        let (per, fpm) = (list("o.per", per)?, list("o.fpm", fpm)?);
        expand(&features, per.unwrap_or_default(), fpm.unwrap_or_default())
    } else {
        Vec::new()
    };
    let text = |name| own.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    Ok(text("id").map(|id| Organization {
        id,
        slug: text("slg"),
        role: text("rol").map(|role| Cow::Owned(format!("org:{role}"))),
        permissions: permissions.into_iter().map(Cow::Owned).collect(),
    }))
}

fn list<'a>(claim: &'static str, value: Option<&'a Value>) -> Result<Option<&'a str>, ClaimsError> {
    let found = match value {
        None => return Ok(None),
        Some(Value::String(text)) => return Ok(Some(text)),
        Some(value) if is_blank(value) => return Ok(None),
        Some(Value::Array(_)) => "an array",
        Some(Value::Object(_)) => "an object",
        Some(Value::Number(_)) => "a number",
        Some(_) => "a boolean",
    };
    Err(ClaimsError::Type { claim, found })
}

/// Reads the matrix: row by row, then column by column.
fn expand(features: &[&str], columns: &str, rows: &str) -> Vec<String> {
    let columns: Vec<&str> = columns.split(',').map(trim).collect();
    let mut granted = Vec::new();
    for (feature, row) in features.iter().zip(rows.split(',')) {
        let bits = low_bits(trim(row), columns.len());
        for (index, column) in columns.iter().enumerate() {
            if bits.get(index / 32).is_some_and(|limb| limb >> (index % 32) & 1 == 1) {
                granted.push(format!("org:{feature}:{column}"));
            }
        }
    }
    granted
}

/// Returns the low `count` bits (and those that fill the last limb) of a decimal number of any
/// length, lowest limb first; nothing if it is not decimal.
fn low_bits(decimal: &str, count: usize) -> Vec<u32> {
    /// The most digits whose number, and ten to their count, fit into a limb.
    const DIGITS: usize = 9;
    if decimal.is_empty() || !decimal.bytes().all(|byte| byte.is_ascii_digit()) {
        return Vec::new();
    }
    let mut limbs = vec![0_u32; count.div_ceil(32)];
    for digits in decimal.as_bytes().chunks(DIGITS) {
        let (mut factor, mut carry) = (1_u64, 0_u64);
        for digit in digits {
            factor *= 10;
            carry = carry * 10 + u64::from(digit - b'0');
        }
        for limb in &mut limbs {
            let sum = u64::from(*limb) * factor + carry;
            *limb = (sum & u64::from(u32::MAX)) as u32;
            carry = sum >> 32;
        }
    }
    limbs
}

/// Reads one age: the outer none for what is no age, the inner one for -1.
fn factor_age(value: &Value) -> Option<Option<f64>> {
    let age = value.as_f64().filter(|age| age.is_finite())?;
    if age == -1.0 { Some(None) } else { (age >= 0.0).then_some(Some(age)) }
}
