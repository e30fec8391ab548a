//! Sessions that a site keeps by itself, in cookies of its own: what `nostore-signin` gives to the gate.
//!
//! The gate around an app is the same as with handshake sessions: lazy, with one level for each response, with its route
//! rules and its count of redirects. Who is asking is found out here.
//!
//! # Invariants
//!
//! - Nothing is asked of a store for a request without a cookie of the site's sessions.
//! - What is not known is signed out, and a store that does not answer signs nobody in.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use nostore_message::{FieldEdit, Intent, RequestHead, UnixTime};
use nostore_session::Session;

use crate::SignOut;

/// What a site's sessions do while they wait.
pub type SiteFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One request, as the site's sessions see it.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// The head, with the public scheme and authority.
    pub head: &'a RequestHead<'a>,
    /// The visitor's address, where it is known.
    pub client: Option<IpAddr>,
    /// The time.
    pub now: UnixTime,
}

/// Who was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The session; none: signed out.
    pub session: Option<Arc<Session>>,
    /// What the response must carry in any case, such as the end of a cookie whose session is over.
    pub edits: Vec<FieldEdit>,
    /// Whether the session's cookie is to be made anew, where the response allows that.
    pub renewal_due: bool,
}

/// Why it could not be found out who is asking: the answer is a 503.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unavailable;

/// Why the gate refused somebody.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// Another site's page sent the request in the visitor's name.
    Forged,
    /// The visitor is signed in, and may not.
    MayNot,
    /// Nobody is signed in.
    SignedOut,
}

/// Sessions that a site keeps by itself.
pub trait SiteSessions: fmt::Debug + Send + Sync + 'static {
    /// Names the cookies that carry a session.
    fn cookie_names(&self) -> Vec<String>;

    /// Finds who is asking where nobody has to be asked for it. `None`: call [`Self::find`].
    fn find_now(&self, visit: Visit<'_>) -> Option<Result<Found, Unavailable>>;

    /// Finds who is asking.
    fn find<'a>(&'a self, visit: Visit<'a>) -> SiteFuture<'a, Result<Found, Unavailable>>;

    /// Makes the session's cookie anew, where the author of the response has not made it cacheable (`intent`).
    fn renew(&self, visit: Visit<'_>, intent: Intent) -> Vec<FieldEdit>;

    /// Ends the session that the request carries, and takes its cookies out of the browser.
    fn sign_out<'a>(&'a self, visit: Visit<'a>) -> SiteFuture<'a, (SignOut, Vec<FieldEdit>)>;

    /// Returns the sign-in page, with the way back to the URL of the request.
    fn sign_in_location(&self, visit: Visit<'_>) -> String;

    /// Returns the path of the sign-in page.
    fn sign_in_path(&self) -> &str;

    /// Hears that somebody is sent to the sign-in page.
    fn sent_to_sign_in(&self, visit: Visit<'_>);

    /// Hears that somebody was refused.
    fn refused(&self, visit: Visit<'_>, why: Refused);
}
