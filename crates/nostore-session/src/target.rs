//! URLs: the one that the visitor asked for, and those that they are sent to.

use nostore_message::{RequestHead, UnixTime};
use url::{Url, form_urlencoded};

use crate::context::Context;
use crate::token::MAX_TOKEN_BYTES;
use crate::{CACHE_BUST_PARAMETER, Config, Instance, Reason, name};

/// Never part of `redirect_url`: what an earlier handshake left there, and what names a browser.
const NOT_RETURNED: [&str; 4] = [name::DEV_BROWSER, name::LEGACY_DEV_SESSION, name::HANDSHAKE, name::NONCE];

/// Taken off the URL when a handshake of a development instance has been resolved.
const CLEANED: [&str; 4] = [name::HANDSHAKE, name::HELP, name::DEV_BROWSER, name::NONCE];

/// Returns the URL that the visitor asked for, or nothing when the authority is no host.
///
/// Origin and path are joined as text and the authority is checked by itself, so neither
/// `//evil.example` nor `@evil.example` as a target leads to another origin.
pub(crate) fn public_url(request: &RequestHead<'_>) -> Option<Url> {
    request.origin()?;
    if request.target.starts_with('/') {
        Url::parse(&request.url()).ok()
    } else {
        Url::parse(&format!("{}://{}/", request.scheme, request.authority)).ok()
    }
}

/// Builds the URL of the handshake, or nothing when there is no URL to return to.
pub(crate) fn handshake_url(context: &Context<'_>, reason: &Reason) -> Option<String> {
    let url = context.url()?;
    let base = context.config.browser_base(&url.origin().ascii_serialization());
    let endpoint = Url::parse(&format!("{base}/v1/client/handshake")).ok()?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("redirect_url", without(&url, &NOT_RETURNED).as_str())
        .append_pair("__clerk_api_version", name::API_VERSION)
        .append_pair("suffixed_cookies", if context.suffixed { "true" } else { "false" })
        .append_pair("__clerk_hs_reason", &reason.text())
        .append_pair("format", "nonce");
    if let Some(token) = context.session_token().filter(|token| token.len() <= MAX_TOKEN_BYTES) {
        query.append_pair(name::SESSION, token);
    }
    if let Some(browser) = context.dev_browser.as_deref().filter(|_| context.is_development()) {
        query.append_pair(name::DEV_BROWSER, browser);
    }
    if let Some(target) = context.config.organizations().and_then(|sync| sync.target(url.path())) {
        query.append_pair("organization_id", target.parameter());
    }
    Some(format!("{endpoint}?{}", query.finish()))
}

/// Returns the URL of the request without what a handshake of a development instance put there.
pub(crate) fn cleaned(url: &Url) -> String {
    without(url, &CLEANED).into()
}

/// Builds the URL of the primary site's sign-in page, from which a development instance's visitor comes back to
/// the satellite.
pub(crate) fn primary_sign_in(context: &Context<'_>) -> Option<String> {
    let (page, back) = (Url::parse(context.config.sign_in_setting()?).ok()?, context.url()?);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs(&page)).append_pair(name::RETURN_URL, back.as_str());
    Some(with_query(&page, &query.finish()).into())
}

/// Builds the URL by which the primary site answers a satellite. `None`: what the satellite gave is no URL.
pub(crate) fn satellite_return(context: &Context<'_>, satellite: &str) -> Option<String> {
    let satellite = Url::parse(satellite).ok()?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut synced = false;
    let browser = context.dev_browser.as_deref().map(|browser| (name::DEV_BROWSER.into(), browser.into()));
    for (key, value) in pairs(&satellite).chain(browser) {
        if key != name::SYNCED {
            query.append_pair(&key, &value);
        } else if !std::mem::replace(&mut synced, true) {
            query.append_pair(name::SYNCED, "true");
        }
    }
    if !synced {
        query.append_pair(name::SYNCED, "true");
    }
    Some(with_query(&satellite, &query.finish()).into())
}

/// Puts the time into the parameter by which older hosts dodge a cache, where `location` leads to the site of
/// `request` and brings no result of a handshake: a URL that was never asked for has no stored answer.
///
/// A strategy of last resort, since every visit then has a URL of its own. `None`: the location stays as it is.
#[must_use]
pub fn with_cache_bust(request: &RequestHead<'_>, location: &str, now: UnixTime) -> Option<String> {
    let (site, target) = (public_url(request)?, Url::parse(location).ok()?);
    let brings = pairs(&target).any(|(key, _)| key == name::HANDSHAKE || key == name::NONCE);
    if target.origin() != site.origin() || brings {
        return None;
    }
    let mut target = without(&target, &[CACHE_BUST_PARAMETER]);
    target.query_pairs_mut().append_pair(CACHE_BUST_PARAMETER, &now.millis().to_string());
    Some(target.into())
}

/// Builds the URL of the sign-in page, from which the visitor comes back to `return_to`: a URL, or
/// a path on the site. `None` when the request has no usable authority.
///
/// Where `return_to` lies on another origin, the site's own root is taken instead. The
/// cache-bust parameter and what belongs to a handshake are not copied into the return URL. A
/// development instance adds the browser's name, because its sites share no cookies.
#[must_use]
pub fn sign_in_location(request: &RequestHead<'_>, config: &Config, return_to: &str) -> Option<String> {
    let site = public_url(request)?;
    let root = || site.join("/").ok();
    let back = site.join(return_to).ok().filter(|back| back.origin() == site.origin()).or_else(root)?;
    let mut dropped = NOT_RETURNED.to_vec();
    dropped.push(CACHE_BUST_PARAMETER);
    let back = if back.query().is_some() { without(&back, &dropped) } else { back };
    let origin = site.origin().ascii_serialization();
    let page = match config.sign_in_setting() {
        Some(path) if path.starts_with('/') => format!("{origin}{path}"),
        Some(url) => url.to_owned(),
        None => format!("{}/sign-in", config.browser_base(&origin)),
    };
    let mut page = Url::parse(&page).ok()?;
    page.query_pairs_mut().append_pair("redirect_url", back.as_str());
    if config.instance() == Instance::Development && page.origin() != site.origin() {
        if let Some(browser) = dev_browser(request, config) {
            page.query_pairs_mut().append_pair(name::DEV_BROWSER, &browser);
        }
    }
    Some(page.into())
}

fn dev_browser(request: &RequestHead<'_>, config: &Config) -> Option<String> {
    let cookies = request.cookies();
    let suffixed = config.publishable_key().suffixed(name::DEV_BROWSER);
    [suffixed.as_str(), name::DEV_BROWSER]
        .iter()
        .filter_map(|name| cookies.value(name))
        .find(|value| !value.is_empty())
        .map(std::borrow::Cow::into_owned)
}

/// Deletes query parameters. The rest of the query is serialised anew, as the URL Standard has it
/// for a form, even when nothing was deleted; an empty query disappears.
fn without(url: &Url, names: &[&str]) -> Url {
    let mut kept = form_urlencoded::Serializer::new(String::new());
    kept.extend_pairs(pairs(url).filter(|(key, _)| !names.contains(&&**key)));
    with_query(url, &kept.finish())
}

fn pairs(url: &Url) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(url.query().unwrap_or_default().as_bytes())
}

fn with_query(url: &Url, query: &str) -> Url {
    let mut url = url.clone();
    url.set_query(Some(query).filter(|query| !query.is_empty()));
    url
}
