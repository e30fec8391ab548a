//! What this project does with the request.

use std::sync::Arc;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nostore_message::RequestHead;
use nostore_session::{Decision, Facts, Session, Step, TokenMemo, authenticate};
use nostore_web::{Begin, Sessions, Start};

use crate::world::{Broken, World};

/// A memo of one session.
#[derive(Debug)]
pub struct One(Arc<Session>);

impl TokenMemo for One {
    fn find(&self, token: &str) -> Option<Arc<Session>> {
        (self.0.token().expose() == token).then(|| Arc::clone(&self.0))
    }
}

/// Decides about a token that was never seen.
///
/// # Panics
///
/// When the visitor is not signed in: nothing else is to be measured.
#[must_use]
pub fn new_token(world: &World, request: &RequestHead<'_>) -> Box<Decision> {
    decide(world, request, None)
}

/// Decides about a token that is known.
///
/// # Panics
///
/// As [`new_token`].
#[must_use]
pub fn known_token(world: &World, request: &RequestHead<'_>, memo: &One) -> Box<Decision> {
    decide(world, request, Some(memo))
}

/// Returns a memo that knows the token.
///
/// # Errors
///
/// When the decision about the new token gave no session.
pub fn memo(world: &World) -> Result<One, Broken> {
    let decision = new_token(world, &world.request());
    Ok(One(decision.verified.ok_or("expected a verified session")?))
}

fn decide(world: &World, request: &RequestHead<'_>, memo: Option<&One>) -> Box<Decision> {
    let memo = memo.map(|memo| memo as &dyn TokenMemo);
    let facts = Facts { keys: Some(&world.keys), answers: &[], memo };
    match authenticate(request, &world.config, &facts, world.now) {
        Step::Done(decision) if decision.session().is_some() => decision,
        other => panic!("expected a signed-in visitor, found {other:?}"),
    }
}

/// The signature check alone, with a key that is parsed already.
pub struct Bare {
    key: ParsedPublicKey,
    message: String,
    signature: Vec<u8>,
}

impl Bare {
    /// Takes the token apart.
    ///
    /// # Errors
    ///
    /// When token or key are none.
    pub fn new(world: &World) -> Result<Self, Broken> {
        let jwk = world.key.jwk();
        let (n, e) = (jwk.modulus().ok_or("no modulus")?, jwk.exponent().ok_or("no exponent")?);
        let key = RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)?;
        let (message, signature) = world.token.rsplit_once('.').ok_or("no token")?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature)?;
        Ok(Self { key, message: message.to_owned(), signature })
    }

    /// Checks it.
    ///
    /// # Panics
    ///
    /// When it does not match.
    pub fn check(&self) {
        let checked = self.key.verify_sig(self.message.as_bytes(), &self.signature);
        assert!(checked.is_ok(), "expected a good signature");
    }
}

/// Sets up sessions that ask nobody.
///
/// # Errors
///
/// When they cannot be set up.
pub fn sessions(world: &World) -> Result<Sessions, Broken> {
    let config = world.config.clone().jwt_key(&world.pem)?;
    let public_url = nostore_message::Origin::parse(crate::world::SITE)?;
    Ok(Sessions::builder(config).platform(None).dev(false).eager(true).public_url(public_url).build()?)
}

/// Begins the request at the gate.
///
/// # Panics
///
/// When the request does not pass at once.
pub fn gate(sessions: &Sessions, request: &RequestHead<'_>) -> Begin {
    match sessions.start(request.clone()) {
        Start::Ready(begin @ Begin::Continue(_)) => begin,
        other => panic!("expected a request that passes, found {other:?}"),
    }
}
