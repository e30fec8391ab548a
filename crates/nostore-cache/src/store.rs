//! Whether a response is stored, and what is stored of it (RFC 9111 section 3).

use nostore_message::{FieldEdit, RequestHead, ResponseHead, UnixTime};

use crate::control::CacheControl;
use crate::date;
use crate::freshness::{self, Effective, effective};
use crate::key::{illegible, passed};
use crate::marks::delivered;
use crate::netlify_vary::NetlifyVary;
use crate::profile::{
    Authorization, Law, NetlifyVaryRule, Profile, RequestDirectives, SetCookieRule, Silence, StatusClass,
    VaryRule,
};
use crate::vary::Vary;
use crate::verdict::{
    AGE, AUTHENTICATED, HEURISTIC, PARTIAL, REQUEST, RESPONSE, Rule, VARYING, Verdict, period,
};

/// Whether a response is stored.
#[expect(clippy::large_enum_variant, reason = "made once per response and taken apart at once")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Storability {
    /// It is not, and why.
    Refuse(Verdict),
    /// It is, like this.
    Store(StorePlan),
}

/// How a response is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StorePlan {
    /// The freshness lifetime in seconds, above 0.
    pub lifetime_secs: i64,
    /// How old the response was when it came, in seconds, below the lifetime.
    pub age_secs: i64,
    /// When it came, in the cache's wall time.
    pub response_time: UnixTime,
    /// Whether it must not be served stale.
    pub must_revalidate: bool,
    /// The request fields that select it; empty where the cache does not honour `Vary`.
    pub vary: Vary,
    /// The instructions that came with it, where the cache honours them.
    pub netlify_vary: Option<NetlifyVary>,
    /// Why it is stored.
    pub verdict: Verdict,
    edits: Vec<FieldEdit>,
    visitor_edits: Vec<FieldEdit>,
}

impl StorePlan {
    /// Lists what the stored copy does not hold, or holds in addition (`Date`).
    #[must_use]
    pub fn edits(&self) -> &[FieldEdit] {
        &self.edits
    }

    /// Lists what the first visitor does not get either: what [`crate::delivered`] says, and `Set-Cookie` where storing takes
    /// it.
    #[must_use]
    pub fn visitor_edits(&self) -> &[FieldEdit] {
        &self.visitor_edits
    }

    /// Tells whether the stored copy keeps the response's `Set-Cookie` lines.
    #[must_use]
    pub fn keeps_set_cookie(&self) -> bool {
        let removed = |edit: &FieldEdit| matches!(edit, FieldEdit::Remove { name } if name.eq_ignore_ascii_case("set-cookie"));
        !self.edits.iter().chain(&self.visitor_edits).any(removed)
    }
}

/// A lifetime, and what gave it.
struct Lifetime {
    secs: i64,
    code: &'static str,
    words: String,
    rule: Rule,
}

/// Decides whether `response` to `request` is stored. `request_time` and `response_time` are when the
/// cache sent the one and got the other, in its wall time.
#[must_use]
pub fn storability(
    profile: &Profile,
    request: &RequestHead<'_>,
    response: &ResponseHead<'_>,
    request_time: UnixTime,
    response_time: UnixTime,
) -> Storability {
    match plan(profile, request, response, request_time, response_time) {
        Ok(plan) => Storability::Store(plan),
        Err(verdict) => Storability::Refuse(verdict),
    }
}

fn plan(
    profile: &Profile,
    request: &RequestHead<'_>,
    response: &ResponseHead<'_>,
    request_time: UnixTime,
    response_time: UnixTime,
) -> Result<StorePlan, Verdict> {
    let law = &profile.law;
    request_allows(law, request)?;
    let class = status_allows(law, response)?;
    let effective = effective(law, &response.fields);
    directives_allow(law, class, &effective)?;
    authorization_allows(law, request, &effective.control)?;
    if law.set_cookie == SetCookieRule::NotStored && response.fields.contains("set-cookie") {
        return Err(Verdict::new(
            "set-cookie",
            law.sources.set_cookie,
            "a response with Set-Cookie is not stored",
        ));
    }
    let vary = Vary::parse(response.fields.all("vary"));
    if law.vary == VaryRule::HonouredButCookie && vary.nominates("cookie") {
        return Err(Verdict::new(
            "vary-cookie",
            law.sources.key,
            "a response with Vary: Cookie is not stored",
        ));
    }
    if vary.is_any() && (law.vary.selects() || law.min_lifetime_secs == 0) {
        return Err(Verdict::new("vary-any", VARYING, "Vary: * lets no other request use the response"));
    }
    let lifetime = lifetime(law, class, &effective, response, response_time)?;
    let age_secs = freshness::initial_age(response, request_time, response_time);
    if age_secs >= lifetime.secs {
        let text = format!("it came {age_secs} s old, and is fresh for {}", period(lifetime.secs));
        return Err(Verdict::new("already-stale", AGE, text));
    }
    let text = format!("stored for {}: {}", period(lifetime.secs), lifetime.words);
    Ok(StorePlan {
        lifetime_secs: lifetime.secs,
        age_secs,
        response_time,
        must_revalidate: must_revalidate(&effective.control),
        vary: if law.vary.selects() { vary } else { Vary::default() },
        netlify_vary: netlify_vary(law, response),
        verdict: Verdict::new(lifetime.code, lifetime.rule, text),
        edits: edits(law, &effective.control, response, response_time),
        visitor_edits: visitor_edits(profile, response),
    })
}

