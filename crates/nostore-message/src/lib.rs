//! The vocabulary of nostore: request and response heads as borrowed text, field
//! edits, cookies, wall time, secrets, origins, kinds of programs, the sensitivity of a response and its author's intent.
//!
//! # Scope
//!
//! Types that the two laws and their shells share, and the total parsers for them.
//!
//! # Invariants
//!
//! - No `http` types: frameworks disagree on their version. Conversions for `http` 1.x
//!   are in `http1`, behind a feature.
//! - No clock, I/O, randomness or environment.
//!
//! Specifications: RFC 9110 sections 5, 6 and 7.2; RFC 6265bis, "The Cookie Header Field".

mod cookie;
mod edit;
mod field;
mod head;
#[cfg(feature = "http1")]
pub mod http1;
mod intent;
mod origin;
mod program;
mod secret;
mod sensitivity;
mod time;

pub use cookie::{Cookies, SetCookie};
pub use edit::{FieldEdit, apply};
pub use field::{FieldLine, Fields};
pub use head::{RequestHead, ResponseHead};
pub use intent::Intent;
pub use origin::{Origin, OriginError, Scheme};
pub use program::client_class;
pub use secret::Secret;
pub use sensitivity::Sensitivity;
pub use time::{Clock, UnixTime};
