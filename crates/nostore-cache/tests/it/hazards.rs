//! What is dangerous to store, in plain words and without secrets.

use std::fmt::Write as _;

use nostore_cache::{FIELD_SET, Storability, hazards, looks_like_session, looks_like_sign_in};

use crate::support::{obedient, plan, profile, profile_with, request, response, stored};

fn codes(name: &str, asked: &str, answer: &str) -> String {
    let (profile, asked, answer) = (profile_with(name), request(asked), response(answer));
    let plan = plan(&profile, &asked, &answer);
    let found = hazards(&profile, &asked, &answer, &plan);
    found.iter().map(|hazard| hazard.code).collect::<Vec<_>>().join(" ")
}

#[test]
fn which_stored_responses_are_dangerous() {
    const PAGE: &str = "200 | cache-control: public, s-maxage=60";
    let sets = format!("{PAGE} | set-cookie: session=1");
    let handshake = "307 | location: https://accounts.example/v1/client/handshake?redirect_url=x";
    let rows = [
        ("cloudfront", "GET /", PAGE, ""),
        ("cloudfront", "GET / | cookie: session=1", PAGE, ""),
        ("cloudfront", "GET /", &sets, "stored-set-cookie"),
        ("cloudfront cookies-to-origin=none", "GET /", &sets, ""),
        ("cloudfront set-cookie=removed-from-stored", "GET /", &sets, ""),
        ("amplify", "GET /", &sets, "stored-set-cookie"),
        ("rfc9111", "GET /", &sets, "stored-set-cookie"),
        ("cloudfront/cookies-in-key", "GET /", &sets, "stored-set-cookie"),
        // redirects
        ("netlify", "GET /", handshake, "stored-sign-in-redirect"),
        ("cloudfront", "GET /", handshake, "stored-sign-in-redirect"),
        ("cloudfront", "GET /a", "307 | location: /sign-in", "stored-sign-in-redirect"),
        ("cloudfront", "GET /a", "302 | location: /sign-in?next=/a", "stored-sign-in-redirect"),
        ("cloudfront", "GET /a", "302 | location: https://shop.example/login", "stored-sign-in-redirect"),
        ("cloudfront", "GET /a", "302 | location: //evil.example/", "stored-sign-in-redirect"),
        ("cloudfront", "GET /a", "302 | location: //shop.example/ | cache-control: max-age=60", ""),
        (
            "cloudfront",
            "GET /a",
            "302 | location: //shop.example/login | cache-control: max-age=60",
            "stored-sign-in-redirect",
        ),
        ("cloudfront", "GET /a", "307 | location: /?__clerk_handshake=hush", "stored-sign-in-redirect"),
        (
            "cloudfront",
            "GET /a",
            "307 | location: / | set-cookie: x=1",
            "stored-set-cookie stored-sign-in-redirect",
        ),
        ("cloudfront", "GET /a", "301 | location: /b", ""),
        ("cloudfront", "GET /a", "301 | location: https://shop.example/b", ""),
        ("cloudfront", "GET /a", "301 | location: https://shop.example:443/b?u=http://x", ""),
        ("cloudfront", "GET /a", "301", ""),
        ("cloudfront", "GET /authors", "301 | location: /authors/", ""),
        ("cloudfront/cookies-in-key", "GET /a", "307 | location: /sign-in", ""),
        ("cloudfront/cookies-in-key", "GET /a", handshake, "stored-sign-in-redirect"),
        // bodies
        ("cloudfront", "GET / | cookie: session=1", "200", "stored-personal"),
        ("cloudfront", "GET / | cookie: theme=dark", "200", ""),
        ("cloudfront", "GET / | cookie: __client_uat=0; __session=", "200", ""),
        ("cloudfront", "GET / | cookie: __client_uat=1700000000", "200", "stored-personal"),
        ("cloudfront/cookies-in-key", "GET / | cookie: session=1", "200", ""),
        ("cloudfront cookies-in-key=session", "GET / | cookie: session=1", "200", ""),
        ("cloudfront cookies-in-key=session", "GET / | cookie: sid=1", "200", "stored-personal"),
        ("cloudfront", "GET / | authorization: x", "200", ""),
        ("cloudfront authorization-to-origin=yes", "GET / | authorization: x", "200", "stored-personal"),
        ("amplify default-lifetime=5", "GET / | authorization: x", "200", ""),
        ("netlify", "GET / | cookie: session=1", "200", "stored-personal"),
        ("netlify", "GET / | cookie: session=1", "200 | netlify-vary: cookie=session", ""),
        ("netlify", "GET / | cookie: session=1", "200 | netlify-vary: cookie=other", "stored-personal"),
        ("netlify", "GET / | cookie: session=1", "200 | vary: Cookie", ""),
        ("rfc9111 default-lifetime=5", "GET / | cookie: session=1", "200 | vary: Cookie", ""),
        ("rfc9111 default-lifetime=5", "GET / | cookie: session=1", "200", "stored-personal"),
        ("netlify", "GET /auth | authorization: Bearer x", "200", "stored-personal"),
    ];
    for (name, asked, answer, expected) in rows {
        assert_eq!(codes(name, asked, answer), expected, "{name}: {asked} -> {answer}");
    }
}