fn request_allows(law: &Law, request: &RequestHead<'_>) -> Result<(), Verdict> {
    // The answer to a HEAD has no content, and so cannot stand in for that of a GET.
    if request.method != "GET" {
        let text = format!("a response to {} is not stored", request.method);
        return Err(Verdict::new("method", law.sources.methods, text));
    }
    if request.fields.contains("range") {
        return Err(Verdict::new("range", PARTIAL, "a response to a request for a range is not stored"));
    }
    if let Some(verdict) = illegible(request).or_else(|| passed(law, request)) {
        return Err(verdict);
    }
    let obeyed = law.request_directives != RequestDirectives::Ignored;
    if obeyed && CacheControl::parse(request.fields.all("cache-control")).no_store {
        return Err(Verdict::new(
            "request-no-store",
            REQUEST,
            "the visitor asked with Cache-Control: no-store",
        ));
    }
    Ok(())
}

fn visitor_edits(profile: &Profile, response: &ResponseHead<'_>) -> Vec<FieldEdit> {
    let mut edits = delivered(profile, response);
    if profile.law.set_cookie == SetCookieRule::RemovedWithStored && response.fields.contains("set-cookie") {
        edits.push(FieldEdit::remove("Set-Cookie"));
    }
    edits
}

fn status_allows(law: &Law, response: &ResponseHead<'_>) -> Result<StatusClass, Verdict> {
    match law.status_class(response.status) {
        StatusClass::Never => {
            let text = format!("a response with status {} is never stored", response.status);
            Err(Verdict::new("status", law.sources.statuses, text))
        }
        class => Ok(class),
    }
}

/// Refuses what `no-store`, `private` or `no-cache` keep out, unless a minimum of the operator's beats
/// them.
fn directives_allow(law: &Law, class: StatusClass, effective: &Effective) -> Result<(), Verdict> {
    if law.min_lifetime_secs > 0 || (class == StatusClass::Error && law.error_beats_directives) {
        return Ok(());
    }
    let control = &effective.control;
    let field = effective.field.unwrap_or("Cache-Control");
    let (code, directive) = match control {
        _ if control.no_store => ("no-store", "no-store"),
        _ if control.private.is_whole() => ("private", "private"),
        _ if control.no_cache.is_whole() => ("no-cache", "no-cache"),
        _ => return Ok(()),
    };
    Err(Verdict::new(code, RESPONSE, format!("{field}: {directive} keeps it out")))
}

fn authorization_allows(law: &Law, request: &RequestHead<'_>, control: &CacheControl) -> Result<(), Verdict> {
    let allowed = control.public || control.must_revalidate || control.s_maxage.is_some();
    if !request.fields.contains("authorization") {
        return Ok(());
    }
    match law.authorization {
        Authorization::Ignored => Ok(()),
        Authorization::Rfc9111 if allowed => Ok(()),
        Authorization::Rfc9111 => {
            let text =
                "the request carried Authorization, and the response does not say that it may be shared";
            Err(Verdict::new("authorization", AUTHENTICATED, text))
        }
        Authorization::Never => {
            let text = "the request carried Authorization";
            Err(Verdict::new("authorization", law.sources.methods, text))
        }
    }
}

