//! Differences that are a change of the reference's result.

use url::{Url, form_urlencoded};

use super::{How, Known};
use crate::case::{Case, Outcome};

pub(super) fn all() -> Vec<Known> {
    vec![Known {
        name: "redirect-url-without-handshake",
        why: "9.4: `redirect_url` keeps stale `__clerk_handshake*`; we strip them, and `__clerk_help` with them",
        how: How::Result(redirect_url),
    }]
}

/// Takes what an earlier handshake has left off the `redirect_url` in `Location`.
fn redirect_url(_case: &Case, reference: &Outcome) -> Option<Outcome> {
    const DROPPED: [&str; 3] = ["__clerk_handshake", "__clerk_handshake_nonce", "__clerk_help"];
    change_location(reference, |location| {
        let back = pair(location, "redirect_url")?;
        let mut back = Url::parse(&back).ok()?;
        let pairs: Vec<_> = back.query_pairs().into_owned().collect();
        let kept: Vec<_> = pairs.iter().filter(|(name, _)| !DROPPED.contains(&name.as_str())).collect();
        if kept.len() == pairs.len() {
            return None;
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
        back.set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
        set_pair(location, "redirect_url", back.as_str());
        Some(())
    })
}

/// Changes the location of a redirect to the handshake endpoint.
fn change_location(reference: &Outcome, change: impl Fn(&mut Url) -> Option<()>) -> Option<Outcome> {
    let mut url = Url::parse(reference.header("location")?).ok()?;
    if !url.path().ends_with("/v1/client/handshake") {
        return None;
    }
    change(&mut url)?;
    let mut changed = reference.clone();
    let line = changed.headers.iter_mut().find(|(name, _)| name == "location")?;
    line.1 = url.into();
    Some(changed)
}

fn pair(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn set_pair(url: &mut Url, name: &str, value: &str) {
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let pairs = pairs.into_iter().map(|(key, old)| if key == name { (key, value.to_owned()) } else { (key, old) });
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    url.set_query(Some(&query));
}
