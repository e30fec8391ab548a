//! Law: what a shared cache does with a response, and which fields make it do the right thing.
//!
//! One [`Profile`] per cache, data with sources, interpreted by one law. The middleware *emits* for
//! it ([`protect`]), the edge *executes* it ([`lookup`], [`storability`], [`Variants`]), an auditor
//! *interprets* with it, a linter *checks* against it.
//!
//! # Invariants
//!
//! - No clock, environment, I/O, randomness or `async`: `now` is always an argument.
//! - Total: any field text gives an answer, never a panic.
//! - Every [`Verdict`] names the rule that it comes from.
//! - No rule asks for a profile's name: what differs between caches is a parameter.
//!
//! # Not covered
//!
//! Validation with the origin (a response that would have to be validated before each reuse is not stored, which
//! RFC 9111 always permits), ranges and partial responses, serving stale, request collapsing, GeoIP
//! (every visitor is outside the countries that a `Netlify-Vary` lists).
//!
//! # Example
//!
//! ```
//! use nostore_cache::{Profile, Storability, storability};
//! use nostore_message::{RequestHead, ResponseHead, Scheme, UnixTime};
//!
//! let request = RequestHead {
//!     method: "GET".into(),
//!     scheme: Scheme::Https,
//!     authority: "shop.example".into(),
//!     target: "/".into(),
//!     fields: [("cookie", "sid=1")].into_iter().collect(),
//! };
//! let response = ResponseHead { status: 307, fields: [("location", "/sign-in")].into_iter().collect() };
//! let now = UnixTime::from_secs(1_000);
//! let profile = Profile::named("cloudfront").unwrap();
//! match storability(&profile, &request, &response, now, now) {
//!     Storability::Store(plan) => assert_eq!(plan.lifetime_secs, 86_400),
//!     Storability::Refuse(verdict) => panic!("{verdict}"),
//! }
//! ```
//!
//! Specifications: RFC 9111 (HTTP Caching), RFC 9213 (Targeted Cache Control), RFC 9211
//! (Cache-Status), RFC 9110 sections 12.5.5 (Vary) and 13 (conditional requests).

mod conditional;
mod control;
mod date;
mod forbidden;
mod freshness;
mod hazard;
mod intent;
mod key;
mod marks;
mod netlify_vary;
mod overrides;
mod platform;
mod profile;
mod protect;
mod store;
mod targeted;
mod variants;
mod vary;
mod verdict;

pub use conditional::not_modified;
pub use control::{CacheControl, Qualified};
pub use hazard::{Hazard, hazards, looks_like_session, looks_like_sign_in};
pub use intent::author_intent;
pub use key::{Bypass, Lookup, PrimaryKey, StoredUrl, forwarded, invalidated, lookup};
pub use marks::{Forward, Outcome, delivered, marks};
pub use netlify_vary::{NetlifyVary, Repeats};
pub use nostore_message::Intent;
pub use overrides::OperatorOverride;
pub use platform::{Detected, FolderHint, Platform, detect, netlify_vary, profile_for_folder};
pub use profile::{Confidence, Fact, Profile, SetError, UnknownProfile};
pub use protect::{FIELD_SET, Protection, SILENT_WITH_CREDENTIALS, protect};
pub use store::{Storability, StorePlan, storability};
pub use targeted::{Syntax, TARGETED_FIELDS, targeted};
pub use variants::{Selection, Variants};
pub use vary::Vary;
pub use verdict::{Rule, Verdict};
