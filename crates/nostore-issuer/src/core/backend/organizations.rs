//! Organizations and their members.

use serde_json::Value;

use super::{deleted, no_such, page};
use crate::core::ask::Ask;
use crate::core::body::{Body, Refused, wrong};
use crate::core::model::{Entitlements, Membership, Organization, User};
use crate::core::response::{Outcome, Response};
use crate::core::token::{MAX_PERMISSIONS, is_name, split_permission};
use crate::core::{Change, Issuer};

/// How many organizations the service keeps.
const MAX_ORGANIZATIONS: usize = 1_000;

/// The longest name, in bytes.
const MAX_NAME: usize = 256;

impl Issuer {
    pub(super) fn list_organizations(&self, ask: &Ask<'_>) -> Result<Outcome, Refused> {
        let mut found: Vec<&Organization> = self.state.organizations().collect();
        found.sort_by_key(|organization| (organization.created_at, &organization.slug));
        let found: Vec<Value> = found.into_iter().map(|found| self.organization_json(found)).collect();
        page(ask, &found, true)
    }

    pub(super) fn read_organization(&self, id: &str) -> Result<Outcome, Refused> {
        let organization = self.found(id)?;
        Ok(Response::json(200, &self.organization_json(organization)).noted("organization").into())
    }

    pub(super) fn create_organization(&self, ask: &mut Ask<'_>) -> Result<Outcome, Refused> {
        let body = Body::read(ask)?;
        let name = body.text("name")?;
        if name.is_empty() || name.len() > MAX_NAME {
            let found = format!("{} bytes", name.len());
            return Err(wrong("name", &format!("1 to {MAX_NAME} bytes"), &found));
        }
        let id = ask.ids.id("org_");
        let slug = match body.optional("slug")? {
            Some(slug) if is_slug(slug) => slug.to_owned(),
            Some(_) => return Err(wrong("slug", SLUG, "something else")),
            None => slug_of(name).unwrap_or_else(|| id.to_ascii_lowercase().replace('_', "-")),
        };
        if self.state.organization(&slug).is_some() {
            let message = "expected a slug that no organization has yet, found a taken one";
            return Err(Response::parameter_error("form_identifier_exists", "slug", message).into());
        }
        if self.state.organizations().len() >= MAX_ORGANIZATIONS {
            let message = format!("expected fewer than {MAX_ORGANIZATIONS} organizations, found as many");
            return Err(Response::error(403, "organization_quota_exceeded", &message).into());
        }
        let creator = body.optional("created_by")?.map(|user| self.member(user)).transpose()?;
        let entitled = Entitlements::default();
        let organization =
            Organization { id: id.clone(), slug, name: name.to_owned(), entitled, created_at: ask.now };
        let answer =
            Response::json(200, &self.organization_json(&organization)).noted("organization created");
        let admin = creator.map(|user| Membership {
            organization_id: id,
            user_id: user.id.clone(),
            role: "org:admin".to_owned(),
            permissions: Vec::new(),
            created_at: ask.now,
        });
        let mut changes = vec![Change::PutOrganization(organization)];
        changes.extend(admin.map(Change::PutMembership));
        Ok(answer.changing(changes))
    }

    pub(super) fn delete_organization(&self, id: &str) -> Result<Outcome, Refused> {
        let id = self.found(id)?.id.clone();
        Ok(deleted("organization", &id).changing(vec![Change::DropOrganization { id }]))
    }

    pub(super) fn list_memberships(&self, ask: &Ask<'_>, id: &str) -> Result<Outcome, Refused> {
        let organization = self.found(id)?;
        let members = self.state.memberships().filter(|member| member.organization_id == organization.id);
        let members: Vec<Value> = members.map(|member| self.membership_json(member)).collect();
        page(ask, &members, true)
    }

    /// Adds a member, or changes role and permissions of one.
    pub(super) fn create_membership(&self, ask: &Ask<'_>, id: &str) -> Result<Outcome, Refused> {
        let organization = self.found(id)?;
        let body = Body::read(ask)?;
        let user = self.member(body.text("user_id")?)?;
        let role = body.text("role")?;
        if !is_role(role) {
            return Err(wrong("role", ROLE, &format!("`{role}`")));
        }
        let permissions = body.texts("permissions")?;
        if let Some(other) = permissions.iter().find(|text| split_permission(text).is_none()) {
            return Err(wrong("permissions", PERMISSION, &format!("`{other}`")));
        }
        if permissions.len() > MAX_PERMISSIONS {
            let found = permissions.len().to_string();
            return Err(wrong("permissions", &format!("at most {MAX_PERMISSIONS} permissions"), &found));
        }
        let known = self.state.membership(&organization.id, &user.id);
        let membership = Membership {
            organization_id: organization.id.clone(),
            user_id: user.id.clone(),
            role: role.to_owned(),
            permissions: permissions.into_iter().map(str::to_owned).collect(),
            created_at: known.map_or(ask.now, |known| known.created_at),
        };
        let answer = Response::json(200, &self.membership_json(&membership)).noted("member added").by(user);
        Ok(answer.changing(vec![Change::PutMembership(membership)]))
    }

    pub(super) fn delete_membership(&self, id: &str, user_id: &str) -> Result<Outcome, Refused> {
        let organization_id = self.found(id)?.id.clone();
        let membership = self.state.membership(&organization_id, user_id);
        let membership = membership.ok_or_else(|| no_such("member"))?;
        let answer = Response::json(200, &self.membership_json(membership)).noted("member removed");
        let user_id = user_id.to_owned();
        Ok(answer.changing(vec![Change::DropMembership { organization_id, user_id }]))
    }

    fn found(&self, id: &str) -> Result<&Organization, Refused> {
        self.state.organization(id).ok_or_else(|| no_such("organization"))
    }

    fn member(&self, user_id: &str) -> Result<&User, Refused> {
        self.state.user(user_id).ok_or_else(|| no_such("user"))
    }
}

/// What a slug looks like.
pub(in crate::core) const SLUG: &str = "1 to 64 lower-case letters, digits and hyphens";

/// What a role looks like.
pub(in crate::core) const ROLE: &str = "a role such as org:admin";

/// What a permission looks like.
pub(in crate::core) const PERMISSION: &str = "a permission such as org:invoices:read";

/// Tells whether a text is a slug.
pub(in crate::core) fn is_slug(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Tells whether a text is a role.
pub(in crate::core) fn is_role(text: &str) -> bool {
    text.strip_prefix("org:").is_some_and(is_name)
}

/// Makes a slug of a name, if enough of it can stand in one.
fn slug_of(name: &str) -> Option<String> {
    let words = name.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    is_slug(&slug).then_some(slug)
}
