//! Sealing: the lines that put a session into a browser, and take it out again.

use std::fmt;

use nostore_message::{Cookies, FieldEdit, SetCookie, UnixTime};

use super::claims::START;
use super::{SealError, SealedClaims, SealedSessions};

/// How many characters a cookie holds before its value is cut into chunks: as with Auth.js, the 4096 octets that a
/// browser keeps of a cookie (RFC 6265bis, "Limits") without 160 for name and attributes. Auth.js reads chunks of any
/// size; with its own, each side writes the same cookies.
const CHUNK_CHARS: usize = 3_936;

/// How many characters a sealed session may have: four chunks.
///
/// A browser keeps more, 50 cookies of 4096 octets at least (RFC 6265bis, "Limits"). What is sent with each request is
/// bounded by servers and caches: by default Node takes 16 KiB of header fields, CloudFront 20,480 octets; nginx and
/// Apache take 8 KiB in one line, and have to be told to take more than two chunks.
pub const MAX_SEALED_CHARS: usize = 4 * CHUNK_CHARS;

/// 32 octets from a random source, for one seal: half for the initialization vector, half for `jti`.
///
/// They must be new and unforeseeable each time: with a vector that comes twice, A256GCM gives its key away.
pub struct SealNonce([u8; 32]);

impl SealNonce {
    /// Takes the octets.
    #[must_use]
    pub const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// Uses it up: the vector, and a UUID of version 4 (RFC 9562 section 5.4).
    fn into_vector_and_uuid(self) -> ([u8; 16], String) {
        let Self(both) = self;
        let vector = std::array::from_fn(|at| both[at]);
        let mut octets: [u8; 16] = std::array::from_fn(|at| both[at + 16]);
        octets[6] = octets[6] & 0x0f | 0x40;
        octets[8] = octets[8] & 0x3f | 0x80;
        let number = u128::from_be_bytes(octets);
        let group = |shift: u32, bits: u32| number >> shift & ((1 << bits) - 1);
        let (one, two, three, four, five) =
            (group(96, 32), group(80, 16), group(64, 16), group(48, 16), group(0, 48));
        (vector, format!("{one:08x}-{two:04x}-{three:04x}-{four:04x}-{five:012x}"))
    }
}

impl fmt::Debug for SealNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealNonce(redacted)")
    }
}

/// The `Set-Cookie` lines of a response.
#[derive(Clone, Eq, PartialEq)]
pub struct SetCookies(Vec<SetCookie<'static>>);

impl SetCookies {
    /// Returns the lines.
    #[must_use]
    pub fn cookies(&self) -> &[SetCookie<'static>] {
        &self.0
    }

    /// Returns the lines as edits. They make a response `AuthFlow`.
    pub fn edits(&self) -> impl Iterator<Item = FieldEdit> {
        self.0.iter().map(|cookie| FieldEdit::append("set-cookie", cookie.to_string()))
    }
}

/// Names the cookies and not their values.
impl fmt::Debug for SetCookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|cookie| &cookie.name)).finish()
    }
}

impl SealedSessions {
    /// Seals claims into cookies, and expires those of the request (`cookies`) that are not written again.
    ///
    /// Sets `iat`, `exp` and `jti`, and `sid` where there is none. `exp` and the cookies end with the idle lifetime, at
    /// the latest with the absolute one.
    ///
    /// # Errors
    ///
    /// [`SealError::LifetimeOver`] when the session may not go on, [`SealError::TooLong`] above [`MAX_SEALED_CHARS`].
    pub fn seal(
        &self,
        claims: &SealedClaims,
        cookies: &Cookies<'_>,
        now: UnixTime,
        nonce: SealNonce,
    ) -> Result<SetCookies, SealError> {
        let (token, until) = self.sealed(claims, now, nonce)?;
        let (cookie, name) = (&self.main.cookie, self.main.cookie.name());
        let mut lines = Vec::new();
        if token.len() <= CHUNK_CHARS {
            lines.push(cookie.line(name.to_owned(), token, until));
        } else {
            // It is base64url and dots: any place is good to cut.
            for (at, chunk) in token.as_bytes().chunks(CHUNK_CHARS).enumerate() {
                let chunk = String::from_utf8_lossy(chunk).into_owned();
                lines.push(cookie.line(format!("{name}.{at}"), chunk, until));
            }
        }
        let expired = self.expiries(cookies, |name| lines.iter().any(|line| line.name == name));
        lines.extend(expired);
        Ok(SetCookies(lines))
    }

    /// Seals claims into a token by itself.
    ///
    /// # Errors
    ///
    /// As [`Self::seal`].
    pub fn seal_token(
        &self,
        claims: &SealedClaims,
        now: UnixTime,
        nonce: SealNonce,
    ) -> Result<String, SealError> {
        Ok(self.sealed(claims, now, nonce)?.0)
    }

    /// Takes the session out of the browser: expires the site's own cookie, and whatever of a session the request
    /// carries.
    #[must_use]
    pub fn clear(&self, cookies: &Cookies<'_>) -> SetCookies {
        let cookie = &self.main.cookie;
        let mut lines = vec![cookie.expiry(cookie.name().to_owned())];
        lines.extend(self.expiries(cookies, |name| name == cookie.name()));
        SetCookies(lines)
    }

    /// Expires some cookies of the request, such as the leftovers of a session.
    #[must_use]
    pub fn expire(&self, names: &[String]) -> SetCookies {
        let line = |name: &String| {
            let source = self.sources().find(|source| source.cookie.part(name).is_some())?;
            Some(source.cookie.expiry(name.clone()))
        };
        SetCookies(names.iter().filter_map(line).collect())
    }

    fn expiries(&self, cookies: &Cookies<'_>, except: impl Fn(&str) -> bool) -> Vec<SetCookie<'static>> {
        self.expire(&self.names(cookies, except)).0
    }

    /// Returns the token, and until when it lives.
    fn sealed(
        &self,
        claims: &SealedClaims,
        now: UnixTime,
        nonce: SealNonce,
    ) -> Result<(String, i64), SealError> {
        let now = now.secs();
        let started = claims.start_secs(now);
        let until = self.lifetimes.end_secs(started, now);
        if until <= now {
            return Err(SealError::LifetimeOver);
        }
        let mut claims = claims.raw().clone();
        let (vector, id) = nonce.into_vector_and_uuid();
        if !claims.contains_key("sid") {
            claims.insert("sid".to_owned(), id.as_str().into());
        }
        for (name, secs) in [(START, started), ("iat", now), ("exp", until)] {
            claims.insert(name.to_owned(), secs.into());
        }
        claims.insert("jti".to_owned(), id.into());
        let content = serde_json::Value::Object(claims).to_string();
        let token = self.main.keys.seal(content.as_bytes(), &vector)?;
        match token.len() {
            length if length <= MAX_SEALED_CHARS => Ok((token, until)),
            found_chars => Err(SealError::TooLong { found_chars, limit_chars: MAX_SEALED_CHARS }),
        }
    }
}
