//! Methods, URLs and field lines other than cookies and `Authorization`.

use super::draft::Draft;
use super::{replies, tokens};

/// Where requests arrive.
const AUTHORITIES: &[&str] = &[
    "localhost:3000",
    "clerk-dummy",
    "app.acme.example:443",
    "app.acme.example:8443",
    "APP.acme.example",
    "127.0.0.1:3000",
    "[::1]:3000",
];

/// Paths, plain and odd.
const PATHS: &[&str] = &[
    "/",
    "",
    "//evil.example/a",
    "/a//b",
    "/a%20b/%C3%A9",
    "/ä",
    "/a/../b",
    "/a;b=c",
    "/orgs/acme",
    "/me",
    "///",
    "/\\evil.example",
    "/a%",
    "/a'b\"c",
    "/.//x",
    "/@evil.example",
    "//",
    "/orgs/%61cme",
];

/// Parts of a query, plain and odd.
const QUERY_PARTS: &[&str] = &[
    "",
    "x=1",
    "q=a+b%20c",
    "y=*~()'!",
    "b",
    "c=",
    "&",
    "d=%zz",
    "é=ü",
    "a=1&a=2",
    "%F0%9F%98%80=%FF",
    "e=a%26b",
    "=v",
    "redirect=https%3A%2F%2Fx%2F%3Fa%3Db",
    "x=\"<>`",
    "x=[]{}|^\\",
];

/// Where a satellite wants to have its visitor back.
const RETURN_URLS: &[&str] = &[
    "https://satellite.example/back",
    "https://satellite.example/?a=b#c",
    "garbage",
    "",
    "/relative",
    "javascript:alert(1)",
    "https://satellite.example/?__clerk_synced=false&__clerk_synced=x",
    "http://a b/",
    "https://satellite.example?q=a+b%20c~",
    "mailto:x",
    "https://satellite.example/ü?é=ü",
];

/// Parameters that mean something elsewhere.
const FOREIGN_PARAMETERS: &[&str] =
    &["__clerk_hs_reason", "suffixed_cookies", "__session", "format", "organization_id", "redirect_url"];

/// Parameters that are there and hardly so.
const ODD_PARAMETERS: &[&str] = &[
    "__clerk_handshake=",
    "__clerk_handshake_nonce=",
    "__clerk_handshake",
    "__clerk%5Fdb_jwt=x",
    "__clerk_db_jwt",
];

/// Paths that name an organization, or the personal account.
pub(super) const ORGANIZATION_PATHS: &[&str] = &[
    "/orgs/acme",
    "/orgs/globex/settings",
    "/org-id/org_1",
    "/org-id/org_2/x",
    "/me",
    "/me/settings/",
    "/ORGS/ACME",
    "/orgs/acme/",
    "/both/org_1/acme",
    "/both/org_2/acme",
    "/orgs/a%20b",
];

/// Makes the request a page navigation, or now and then something that resembles one.
pub(crate) fn navigate(draft: &mut Draft<'_>) {
    match draft.random.below(20) {
        0..14 => draft.set_header("sec-fetch-dest", "document"),
        14 => draft.set_header("sec-fetch-dest", "iframe"),
        15 | 16 => draft.set_header("accept", "text/html,application/xhtml+xml"),
        17 => draft.set_header("sec-fetch-dest", "empty"),
        _ => {}
    }
    if draft.random.percent(30) {
        let authority = draft.authority.clone();
        draft.set_header("host", authority);
    }
}

/// Changes the method.
pub(crate) fn change_method(draft: &mut Draft<'_>) {
    let methods = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "Get", "patch", "QUERY", "TRACE",
        "G T",
    ];
    let weights: Vec<_> =
        methods.iter().enumerate().map(|(place, name)| (if place < 3 { 20 } else { 3 }, *name)).collect();
    draft.method = (*draft.random.weighted(&weights)).to_owned();
}

