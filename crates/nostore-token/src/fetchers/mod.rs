//! Fetchers over HTTP: services of the protocol ([`FrontendFetch`]) and token endpoints of OAuth 2 ([`OAuthFetch`]).
//!
//! ```no_run
//! use nostore_message::Secret;
//! use nostore_token::fetchers::{Asker, FrontendFetch, OAuthFetch};
//! use nostore_token::oauth::OAuthClient;
//! use nostore_token::{SessionTokens, TokenKey};
//!
//! # fn read(_: &str) -> Secret { Secret::new("hush") }
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = tokio::runtime::Handle::current();
//! // The tokens of a session, for a server that has the secret key:
//! let asker = Asker::secret_key(&read("SECRET_KEY"))?;
//! let fetch = FrontendFetch::new("https://api.example", asker)?;
//! let tokens = SessionTokens::builder(fetch).build_on(runtime.clone());
//! let token = tokens.handle(TokenKey::of_session("sess_1")).get().await?;
//!
//! // Access tokens for another service:
//! let client = OAuthClient::basic("reports", read("CLIENT_SECRET"));
//! let fetch = OAuthFetch::builder("https://auth.example/oauth/token", client).scope("read").build()?;
//! let tokens = SessionTokens::builder(fetch).build_on(runtime);
//! let token = tokens.handle(TokenKey::default().audience("https://reports.example")).get().await?;
//! # let _ = token;
//! # Ok(())
//! # }
//! ```
//!
//! # Invariants
//!
//! - A secret goes out over TLS, or to this machine: anything else is refused before the first request.
//! - The provider of cryptography is given, never the process default: two at once panic at run time.
//! - A request ends in time, an answer is read up to [`MAX_ANSWER_BYTES`], and redirects are not followed.
//! - A refresh token that may have been used is not used again, unless the endpoint is known to allow it.
//! - No `Debug` and no error shows a secret, a URL's query, or what a service wrote.
//!
//! # Not covered
//!
//! Proxies, root certificates other than the web's, and a `__client` that the service replaces.
//!
//! Specifications: RFC 6749 sections 2.3.1, 3.2, 4.4, 5 and 6; RFC 8707; RFC 9700 section 4.14.

mod client;
mod endpoint;
mod frontend;
mod oauth;
mod resolver;
mod setup;

pub use client::{CONNECT, HttpClient, MAX_ANSWER_BYTES, TOTAL};
pub use frontend::{Asker, FrontendFetch};
pub use oauth::{OAuthFetch, OAuthFetchBuilder};
pub use setup::SetupError;
