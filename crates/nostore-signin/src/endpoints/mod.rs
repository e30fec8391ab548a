//! What the site answers by itself: signing in and out, and the page of who may in.
//!
//! | path | |
//! |---|---|
//! | `GET /auth/sign-in?callbackUrl=…` | the sign-in page; who is signed in is sent on |
//! | `POST /auth/sign-in` | to the provider |
//! | `GET /auth/callback` | back from it |
//! | `GET`, `POST /auth/sign-out` | asks; signs out |
//! | `POST /auth/backchannel-logout` | the provider ends sessions (Back-Channel Logout 1.0) |
//! | `GET`, `POST /admin/users` | who may in, and sessions; for admins |
//!
//! # Invariants
//!
//! - Every answer is `AuthFlow`: no cache stores one.
//! - What changes something is sent by this site's own pages, or it is refused. The back channel alone is the provider's.
//! - No redirect leads to another site, but to the provider's own endpoints.
//! - Whoever may not in gets a page that says so, never a redirect.

mod admin;
mod callback;
mod returning;
mod sign_in;
mod sign_out;

use std::sync::Arc;

use nostore_message::{FieldEdit, SetCookie};
use nostore_session::{Provenance, provenance};
use nostore_web::{Answer, Exchange, SiteFuture};

#[cfg(any(test, fuzzing))]
pub use returning::returning;

use crate::SignIn;
use crate::events::{Event, Kind};
use crate::pages;
use crate::site::Site;

/// The longest body of a form that is read, in bytes.
pub const MAX_FORM_BYTES: usize = 64 * 1_024;

/// One request at one of these paths.
pub(crate) struct Ask<'a> {
    pub(crate) site: &'a Site,
    pub(crate) exchange: &'a Arc<Exchange>,
    pub(crate) body: &'a [u8],
}

impl SignIn {
    /// The paths that [`Self::answer`] answers, as patterns of route rules.
    pub const PATHS: [&'static str; 3] = ["/auth/*", "/admin/users", "/admin/users/*"];

    /// Tells whether a path is one of [`Self::PATHS`].
    #[must_use]
    pub fn is_own_path(path: &str) -> bool {
        Self::PATHS.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => path.len() > beginning.len() && path.starts_with(beginning),
            None => path == *pattern,
        })
    }

    /// Answers a request at one of [`Self::PATHS`]. `body`: the whole content, up to [`MAX_FORM_BYTES`].
    pub fn answer<'a>(&'a self, exchange: &'a Arc<Exchange>, body: &'a [u8]) -> SiteFuture<'a, Answer> {
        Box::pin(self.answered(exchange, body))
    }

    async fn answered(&self, exchange: &Arc<Exchange>, body: &[u8]) -> Answer {
        let ask = Ask { site: self.site(), exchange, body };
        let head = exchange.head();
        let method = if &*head.method == "HEAD" { "GET" } else { &*head.method };
        match (method, head.path()) {
            ("GET", "/auth/sign-in") => sign_in::show(&ask).await,
            ("POST", "/auth/sign-in") => sign_in::begin(&ask).await,
            ("GET", "/auth/callback") => callback::finish(&ask).await,
            ("GET", "/auth/sign-out") => sign_out::ask(&ask).await,
            ("POST", "/auth/sign-out") => sign_out::leave(&ask).await,
            ("POST", "/auth/backchannel-logout") => sign_out::back_channel(&ask).await,
            ("GET", "/admin/users") => admin::show(&ask).await,
            ("POST", "/admin/users") => admin::act(&ask).await,
            (_, "/auth/sign-in" | "/auth/sign-out" | "/admin/users") => {
                ask.not_with(method, "GET, HEAD, POST")
            }
            (_, "/auth/callback") => ask.not_with(method, "GET, HEAD"),
            (_, "/auth/backchannel-logout") => ask.not_with(method, "POST"),
            _ => ask.say(404, "There is no such page", "The address is not one of this site's sign-in."),
        }
    }
}

