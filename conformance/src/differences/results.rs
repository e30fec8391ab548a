//! Differences that are a change of the reference's result.

use nostore_session::PublishableKey;
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::read::{MAX_TOKEN_BYTES, Part, SESSIONS, accepts_several, header_token, parts, strictness};
use super::{How, Known};
use crate::backend::{Reply, SEEN_COOKIE};
use crate::case::{Case, Outcome};

pub(super) fn all() -> Vec<Known> {
    vec![
        Known {
            name: "redirect-url-without-handshake",
            why: "9.4: `redirect_url` keeps stale `__clerk_handshake*`; we strip them",
            how: How::Result(redirect_url),
        },
        Known {
            name: "template-is-no-session",
            why: "9.4: `any`/array accepts JWT-template tokens as sessions; we check the category everywhere",
            how: How::Result(template),
        },
        Known {
            name: "own-words-about-keys",
            why: "what went wrong with the JWK Set, and which audiences are expected, is told in our own words",
            how: How::Result(own_words),
        },
        Known {
            name: "cryptography-speaks-for-itself",
            why: "6.4: what the library says about a key that does not fit is its own",
            how: How::Result(cryptography),
        },
        Known {
            name: "configuration-is-checked",
            why: "a proxy or sign-in URL that is neither a URL nor a path is refused when the configuration is made",
            how: How::Result(configuration),
        },
        Known {
            name: "long-token-is-not-sent-on",
            why: "a token of more than 16 KiB is none: it does not travel in a handshake's URL",
            how: How::Result(long_token),
        },
        Known {
            name: "machine-is-described",
            why: "a verification answered without a JSON object, an id or a subject verifies nobody (the reference signs in a machine without a name, or throws)",
            how: How::Result(undescribed_machine),
        },
        Known {
            name: "repeated-parameter-is-its-text",
            why: "what `:id+` captures is a text; the reference makes a list of it, which no organization is called",
            how: How::Result(repeated_parameter),
        },
        Known {
            name: "session-id-is-one-segment",
            why: "a `sid` is encoded as one segment of the path, per cent signs too; the reference writes it as it is",
            how: How::Result(encoded_session),
        },
        Known {
            name: "directives-are-a-list",
            why: "the directives behind a nonce are a list; of a text the reference makes a cookie of each letter",
            how: How::Result(lettered_directives),
        },
    ]
}

/// A session token of another category, where several kinds of token are accepted. Of a token that we do not read
/// the category is not looked at.
fn template(case: &Case, _: &Outcome, _: &Outcome) -> Option<Outcome> {
    let token = header_token(case).filter(|token| accepts_several(case) && strictness(token).is_none())?;
    let (Part::Object(head), Part::Object(payload)) = parts(token)? else { return None };
    let category = head.get("cat")?;
    let machine = payload.get("sub").and_then(Value::as_str).is_some_and(|sub| sub.starts_with("mch_"))
        || head.get("typ").and_then(Value::as_str).is_some_and(|typ| typ.ends_with("at+jwt"));
    let machine = machine && !token.ends_with('.');
    if machine || category.as_str().is_some_and(|category| SESSIONS.contains(&category)) {
        return None;
    }
    Some(signed_out(case, "token-type-mismatch", None))
}

/// The same decision, where both sides tell what is wrong with the JWK Set, the key for it, or the audience.
fn own_words(_: &Case, reference: &Outcome, ours: &Outcome) -> Option<Outcome> {
    const PAIRS: [(&str, &str); 7] = [
        (
            "Unable to find a signing key in JWKS that matches the kid=",
            "The JWK Set has no key with the kid ",
        ),
        ("Error loading Clerk JWKS from ", "Error loading the JWK Set: "),
        ("The JWKS endpoint did not contain any signing keys.", "The JWK Set has no usable key."),
        ("The JWKS endpoint did not contain any signing keys.", "Error loading the JWK Set: "),
        ("Invalid JWT audience claim ", "Invalid JWT audience claim (aud) "),
        // What the reference's parser says about an answer that is none.
        ("", "The JWK Set could not be loaded. (code="),
        ("it is clerk_key_invalid", "The identity service refused the secret key."),
    ];
    let (theirs, own) = (reference.message.as_deref()?, ours.message.as_deref()?);
    let both = PAIRS.iter().any(|(lead, ours)| theirs.starts_with(lead) && own.starts_with(ours));
    both.then(|| with_message(reference, own))
}

/// The same decision, where both sides say that the library has failed.
fn cryptography(_: &Case, reference: &Outcome, ours: &Outcome) -> Option<Outcome> {
    const LEAD: &str = "Error verifying JWT signature. ";
    let (theirs, own) = (reference.message.as_deref()?, ours.message.as_deref()?);
    (theirs.starts_with(LEAD) && own.starts_with(LEAD)).then(|| with_message(reference, own))
}

fn configuration(case: &Case, _: &Outcome, ours: &Outcome) -> Option<Outcome> {
    let broken = |url: &Option<String>| {
        url.as_deref().is_some_and(|url| !url.is_empty() && !url.starts_with('/') && Url::parse(url).is_err())
    };
    let refused = broken(&case.options.proxy_url)
        || broken(&case.options.sign_in_url)
        || case.options.publishable_key.as_deref().is_some_and(|key| PublishableKey::parse(key).is_err());
    (refused && ours.status == "error").then(|| ours.clone())
}

