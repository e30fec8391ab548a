//! Cookie sessions: claims, encrypted in cookies of the site's own, that no server keeps.
//!
//! [`SealedSessions::open`] finds the session in a request's cookies, [`SealedSessions::seal`] makes the lines that
//! put one into a browser, and [`SealedSessions::renewal`] tells when a session is to be sealed anew.
//!
//! # Formats
//!
//! - [`SealedFormat::AuthJsV5`]: what Auth.js 5 (`@auth/core`) reads and writes, so that both sides of a site share
//!   their sessions. JWE, `dir`, A256CBC-HS512, a key for each cookie name.
//! - [`SealedFormat::AuthJsV4`]: what NextAuth 4 wrote. It is read, and sealed anew in the format of the site.
//! - [`SealedFormat::Nostore`]: ours. A256GCM, which is one pass instead of two; `typ` says what it is, so that it is
//!   taken for nothing else (RFC 8725 section 3.11), and `kid` is short, because each request carries it.
//!
//! A key follows from the secret, the format and the name of the cookie: no token opens under another name or in
//! another format.
//!
//! # Claims
//!
//! Whatever the site puts in, and: `iat`, `exp` and `jti` as Auth.js writes them; `sid`, the session's id, the same in
//! every renewal; `nostore_start`, when the visitor signed in, from which the absolute lifetime counts; and
//! `nostore_version`, what a store compares to find sessions that were revoked. Auth.js keeps those that it does not
//! know. Not `auth_time`: an OpenID Provider means by it when the visitor signed in *there* (OpenID Connect Core
//! section 2), which may be long before. A session that says nothing of its start began when it was sealed.
//!
//! # Invariants
//!
//! - Total: no cookies make it panic, and they make it do a bounded amount of work.
//! - Nobody is signed in by what no secret of the list has sealed. Whatever is wrong with a token, the answer is the
//!   same.
//! - Chunks of two sessions never make one: the tag is over the whole.
//! - A chunk that was left behind signs nobody out. Exactly the names `NAME`, `NAME.0`, `NAME.1`, … are read.
//! - No session outlives `nostore_start` by more than its absolute lifetime, however often it is renewed.
//! - A response whose author made it cacheable gets no new cookie for a renewal.
//! - Randomness and time are arguments.
//!
//! # Caveats
//!
//! A sealed session cannot be taken back by deleting its cookie: a copy lives on until it expires. What a store knows
//! about `sid` and `nostore_version` is to be asked where that matters.
//!
//! With random vectors, A256GCM is good for 2^32 seals under one key (NIST SP 800-38D section 8.3): a busy site
//! rotates its secret before.
//!
//! # Example
//!
//! ```
//! use nostore_message::{Cookies, Intent, Scheme, Secret, UnixTime};
//! use nostore_session::{
//!     Lifetimes, Renewal, SealNonce, SealedClaims, SealedCookie, SealedFormat, SealedSessions, SealingSecrets,
//! };
//!
//! let secrets = SealingSecrets::new([Secret::new("a secret of at least 32 octets, from a random source")])?;
//! let cookie = SealedCookie::new(SealedFormat::Nostore, Scheme::Https);
//! let sessions = SealedSessions::new(SealedFormat::Nostore, cookie, &secrets)?;
//!
//! // After a sign-in. The octets come from the system's random source, new ones each time.
//! let now = UnixTime::from_secs(1_700_000_000);
//! let claims = SealedClaims::new([("sub".to_owned(), "user_1".into())].into_iter().collect());
//! let lines = sessions.seal(&claims, &Cookies::default(), now, SealNonce::new([7; 32]))?;
//!
//! // With the next request.
//! let line = lines.cookies()[0].to_string();
//! let cookies = Cookies::parse(line.split(';').take(1));
//! let opened = sessions.open(&cookies, now)?;
//! assert_eq!(opened.sub(), Some("user_1"));
//! assert_eq!(sessions.renewal(&opened, now, Intent::Silent), Renewal::Keep);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Not covered
//!
//! Sign-in, and the stores that revoke. The other cookies of Auth.js (`csrf-token`, `callback-url`, `state`, …).
//!
//! Specifications: RFC 7516; RFC 7518 sections 4.5 and 5.2; RFC 7519 section 4.1; RFC 7638; RFC 5869; RFC 6265bis,
//! "Cookie Name Prefixes" and "Limits".