impl<'a> Ask<'a> {
    /// Reads a parameter of the query, or of a form.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let query = self.exchange.head().target.split_once('?').map_or("", |(_, query)| query);
        first(query.as_bytes(), name)
    }

    pub(crate) fn field(&self, name: &str) -> Option<String> {
        first(self.body, name)
    }

    /// Returns where a sign-in returns to: a path of this site, and not of the sign-in itself.
    pub(crate) fn back(&self, wanted: Option<&str>) -> String {
        returning::beyond(self.exchange.safe_return_path(wanted.unwrap_or("/")))
    }

    /// Names the providers: issuer and name.
    pub(crate) fn providers(&self) -> Vec<(&'a str, &'a str)> {
        let site = self.site;
        site.parties.iter().map(|party| (party.provider().issuer(), party.provider().name())).collect()
    }

    pub(crate) fn html(&self, status: u16, mut edits: Vec<FieldEdit>, page: String) -> Answer {
        edits.push(FieldEdit::set("content-type", "text/html; charset=utf-8"));
        edits.push(FieldEdit::set("content-security-policy", pages::CONTENT_SECURITY_POLICY));
        edits.push(FieldEdit::set("referrer-policy", "same-origin"));
        edits.push(FieldEdit::set("x-content-type-options", "nosniff"));
        self.exchange.respond(status, edits, page)
    }

    pub(crate) fn say(&self, status: u16, title: &str, text: &str) -> Answer {
        self.html(status, Vec::new(), pages::message(&self.site.title, title, text))
    }

    /// Sends on with 303, which turns a form into a page (RFC 9110 section 15.4.4).
    pub(crate) fn see_other(&self, mut edits: Vec<FieldEdit>, location: impl Into<String>) -> Answer {
        edits.push(FieldEdit::set("location", location.into()));
        // Neither the code of a callback nor the page that a visitor came from travels on.
        edits.push(FieldEdit::set("referrer-policy", "no-referrer"));
        self.exchange.respond(303, edits, "")
    }

    fn not_with(&self, method: &str, allow: &'static str) -> Answer {
        let text =
            format!("The method {} is not for this address.", method.chars().take(20).collect::<String>());
        let page = pages::message(&self.site.title, "Not like this", &text);
        self.html(405, vec![FieldEdit::set("allow", allow)], page)
    }

    /// Refuses what no page of this site has sent, and what one address does too often.
    pub(crate) fn guard(&self) -> Result<(), Answer> {
        if provenance(self.exchange.head()) != Provenance::OwnSite {
            self.tell_refusal("forged", "");
            return Err(self.say(
                403,
                "This form was not sent from here",
                "Open the page on this site and send the form again. A program sends its field Origin with the address of \
                 this site.",
            ));
        }
        self.not_too_often()
    }

    pub(crate) fn not_too_often(&self) -> Result<(), Answer> {
        self.site.limits.check(self.exchange.client_address()).map_err(|secs| {
            self.tell_refusal("too-often", "");
            let text = format!("Too many of these came from your network. Try again in {secs} s.");
            let page = pages::message(&self.site.title, "A moment, please", &text);
            self.html(429, vec![FieldEdit::set("retry-after", secs.to_string())], page)
        })
    }

    pub(crate) fn tell_refusal(&self, reason: &'static str, person: &str) {
        let person = person.to_owned();
        let event = Event { reason, person, ..self.site.event(self.exchange.visit()) };
        self.site.events.tell(Kind::Refusal, &event, self.exchange.visit().now);
    }

    /// The answer where the store failed: nothing was confirmed.
    pub(crate) fn store_failed(&self, error: &crate::store::StoreError) -> Answer {
        tracing::error!(error = error.code(), %error, cause = crate::site::cause(error), "the store failed");
        self.say(
            503,
            "Not at present",
            "What is kept cannot be reached at present. Nothing was changed that you would not \
            see here. Try again in a moment.",
        )
    }
}

fn first(text: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(text).find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

/// Where a sign-in under way is kept in the browser.
pub(crate) struct AttemptCookie;

/// So many sign-ins may be under way in one browser.
const MOST_ATTEMPTS: usize = 5;

impl AttemptCookie {
    fn prefix(site: &Site) -> &'static str {
        if site.origin.scheme() == nostore_message::Scheme::Https {
            "__Host-nostore.attempt."
        } else {
            "nostore.attempt."
        }
    }

    pub(crate) fn name(site: &Site, id: &str) -> String {
        format!("{}{id}", Self::prefix(site))
    }

    pub(crate) fn set(site: &Site, id: &str, sealed: &str) -> FieldEdit {
        Self::line(site, &Self::name(site, id), sealed, crate::provider::ATTEMPT_SECS)
    }

    pub(crate) fn remove(site: &Site, id: &str) -> FieldEdit {
        Self::line(site, &Self::name(site, id), "", 0)
    }

    fn line(site: &Site, name: &str, value: &str, secs: i64) -> FieldEdit {
        let line = SetCookie::new(name.to_owned(), value.to_owned()).with("Path", "/");
        let mut line = line.with("Max-Age", secs.to_string()).flag("HttpOnly");
        if site.origin.scheme() == nostore_message::Scheme::Https {
            line = line.flag("Secure");
        }
        FieldEdit::append("set-cookie", line.with("SameSite", "Lax").to_string())
    }

    /// Removes the oldest of too many, so that requests do not grow without end.
    pub(crate) fn prune(ask: &Ask<'_>) -> Vec<FieldEdit> {
        let prefix = Self::prefix(ask.site);
        let cookies = ask.exchange.head().cookies();
        let names: Vec<String> =
            cookies.iter().filter_map(|(name, _)| name.strip_prefix(prefix)).map(str::to_owned).collect();
        // Browsers send the older of two cookies with one path first (RFC 6265bis, "Retrieval Algorithm").
        let many = names.len().saturating_sub(MOST_ATTEMPTS - 1);
        names.iter().take(many).map(|id| Self::remove(ask.site, id)).collect()
    }
}
