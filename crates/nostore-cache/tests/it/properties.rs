//! What holds for any text.

use nostore_cache::{
    CacheControl, FIELD_SET, Intent, Lookup, NetlifyVary, Profile, Protection, Storability, Syntax, Variants,
    Vary, author_intent, delivered, detect, forwarded, hazards, looks_like_session, looks_like_sign_in,
    lookup, protect, storability, targeted,
};
use nostore_message::{FieldEdit, Fields, RequestHead, ResponseHead, Scheme, Sensitivity, UnixTime, apply};
use proptest::prelude::*;

use crate::support::{NOW, PROFILES, obedient, profile};

/// Field names that matter to a cache, and one that does not.
const NAMES: [&str; 17] = [
    "Cache-Control",
    "CDN-Cache-Control",
    "Netlify-CDN-Cache-Control",
    "Vercel-CDN-Cache-Control",
    "Surrogate-Control",
    "X-Accel-Expires",
    "Edge-Control",
    "Expires",
    "Date",
    "Age",
    "Last-Modified",
    "Vary",
    "Netlify-Vary",
    "Set-Cookie",
    "Location",
    "Pragma",
    "X-Other",
];

const WORDS: [&str; 26] = [
    "public",
    "private",
    "no-store",
    "no-cache",
    "no-cache=\"set-cookie\"",
    "private=\"x\"",
    "max-age=60",
    "max-age=0",
    "s-maxage=60",
    "S-MaxAge=60",
    "max-age=\"60\"",
    "must-revalidate",
    "\"",
    "x=\"unterminated",
    "=",
    "*",
    "Cookie",
    "cookie=a|b",
    "query",
    "Sat, 21 Nov 2026 13:00:00 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "0",
    "/sign-in",
    "https://accounts.example/",
    "session=1",
    "",
];

fn value() -> impl Strategy<Value = String> {
    let words =
        prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..4).prop_map(|words| words.join(", "));
    prop_oneof![4 => words, 1 => ".{0,24}"]
}

fn fields(most: usize) -> impl Strategy<Value = Vec<(&'static str, String)>> {
    prop::collection::vec((prop::sample::select(NAMES.to_vec()), value()), 0..most)
}