mod claims;
mod cookie;
mod error;
mod format;
mod jar;
mod lifetime;
mod open;
mod seal;
mod secrets;

use nostore_message::UnixTime;

pub use claims::SealedClaims;
pub use cookie::SealedCookie;
pub use error::{Refused, RefusedReason, SealError, SealedConfigError};
pub use format::SealedFormat;
pub use lifetime::{Lifetimes, Renewal, RenewalReason};
pub use open::Opened;
pub use seal::{MAX_SEALED_CHARS, SealNonce, SetCookies};
pub use secrets::{SealingSecrets, SecretsError, authjs_order};

use format::Keys;

/// How far clocks may differ, in seconds: as much as Auth.js grants.
const TOLERANCE_SECS: i64 = 15;

/// Everything that a site needs to open and to seal its sessions. Keys are derived once.
#[derive(Debug)]
pub struct SealedSessions {
    main: Source,
    others: Vec<Source>,
    lifetimes: Lifetimes,
}

/// Where sessions are looked for.
#[derive(Debug)]
struct Source {
    cookie: SealedCookie,
    keys: Keys,
}

impl SealedSessions {
    /// Seals and opens sessions in `format`, in that cookie, with these secrets.
    ///
    /// # Errors
    ///
    /// [`SealedConfigError::ReadOnly`] for a format that is only read.
    pub fn new(
        format: SealedFormat,
        cookie: SealedCookie,
        secrets: &SealingSecrets,
    ) -> Result<Self, SealedConfigError> {
        if !format.seals() {
            return Err(SealedConfigError::ReadOnly { found: format });
        }
        let main = Source { keys: Keys::derive(format, cookie.name(), secrets)?, cookie };
        Ok(Self { main, others: Vec::new(), lifetimes: Lifetimes::default() })
    }

    /// Looks for sessions of another format or in another cookie too, where there is none in the site's own. They are
    /// sealed anew as the site's own, and the other cookie then expires.
    ///
    /// # Errors
    ///
    /// [`SealedConfigError::Library`], which is not expected.
    pub fn also_opens(
        mut self,
        format: SealedFormat,
        cookie: SealedCookie,
        secrets: &SealingSecrets,
    ) -> Result<Self, SealedConfigError> {
        self.others.push(Source { keys: Keys::derive(format, cookie.name(), secrets)?, cookie });
        Ok(self)
    }

    /// Sets how long sessions live.
    #[must_use]
    pub const fn lifetimes(mut self, lifetimes: Lifetimes) -> Self {
        self.lifetimes = lifetimes;
        self
    }

    /// Returns the names of the cookies that are read, without those of the chunks.
    pub fn cookie_names(&self) -> impl Iterator<Item = &str> {
        self.sources().map(|source| source.cookie.name())
    }

    /// Tells whether a session is to be sealed anew, and whether now.
    ///
    /// It is where it was sealed with another secret than the first, where it was found in another format or cookie,
    /// and where it is older than `update_age` and would live longer afterwards. It waits while the author of the
    /// response has made it cacheable (`intent`): a cookie would take that away.
    ///
    /// Leftovers alone are no reason: a cookie that was set with another path or domain cannot be expired from here, and
    /// every response would try once more. They go with the next renewal; [`Opened::leftovers`] names them.
    #[must_use]
    pub fn renewal(&self, opened: &Opened, now: UnixTime, intent: nostore_message::Intent) -> Renewal {
        lifetime::renewal(&self.lifetimes, opened, now, intent)
    }

    fn sources(&self) -> impl Iterator<Item = &Source> {
        [&self.main].into_iter().chain(&self.others)
    }
}