#[test]
fn what_is_stored_although_its_author_forbade_it() {
    const FORBIDDEN: &str = "stored-although-forbidden";
    const PRIVATE: &str = "200 | cache-control: private, no-store";
    const ASKED: &str = "GET /account | cookie: session=1";
    let rows = [
        ("netlify", "GET /account", PRIVATE, FORBIDDEN),
        ("netlify", ASKED, PRIVATE, FORBIDDEN),
        ("netlify", "GET /account | authorization: Bearer x", PRIVATE, FORBIDDEN),
        ("netlify", ASKED, "200 | cache-control: no-cache", FORBIDDEN),
        ("netlify", ASKED, "200 | cache-control: max-age=0", FORBIDDEN),
        ("netlify", ASKED, "200 | expires: 0", FORBIDDEN),
        ("netlify", ASKED, "200 | cache-control: private | vary: cookie", FORBIDDEN),
        ("netlify", ASKED, "200 | cache-control: private | netlify-vary: cookie=session", FORBIDDEN),
        ("netlify", ASKED, "200 | vercel-cdn-cache-control: no-store", FORBIDDEN),
        ("netlify", ASKED, "200 | netlify-cdn-cache-control: No-Store", FORBIDDEN),
        (
            "netlify",
            ASKED,
            "200 | cdn-cache-control: no-store | netlify-cdn-cache-control: must-revalidate",
            FORBIDDEN,
        ),
        ("netlify", "GET /out", "303 | location: /in | cache-control: no-store", FORBIDDEN),
        // Whoever says how long the CDN may keep it has thought of the CDN.
        ("netlify", ASKED, "200 | cache-control: private | cdn-cache-control: max-age=60", ""),
        // Validation is asked for, and nothing hidden.
        ("netlify", ASKED, "200 | cache-control: public, max-age=0, must-revalidate", ""),
        ("netlify", ASKED, "200 | cache-control: public, no-store", FORBIDDEN),
        ("cloudfront", ASKED, "200 | cdn-cache-control: no-store", FORBIDDEN),
        ("cloudfront", ASKED, "200 | x-accel-expires: 0", FORBIDDEN),
        ("cloudfront", ASKED, "404 | cache-control: max-age=0", FORBIDDEN),
        ("cloudfront min-lifetime=60", ASKED, PRIVATE, FORBIDDEN),
        ("cloudfront/cookies-in-key min-lifetime=60", ASKED, PRIVATE, FORBIDDEN),
        ("cloudfront error-beats-directives=yes", ASKED, "500 | cache-control: no-store", FORBIDDEN),
        ("netlify min-lifetime=30", ASKED, "200 | netlify-cdn-cache-control: no-store", FORBIDDEN),
    ];
    for (name, asked, answer, expected) in rows {
        assert_eq!(codes(name, asked, answer), expected, "{name}: {asked} -> {answer}");
    }
}

/// The whole set keeps a response out of every cache, so there is nothing to warn of.
#[test]
fn what_the_field_set_protects_is_never_warned_of() {
    let set = FIELD_SET.map(|(name, value)| format!(" | {name}: {value}")).concat();
    for name in obedient() {
        for status in [200, 302, 307, 401, 404, 500] {
            let answer = format!("{status} | location: https://a.example/sign-in{set} | set-cookie: sid=1");
            let (profile, asked) = (profile(name), request("GET /account | cookie: session=1"));
            let stored = stored(&profile, &asked, &response(&answer));
            assert!(matches!(stored, Storability::Refuse(_)), "{name} {status}: {stored:?}");
        }
    }
}

