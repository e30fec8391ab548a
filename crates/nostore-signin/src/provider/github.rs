//! Who somebody is at GitHub, which speaks OAuth 2 without OpenID Connect.
//!
//! # Invariants
//!
//! - The person is the number `id`: a `login` can be changed, and taken by somebody else.
//! - The address is the primary one of `/user/emails`, which says whether it is verified; the one in `/user` is whatever
//!   the person wants to show.
//!
//! Specifications: GitHub REST API, "Get the authenticated user" and "List email addresses for the authenticated user".

use serde_json::{Map, Value};

use super::claims;
use super::config::Provider;
use super::error::{Fault, ProviderError, ProviderStep};
use super::http::Http;
use super::metadata::{check, reason, unreachable};
use super::{Identity, Tokens};

/// Asks GitHub's API who the token's person is.
pub(crate) async fn identity(
    provider: &Provider,
    http: &Http,
    url: &str,
    tokens: Tokens,
) -> Result<Identity, ProviderError> {
    let user = object(url, ask(provider, http, url, &tokens).await?)?;
    let emails = provider.endpoints.emails.clone().unwrap_or_else(|| format!("{url}/emails"));
    let addresses = match ask(provider, http, &emails, &tokens).await {
        Ok(addresses) => addresses,
        // Without the scope `user:email` there is a person, but no address.
        Err(ProviderError::Unreachable { fault: Fault::Status { status: 403 | 404 }, .. }) => Value::Null,
        Err(error) => return Err(error),
    };
    read(provider, url, user, &addresses, tokens)
}

async fn ask(provider: &Provider, http: &Http, url: &str, tokens: &Tokens) -> Result<Value, ProviderError> {
    let checked = check(provider, ProviderStep::UserInfo, url)?;
    let fail = |fault| unreachable(ProviderStep::UserInfo, url, fault);
    let bearer = tokens.access.as_ref().map(nostore_message::Secret::expose);
    let answered = http.get(&checked, bearer).await.map_err(fail)?;
    if answered.status != 200 {
        return Err(fail(Fault::Status { status: answered.status }));
    }
    serde_json::from_slice(&answered.body).map_err(|error| fail(Fault::Unreadable { why: reason(&error) }))
}

fn object(url: &str, value: Value) -> Result<Map<String, Value>, ProviderError> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(unreadable(url, "no object")),
    }
}

fn read(
    provider: &Provider,
    url: &str,
    user: Map<String, Value>,
    addresses: &Value,
    tokens: Tokens,
) -> Result<Identity, ProviderError> {
    let id = user.get("id").and_then(Value::as_u64);
    let id = id.ok_or_else(|| unreadable(url, "no number `id`"))?;
    let mut addresses = addresses.as_array().into_iter().flatten();
    let primary = addresses.find(|address| address.get("primary") == Some(&Value::Bool(true)));
    let member = |name: &str| primary.and_then(|address| address.get(name));
    let email = member("email").and_then(Value::as_str).and_then(claims::normal_address);
    Ok(Identity {
        issuer: provider.issuer.clone(),
        subject: id.to_string(),
        email_verified: email.is_some() && member("verified") == Some(&Value::Bool(true)),
        email,
        name: ["name", "login"].iter().find_map(|name| claims::text(&user, name)),
        picture: claims::text(&user, "avatar_url").filter(|url| url.starts_with("https://")),
        groups: Vec::new(),
        provider_session: None,
        tokens,
        claims: user,
    })
}

fn unreadable(url: &str, why: &str) -> ProviderError {
    unreachable(ProviderStep::UserInfo, url, Fault::Unreadable { why: why.to_owned() })
}
