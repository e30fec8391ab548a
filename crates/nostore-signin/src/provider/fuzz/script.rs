//! A provider that answers from a script, and holds what it is asked against what may be asked.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::Uri;
use url::Url;

use super::choices::Choices;
use crate::provider::error::Fault;
use crate::provider::http::{Answered, Script};

/// The bodies of a provider's answers, each with a status and a content type.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) discovery: Reply,
    /// The JWK Set, and the one after it: providers change their keys.
    pub(super) keys: [Reply; 2],
    pub(super) token: Reply,
    pub(super) userinfo: Reply,
    pub(super) emails: Reply,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    status: u16,
    content_type: Option<&'static str>,
    body: Vec<u8>,
}

impl Reply {
    /// Takes a body as a provider in good health sends it, mostly.
    pub(super) fn new(choices: &mut Choices<'_>, body: impl Into<Vec<u8>>) -> Self {
        let body = if choices.goes_wrong() { broken(choices, body.into()) } else { body.into() };
        let types = [Some("application/json"), None, Some("text/html"), Some("application/json;charset=x")];
        let statuses = [200, 400, 401, 403, 404, 302, 500, 204, 0];
        Self { status: choices.pick_odd(&statuses), content_type: choices.pick_odd(&types), body }
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }
}

/// Something else instead, or something else in the middle of it.
fn broken(choices: &mut Choices<'_>, mut body: Vec<u8>) -> Vec<u8> {
    if choices.below(2) == 0 {
        return choices.bytes().to_vec();
    }
    let at = (choices.below(256) * 256 + choices.below(256)).min(body.len());
    let end = (at + choices.below(64)).min(body.len());
    body.splice(at..end, choices.bytes().iter().copied());
    body
}

/// The provider, for as long as a case lasts.
#[derive(Debug)]
pub(super) struct Scripted {
    pub(super) answers: Answers,
    /// Whether plain HTTP may be spoken to this machine.
    pub(super) on_loopback: bool,
    asked: Mutex<Asked>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub(super) keys: usize,
    pub(super) tokens: usize,
    pub(super) userinfo: usize,
}

impl Scripted {
    pub(super) fn new(answers: Answers, on_loopback: bool) -> Self {
        Self { answers, on_loopback, asked: Mutex::default() }
    }

    /// How often what was asked.
    pub(super) fn asked(&self) -> Asked {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing goes over plain HTTP but to this machine, by the name that a connection is made to.
    fn may_be_asked(&self, url: &Uri) {
        let host = url.host().expect("a host to connect to");
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let address = bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let named =
            host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
        match url.scheme_str() {
            Some("https") => {}
            Some("http") => assert!(self.on_loopback && (address || named), "plain HTTP to {url}"),
            scheme => panic!("{scheme:?}: {url}"),
        }
        let read = Url::parse(&url.to_string()).expect("a URL");
        assert_eq!(read.host_str(), Some(host), "{url} is another host to another reader");
        let authority = url.authority().expect("an authority").as_str();
        assert!(!authority.contains('@'), "credentials in {url}");
    }
}

impl Script for Scripted {
    fn answer(&self, url: &Uri, body: &[u8]) -> Result<Answered, Fault> {
        self.may_be_asked(url);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let path = url.path();
        let reply = if !body.is_empty() {
            asked.tokens += 1;
            assert!(asked.tokens == 1, "a code or a refresh token was sent twice");
            &self.answers.token
        } else if path.ends_with("/.well-known/openid-configuration") {
            &self.answers.discovery
        } else if path.ends_with("/keys") {
            asked.keys += 1;
            self.answers.keys.get(asked.keys - 1).expect("keys are asked for twice at most")
        } else if path.ends_with("/emails") {
            &self.answers.emails
        } else {
            asked.userinfo += 1;
            &self.answers.userinfo
        };
        let Reply { status, content_type, body } = reply.clone();
        match status {
            0 => Err(Fault::NoAnswer),
            _ => Ok(Answered {
                status,
                content_type: content_type.map(str::to_owned),
                body: Bytes::from(body),
            }),
        }
    }
}
