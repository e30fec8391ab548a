//! Behaviour of the layers, through real axum apps.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod axum_login;
mod behaviour;
mod family_site;
mod grpc;
mod plumbing;
mod readme;
mod session;
mod support;
