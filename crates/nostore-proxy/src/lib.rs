//! Reverse-proxy plumbing: sends a visitor's request to an upstream and brings its answer back,
//! field lines cleaned, bodies streamed, upgrades tunnelled, failures told as 502 or 504.
//!
//! It decides nothing about caching or about who is asking; the edge and the guard do that around it.
//!
//! # Invariants
//!
//! - No body is ever collected: a frame is read from one side when the other side takes it.
//! - What is meant for one hop (RFC 9110 section 7.6.1) crosses in neither direction, and what a visitor
//!   claims about earlier hops (`Forwarded`, `X-Forwarded-*`) never reaches the app.
//! - A body that the upstream did not finish ends in an error, so that the visitor's connection is cut
//!   and never looks complete.
//! - No crypto provider is installed for the process: TLS gets its provider as a value.
//!
//! # Not covered
//!
//! HTTP/2 towards the upstream, `CONNECT`, and passing interim responses on: the upstream's 1xx are read and dropped (RFC 9110
//! section 15.2 allows that to a proxy that asked for none), and `100 Continue` is answered by the server
//! that faces the visitor.
//!
//! Specifications: RFC 9110 sections 7.6, 9.2.2 and 15.6; RFC 9112 sections 3.2, 6 and 9; RFC 9113 section 8;
//! RFC 9209.

mod authority;
mod body;
mod connect;
mod error;
mod field;
mod measure;
mod page;
mod resolve;
mod serve;
mod tls;
mod tunnel;
mod upstream;

pub use authority::authority;
pub use body::{BodyError, RequestBody, ResponseBody};
pub use error::ProxyError;
pub use field::{Forwarded, clean_request, clean_response, remove_nominated, upgrade_protocol};
pub use measure::size;
pub use page::{error_page, plain_page, wants_html};
pub use serve::{Closing, Peer, ServeLimits, serve};
pub use tls::{Tls, TlsError};
pub use tunnel::Tunnel;
pub use upstream::{Answer, Limits, Upstream, UpstreamError};
