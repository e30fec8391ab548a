//! Sites on several domains: a satellite asks the primary site who is there (sections 1.4, 3.4 and 4.2 of the
//! protocol).
//!
//! # Caveat
//!
//! With test keys the primary site sends whoever comes with `__clerk_redirect_url` to the URL in it, and tells it
//! the browser's name, as the protocol has it: development sites share no cookies. Live keys never do.

use nostore_message::RequestHead;
use url::Url;

use crate::context::Context;
use crate::handshake::{done, maybe_handshake, maybe_redirect};
use crate::need::Step;
use crate::{Accepts, Config, Decision, Reason, TokenType, hop, name, target};

/// Hosts of account pages of older development instances end like this.
const LEGACY_DEVELOPMENT: [&str; 3] = [".lcl.dev", ".lclstage.dev", ".lclclerk.com"];

/// Hosts of account pages of development instances end like this.
const DEVELOPMENT: [&str; 3] = [".accounts.dev", ".accountsstage.dev", ".accounts.lclclerk.com"];

const CROSS_ORIGIN: &str = "Cross-origin request from satellite domain requires handshake";

/// Returns what keeps the configuration from deciding anything.
pub(crate) fn misconfigured(request: &RequestHead<'_>, config: &Config) -> Option<&'static str> {
    if *config.accepted() == Accepts::Only(TokenType::M2mToken) {
        return config.machine_secret().is_none().then_some(
            "Machine token authentication requires either a Machine secret key or a Clerk secret key.",
        );
    }
    if config.secret_key().is_empty() {
        return Some("Missing Clerk Secret Key.");
    }
    if config.is_satellite() { misconfigured_satellite(request, config) } else { None }
}

fn misconfigured_satellite(request: &RequestHead<'_>, config: &Config) -> Option<&'static str> {
    let sign_in_url = config.sign_in_setting();
    if config.has_test_secret() && sign_in_url.is_none() {
        return Some("Missing signInUrl. Pass a signInUrl for dev instances if an app is satellite");
    }
    let origin = request.fields.first("origin").filter(|origin| !origin.is_empty());
    if let (Some(sign_in_url), Some(origin)) = (sign_in_url, origin) {
        let Ok(url) = Url::parse(sign_in_url) else {
            return Some("The signInUrl needs to have a absolute url format.");
        };
        if url.origin().ascii_serialization() == origin {
            return Some("The signInUrl needs to be on a different origin than your satellite application.");
        }
    }
    (!config.has_domain_or_proxy()).then_some(
        "Missing domain and proxyUrl. A satellite application needs to specify a domain or a proxyUrl",
    )
}

/// What a satellite does about a document.
enum Sync {
    /// It goes on by what it knows.
    GoOn,
    /// It asks the primary site.
    Needed,
    /// It leaves the visitor signed out.
    Skipped,
}

pub(crate) fn satellite_in_production(context: &Context<'_>) -> Option<Step> {
    if context.is_development() {
        return None;
    }
    sync_or(context, |context| maybe_handshake(context, Reason::SatelliteNeedsSyncing, ""))
}

pub(crate) fn satellite_in_development(context: &Context<'_>) -> Option<Step> {
    if !context.is_development() {
        return None;
    }
    sync_or(context, |context| match target::primary_sign_in(context) {
        Some(url) => maybe_redirect(context, Reason::SatelliteNeedsSyncing, "", (Some(url), hop::SYNC_HOPS)),
        None => done(Decision::error("Invalid URL: the signInUrl of a satellite must be an absolute one.")),
    })
}

fn sync_or(context: &Context<'_>, ask: impl FnOnce(&Context<'_>) -> Step) -> Option<Step> {
    match sync(context) {
        Sync::GoOn => None,
        Sync::Needed => Some(ask(context)),
        Sync::Skipped => Some(done(Decision::signed_out(Reason::SessionTokenAndUatMissing, ""))),
    }
}

fn sync(context: &Context<'_>) -> Sync {
    if !context.config.is_satellite() || !context.loads_document() {
        return Sync::GoOn;
    }
    let synced = context.query(name::SYNCED);
    if synced.as_deref() == Some("true") {
        return Sync::GoOn;
    }
    let asked = synced.as_deref() == Some("false");
    let knows = context.session_cookie.is_some() || context.client_uat != 0;
    if !context.config.syncs_by_itself() && !knows && !asked {
        Sync::Skipped
    } else if !knows || asked {
        Sync::Needed
    } else {
        Sync::GoOn
    }
}

pub(crate) fn primary_responds(context: &Context<'_>) -> Option<Step> {
    if !context.is_development() || context.config.is_satellite() {
        return None;
    }
    let satellite = context.query(name::RETURN_URL).filter(|url| !url.is_empty())?;
    Some(match target::satellite_return(context, &satellite) {
        Some(url) => {
            maybe_redirect(context, Reason::PrimaryRespondsToSyncing, "", (Some(url), hop::SYNC_ANSWER_HOPS))
        }
        None => done(Decision::error("Invalid URL: __clerk_redirect_url must be an absolute one.")),
    })
}

/// A document that another site links to may be asked for by a satellite: it is found out once whether the
/// session is still the visitor's.
pub(crate) fn cross_origin(context: &Context<'_>) -> Option<Step> {
    if context.config.is_satellite() || !context.loads_document() || context.redirect_count != 0 {
        return None;
    }
    let referrer = context.field("referer").filter(|referrer| !is_of_site(context.request, referrer))?;
    let referrer = Url::parse(referrer).ok()?;
    let site = context.url()?.origin().ascii_serialization();
    if referrer.origin().ascii_serialization() == site || is_known(context, &referrer, &site) {
        return None;
    }
    Some(maybe_handshake(context, Reason::PrimaryDomainCrossOriginSync, CROSS_ORIGIN))
}

/// Tells of most referrers from the site itself that they are, by their text alone. Where the authority is no
/// host there is no other site to come from.
fn is_of_site(request: &RequestHead<'_>, referrer: &str) -> bool {
    let path = referrer
        .strip_prefix(request.scheme.as_str())
        .and_then(|rest| rest.strip_prefix("://"))
        .and_then(|rest| rest.strip_prefix(&*request.authority));
    path.is_some_and(|path| path.is_empty() || path.starts_with(['/', '?', '#']))
}

/// Tells whether a referrer belongs to the identity service: its own host, or its account pages.
fn is_known(context: &Context<'_>, referrer: &Url, site: &str) -> bool {
    let frontend = context.config.frontend_api(site);
    let base = Url::parse(&context.config.browser_base(site)).ok();
    let host = referrer.host_str().unwrap_or_default();
    if base.as_ref().and_then(Url::host_str).is_some_and(|own| own == host) {
        return true;
    }
    if context.is_development() && is_account_page(host) {
        return true;
    }
    let accounts = frontend.replacen("clerk.accountsstage.", "accountsstage.", 1);
    let accounts = match ["clerk.accounts.", "clerk."]
        .iter()
        .find_map(|part| accounts.find(part).map(|at| (at, part)))
    {
        Some((at, part)) => format!("{}accounts.{}", &accounts[..at], &accounts[at + part.len()..]),
        None => accounts,
    };
    referrer.origin().ascii_serialization() == format!("https://{accounts}")
}

fn is_account_page(host: &str) -> bool {
    let legacy = host.starts_with("accounts.") && LEGACY_DEVELOPMENT.iter().any(|end| host.ends_with(end));
    let current =
        DEVELOPMENT.iter().any(|end| host.strip_suffix(end).is_some_and(|name| !name.ends_with(".clerk")));
    legacy || current
}
