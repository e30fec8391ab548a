//! The session-token client in a browser.
//!
//! [`Keeper`] is what runs in each tab: it keeps the tokens of one session, keeps the cookie `__session` fresh, and stays
//! in step with the other tabs. It is told what happens and says what is to be done; the page does it (`js/nostore.js`).
//!
//! ```text
//!   getToken, focus, timers ──> ┌────────┐ ──> fetch, cookie, lock, channel, timer
//!   answers, other tabs ──────> │ Keeper │ ──> promises, events
//!                               └────────┘
//! ```
//!
//! # Invariants
//!
//! - No clock, I/O, threads or entropy: each [`Input`] comes with a reading of the page's [`Clocks`].
//! - A session that has ended is never signed in again, whatever arrives late: answers, messages, cookies.
//! - The cookie never goes back to a token that knows less, and never to another session's unless the tab is looked at.
//! - Around a fetch there is the lock that the tabs share; around a read of a good token there is none.
//! - Tokens leave in cookies, messages, request bodies and promises, and nowhere else.
//!
//! # Not covered
//!
//! Sign-in, and what a user is: the identity service's pages and the site's server know. The page's own clock, document
//! and network: `js/nostore.js` asks those.
//!
//! Specifications: the token client's, sections 1.5 to 1.9; RFC 6265bis, "The Set-Cookie Header Field".

#[cfg(target_arch = "wasm32")]
mod abi;
mod client;
mod cookie;
mod entries;
mod keeper;
mod options;
mod page;
mod poller;
mod text;
pub mod wire;

pub use cookie::{Attributes, Held, Names};
pub use entries::Entries;
pub use keeper::{Action, Answer, Channel, Clocks, Event, Input, Keeper, Lost, Problem, Read};
pub use options::{Options, OptionsError};
pub use page::Page;
pub use poller::{FOCUSED_MS, OTHERWISE_MS, Poller};
pub use text::Text;
