//! Session tokens and their claims, in the second version of the protocol's claims.
//!
//! Specifications: the handshake protocol, sections 6.3, 6.5 and 7.3 no. 6; RFC 7519 section 4.1.

use nostore_message::{Origin, UnixTime};
use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::model::{Membership, Organization, Session, Template, User};
use super::{Change, Issuer};

/// The category of a session token.
const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";

/// The category of a token that a template shapes. Sites do not take it for a session.
pub(super) const TEMPLATE_CATEGORY: &str = "cl_B7d4PD222AAA";

/// How far `nbf` lies before `iat`, in seconds, so that a clock that is a little behind accepts it.
const NOT_BEFORE_SECS: i64 = 10;

/// How many different permissions a membership may have: one bit each in the claim `o.fpm`.
pub const MAX_PERMISSIONS: usize = 128;

/// What a session token is made of.
#[derive(Clone, Copy)]
pub(super) struct Grant<'a> {
    pub(super) session: &'a Session,
    pub(super) user: &'a User,
    /// The organization it speaks for; `None` is the personal account.
    pub(super) place: Option<Place<'a>>,
    /// The site it is for, where one asked.
    pub(super) site: Option<&'a Origin>,
    /// How long it is valid, in seconds.
    pub(super) secs: i64,
}

/// An organization and the user's place in it.
pub(super) type Place<'a> = (&'a Organization, &'a Membership);

/// An organization that the user is no member of, or that there is not.
pub(super) struct NotAMember;

impl Issuer {
    /// Returns what a session's tokens are made of: its own organization, and the usual lifetime.
    pub(super) fn grant<'a>(&'a self, session: &'a Session, site: Option<&'a Origin>) -> Option<Grant<'a>> {
        let user = self.state.user(&session.user_id)?;
        let place = session.organization_id.as_deref().and_then(|id| self.place(id, &user.id));
        Some(Grant { session, user, place, site, secs: self.settings.token_secs })
    }

    /// Finds the organization that a client names by identifier or slug; empty is the personal account.
    pub(super) fn choose<'a>(&'a self, given: &str, user_id: &str) -> Result<Option<Place<'a>>, NotAMember> {
        if given.is_empty() {
            return Ok(None);
        }
        self.place(given, user_id).map(Some).ok_or(NotAMember)
    }

    fn place<'a>(&'a self, id_or_slug: &str, user_id: &str) -> Option<Place<'a>> {
        let organization = self.state.organization(id_or_slug)?;
        Some((organization, self.state.membership(&organization.id, user_id)?))
    }

    /// Mints a session token. `None` when signing fails.
    pub(super) fn mint(&self, grant: &Grant<'_>, now: UnixTime) -> Option<String> {
        let mut header = jwt_header();
        header.insert("cat".to_owned(), json!(SESSION_CATEGORY));
        self.keys.current().key.sign(&header, &self.claims(grant, now)).ok()
    }

    /// Mints a session token, or one that a template shapes.
    pub(super) fn mint_as(
        &self,
        grant: &Grant<'_>,
        template: Option<&Template>,
        ask: &mut Ask<'_>,
    ) -> Option<String> {
        let Some(template) = template else {
            return self.mint(grant, ask.now);
        };
        let mut header = jwt_header();
        header.insert("cat".to_owned(), json!(TEMPLATE_CATEGORY));
        let own = filled(&Value::Object(template.claims.clone()), grant);
        let Value::Object(mut claims) = own else {
            return None;
        };
        let registered = ["azp", "exp", "iat", "iss", "nbf", "sub"];
        let mut usual = self.claims(grant, ask.now);
        usual.retain(|name, _| registered.contains(&name.as_str()));
        claims.extend(usual);
        claims.insert("jti".to_owned(), json!(ask.ids.id("")));
        self.keys.current().key.sign(&header, &claims).ok()
    }

    /// Says that the current key signs for longer than it did so far, if it does: the key stays published
    /// accordingly after it was retired.
    pub(super) fn signing_for(&self, secs: i64) -> Option<Change> {
        let held = self.keys.current();
        (secs > held.longest_secs).then(|| {
            let mut held = held.clone();
            held.longest_secs = secs;
            Change::PutKey(held)
        })
    }

    fn claims(&self, grant: &Grant<'_>, now: UnixTime) -> Map<String, Value> {
        let Grant { session, user, place, site, secs } = *grant;
        let issued_at = now.secs();
        let minutes = session.created_at.min(now).secs();
        let minutes = issued_at.saturating_sub(minutes) / 60;
        let organization = place.map(organization_claims);
        let plans = [
            place.and_then(|(organization, _)| scoped("o", organization.entitled.plan.as_deref())),
            scoped("u", user.entitled.plan.as_deref()),
        ];
        let plans: Vec<String> = plans.into_iter().flatten().collect();
        let features = feature_claim(user, place);
        let optional = [
            ("azp", site.map(|site| json!(site.to_string()))),
            ("fea", (!features.is_empty()).then(|| json!(features))),
            ("name", user.name.as_ref().map(|name| json!(name))),
            ("o", organization),
            ("pla", (!plans.is_empty()).then(|| json!(plans.join(",")))),
        ];
        let always = [
            ("email", json!(user.email)),
            ("exp", json!(issued_at.saturating_add(secs))),
            // The address was given at sign-in; there is no second factor.
            ("fva", json!([minutes, -1])),
            ("iat", json!(issued_at)),
            ("iss", json!(self.settings.issuer())),
            ("nbf", json!(issued_at.saturating_sub(NOT_BEFORE_SECS))),
            ("sid", json!(session.id)),
            ("sts", json!("active")),
            ("sub", json!(user.id)),
            ("v", json!(2)),
        ];
        let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
        always.into_iter().chain(optional).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Fills in what a template's texts leave open.
fn filled(value: &Value, grant: &Grant<'_>) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| filled(item, grant)).collect(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| (name.clone(), filled(value, grant));
            Value::Object(members.iter().map(member).collect())
        }
        Value::String(text) => {
            let organization = grant.place.map(|(organization, _)| organization);
            let texts = [
                ("{{user.id}}", grant.user.id.as_str()),
                ("{{session.id}}", grant.session.id.as_str()),
                ("{{org.id}}", organization.map_or("", |organization| &organization.id)),
                ("{{org.slug}}", organization.map_or("", |organization| &organization.slug)),
                ("{{org.role}}", grant.place.map_or("", |(_, membership)| &membership.role)),
                ("{{user.email}}", grant.user.email.as_str()),
            ];
            // The address comes last: nothing else that is filled in can hold braces.
            Value::String(texts.iter().fold(text.clone(), |text, (mark, with)| text.replace(mark, with)))
        }
        other => other.clone(),
    }
}

