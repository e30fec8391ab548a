//! The silent refresh: new cookies for a session whose token has expired (sections 4.7 and 5.8 of the protocol).

use std::sync::Arc;

use nostore_message::Secret;
use serde_json::{Map, Value, json};

use crate::context::{Context, Token};
use crate::handshake::{cookies, session_token};
use crate::need::{Answer, Need, RefreshRequest};
use crate::token::{Refusal, verify_session};
use crate::{Decision, RefreshError, target};

/// Why there is no new session token.
pub(crate) enum NotRefreshed {
    /// The identity service refused, or there was nothing to ask it with.
    Failed(RefreshError),
    /// Not known yet.
    Need(Need),
}

impl From<RefreshError> for NotRefreshed {
    fn from(error: RefreshError) -> Self {
        Self::Failed(error)
    }
}

/// Refreshes the session where the request can be: by GET, with a refresh cookie.
pub(crate) fn refresh(context: &Context<'_>) -> Result<Decision, NotRefreshed> {
    if context.request.method != "GET" {
        return Err(RefreshError::NonGet.into());
    }
    let refresh_token = context.refresh.ok_or(RefreshError::NoRefreshCookie)?;
    // The cookie's token, although it may be the header's that expired.
    let expired = context.session_token().unwrap_or_default();
    let token = Token::decode(expired, context.facts);
    let claims = token.claims().ok_or(RefreshError::ExpiredTokenDecodeFailed)?;
    let sid = claims.get("sid").and_then(Value::as_str).filter(|sid| !sid.is_empty());
    let sid = sid.ok_or(RefreshError::ExpiredTokenMissingSid)?;
    let answer = context.facts.answers.iter().find_map(|answer| match answer {
        Answer::Refresh { refresh_token: asked, result } if asked.matches(refresh_token) => Some(result),
        _ => None,
    });
    let directives = match answer {
        Some(result) => result.as_ref().map_err(Clone::clone)?,
        None => return Err(NotRefreshed::Need(need(context, sid, expired, refresh_token))),
    };
    let text = session_token(directives).ok_or(RefreshError::InvalidSessionToken)?;
    match verify_session(context, &Token::decode(text, context.facts), context.config.skew_ms()) {
        Ok(session) => {
            let verified = Some(Arc::clone(&session));
            let edits = cookies(directives).collect();
            Ok(Decision { verified, edits, ..Decision::signed_in(session) })
        }
        Err(Refusal::Need(need)) => Err(NotRefreshed::Need(need)),
        Err(Refusal::Token(_) | Refusal::Unreachable) => Err(RefreshError::InvalidSessionToken.into()),
    }
}

fn need(context: &Context<'_>, sid: &str, expired: &str, refresh_token: &str) -> Need {
    let mut fields: Map<String, Value> = Map::new();
    for line in &context.request.fields {
        let name = line.name.to_ascii_lowercase();
        if !fields.contains_key(&name) {
            let value = context.request.fields.combined(&name).unwrap_or_default();
            fields.insert(name, json!([value]));
        }
    }
    let origin = target::public_url(context.request).map(|url| url.origin().ascii_serialization());
    Need::Refresh(Box::new(RefreshRequest {
        session_id: sid.to_owned(),
        suffixed: context.suffixed,
        expired_token: Secret::new(expired),
        refresh_token: Secret::new(refresh_token),
        origin: origin.unwrap_or_default(),
        fields,
    }))
}
