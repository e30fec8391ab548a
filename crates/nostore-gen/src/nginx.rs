//! nginx: maps for `http`, and two lines for every `location` with `proxy_cache`.

use crate::escape::{any_session_cookie, narrow, wide};
use crate::{File, Generated, Site, sentences};

pub(crate) fn generate(site: &Site) -> Generated {
    Generated {
        files: vec![
            File { path: "nostore-http.conf", text: http(site) },
            File { path: "nostore-location.conf", text: LOCATION.to_owned() },
        ],
        steps: sentences([
            "include nostore-http.conf in the block http, once",
            "include nostore-location.conf in every location that has proxy_cache; proxy_no_cache and proxy_cache_bypass of a block \
             around it do not count there any more",
            "nginx -t && nginx -s reload, and empty the folder of proxy_cache_path once",
        ]),
        protects: sentences([
            "requests with a session cookie, whole or in parts, or with Authorization: answered by the app, and never stored",
            "responses with Set-Cookie, redirects, 401 and 403: never stored, whatever proxy_ignore_headers takes from the app",
            "sign-in: its paths go past the cache for everybody",
        ]),
        does_not: sentences([
            "no-store and private on other responses, where proxy_ignore_headers holds Cache-Control and proxy_cache_valid keeps \
             everything: take it out, only that mends it",
            "a page of everybody's on which the app sets a stray cookie: it is not kept; `nostore guard` in between drops the cookie",
            "a page that knows its visitor by something else than a cookie or Authorization",
            "fastcgi_cache and uwsgi_cache, as PHP often has them: take fastcgi_cache_bypass and fastcgi_no_cache with the same variables",
            "two sites on one upstream: put $host into proxy_cache_key",
        ]),
    }
}

fn http(site: &Site) -> String {
    let mut text = String::from(
        "# Made by `nostore gen nginx`: include this in the block http. To change: the cookies and the paths.\n\n",
    );
    let cookie = any_session_cookie(site);
    map(&mut text, "$http_cookie $nostore_session", &[cookie], ("1", "\"\""));
    text.push_str("map $http_authorization $nostore_authorization { \"\" \"\"; default 1; }\n\n");
    map(&mut text, "$uri $nostore_sign_in", &wide(site.auth(), ""), ("1", "\"\""));
    text.push_str(
        "# What an app may read as another path is nobody's public page.\nmap $request_uri $nostore_odd {\n    default \"\";\n    \
         \"~^[^?]*([%;\\x5c]|//|/[.])\" odd;\n}\n\n",
    );
    map(&mut text, "$nostore_odd$uri $nostore_public", &narrow(site.public(), ""), ("1", "\"\""));
    text.push_str(
        "# What a visitor brings counts unless the path is public; where sign-in lives it always does.\n\
         map \"$nostore_public:$nostore_session$nostore_authorization\" $nostore_visitor {\n    default 1;\n    \"~^1:\" \"\";\n    \":\" \"\";\n}\n\n\
         # What the app's answer says.\n\
         map $upstream_http_set_cookie $nostore_sets_cookie { \"\" \"\"; default 1; }\n\n\
         map $upstream_status $nostore_auth_status {\n    default \"\";\n    \"~(30[12378]|401|403)$\" 1;\n}\n",
    );
    text
}

const LOCATION: &str = "\
# Made by `nostore gen nginx`: include this in every location with proxy_cache. nostore-http.conf says what the names mean.
proxy_cache_bypass $nostore_visitor $nostore_sign_in;
proxy_no_cache $nostore_visitor $nostore_sign_in $nostore_sets_cookie $nostore_auth_status;
";

fn map(text: &mut String, names: &str, expressions: &[String], (found, default): (&str, &str)) {
    text.push_str(&format!("map {names} {{\n    default {default};\n"));
    for expression in expressions {
        text.push_str(&format!("    \"~{expression}\" {found};\n"));
    }
    text.push_str("}\n\n");
}
