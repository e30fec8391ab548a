//! The resources of both APIs as JSON.
//!
//! Specifications: the handshake protocol, section 7.2 (client, session) and 4.5 (machines' tokens).

use serde_json::{Value, json};

use super::model::{Client, MachineToken, MachineTokenKind, Membership, Organization, Session, User};
use super::{Issuer, LONG_SECS};

impl Issuer {
    /// A client, with its sessions that go on. The tokens are minted by `token`.
    pub(super) fn client_json(&self, client: &Client, token: impl Fn(&Session) -> Option<String>) -> Value {
        let active = self.state.session_of(client);
        let own = self.state.sessions_of(client);
        // Without an active session the client is about to end them all.
        let own = if client.session_id.is_some() { own } else { Vec::new() };
        let sessions: Vec<Value> =
            own.iter().map(|session| self.session_json(session, token(session).as_deref())).collect();
        json!({
            "object": "client",
            "id": client.id,
            "sessions": sessions,
            "session_ids": own.iter().map(|session| &session.id).collect::<Vec<_>>(),
            "sign_in": null,
            "sign_up": null,
            "sign_in_id": null,
            "sign_up_id": null,
            "last_active_session_id": active.map(|session| &session.id),
            "last_authentication_strategy": null,
            "captcha_bypass": false,
            "cookie_expires_at": client.updated_at.plus_secs(LONG_SECS).millis(),
            "created_at": client.created_at.millis(),
            "updated_at": client.updated_at.millis(),
        })
    }

    /// A session, with its user.
    pub(super) fn session_json(&self, session: &Session, token: Option<&str>) -> Value {
        let user = self.state.user(&session.user_id);
        let mut value = session_json(session);
        if let Some(members) = value.as_object_mut() {
            members.insert("user".to_owned(), json!(user.map(user_json)));
            members.insert("public_user_data".to_owned(), json!(user.map(public_user_json)));
            let token = token.map(|jwt| json!({ "object": "token", "jwt": jwt }));
            members.insert("last_active_token".to_owned(), json!(token));
        }
        value
    }

    /// A membership, with its organization and its user.
    pub(super) fn membership_json(&self, membership: &Membership) -> Value {
        let organization = self.state.organization(&membership.organization_id);
        let user = self.state.user(&membership.user_id);
        json!({
            "object": "organization_membership",
            "id": format!("orgmem_{}_{}", membership.organization_id, membership.user_id),
            "role": membership.role,
            "permissions": membership.permissions,
            "organization": organization.map(|organization| self.organization_json(organization)),
            "public_user_data": user.map(public_user_json),
            "public_metadata": {},
            "created_at": membership.created_at.millis(),
            "updated_at": membership.created_at.millis(),
        })
    }

    /// An organization.
    pub(super) fn organization_json(&self, organization: &Organization) -> Value {
        let members = self.state.memberships().filter(|member| member.organization_id == organization.id);
        json!({
            "object": "organization",
            "id": organization.id,
            "name": organization.name,
            "slug": organization.slug,
            "image_url": "",
            "has_image": false,
            "members_count": members.count(),
            "public_metadata": {},
            "private_metadata": {},
            "created_at": organization.created_at.millis(),
            "updated_at": organization.created_at.millis(),
        })
    }
}

/// A session, as servers see it.
pub(super) fn session_json(session: &Session) -> Value {
    let ends = session.created_at.plus_secs(LONG_SECS).millis();
    json!({
        "object": "session",
        "id": session.id,
        "client_id": session.client_id,
        "user_id": session.user_id,
        "status": session.status.name(),
        "last_active_organization_id": session.organization_id,
        "last_active_at": session.updated_at.millis(),
        "expire_at": ends,
        "abandon_at": ends,
        "actor": null,
        "tasks": [],
        "factor_verification_age": null,
        "created_at": session.created_at.millis(),
        "updated_at": session.updated_at.millis(),
    })
}

/// A user. The one name that is kept is split at its first space.
pub(super) fn user_json(user: &User) -> Value {
    let (first_name, last_name) = names(user);
    let address = format!("idn_{}", user.id);
    let status = if user.email_verified { "verified" } else { "unverified" };
    json!({
        "object": "user",
        "id": user.id,
        "username": null,
        "first_name": first_name,
        "last_name": last_name,
        "image_url": "",
        "has_image": false,
        "primary_email_address_id": address,
        "email_addresses": [{
            "object": "email_address",
            "id": address,
            "email_address": user.email,
            "verification": { "status": status, "strategy": "admin" },
            "linked_to": [],
        }],
        "phone_numbers": [],
        "web3_wallets": [],
        "external_accounts": [],
        "enterprise_accounts": [],
        "saml_accounts": [],
        "passkeys": [],
        "organization_memberships": [],
        "external_id": null,
        "password_enabled": false,
        "two_factor_enabled": false,
        "totp_enabled": false,
        "backup_code_enabled": false,
        "banned": false,
        "locked": false,
        "public_metadata": {},
        "private_metadata": {},
        "unsafe_metadata": {},
        "last_sign_in_at": null,
        "last_active_at": null,
        "created_at": user.created_at.millis(),
        "updated_at": user.created_at.millis(),
    })
}

fn public_user_json(user: &User) -> Value {
    let (first_name, last_name) = names(user);
    json!({
        "user_id": user.id,
        "identifier": user.email,
        "first_name": first_name,
        "last_name": last_name,
        "image_url": "",
        "has_image": false,
    })
}

fn names(user: &User) -> (Option<&str>, Option<&str>) {
    match user.name.as_deref().map(|name| name.split_once(' ').unwrap_or((name, ""))) {
        Some((first, last)) => (Some(first), Some(last).filter(|last| !last.is_empty())),
        None => (None, None),
    }
}

/// A machine's token, without the token.
pub(super) fn machine_token_json(token: &MachineToken) -> Value {
    let mut value = json!({
        "object": token.kind.object(),
        "id": token.id,
        "subject": token.subject,
        "scopes": token.scopes,
        "revoked": token.revoked,
        "revocation_reason": null,
        "expired": false,
        "expiration": token.expires_at.map(nostore_message::UnixTime::millis),
        "created_at": token.created_at.millis(),
        "updated_at": token.created_at.millis(),
    });
    let Some(members) = value.as_object_mut() else {
        return value;
    };
    let mut more = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
    if token.kind == MachineTokenKind::Oauth {
        more("type", json!("oauth:access_token"));
        more("client_id", json!(token.client_id));
        return value;
    }
    more("claims", json!(token.claims));
    if token.kind == MachineTokenKind::ApiKey {
        more("type", json!("api_key"));
        more("name", json!(token.name));
        more("description", Value::Null);
        more("created_by", Value::Null);
        more("last_used_at", Value::Null);
    }
    value
}
