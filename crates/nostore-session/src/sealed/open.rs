//! Opening: which of the cookies are a session, and whose.

use std::fmt;

use nostore_message::{Cookies, UnixTime};
use serde_json::{Map, Value};

use super::claims::{START, Times, VERSION};
use super::cookie::Part;
use super::jar::Found;
use super::{Refused, RefusedReason, SealedClaims, SealedFormat, SealedSessions, Source};

/// An opened session.
#[derive(Clone)]
pub struct Opened {
    claims: Map<String, Value>,
    times: Times,
    format: SealedFormat,
    secret: usize,
    from_elsewhere: bool,
    leftovers: Vec<String>,
}

/// A token that opened, within its times.
struct Token {
    claims: Map<String, Value>,
    times: Times,
    secret: usize,
    /// How many chunks it was in; 0: it was whole.
    chunks: usize,
}

impl SealedSessions {
    /// Finds the session of a request.
    ///
    /// Of the cookies with the whole name and the chunks, the token that was sealed last counts; of equals, the whole one.
    /// Chunks count from the first on, as far as they make a token. Another cookie ([`Self::also_opens`]) is looked at
    /// where there is no session in the site's own.
    ///
    /// # Errors
    ///
    /// [`Refused`] when there is no session, with the reason of the token that came furthest.
    pub fn open(&self, cookies: &Cookies<'_>, now: UnixTime) -> Result<Opened, Refused> {
        let mut reason = RefusedReason::Absent;
        for (at, source) in self.sources().enumerate() {
            let found = Found::read(cookies, &source.cookie);
            match self.best(source, &found, now) {
                Ok(token) => {
                    let leftovers = self.names(cookies, |name| is_used(source, &token, name));
                    let from_elsewhere = at > 0;
                    let Token { claims, times, secret, .. } = token;
                    let format = source.keys.format();
                    return Ok(Opened { claims, times, format, secret, from_elsewhere, leftovers });
                }
                Err(found) => reason = reason.max(found),
            }
        }
        Err(Refused::new(reason, self.names(cookies, |_| false)))
    }

    /// Opens a token by itself.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_token(&self, token: &str, now: UnixTime) -> Result<Opened, Refused> {
        let mut reason = RefusedReason::DoesNotOpen;
        for (at, source) in self.sources().enumerate() {
            match self.read(source, token, 0, now) {
                Ok(Token { claims, times, secret, .. }) => {
                    let (format, from_elsewhere) = (source.keys.format(), at > 0);
                    return Ok(Opened {
                        claims,
                        times,
                        format,
                        secret,
                        from_elsewhere,
                        leftovers: Vec::new(),
                    });
                }
                Err(found) => reason = reason.max(found),
            }
        }
        Err(Refused::new(reason, Vec::new()))
    }

    /// Lists the names of all cookies that belong to a session, once, without some.
    pub(super) fn names(&self, cookies: &Cookies<'_>, except: impl Fn(&str) -> bool) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (name, _) in cookies.iter() {
            let belongs = self.sources().any(|source| source.cookie.part(name).is_some());
            if belongs && !except(name) && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    fn best(&self, source: &Source, found: &Found<'_>, now: UnixTime) -> Result<Token, RefusedReason> {
        let mut best: Result<Token, RefusedReason> =
            Err(if found.any() { RefusedReason::DoesNotOpen } else { RefusedReason::Absent });
        for whole in found.whole() {
            best = better(best, self.read(source, whole, 0, now));
        }
        for pick in found.picks() {
            let run = found.run(*pick);
            for (chunks, text) in run.candidates() {
                let read = self.read(source, text, chunks, now);
                let opened = !matches!(read, Err(RefusedReason::DoesNotOpen));
                best = better(best, read);
                if opened {
                    // No other number of chunks can be a token too.
                    break;
                }
            }
        }
        best
    }

    fn read(
        &self,
        source: &Source,
        text: &str,
        chunks: usize,
        now: UnixTime,
    ) -> Result<Token, RefusedReason> {
        let content = source.keys.open(text).ok_or(RefusedReason::DoesNotOpen)?;
        // Text that is known to be UTF-8 is read faster.
        let json = std::str::from_utf8(&content.octets).map_err(|_| RefusedReason::Claims)?;
        let claims: Map<String, Value> = serde_json::from_str(json).map_err(|_| RefusedReason::Claims)?;
        let times = Times::read(&claims, &self.lifetimes, now)?;
        Ok(Token { claims, times, secret: content.secret, chunks })
    }
}

/// Takes the one that was sealed last, else the first; of two that are refused, the one that came further.
fn better(
    one: Result<Token, RefusedReason>,
    other: Result<Token, RefusedReason>,
) -> Result<Token, RefusedReason> {
    match (one, other) {
        (Ok(one), Ok(other)) if other.times.issued > one.times.issued => Ok(other),
        (Ok(one), _) => Ok(one),
        (Err(_), Ok(other)) => Ok(other),
        (Err(one), Err(other)) => Err(one.max(other)),
    }
}

fn is_used(source: &Source, token: &Token, name: &str) -> bool {
    match source.cookie.part(name) {
        None => false,
        Some(Part::Whole) => token.chunks == 0,
        Some(Part::Chunk(at)) => at < token.chunks,
    }
}

impl Opened {
    /// Returns all claims.
    #[must_use]
    pub const fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// Takes all claims.
    #[must_use]
    pub fn into_claims(self) -> Map<String, Value> {
        self.claims
    }

    /// Takes the claims, to be sealed anew: the session keeps its start.
    #[must_use]
    pub fn to_claims(&self) -> SealedClaims {
        SealedClaims::continued(self.claims.clone()).with(START, self.times.started)
    }

    /// Returns the user's id: the claim `sub`, unless it is empty.
    #[must_use]
    pub fn sub(&self) -> Option<&str> {
        self.text("sub")
    }

    /// Returns the session's id: the claim `sid`, unless it is empty. Sessions that Auth.js began have one only after
    /// they were sealed here.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.text("sid")
    }

    /// Returns the e-mail address.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.text("email")
    }

    /// Returns the version that a store compares to find sessions that were revoked.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.claims.get(VERSION).and_then(Value::as_u64)
    }

    /// Returns when the visitor signed in, as far as the session tells.
    #[must_use]
    pub const fn started_at(&self) -> UnixTime {
        UnixTime::from_secs(self.times.started)
    }

    /// Returns when the session was sealed.
    #[must_use]
    pub const fn issued_at(&self) -> UnixTime {
        UnixTime::from_secs(self.times.issued)
    }

    /// Returns when the session ends if it is not renewed: the first of `exp` and both lifetimes.
    #[must_use]
    pub const fn ends_at(&self) -> UnixTime {
        UnixTime::from_secs(self.times.ends)
    }

    /// Returns the format that it was in.
    #[must_use]
    pub const fn format(&self) -> SealedFormat {
        self.format
    }

    /// Returns which secret opened it, counted from 0.
    #[must_use]
    pub const fn secret(&self) -> usize {
        self.secret
    }

    /// Lists the names of the cookies that are no part of it and can go.
    #[must_use]
    pub fn leftovers(&self) -> &[String] {
        &self.leftovers
    }

    pub(super) const fn is_from_elsewhere(&self) -> bool {
        self.from_elsewhere
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

/// Says nothing of the claims.
impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("format", &self.format)
            .field("secret", &self.secret)
            .field("times", &self.times)
            .field("leftovers", &self.leftovers)
            .finish_non_exhaustive()
    }
}
