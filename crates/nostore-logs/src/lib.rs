//! Finds in logs the sessions that are used by clients that never signed in.
//!
//! # Scope
//!
//! [`Lines`] cuts what a caller reads into lines, a [`Parser`] says what a line says ([`Record`]), a [`Reader`] turns that
//! into numbers ([`Entry`]), the [`Finder`] keeps what decides, and its [`Report`] says what was found, how sure that is, and
//! which path handed sessions out.
//!
//! # Invariants
//!
//! - No clock, no environment, no network, no files: what the time is, the log says; what a file holds, the caller.
//! - Parsers are total: any octets give a record or a reason.
//! - Sessions, addresses and what programs say of themselves are hashed with a key that is drawn anew and never written.
//! - Memory is bounded: by the number of sessions, and by constants for everything else.
//!
//! # Not covered
//!
//! A thief with a program of the owner's kind: it looks like an owner who travels. Logs of several machines for the same
//! time, unless they are merged by time. Sessions whose cookie is sealed anew at each refresh: the log needs another id.

mod access;
mod agent;
mod cloudfront;
mod dossier;
mod finder;
mod format;
mod hash;
mod json;
mod lines;
mod near;
mod pattern;
mod read;
mod record;
mod report;
#[cfg(feature = "synth")]
pub mod synth;
mod table;
pub mod time;
mod trail;

pub use agent::{Kind, Kinds};
pub use finder::{Finder, Totals};
pub use format::{Format, Parser};
pub use lines::{Line, Lines, MOST_LINE};
pub use pattern::{Pattern, PatternError};
pub use read::{Act, Entry, Reader};
pub use record::{Broken, Fields, Record, Role};
pub use report::{Confidence, Finding, LIKELY, Report, Suspect, WATCH, What};
