//! How a service of the protocol is asked by a server for a session's token: the Backend API, with the instance's secret
//! key. Whoever has connections sends it.
//!
//! # Not covered
//!
//! Who is asking: the field `Authorization` with the secret key is the sender's to add.
//!
//! Specifications: the handshake protocol, section 7.1.

use crate::failure::Failure;
use crate::fetch::{Ask, Fetched};
use crate::frontend::{code, encoded, read as read_answer};

/// How a service is asked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Backend {
    /// How long the token is to live, in seconds, where it is not left to the service.
    pub lifetime_secs: Option<u32>,
}

/// A POST request. There is no secret in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BackendRequest {
    /// The path.
    pub target: String,
    /// The body: a JSON object.
    pub body: String,
}

impl BackendRequest {
    /// The media type of the body.
    pub const CONTENT_TYPE: &'static str = "application/json";
}

impl Backend {
    /// Builds the request for a token. It is for the organization that is active in the session.
    ///
    /// # Errors
    ///
    /// When the entry names an organization: this API takes none.
    pub fn request(self, ask: &Ask) -> Result<BackendRequest, Failure> {
        if ask.key.organization_id().is_some() {
            return Err(Failure::Unsupported { what: "an organization" });
        }
        let mut target = format!("/v1/sessions/{}/tokens", encoded(ask.key.session()));
        if let Some(template) = ask.key.template_name() {
            target.push('/');
            target.push_str(&encoded(template));
        }
        let body = match self.lifetime_secs {
            Some(secs) => format!("{{\"expires_in_seconds\":{secs}}}"),
            None => "{}".to_owned(),
        };
        Ok(BackendRequest { target, body })
    }
}

/// Reads an answer: its status, the fields `Retry-After` and `Date`, and its body.
///
/// # Errors
///
/// Why there is no token in it. 401 and 422 are about the key and the parameters, not about the session, so that they
/// refuse and end nothing.
pub fn read(status: u16, fields: (Option<&str>, Option<&str>), body: &[u8]) -> Result<Fetched, Failure> {
    match read_answer(status, fields, body) {
        Err(Failure::Unauthenticated { status: status @ (401 | 422) }) => {
            Err(Failure::Refused { status, code: code(body).unwrap_or_default() })
        }
        other => other,
    }
}
