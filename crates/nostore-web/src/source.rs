//! Where a site's sessions come from: an identity service, by handshakes, or the site itself.
//!
//! The one place that tells the two apart. Everything around it, the gate and the level of a response, is the same.

use std::borrow::Cow;
use std::sync::Arc;

use nostore_message::{FieldEdit, Intent, Origin, RequestHead};
use nostore_session::{
    Config, Decision, Provenance, carries_handshake_return, clear_cookies, is_unsafe, provenance,
    sign_in_location, with_cache_bust,
};

use crate::driver::{Decided, Driver};
use crate::{Found, Refused, SignOut, SiteSessions, Unavailable, Visit, return_path};

/// Where sessions come from.
pub(crate) enum Source {
    /// An identity service.
    Handshake(Box<Handshake>),
    /// The site itself.
    Site(Arc<dyn SiteSessions>),
}

/// What handshakes need.
pub(crate) struct Handshake {
    pub(crate) config: Config,
    /// The same with the site's own sign-in page.
    pub(crate) site_config: Config,
    pub(crate) driver: Driver,
    pub(crate) eager: bool,
    pub(crate) cache_bust: bool,
    pub(crate) sign_in_path: String,
    pub(crate) sign_in_elsewhere: bool,
}

impl Source {
    pub(crate) fn handshake(&self) -> Option<&Handshake> {
        match self {
            Self::Handshake(handshake) => Some(handshake),
            Self::Site(_) => None,
        }
    }

    pub(crate) fn decide_now(&self, visit: Visit<'_>) -> Option<Decided> {
        match self {
            Self::Handshake(own) => own.driver.decide_now(visit.head, &own.config, visit.now),
            Self::Site(site) => site.find_now(visit).map(decided),
        }
    }

    pub(crate) async fn decide(&self, visit: Visit<'_>) -> Decided {
        match self {
            Self::Handshake(own) => own.driver.decide(visit.head, &own.config, visit.now).await,
            Self::Site(site) => decided(site.find(visit).await),
        }
    }

    /// Ends the session of a request. Returns what takes it out of the browser as well.
    pub(crate) async fn sign_out(&self, visit: Visit<'_>) -> (SignOut, Vec<FieldEdit>) {
        match self {
            Self::Handshake(own) => {
                let outcome = own.driver.revoke(visit.head, &own.config, visit.now).await;
                (outcome, clear_cookies(&own.config))
            }
            Self::Site(site) => site.sign_out(visit).await,
        }
    }

    /// Makes a site's own cookie anew, where the response allows it.
    pub(crate) fn renew(&self, visit: Visit<'_>, intent: Intent) -> Vec<FieldEdit> {
        match self {
            Self::Handshake(_) => Vec::new(),
            Self::Site(site) => site.renew(visit, intent),
        }
    }

    /// Tells whether a request must be decided whatever its route says.
    pub(crate) fn must_know(&self, head: &RequestHead<'_>, is_unruled_page: bool) -> bool {
        self.handshake()
            .is_some_and(|own| (own.eager && is_unruled_page) || carries_handshake_return(head, &own.config))
    }

    /// Tells whether another site's page sent a request that would change something, where a site's own cookies vouch for
    /// the visitor. With handshakes the token says for which origin it is.
    pub(crate) fn is_forged(&self, head: &RequestHead<'_>) -> bool {
        self.handshake().is_none() && is_unsafe(head) && provenance(head) == Provenance::Elsewhere
    }

    /// Names the challenge of a 401 (RFC 9110 section 15.5.2): session tokens are accepted as bearer tokens; where the site
    /// keeps its sessions by itself, its cookie is the way in.
    pub(crate) const fn challenge(&self) -> &'static str {
        match self {
            Self::Handshake(_) => "Bearer",
            Self::Site(_) => "Cookie",
        }
    }

    pub(crate) fn sign_in_location(&self, visit: Visit<'_>, public: Option<&Origin>) -> String {
        match self {
            Self::Handshake(own) => own.sign_in_location(visit.head, public),
            Self::Site(site) => site.sign_in_location(visit),
        }
    }

    pub(crate) fn tell_sent_to_sign_in(&self, visit: Visit<'_>) {
        if let Self::Site(site) = self {
            site.sent_to_sign_in(visit);
        }
    }

    pub(crate) fn tell_refused(&self, visit: Visit<'_>, why: Refused) {
        if let Self::Site(site) = self {
            site.refused(visit, why);
        }
    }

    /// Gives a redirect to the site's own URL a time stamp, where that strategy is on.
    pub(crate) fn dodging(&self, visit: Visit<'_>, edit: FieldEdit) -> FieldEdit {
        let on = self.handshake().is_some_and(|own| own.cache_bust);
        match edit {
            FieldEdit::Set { name, value } if on && name == "location" => {
                let stamped = with_cache_bust(visit.head, &value, visit.now);
                FieldEdit::Set { name, value: stamped.map_or(value, Into::into) }
            }
            other => other,
        }
    }
}

impl Handshake {
    fn sign_in_location(&self, request: &RequestHead<'_>, public: Option<&Origin>) -> String {
        if self.sign_in_elsewhere {
            return self.identity_sign_in_url(request, public, &request.target);
        }
        let origin = format!("{}://{}", request.scheme, request.authority);
        let found = sign_in_location(request, &self.site_config, &request.target);
        let path = found.as_deref().and_then(|location| location.strip_prefix(&origin));
        path.unwrap_or(&self.sign_in_path).to_owned()
    }

    /// Returns the identity service's sign-in page, which leads back to `redirect_url` where that is on the site.
    pub(crate) fn identity_sign_in_url(
        &self,
        request: &RequestHead<'_>,
        public: Option<&Origin>,
        redirect_url: &str,
    ) -> String {
        let path = return_path::safe_return_path(request, public, redirect_url);
        let found = sign_in_location(request, &self.config, &path);
        // A request without usable authority has nowhere to come back to.
        found.unwrap_or_else(|| format!("{}/sign-in", self.config.api_base()))
    }
}

fn decided(found: Result<Found, Unavailable>) -> Decided {
    match found {
        Ok(Found { session, edits, renewal_due }) => {
            let decision = Box::new(Decision::of_site(session.clone(), edits));
            Decided::Decision { decision, session, renewal_due }
        }
        Err(Unavailable) => Decided::Failed {
            status: 503,
            text: Cow::Borrowed(
                "503: who is asking cannot be found out at present. Try again in a moment.\n",
            ),
        },
    }
}
