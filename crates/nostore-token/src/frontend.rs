//! How a service of the protocol is asked for a session's token, and how its answer is read (sections 1.5 and 1.6 of the
//! token client's specification). Whoever has connections sends it.
//!
//! # Not covered
//!
//! Who is asking: cookies and the browser's name are the sender's to add.

use std::fmt;
use std::time::SystemTime;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::fetch::{Ask, Fetched};
use crate::slot::FetchKind;
use crate::token::SessionToken;

/// Statuses that end the session, whatever the service says besides.
const OVER: [u16; 2] = [401, 422];

/// What a 403 says of somebody who may not come back.
const BARRED: [&str; 2] = ["user_banned", "user_deactivated"];

/// What a service says that wants to see the token before.
const MISSING_EXPIRED_TOKEN: &str = "missing_expired_token";

/// What the tab of a browser is to its user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TabState {
    /// It has the focus.
    Focused,
    /// It can be seen.
    Visible,
    /// It cannot.
    Hidden,
}

/// How a service is asked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Frontend {
    /// Whether it mints tokens near the user, from the token before and without its database.
    pub mints_near: bool,
    /// What the tab is to its user, where that is known.
    pub tab: Option<TabState>,
}

/// A POST request. `Debug` shows no token.
pub struct TokenRequest {
    /// Path and query.
    pub target: String,
    form: Zeroizing<String>,
}

impl TokenRequest {
    /// The media type of the body.
    pub const CONTENT_TYPE: &'static str = "application/x-www-form-urlencoded";

    /// Returns the body. The caller keeps it out of logs.
    #[must_use]
    pub fn form(&self) -> &str {
        &self.form
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or_default();
        f.debug_struct("TokenRequest").field("path", &path).finish_non_exhaustive()
    }
}

impl TabState {
    /// Returns the protocol's name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Focused => "focused",
            Self::Visible => "visible",
            Self::Hidden => "hidden",
        }
    }
}

impl Frontend {
    /// Builds the request for a token.
    #[must_use]
    pub fn request(self, ask: &Ask) -> TokenRequest {
        let session = encoded(ask.key.session());
        let mut target = format!("/v1/client/sessions/{session}/tokens");
        let mut form = form_urlencoded::Serializer::new(String::new());
        if let Some(template) = ask.key.template_name() {
            target.push('/');
            target.push_str(&encoded(template));
        } else {
            form.append_pair("organization_id", ask.key.organization_id().unwrap_or_default());
            if let Some(tab) = self.tab {
                form.append_pair("tab_state", tab.code());
            }
            if self.mints_near {
                if let Some(previous) = &ask.previous {
                    form.append_pair("token", previous.expose());
                }
                if ask.kind == FetchKind::Forced {
                    form.append_pair("force_origin", "true");
                }
            }
        }
        if ask.kind == FetchKind::Forced {
            target.push_str("?debug=skip_cache");
        }
        TokenRequest { target, form: Zeroizing::new(form.finish()) }
    }

    /// Builds the request once more, after a service said that it wants to see the token before.
    #[must_use]
    pub fn request_with_expired(self, ask: &Ask, expired: &SessionToken) -> TokenRequest {
        let plain = Self { mints_near: false, ..self };
        let mut request = plain.request(ask);
        let join = if request.target.contains('?') { '&' } else { '?' };
        request.target.push(join);
        request.target.push_str("expired_token=");
        request.target.push_str(expired.expose());
        request
    }
}

/// Tells whether a service that answered so wants to see the token before, once.
#[must_use]
pub fn wants_expired(status: u16, body: &[u8]) -> bool {
    status == 422 && code(body).is_some_and(|code| code == MISSING_EXPIRED_TOKEN)
}

/// Reads an answer: its status, the fields `Retry-After` and `Date`, and its body.
///
/// # Errors
///
/// Why there is no token in it.
pub fn read(
    status: u16,
    (retry_after, date): (Option<&str>, Option<&str>),
    body: &[u8],
) -> Result<Fetched, Failure> {
    let service_ms = date.and_then(http_date_ms);
    match status {
        200..=299 => {
            let answer: Value =
                serde_json::from_slice(body).map_err(|_| Failure::Transient { what: "no JSON" })?;
            let raw = answer.get("jwt").or_else(|| answer.get("access_token")).and_then(Value::as_str);
            // Nothing is not "signed out": a lost network must not look like it.
            let raw = raw.filter(|raw| !raw.is_empty()).ok_or(Failure::Transient { what: "no token" })?;
            Fetched::parse(raw, service_ms)
        }
        429 => Err(Failure::Busy {
            status,
            retry_after_ms: retry_after.and_then(|text| patience_ms(text, service_ms)),
        }),
        500..=599 if retry_after.is_some() => Err(Failure::Busy {
            status,
            retry_after_ms: retry_after.and_then(|text| patience_ms(text, service_ms)),
        }),
        status if OVER.contains(&status) => Err(Failure::Unauthenticated { status }),
        403 if code(body).is_some_and(|code| BARRED.contains(&&*code)) => {
            Err(Failure::Unauthenticated { status })
        }
        400..=499 => Err(Failure::Refused { status, code: code(body).unwrap_or_default() }),
        _ => Err(Failure::Transient { what: "an unexpected status" }),
    }
}

/// The first error's code, where it is a plain one.
pub(crate) fn code(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let code = answer.get("errors")?.get(0)?.get("code")?.as_str()?;
    is_plain(code).then(|| code.to_owned())
}

/// Tells whether a code may be shown: what a service says ends up in logs.
pub(crate) fn is_plain(code: &str) -> bool {
    code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Reads `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date, which needs the service's own.
pub(crate) fn patience_ms(text: &str, service_ms: Option<i64>) -> Option<u64> {
    if let Ok(secs) = text.trim().parse::<u32>() {
        return Some(u64::from(secs) * 1_000);
    }
    let until = http_date_ms(text)?;
    u64::try_from(until.saturating_sub(service_ms?)).ok()
}

/// Reads a date of HTTP (RFC 9110 section 5.6.7), in milliseconds since 1970.
pub(crate) fn http_date_ms(text: &str) -> Option<i64> {
    let time = httpdate::parse_http_date(text.trim()).ok()?;
    i64::try_from(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// Writes a name as one segment of a path (RFC 3986 section 3.3).
pub(crate) fn encoded(segment: &str) -> String {
    form_urlencoded::byte_serialize(segment.as_bytes()).collect::<String>().replace('+', "%20")
}