fn response(status: u16, lines: &[(&'static str, String)]) -> ResponseHead<'static> {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.append(*name, value.clone());
    }
    ResponseHead { status, fields }
}

fn request(method: &str, target: &str, lines: &[(&'static str, String)]) -> RequestHead<'static> {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.append(*name, value.clone());
    }
    RequestHead {
        method: method.to_owned().into(),
        scheme: Scheme::Http,
        authority: "localhost:8080".into(),
        target: target.to_owned().into(),
        fields,
    }
}

fn asked() -> impl Strategy<Value = RequestHead<'static>> {
    let names = ["Cookie", "Authorization", "Cache-Control", "Accept", "Accept-Language", "Range", "Pragma"];
    let lines = prop::collection::vec((prop::sample::select(names.to_vec()), value()), 0..4);
    (
        prop::sample::select(vec!["GET", "GET", "GET", "HEAD", "POST", "?"]),
        "(/[a-z]{0,3}(\\?[a-z=&]{0,6})?|.{0,9})",
        lines,
    )
        .prop_map(|(method, target, lines)| request(method, &target, &lines))
}

fn status() -> impl Strategy<Value = u16> {
    prop_oneof![
        prop::sample::select(vec![200, 204, 206, 301, 302, 303, 304, 307, 308, 401, 403, 404, 410, 500, 503]),
        any::<u16>()
    ]
}

fn is_stored(profile: &Profile, request: &RequestHead<'_>, response: &ResponseHead<'_>) -> bool {
    matches!(storability(profile, request, response, NOW, NOW), Storability::Store(_))
}

fn any_profile() -> impl Strategy<Value = Profile> {
    prop::sample::select(PROFILES.to_vec()).prop_map(profile)
}

fn with(mut response: ResponseHead<'static>, edits: &[FieldEdit]) -> ResponseHead<'static> {
    apply(edits, &mut response.fields);
    response.fields = response.fields.into_owned();
    response
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parsers_are_total(bytes in prop::collection::vec(any::<u8>(), 0..80), more in ".{0,40}") {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines = [text.as_str(), more.as_str()];
        let _ = CacheControl::parse(lines);
        let _ = Vary::parse(lines);
        let vary = NetlifyVary::parse(lines);
        prop_assert_eq!(NetlifyVary::parse([vary.to_string().as_str()]), vary);
        let _ = (looks_like_session(&text), looks_like_sign_in(&text));
        let head = response(200, &[("CDN-Cache-Control", text.clone()), ("CDN-Cache-Control", more)]);
        for syntax in [Syntax::Lenient, Syntax::Rfc9213] {
            let _ = targeted(&head.fields, "CDN-Cache-Control", syntax);
        }
        let _ = detect(|_| Some(std::ffi::OsStr::new(&text)));
        prop_assert!(Profile::named(&text).is_err());
        for (name, _, _) in profile("netlify").parameters() {
            let _ = profile("netlify").set(name, &text);
        }
    }

    #[test]
    fn the_law_is_total(
        profile in any_profile(),
        asked in asked(),
        other in asked(),
        status in status(),
        lines in fields(8),
        millis in any::<i64>(),
        later in any::<i64>(),
    ) {
        let answer = response(status, &lines);
        let (now, later) = (UnixTime::from_millis(millis), UnixTime::from_millis(later));
        let _ = (author_intent(&answer), delivered(&profile, &answer), forwarded(&profile, &asked));
        if let Lookup::Bypass(bypass) = lookup(&profile, &asked) {
            prop_assert!(!is_stored(&profile, &asked, &answer), "{}", bypass.verdict);
        }
        if let Storability::Store(plan) = storability(&profile, &asked, &answer, now, later) {
            prop_assert!(plan.lifetime_secs > plan.age_secs && plan.age_secs >= 0);
            let _ = hazards(&profile, &asked, &answer, &plan);
            let mut variants = Variants::new();
            variants.insert(&profile, &asked, &plan, (), later);
            variants.insert(&profile, &other, &plan, (), now);
            let _ = variants.select(&profile, &other, now);
            let _ = variants.select(&profile, &asked, later);
        }
    }

    #[test]
    fn adding_no_store_never_makes_storable(
        profile in any_profile(),
        asked in asked(),
        status in status(),
        lines in fields(6),
        name in prop::sample::select(vec!["Cache-Control", "CDN-Cache-Control", "Netlify-CDN-Cache-Control"]),
        joined in any::<bool>(),
    ) {
        let answer = response(status, &lines);
        if is_stored(&profile, &asked, &answer) {
            return Ok(());
        }
        let combined = answer.fields.combined(name).filter(|_| joined).map(|value| format!("{value}, no-store"));
        let edit = match combined {
            Some(value) => FieldEdit::set(name, value),
            None => FieldEdit::append(name, "no-store"),
        };
        let answer = with(answer, &[edit]);
        prop_assert!(!is_stored(&profile, &asked, &answer), "{:?}", answer);
    }

    #[test]
    fn no_store_in_cache_control_keeps_out_wherever_cache_control_counts(
        asked in asked(),
        status in status(),
        lines in fields(6),
    ) {
        let answer = with(response(status, &lines), &[FieldEdit::append("Cache-Control", "no-store")]);
        for name in ["rfc9111", "cloudfront", "cloudfront/cookies-in-key", "amplify", "amplify/cookies-in-key"] {
            // A quoted string that closes in another line does not: lines are parsed one by one.
            prop_assert!(!is_stored(&profile(name), &asked, &answer), "{}: {:?}", name, answer);
        }
    }

    #[test]
    fn protection_is_idempotent_and_keeps_every_profile_out(
        asked in asked(),
        status in status(),
        lines in fields(10),
        flow in any::<bool>(),
        netlify in any::<bool>(),
    ) {
        let cookies = NetlifyVary::cookies(["__session", "__client"]);
        let protection = Protection {
            sensitivity: if flow { Sensitivity::AuthFlow } else { Sensitivity::Personalized },
            netlify_vary: netlify.then_some(&cookies),
            credentials: flow,
        };
        let answer = response(status, &lines);
        let once = with(answer.clone(), &protect(&protection, &answer));
        let twice = with(once.clone(), &protect(&protection, &once));
        prop_assert_eq!(&once, &twice);
        prop_assert_eq!(author_intent(&once), Intent::Uncacheable);
        for (name, value) in FIELD_SET {
            prop_assert_eq!(once.fields.all(name).collect::<Vec<_>>(), vec![value]);
        }
        prop_assert!(Vary::parse(once.fields.all("vary")).nominates("cookie"));
        if netlify {
            prop_assert_eq!(once.fields.all("netlify-vary").collect::<Vec<_>>(), vec!["cookie=__client|__session"]);
        } else {
            let before: Vec<&str> = answer.fields.all("netlify-vary").collect();
            prop_assert_eq!(once.fields.all("netlify-vary").collect::<Vec<_>>(), before);
        }
        for name in obedient() {
            prop_assert!(!is_stored(&profile(name), &asked, &once), "{} stores {:?}", name, once);
        }
    }

    #[test]
    fn a_public_response_that_spoke_is_left_alone(
        status in status(),
        lines in fields(8),
        credentials in any::<bool>(),
    ) {
        let answer = response(status, &lines);
        let public = Protection { sensitivity: Sensitivity::Public, netlify_vary: None, credentials };
        let edits = protect(&public, &answer);
        if author_intent(&answer) != Intent::Silent || !credentials {
            prop_assert_eq!(edits, vec![]);
        } else {
            let once = with(answer, &edits);
            prop_assert_eq!(author_intent(&once), Intent::Uncacheable);
            prop_assert_eq!(protect(&public, &once), vec![]);
        }
    }
}
