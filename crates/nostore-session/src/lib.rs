//! Law: who sent this request.
//!
//! [`authenticate`] decides whether the sender is signed in, signed out, or unknown and to be sent
//! through a handshake with the identity service. It is a pure function that is run again as facts
//! arrive: it answers [`Step::Done`], or [`Step::Need`] with one question whose answer the caller
//! appends to its [`Facts`].
//!
//! # Scope
//!
//! Session tokens in cookies and in `Authorization`, test and live keys, suffixed cookies; the handshake in the
//! token and in the nonce format; the silent refresh; satellites; organizations by URL; machines' tokens, opaque
//! and signed. Sealed cookie sessions are in `sealed`. What a shell has to do is in [`Decision::all_edits`]: the protocol's edits, and in
//! [`Decision::safety`] ours. An `if` about the protocol in a shell is a defect.
//!
//! # Invariants
//!
//! - No clock, network, randomness, environment or `async`.
//! - Total: any bytes that a client can send give a [`Step`], never a panic.
//! - A [`Need`] never repeats, and there are at most five before [`Step::Done`].
//! - Nobody is signed in without a verified signature; without the feature `native` nobody is.
//! - No decision removes or adds the parameter `__clerk_netlify_cache_bust`.
//!
//! # Example
//!
//! ```
//! use nostore_message::{RequestHead, Scheme, Secret, UnixTime};
//! use nostore_session::{Config, Facts, Instance, PublishableKey, Step, authenticate};
//!
//! let key = PublishableKey::parse(&PublishableKey::encode(Instance::Production, "accounts.example.com"))?;
//! let config = Config::new(key, Secret::new("sk_live_example"));
//! let request = RequestHead {
//!     method: "GET".into(),
//!     scheme: Scheme::Https,
//!     authority: "app.example.com".into(),
//!     target: "/dashboard".into(),
//!     fields: [("cookie", "__client_uat=1"), ("sec-fetch-dest", "document")].into_iter().collect(),
//! };
//! let now = UnixTime::from_secs(1_700_000_000);
//! // The client changed, but there is no session: ask the identity service.
//! match authenticate(&request, &config, &Facts::default(), now) {
//!     Step::Done(decision) => assert!(decision.location().is_some()),
//!     Step::Need(need) => println!("{need:?}"),
//! }
//! # Ok::<(), nostore_session::KeyError>(())
//! ```
//!
//! # Not covered
//!
//! Caching fields other than `Cache-Control: no-store` on redirects: the cache law adds the whole field set.
//! Trust in forwarded fields: scheme and authority of the request are the caller's word.
//!
//! # Deviations from the reference protocol
//!
//! Decided:
//!
//! - URL and path are joined as text, so a path that starts with `//` stays on its own origin.
//! - A category other than a session's is refused wherever a session token is expected, in a handshake's
//!   directives and a refresh's answer too.
//! - Tokens are strict: no padding, JSON objects only, UTF-8; anything else is `token-invalid`.
//! - The loop counter stops at three *or more*. Redirects of a navigation are counted once more in a cookie of our
//!   own, `__nostore_hops`, which slow hops do not outlive; none begins that would lead beyond the eighth.
//!   With test keys, a satellite and its primary site each have their own.
//! - `redirect_url` never carries an old `__clerk_handshake` or `__clerk_handshake_nonce`; redirects carry
//!   `Referrer-Policy: no-referrer`. A nonce that leads to nothing is deleted.
//! - Numbers in cookies are decimal digits; anything else is 0.
//!
//! For safety, where the reference would go on with less than it should have:
//!
//! - An empty `sub` is none: it would be one identity for many. A machine without id or subject is nobody, and so
//!   is one whose description says that it is revoked or has expired.
//! - The answer to a refresh must be of the kind `cookies`.
//! - An empty list of organization patterns matches nothing. A repeated parameter of a pattern is its text.
//! - Keys and URLs of the configuration are checked when it is made. A port of 0 is no port.
//! - A prefix of an opaque token (`ak_`, `mt_`, `oat_`) decides, whatever stands behind it.
//! - Messages that the protocol does not fix are in our own words. JOSE algorithms beside its own are to be
//!   allowed ([`Config::signature_algorithms`]).
//!
//! Specifications: RFC 7515 section 5.2; RFC 7519 section 4.1; RFC 6265bis; the URL Standard,
//! "application/x-www-form-urlencoded"; the handshake protocol as this project writes it down.

mod accepts;
mod claims;
mod config;
mod context;
mod decision;
mod handshake;
mod has;
mod hop;
mod http_date;
mod jar;
mod key;
mod machine;
mod machines;
mod name;
mod need;
mod pattern;
mod provenance;
mod reason;
mod refresh;
mod rows;
mod satellite;
#[cfg(feature = "native")]
pub mod sealed;
mod sign_out;
mod suffix;
mod target;
mod token;

pub use accepts::Accepts;
pub use claims::{AuthClaims, ClaimsError, FactorAges, Organization};
pub use config::{Config, ConfigError};
pub use context::{carries_handshake_return, is_navigation};
pub use decision::{Claims, Decision, Session, Status};
pub use has::{Check, FactorLevel, Reverification};
pub use hop::{SignInTurn, count_answer, hops, sign_in_page_turn, sign_in_turn};
pub use key::{Instance, KeyError, PublishableKey, cookie_suffix};
pub use machine::{Machine, MachineError, TokenType, classify};
pub use name::CACHE_BUST_PARAMETER;
pub use need::{
    Answer, Facts, KeysFailure, Need, OpaqueTokenFailure, OutboundRequest, PayloadFailure, RefreshRequest,
    Step, TokenMemo,
};
pub use pattern::{OrganizationSync, PathMatch, PathPattern, PatternError, SyncTarget};
pub use provenance::{Provenance, is_unsafe, provenance};
pub use reason::{Reason, RefreshError};
pub use rows::authenticate;
#[cfg(feature = "native")]
pub use sealed::{
    Lifetimes, MAX_SEALED_CHARS, Opened, Refused, RefusedReason, Renewal, RenewalReason, SealError,
    SealNonce, SealedClaims, SealedConfigError, SealedCookie, SealedFormat, SealedSessions, SealingSecrets,
    SecretsError, SetCookies, authjs_order,
};
pub use sign_out::{EndSession, clear_cookies, end_session};
pub use target::{sign_in_location, with_cache_bust};
pub use token::MAX_TOKEN_BYTES;
