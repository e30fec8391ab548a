//! Varnish: VCL that goes in front of the site's own.

use crate::escape::{any_session_cookie, narrow, wide};
use crate::{File, Generated, Site, sentences};

pub(crate) fn generate(site: &Site) -> Generated {
    Generated {
        files: vec![File { path: "nostore.vcl", text: vcl(site) }],
        steps: sentences([
            "include \"nostore.vcl\" in your VCL, behind what chooses a backend and in front of everything else: of several vcl_recv \
             the first return counts",
            "varnishd -C -f your.vcl, then load it and ban everything once: varnishadm ban req.url '~' .",
        ]),
        protects: sentences([
            "requests with a session cookie, whole or in parts, or with Authorization: answered by the app, and never stored",
            "responses with Set-Cookie, with no-store, private or no-cache, redirects, 401 and 403: never stored, whatever your VCL \
             says about lifetimes",
            "public paths: cookies are dropped from their requests and answers, so that they are kept for everybody",
        ]),
        does_not: sentences([
            "VCL of yours in front of the include that returns, or that takes the session out of the Cookie field",
            "vcl_deliver that sets cookies: it comes after the cache",
            "a page that knows its visitor by something else than a cookie or Authorization",
        ]),
    }
}

fn vcl(site: &Site) -> String {
    let session = any_session_cookie(site);
    let sign_in = any_of("req.url", &wide(site.auth(), "[?]|"));
    let stored_sign_in = sign_in.replace("req.url", "bereq.url");
    let public = any_of("req.url", &narrow(site.public(), "[?]|"));
    let stored_public = public.replace("req.url", "bereq.url");
    format!(
        "# Made by `nostore gen varnish`: include this behind what chooses a backend and in front of everything else.\n\
         # To change: the cookies and the paths.\n\n\
         sub vcl_recv {{\n\
         \x20   if ({sign_in}) {{\n\
         \x20       return (pass);\n\
         \x20   }}\n\
         \x20   if ((req.method == \"GET\" || req.method == \"HEAD\") && ({public})) {{\n\
         \x20       unset req.http.Cookie;\n\
         \x20       unset req.http.Authorization;\n\
         \x20   }} elsif ((req.method == \"GET\" || req.method == \"HEAD\") && !req.http.Upgrade &&\n\
         \x20       (req.http.Cookie ~ \"{session}\" || req.http.Authorization)) {{\n\
         \x20       return (pass);\n\
         \x20   }}\n\
         }}\n\n\
         sub vcl_backend_response {{\n\
         \x20   if ((bereq.method == \"GET\" || bereq.method == \"HEAD\") && ({stored_public})) {{\n\
         \x20       if (beresp.status < 300 && beresp.http.Cache-Control !~ \"(?i)no-store|private|no-cache\") {{\n\
         \x20           unset beresp.http.Set-Cookie;\n\
         \x20       }}\n\
         \x20   }}\n\
         \x20   if (beresp.http.Set-Cookie ||\n\
         \x20       beresp.http.Cache-Control ~ \"(?i)no-store|private|no-cache\" ||\n\
         \x20       beresp.http.Surrogate-Control ~ \"(?i)no-store\" ||\n\
         \x20       (beresp.status >= 300 && beresp.status < 400 && beresp.status != 304) ||\n\
         \x20       beresp.status == 401 || beresp.status == 403 ||\n\
         \x20       {stored_sign_in} ||\n\
         \x20       bereq.http.Cookie ~ \"{session}\" || bereq.http.Authorization) {{\n\
         \x20       # Remembered as not to be stored for two minutes, so that visitors need not wait for each other.\n\
         \x20       set beresp.uncacheable = true;\n\
         \x20       set beresp.ttl = 120s;\n\
         \x20       return (deliver);\n\
         \x20   }}\n\
         }}\n"
    )
}

fn any_of(field: &str, expressions: &[String]) -> String {
    if expressions.is_empty() {
        return "false".to_owned();
    }
    expressions
        .iter()
        .map(|expression| format!("{field} ~ \"{expression}\""))
        .collect::<Vec<_>>()
        .join(" || ")
}
