//! Behaviour of the middleware, through real actix apps.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod behaviour;
mod own;
mod readme;
mod site;
