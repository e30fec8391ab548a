//! One suite of behaviour cases that every adapter must pass, over real sockets on loopback.
//!
//! # Scope
//!
//! A case sends bytes to a site and looks at the bytes that come back: status, every field line, content,
//! piece by piece where that matters. The site is described here ([`PAGES`], [`SPECIALS`]); an adapter's
//! tests build it in their framework, with its extractors, and hand it over as an [`Adapter`].
//! [`run`] tells which cases failed, so that a broken adapter can be shown to be found out.
//!
//! # Invariants
//!
//! - The client is this crate's own and parses no more than framing: what it reports is what was sent.
//! - A sensitive response is compared line by line with the whole field set, spelt out here and not taken
//!   from the law; a public one with exactly the lines its author wrote.
//! - The clock stands at [`NOW`]. Nothing waits for time to pass: streams are released by the case.
//!
//! # Not covered
//!
//! Whether the law decides right (the crate `nostore-session`), and what caches make of the fields
//! (`nostore-cache`).

mod adapter;
mod case;
mod cases;
mod identity;
mod own;
mod readme;
mod site;
mod suite;
mod wire;

pub use adapter::{Adapter, Around, Panic, Setting, Site};
pub use case::Case;
pub use identity::NOW;
pub use readme::check_readme_diff;
pub use site::{Admins, Body, Frames, Gate, Mark, PAGES, Page, Reader, Reply, SPECIALS, Special};
pub use suite::{Failure, Report, cases, run};