/// Changes a field line.
pub(crate) fn change_fields(draft: &mut Draft<'_>) {
    match draft.random.below(16) {
        0..3 => {
            let destination = *draft.random.pick(&[
                "document",
                "iframe",
                "empty",
                "image",
                "Document",
                "",
                "document ",
                "frame",
                "script",
            ]);
            draft.set_header("sec-fetch-dest", destination);
        }
        3 => draft.remove_header("sec-fetch-dest"),
        4 | 5 => {
            let accept = *draft.random.pick(&[
                "text/html",
                "text/html;q=0.9",
                "*/*",
                "application/json, text/html",
                "Text/HTML",
                "text/htmlx",
                "",
                " text/html",
            ]);
            draft.set_header("accept", accept);
            if draft.random.percent(60) {
                draft.remove_header("sec-fetch-dest");
            }
        }
        6..8 => referer(draft),
        8 => {
            let own = format!("{}://{}", draft.scheme, draft.authority);
            let origin = draft
                .random
                .pick(&[
                    own.as_str(),
                    "https://accounts.acme.example",
                    "null",
                    "",
                    "https://satellite.example",
                    "garbage",
                ])
                .to_string();
            draft.set_header("origin", origin);
        }
        9..13 => forwarded(draft),
        13 => {
            let host = *draft.random.pick(&[
                "app.acme.example",
                "other.example",
                "app.acme.example:443",
                "app.acme.example:8443",
                "",
                "bad host",
                "user@other.example",
                "[::1]:80",
                "ÄPP.example",
                "app.acme.example/x",
                "xn--pp-via.example",
            ]);
            draft.set_header("host", host);
        }
        14 => {
            let name = *draft.random.pick(&[
                "user-agent",
                "x-custom",
                "cloudfront-forwarded-proto",
                "accept-language",
                "X-Upper",
            ]);
            draft
                .headers
                .push((name.to_owned(), draft.random.pick(&["curl/8", "https", "de", "é"]).to_string()));
        }
        _ => repeat(draft),
    }
}

/// Repeats a field line, with the same or another value.
fn repeat(draft: &mut Draft<'_>) {
    if draft.headers.is_empty() {
        return;
    }
    let place = draft.random.below(draft.headers.len());
    let (name, value) = draft.headers[place].clone();
    if name == "host" {
        // Two of them are no request (RFC 9112 section 3.2).
        return;
    }
    let value = if draft.random.percent(50) { value } else { "other".to_owned() };
    draft.headers.push((name, value));
}

fn referer(draft: &mut Draft<'_>) {
    let host = draft.host.clone();
    let bare = host.trim_start_matches("http://").trim_start_matches("https://").to_owned();
    let name = bare.split(':').next().unwrap_or_default().to_owned();
    let own = format!("{}://{}/elsewhere", draft.scheme, draft.authority);
    let list = [
        format!("https://{}/sign-in", bare.to_ascii_lowercase()),
        own,
        "https://satellite.example/page".to_owned(),
        format!("https://{bare}/sign-in"),
        format!("http://{name}/"),
        bare.replacen("clerk.", "https://accounts.", 1),
        bare.replacen("clerk.accounts.", "https://accounts.", 1),
        bare.replacen("clerk.accountsstage.", "https://accountsstage.", 1),
        format!("https://{}/", bare.replacen("clerk.", "accounts.", 1)),
        "https://accounts.acme.example/".to_owned(),
        "https://happy-hippo-7.accounts.dev/sign-in".to_owned(),
        "https://x.accountsstage.dev".to_owned(),
        "https://x.accounts.lclclerk.com".to_owned(),
        "https://x.clerk.accounts.dev".to_owned(),
        "https://accounts.happy-hippo-7.clerk.accounts.dev/".to_owned(),
        "https://accounts.shop.lclclerk.com".to_owned(),
        "https://accounts.foo-bar-13.lcl.dev".to_owned(),
        "https://accounts.dev".to_owned(),
        "garbage".to_owned(),
        "/relative".to_owned(),
        String::new(),
        "about:blank".to_owned(),
        "null".to_owned(),
        "android-app://com.example".to_owned(),
        format!("http://{}/", draft.authority),
        format!("https://{}:443/", draft.authority),
        "https://EVIL.example".to_owned(),
        "https://satellite.example:99999/".to_owned(),
        "blob:https://app.acme.example/1".to_owned(),
    ];
    let value = draft.random.pick(&list).clone();
    draft.set_header("referer", value);
}