/// The JOSE header of every token, without its category.
pub(super) fn jwt_header() -> Map<String, Value> {
    Map::from_iter([("typ".to_owned(), json!("JWT"))])
}

/// Splits `org:<feature>:<permission>`.
pub(super) fn split_permission(text: &str) -> Option<(&str, &str)> {
    let (feature, permission) = text.strip_prefix("org:")?.split_once(':')?;
    (is_name(feature) && is_name(permission)).then_some((feature, permission))
}

/// Tells whether a text can be the name of a feature, a permission, a role or a plan: the claims separate names
/// by commas and colons.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

fn scoped(scope: &str, name: Option<&str>) -> Option<String> {
    name.map(|name| format!("{scope}:{name}"))
}

/// Lists the features of the organization: those it has bought, then those that a permission names.
fn organization_features<'a>((organization, membership): Place<'a>) -> Vec<&'a str> {
    let bought = organization.entitled.features.iter().map(String::as_str);
    let named = membership.permissions.iter().filter_map(|text| split_permission(text)).map(|pair| pair.0);
    distinct(bought.chain(named))
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

/// Makes `fea`: the features of the organization first, because `o.fpm` counts them in this order.
fn feature_claim(user: &User, place: Option<Place<'_>>) -> String {
    let of_organization = place.map(organization_features).unwrap_or_default();
    let of_user = &user.entitled.features;
    let both = |name: &str| of_user.iter().any(|feature| feature == name);
    let first = of_organization.iter().map(|name| format!("{}:{name}", if both(name) { "ou" } else { "o" }));
    let rest = of_user.iter().filter(|name| !of_organization.contains(&name.as_str()));
    let entries: Vec<String> = first.chain(rest.map(|name| format!("u:{name}"))).collect();
    entries.join(",")
}

/// Makes `o`: `per` names the permissions, and the i-th number of `fpm` has a bit for each that the i-th
/// feature grants.
fn organization_claims(place: Place<'_>) -> Value {
    let (organization, membership) = place;
    let role = membership.role.strip_prefix("org:").unwrap_or(&membership.role);
    let mut claims = json!({ "id": organization.id, "slg": organization.slug, "rol": role });
    let granted: Vec<(&str, &str)> =
        membership.permissions.iter().filter_map(|text| split_permission(text)).collect();
    if let (Some(claims), false) = (claims.as_object_mut(), granted.is_empty()) {
        let names = distinct(granted.iter().map(|(_, permission)| *permission));
        let mask = |feature: &&str| {
            let bit = |(index, name): (usize, &&str)| {
                let bit = u32::try_from(index).ok().and_then(|index| 1_u128.checked_shl(index));
                if granted.contains(&(feature, name)) { bit.unwrap_or_default() } else { 0 }
            };
            names.iter().enumerate().map(bit).fold(0, |mask, bit| mask | bit).to_string()
        };
        let masks: Vec<String> = organization_features(place).iter().map(mask).collect();
        claims.insert("per".to_owned(), json!(names.join(",")));
        claims.insert("fpm".to_owned(), json!(masks.join(",")));
    }
    claims
}
