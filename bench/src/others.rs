//! What others do with the same token or request.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use clerk_rs::validators::authorizer::{ClerkAuthorizer, ClerkError, ClerkJwt, ClerkRequest, validate_jwt};
use clerk_rs::validators::jwks::{JwksKey, JwksProvider};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use nostore_message::RequestHead;
use serde_json::Value;

use crate::world::{Broken, World};

/// `jsonwebtoken` with a key that is made once.
pub struct JsonWebToken {
    key: DecodingKey,
    validation: Validation,
}

impl JsonWebToken {
    /// Makes the key.
    ///
    /// # Errors
    ///
    /// When the key is refused.
    pub fn new(world: &World) -> Result<Self, Broken> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_nbf = true;
        Ok(Self { key: DecodingKey::from_rsa_pem(world.pem.as_bytes())?, validation })
    }

    /// Decodes and verifies the token into a JSON value.
    ///
    /// # Panics
    ///
    /// When the token is refused.
    #[must_use]
    pub fn verify(&self, token: &str) -> Value {
        match decode::<Value>(token, &self.key, &self.validation) {
            Ok(decoded) => decoded.claims,
            Err(error) => panic!("expected a good token: {error}"),
        }
    }
}

/// `clerk-rs` with a JWK Set in memory.
pub struct ClerkRs {
    authorizer: ClerkAuthorizer<InMemory>,
}

/// One key.
pub struct InMemory(JwksKey);

struct Request<'r>(&'r RequestHead<'r>);

#[async_trait::async_trait]
impl JwksProvider for InMemory {
    type Error = ClerkError;

    async fn get_key(&self, kid: &str) -> Result<JwksKey, ClerkError> {
        if self.0.kid == kid {
            Ok(self.0.clone())
        } else {
            Err(ClerkError::Unauthorized("no key".to_owned()))
        }
    }
}

impl ClerkRequest for Request<'_> {
    fn get_header(&self, key: &str) -> Option<String> {
        self.0.fields.first(key).map(str::to_owned)
    }

    fn get_cookie(&self, key: &str) -> Option<String> {
        self.0.cookies().raw(key).map(str::to_owned)
    }
}

impl ClerkRs {
    /// Makes the authorizer.
    ///
    /// # Errors
    ///
    /// When there is no key of RSA.
    pub fn new(world: &World) -> Result<Self, Broken> {
        let jwk = world.key.jwk();
        let text = |bytes: Option<&[u8]>| bytes.map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
        let key = JwksKey {
            use_key: "sig".to_owned(),
            kty: "RSA".to_owned(),
            kid: world.key.kid().to_owned(),
            alg: "RS256".to_owned(),
            n: text(jwk.modulus()).ok_or("no modulus")?,
            e: text(jwk.exponent()).ok_or("no exponent")?,
        };
        Ok(Self { authorizer: ClerkAuthorizer::new(InMemory(key), true) })
    }

    /// Authorizes the request.
    ///
    /// # Panics
    ///
    /// When it is refused.
    #[must_use]
    pub fn authorize(&self, request: &RequestHead<'_>) -> ClerkJwt {
        accepted(ready(self.authorizer.authorize(&Request(request))))
    }

    /// Validates the token alone.
    ///
    /// # Panics
    ///
    /// As [`Self::authorize`].
    #[must_use]
    pub fn validate(&self, token: &str) -> ClerkJwt {
        accepted(ready(validate_jwt(token, Arc::clone(self.authorizer.jwks_provider()))))
    }
}

fn accepted(result: Result<ClerkJwt, ClerkError>) -> ClerkJwt {
    match result {
        Ok(jwt) => jwt,
        Err(error) => panic!("expected a good token: {error}"),
    }
}

/// Runs a future that has nothing to wait for.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("expected a future that waits for nothing"),
    }
}