fn forwarded(draft: &mut Draft<'_>) {
    if draft.random.percent(75) {
        let host = *draft.random.pick(&[
            "app.acme.example",
            "public.example",
            "public.example:8443",
            "public.example, inner.example",
            "",
            ",",
            " public.example",
            "public.example ,x",
            "PUBLIC.example",
            "public.example:443",
            "public.example:80",
            "a b",
            "public.example/path",
            "user@public.example",
            "[::1]",
            "public.example?x",
            "public.example#x",
            "münchen.example",
            "public.example:0",
            "127.0.0.1",
            "0x7f.1",
        ]);
        draft.set_header("x-forwarded-host", host);
    }
    if draft.random.percent(60) {
        let proto = *draft.random.pick(&[
            "https",
            "http",
            "https,http",
            "",
            "HTTPS",
            "https ",
            ",http",
            "ftp",
            "ws",
            "http, https",
            "https:",
        ]);
        draft.set_header("x-forwarded-proto", proto);
    }
}

/// Changes the URL.
pub(crate) fn change_url(draft: &mut Draft<'_>) {
    match draft.random.below(22) {
        0 => draft.scheme = "http".to_owned(),
        1 => draft.authority = (*draft.random.pick(AUTHORITIES)).to_owned(),
        2..5 => draft.path = (*draft.random.pick(PATHS)).to_owned(),
        5..8 => {
            let part = *draft.random.pick(QUERY_PARTS);
            draft.query.push(part.to_owned());
        }
        8 => push(draft, "__clerk_synced", &["true", "false", "", "TRUE", "1"]),
        9 => push(draft, "__clerk_redirect_url", RETURN_URLS),
        10 | 11 => push(draft, "__clerk_db_jwt", &["dvb_url", "", "dvb ü", "dvb%"]),
        12 => draft.push_query("__clerk_help", "1"),
        13 => draft.push_query("__clerk_netlify_cache_bust", "1790000000000"),
        14 => draft.push_query("__dev_session", "old"),
        15 => {
            let name = *draft.random.pick(FOREIGN_PARAMETERS);
            draft.push_query(name, "x");
        }
        16 | 17 => {
            let token = handshake_token(draft);
            draft.push_query("__clerk_handshake", &token);
        }
        18 => {
            let nonce = if draft.random.percent(80) { replies::nonce(draft) } else { "spent".to_owned() };
            draft.push_query("__clerk_handshake_nonce", &nonce);
        }
        19 => draft.query.push((*draft.random.pick(ODD_PARAMETERS)).to_owned()),
        20 => repeat_parameter(draft),
        _ => draft.path = (*draft.random.pick(ORGANIZATION_PATHS)).to_owned(),
    }
}

fn push(draft: &mut Draft<'_>, name: &str, values: &[&str]) {
    let value = *draft.random.pick(values);
    draft.push_query(name, value);
}

fn repeat_parameter(draft: &mut Draft<'_>) {
    if !draft.query.is_empty() {
        let place = draft.random.below(draft.query.len());
        let again = draft.query[place].clone();
        draft.query.push(again);
    }
}

/// Makes the token of a handshake, which may be none.
pub(crate) fn handshake_token(draft: &mut Draft<'_>) -> String {
    match draft.random.below(12) {
        0 => "garbage".to_owned(),
        1 => tokens::session(draft),
        _ => {
            let directives = replies::directives(draft);
            tokens::handshake(draft, &directives)
        }
    }
}