#[test]
fn the_warnings_as_people_read_them() {
    let rows = [
        (
            "netlify",
            "GET /dashboard",
            "307 | location: https://accounts.example/v1/client/handshake?token=hush",
        ),
        ("netlify", "GET / | cookie: session=hush", "200"),
        ("cloudfront", "GET /dashboard", "307 | location: /sign-in?next=hush"),
        (
            "cloudfront",
            "GET /",
            "200 | cache-control: s-maxage=60 | set-cookie: connect.sid=hush | set-cookie: theme=hush",
        ),
        ("amplify", "GET /", "200 | cache-control: s-maxage=31536000 | set-cookie: __session=hush"),
        (
            "amplify",
            "GET /",
            "200 | cache-control: s-maxage=60 | set-cookie: a_session= | set-cookie: b_session=hush | set-cookie: \
             c_session=hush | set-cookie: d_session=hush | set-cookie: e_session=hush",
        ),
        ("amplify/cookies-in-key", "GET /", "200 | cache-control: s-maxage=60 | set-cookie: a=hush"),
        ("rfc9111", "GET /", "200 | cache-control: s-maxage=60 | set-cookie: a=hush"),
        ("cloudfront", "GET /account?token=hush | cookie: session=hush", "200"),
        (
            "cloudfront",
            "GET / | cookie: asid=hush; bsid=hush; asid=hush; csid=hush; dsid=hush; esid=hush",
            "200",
        ),
        ("netlify", "GET /auth | authorization: Bearer hush", "200"),
        ("netlify", "GET /account | cookie: session=hush", "200 | cache-control: private, no-store, x=hush"),
        ("netlify", "GET /about | cookie: session=hush", "200 | cache-control: private, no-cache"),
        ("netlify", "GET /account", "200 | expires: 0"),
        ("netlify", "GET /account", "200 | netlify-cdn-cache-control: No-Store"),
        (
            "netlify",
            "GET /account",
            "200 | cdn-cache-control: no-store | netlify-cdn-cache-control: must-revalidate",
        ),
        ("cloudfront", "GET /account", "200 | cdn-cache-control: no-store"),
        ("cloudfront", "GET /account", "404 | cache-control: max-age=0"),
        ("cloudfront min-lifetime=60", "GET /account", "200 | cache-control: private, no-store"),
        ("cloudfront error-beats-directives=yes", "GET /account", "500 | cache-control: no-store"),
    ];
    let mut table = String::new();
    for (name, asked, answer) in rows {
        let (profile, asked, answer) = (profile_with(name), request(asked), response(answer));
        let plan = plan(&profile, &asked, &answer);
        for hazard in hazards(&profile, &asked, &answer, &plan) {
            writeln!(
                table,
                "{name}: {}\n  {}\n  {}\n  {}",
                hazard.code, hazard.what, hazard.why, hazard.mend
            )
            .unwrap();
        }
    }
    assert!(!table.contains("hush"), "{table}");
    insta::assert_snapshot!(table);
}

#[test]
fn names_of_sessions_and_of_sign_in_pages() {
    let sessions = [
        "session",
        "__session",
        "__session_Ab1",
        "__client_uat",
        "__refresh",
        "__clerk_db_jwt",
        "connect.sid",
        "sid",
        "id",
        "PHPSESSID",
        "JSESSIONID",
        "authjs.session-token",
        "__Secure-next-auth.session-token",
        "__Host-sid",
        "sb-abc-auth-token",
        "laravel_session",
        "access_token",
    ];
    for name in sessions {
        assert!(looks_like_session(name), "{name}");
    }
    for name in
        ["theme", "csrf_token", "__Host-authjs.csrf-token", "XSRF-TOKEN", "_ga", "lang", "width", "", "grid"]
    {
        assert!(!looks_like_session(name), "{name}");
    }
    let pages = [
        "/sign-in",
        "/Login",
        "/login.php",
        "/a/oauth/authorize",
        "https://accounts.example/v1/client/handshake",
        "/api/auth/callback",
        "/sso",
        "/?__clerk_handshake=x",
        "/x?a=1&redirect_uri=y",
        "sign-in",
    ];
    for url in pages {
        assert!(looks_like_sign_in(url), "{url}");
    }
    for url in ["/", "/authors", "/blog/login-tips", "", "https://login.example/", "/?next=/login"] {
        assert!(!looks_like_sign_in(url), "{url}");
    }
}
