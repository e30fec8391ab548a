//! The emulated CDN: a streaming reverse proxy around the cache law.
//!
//! A request is looked up, forwarded where nothing fresh is stored, and its response is streamed to the
//! visitor while a copy is kept, if the profile's cache would keep one. What would be stored, under which key, for how
//! long and with which marks is `nostore-cache`'s to say; this crate extracts, asks and applies.
//!
//! # Invariants
//!
//! - Only complete responses are stored: a body that broke off, or that the visitor did not wait for, is not.
//! - Memory is bounded by bytes: all stored responses together, all copies being made, and each of them.
//! - One [`Record`] for every finished head; what is unsafe is told when it is stored, not when it is replayed.
//! - `Nostore-Why` and `Auth-Sensitive` never reach a visitor.
//!
//! # Not covered
//!
//! - Concurrent misses are not collapsed: each goes to the origin, and the last complete answer is kept. A real
//!   CDN may hand one answer to all that wait; that leak without any stored response is not emulated here.
//! - A stale response is fetched anew rather than validated with the origin.
//! - `Cache-Status` goes out with the head. Where the length of the body is not known by then, or many copies are made
//!   at once, it may say `stored` of a response that turns out too long and is not kept; the [`Record`] says how it
//!   ended.
//! - Parts of a stored response: a request with `Range` goes to the origin.
//!
//! # Example
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use nostore_cache::Profile;
//! use nostore_edge::{Clock, Edge, EdgeConfig};
//!
//! # let clock: std::sync::Arc<dyn Clock> = std::sync::Arc::new(|| nostore_message::UnixTime::from_secs(0));
//! let mut config = EdgeConfig::new("http://127.0.0.1:3000", Profile::named("netlify")?, clock);
//! config.sink = std::sync::Arc::new(|record| drop(record.to_json()));
//! let edge = Edge::new(config)?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! edge.serve(listener, std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! Specifications: RFC 9110 section 13; RFC 9111; RFC 9211.

mod answer;
mod body;
mod config;
mod control;
mod date;
mod edge;
mod head;
mod leak;
mod record;
mod serve;
mod store;
mod tally;
mod visit;

pub use config::{EdgeConfig, EdgeError};
pub use edge::{Edge, Purge};
pub use nostore_cache::{Hazard, StoredUrl};
pub use nostore_message::Clock;
pub use record::{Handling, Record, Sink};
pub use tally::Summary;