/// Finds the lifetime: the author's, else what the profile gives to silence, between minimum and maximum.
fn lifetime(
    law: &Law,
    class: StatusClass,
    effective: &Effective,
    response: &ResponseHead<'_>,
    now: UnixTime,
) -> Result<Lifetime, Verdict> {
    let fields = &response.fields;
    let rule = law.sources.lifetime;
    // Directives that were beaten leave the operator's minimum, whatever lifetime stands beside them.
    let beaten = effective.control.forbids_sharing();
    let explicit = effective.explicit(fields, now).filter(|_| !beaten);
    let guessed = effective.control.public && law.default_lifetime == Silence::Heuristic;
    if class == StatusClass::Explicit && explicit.is_none() && !guessed {
        let text = format!("status {} is stored only with a lifetime of its own", response.status);
        return Err(Verdict::new("silent", law.sources.statuses, text));
    }
    let mut lifetime = match (class, explicit) {
        (StatusClass::Error, explicit) => {
            let (secs, words) = explicit.unwrap_or_default();
            if secs > law.error_lifetime_secs {
                Lifetime { secs, code: "explicit-lifetime", words, rule }
            } else {
                let words = format!("errors are kept for {} at least", period(law.error_lifetime_secs));
                Lifetime {
                    secs: law.error_lifetime_secs,
                    code: "error-lifetime",
                    words,
                    rule: law.sources.statuses,
                }
            }
        }
        (_, Some((secs, words))) => Lifetime { secs, code: "explicit-lifetime", words, rule },
        (_, None) if beaten => Lifetime { secs: 0, code: "silent", words: String::new(), rule },
        (class, None) => silent(law, class, response, now),
    };
    if lifetime.secs > law.max_lifetime_secs {
        lifetime.secs = law.max_lifetime_secs;
        lifetime.words.push_str(", cut to the maximum");
    }
    if lifetime.secs < law.min_lifetime_secs {
        let words = format!("the {} beats what the origin says", law.words.minimum);
        lifetime = Lifetime { secs: law.min_lifetime_secs, code: "minimum-lifetime", words, rule };
    }
    if lifetime.secs > 0 {
        return Ok(lifetime);
    }
    Err(match lifetime.code {
        "explicit-lifetime" => {
            Verdict::new("zero-lifetime", lifetime.rule, format!("{} gives it no lifetime", lifetime.words))
        }
        _ => Verdict::new("silent", lifetime.rule, lifetime.words),
    })
}

/// Finds the lifetime of a response whose author gave none.
fn silent(law: &Law, class: StatusClass, response: &ResponseHead<'_>, now: UnixTime) -> Lifetime {
    let (silence, kind) = match class {
        StatusClass::Redirect => (law.redirect_lifetime, "redirect"),
        StatusClass::Page => (law.default_lifetime, "response"),
        // `public` makes any final response storable, and then a guess lawful (RFC 9111 section 4.2.2).
        StatusClass::Error | StatusClass::Explicit | StatusClass::Never => (Silence::Heuristic, "response"),
    };
    match silence {
        Silence::Fixed(secs) => Lifetime {
            secs,
            code: "default-lifetime",
            words: if !law.cache_control && response.fields.contains("cache-control") {
                let counts = if law.accel_expires { "X-Accel-Expires" } else { "a CDN header" };
                format!(
                    "Cache-Control does not count here, and a {kind} without {counts} gets {}",
                    period(secs)
                )
            } else {
                format!("a {kind} without a lifetime gets {} here", period(secs))
            },
            rule: law.sources.lifetime,
        },
        Silence::Heuristic => {
            let secs = freshness::heuristic(law, &response.fields, now);
            let words = if secs > 0 {
                format!("{} % of the time since Last-Modified", law.heuristic_percent)
            } else {
                "it has no lifetime, and no Last-Modified to guess one from".to_owned()
            };
            Lifetime { secs, code: "heuristic-lifetime", words, rule: HEURISTIC }
        }
        Silence::Refuse => Lifetime {
            secs: 0,
            code: "silent",
            words: format!("a {kind} with status {} and no lifetime is not stored here", response.status),
            rule: law.sources.lifetime,
        },
    }
}

/// Tells whether the response must not be served stale by a shared cache.
fn must_revalidate(control: &CacheControl) -> bool {
    control.must_revalidate || control.proxy_revalidate || control.s_maxage.is_some()
}

fn netlify_vary(law: &Law, response: &ResponseHead<'_>) -> Option<NetlifyVary> {
    let NetlifyVaryRule::Honoured(repeats) = law.netlify_vary else { return None };
    response
        .fields
        .contains("netlify-vary")
        .then(|| NetlifyVary::parse_with(response.fields.all("netlify-vary"), repeats))
}

/// Lists what the stored copy loses: fields that `no-cache` or `private` name, and `Set-Cookie` where the
/// profile says so. A missing `Date` is filled in (RFC 9110 section 6.6.1).
fn edits(
    law: &Law,
    control: &CacheControl,
    response: &ResponseHead<'_>,
    response_time: UnixTime,
) -> Vec<FieldEdit> {
    let mut edits: Vec<FieldEdit> = Vec::new();
    for name in control.no_cache.fields().chain(control.private.fields()) {
        edits.push(FieldEdit::remove(name.to_owned()));
    }
    let with_it =
        matches!(law.set_cookie, SetCookieRule::RemovedFromStored | SetCookieRule::RemovedWithStored);
    if with_it || law.removes_set_cookie() {
        edits.push(FieldEdit::remove("set-cookie"));
    }
    if !response.fields.contains("date") {
        edits.extend(date::print(response_time).map(|date| FieldEdit::set("Date", date)));
    }
    edits
}
