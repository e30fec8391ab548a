//! Law: who sent this request.
//!
//! [`authenticate`] decides whether the sender is signed in, signed out, or unknown and to be sent
//! through a handshake with the identity service. It is a pure function that is run again as facts
//! arrive: it answers [`Step::Done`], or [`Step::Need`] with one question whose answer the caller
//! appends to its [`Facts`].
//!
//! # Scope
//!
//! Session tokens in cookies and in `Authorization: Bearer`, test and live keys, suffixed
//! cookies, the handshake in the token and in the nonce format. What a shell has to do is in
//! [`Decision::edits`]; an `if` about the protocol in a shell is a defect.
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
//! Satellite domains, organisation activation, machine tokens and the refresh of expired tokens:
//! rows that are still to come. Caching fields other than `Cache-Control: no-store` on redirects:
//! the cache law adds the whole field set.
//!
//! # Deviations from the reference protocol
//!
//! - URL and path are joined as text, so a path that starts with `//` stays on its own origin.
//! - A category other than a session's is refused wherever a session token is expected.
//! - Tokens are strict: no padding, JSON objects only; anything else is `token-invalid`.
//! - The loop counter stops at three *or more*, and of several counter cookies the largest counts.
//! - `redirect_url` never carries an old `__clerk_handshake`, `__clerk_handshake_nonce` or
//!   `__clerk_help`; redirects carry `Referrer-Policy: no-referrer`.
//! - So that every cookie state ends: a nonce that leads to nothing is deleted; the redirect to the clean
//!   URL is counted where it is the same URL or where a cookie hides another; a handshake whose result was
//!   of no use is tried once more and not twice.
//! - An empty `sub` is none: it would be one identity for many.
//! - Numbers in cookies are decimal digits; anything else is 0.
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
mod reason;
mod refresh;
mod rows;
mod satellite;
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
pub use key::{Instance, KeyError, PublishableKey};
pub use machine::{Machine, MachineError, TokenType, classify};
pub use name::CACHE_BUST_PARAMETER;
pub use need::{
    Answer, Facts, KeysFailure, Need, OpaqueTokenFailure, OutboundRequest, PayloadFailure, RefreshRequest,
    Step, TokenMemo,
};
pub use pattern::{OrganizationSync, PathMatch, PathPattern, PatternError, SyncTarget};
pub use reason::{Reason, RefreshError};
pub use rows::authenticate;
pub use sign_out::{EndSession, clear_cookies, end_session};
pub use target::sign_in_location;
pub use token::MAX_TOKEN_BYTES;