fn long_token(_: &Case, reference: &Outcome, _: &Outcome) -> Option<Outcome> {
    change_location(reference, |location| {
        let pairs: Vec<_> = location.query_pairs().into_owned().collect();
        let long = |(name, value): &(String, String)| name == "__session" && value.len() > MAX_TOKEN_BYTES;
        if !pairs.iter().any(long) {
            return None;
        }
        let kept = pairs.iter().filter(|pair| !long(pair));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
        location.set_query(Some(&query));
        Some(())
    })
}

/// What was answered to an opaque token describes nobody, and the reference has signed in or thrown.
fn undescribed_machine(case: &Case, reference: &Outcome, ours: &Outcome) -> Option<Outcome> {
    let token = header_token(case)?;
    let (kind, encoded) = [("mt_", "m2m_token"), ("oat_", "oauth_token"), ("ak_", "api_key")]
        .into_iter()
        .find_map(|(prefix, kind)| Some((kind, token.strip_prefix(prefix)?)))?;
    let reply = Reply::decode(encoded).filter(|reply| reply.status / 100 == 2)?;
    let told: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    let named = |name: &str| told[name].as_str().is_some_and(|text| !text.is_empty());
    let described = reply.content_type == "application/json" && named("id") && named("subject");
    if described || !matches!(reference.status.as_str(), "signed-in" | "error") || ours.status == "error" {
        return None;
    }
    let message = "Unexpected error (code=unexpected-error, status=n/a)".to_owned();
    let mut right = signed_out(case, "unexpected-error", Some(message));
    right.token_type = Some(kind.to_owned());
    Some(right)
}

/// Where `/org-id/:id+` is a pattern, which is the only one of its kind: slashes instead of commas, and no
/// activation of what is active.
fn repeated_parameter(case: &Case, reference: &Outcome, ours: &Outcome) -> Option<Outcome> {
    let patterns = case.options.organization_sync_options.as_ref()?.organization_patterns.as_ref()?;
    patterns.iter().find(|pattern| pattern.ends_with("/:id+"))?;
    let mismatch = Some("active-organization-mismatch");
    if reference.reason.as_deref() == mismatch && ours.status == "signed-in" {
        let path = Url::parse(&case.request.url)
            .ok()?
            .path()
            .trim_start_matches("/org-id/")
            .trim_end_matches('/')
            .to_owned();
        let claims = ours.claims.as_ref()?;
        let active = claims["org_id"].as_str().or_else(|| claims["o"]["id"].as_str())?;
        return (active == path).then(|| ours.clone());
    }
    change_location(reference, |location| {
        let target = pair(location, "organization_id").filter(|target| target.contains(','))?;
        set_pair(location, "organization_id", &target.replace(',', "/"));
        Some(())
    })
}

/// What the Backend API of the cases has seen of the session id with a per cent sign.
fn encoded_session(_: &Case, reference: &Outcome, _: &Outcome) -> Option<Outcome> {
    let raw = format!("{SEEN_COOKIE}=%5B%22sess%252F7%22");
    let mut changed = reference.clone();
    let line = changed.headers.iter_mut().find(|(_, value)| value.starts_with(&raw))?;
    line.1 = line.1.replacen("sess%252F7", "sess%25252F7", 1);
    Some(changed)
}

fn lettered_directives(_: &Case, reference: &Outcome, _: &Outcome) -> Option<Outcome> {
    let letter = |(name, value): &(String, String)| name == "set-cookie" && value.chars().count() == 1;
    if reference.headers.iter().filter(|line| letter(line)).count() < 2 {
        return None;
    }
    let mut changed = reference.clone();
    changed.headers.retain(|line| !letter(line));
    Some(changed)
}

fn signed_out(case: &Case, reason: &str, message: Option<String>) -> Outcome {
    let line = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut headers = vec![line("x-clerk-auth-reason", reason), line("x-clerk-auth-status", "signed-out")];
    headers.extend(message.as_deref().map(|message| line("x-clerk-auth-message", message)));
    Outcome {
        id: case.id.clone(),
        status: "signed-out".to_owned(),
        reason: Some(reason.to_owned()),
        message,
        token_type: Some("session_token".to_owned()),
        headers,
        ..Outcome::default()
    }
}

/// Replaces the message, in the field line too.
fn with_message(reference: &Outcome, message: &str) -> Outcome {
    let mut changed = reference.clone();
    changed.message = Some(message.to_owned());
    for (name, value) in &mut changed.headers {
        if name == "x-clerk-auth-message" {
            message.clone_into(value);
        }
    }
    changed
}

/// Takes what an earlier handshake has left off the `redirect_url` in `Location`.
fn redirect_url(_: &Case, reference: &Outcome, _: &Outcome) -> Option<Outcome> {
    const DROPPED: [&str; 2] = ["__clerk_handshake", "__clerk_handshake_nonce"];
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
    let pairs =
        pairs.into_iter().map(|(key, old)| if key == name { (key, value.to_owned()) } else { (key, old) });
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    url.set_query(Some(&query));
}
