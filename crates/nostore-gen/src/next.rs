//! Next.js: a wrapper that goes outside the middleware of an authentication library.

use serde_json::json;

use crate::{File, Generated, Site, sentences};
use nostore_cache::FIELD_SET;

const WRAPPER: &str = include_str!("wrapper.js");

const USE: &str = "\
// Made by `nostore gen next`. In middleware.js or .ts (Next.js 16: proxy.js or .ts), outside everything else:
//
//   import { auth } from \"./auth\";
//   import { withNoStore } from \"./nostore\";
//   export default withNoStore(auth);
//   export const config = { matcher: [\"/((?!_next/static|_next/image|favicon.ico).*)\"] };
//
// To change: SESSION_COOKIES, AUTH and PUBLIC below, or withNoStore(auth, { sessionCookies, auth, public }).
";

pub(crate) fn generate(site: &Site) -> Generated {
    Generated {
        files: vec![File { path: "nostore.js", text: wrapper(site, USE) }],
        steps: sentences([
            "put nostore.js next to middleware.js (proxy.js), and withNoStore around what that exports",
            "let its matcher hold every path that knows who is asking, those of the API included",
            "next build && next start, then ask for a page with and without a session: `curl -si -H 'Cookie: …'`",
        ]),
        protects: sentences([
            "pages for whoever carries a session, prerendered ones too: Next.js keeps a Cache-Control that its middleware has set, \
             in place of s-maxage=31536000",
            "sign-in: on its paths nothing is kept and no cookie is dropped",
            "responses on which the middleware sets or ends a session; its redirects; its 401 and 403",
            "the caching of everybody's pages: stray cookies of sign-in (csrf-token, callback-url) are dropped from them",
        ]),
        does_not: sentences([
            "Vercel and Netlify: there the middleware runs in front of the cache, and its fields come too late for what is stored \
             beneath. It is for next start behind CloudFront, Amplify, nginx and their like",
            "paths that the matcher leaves out",
            "cookies and redirects of pages, server actions and route handlers for whoever has no session: a middleware does not see \
             their answers. Those are dynamic, and Next.js itself marks them private unless the code says otherwise",
            "a page that knows its visitor by something else than a cookie or Authorization",
        ]),
    }
}

/// The wrapper with the site's names in it, behind a comment that says how to use it.
pub(crate) fn wrapper(site: &Site, comment: &str) -> String {
    let cookies: Vec<&str> = site.session_cookies().collect();
    let auth: Vec<String> = site.auth().iter().map(crate::PathPattern::text).collect();
    let public: Vec<String> = site.public().iter().map(crate::PathPattern::text).collect();
    let fields: String =
        FIELD_SET.iter().map(|(name, value)| format!("  [\"{name}\", \"{value}\"],\n")).collect();
    let constants = format!(
        "\nconst SESSION_COOKIES = {};\nconst AUTH = {};\nconst PUBLIC = {};\n\n/** What keeps a response out of caches of every kind. */\n\
         const FIELDS = [\n{fields}];\n",
        json!(cookies),
        json!(auth),
        json!(public),
    );
    format!("{comment}{constants}{WRAPPER}")
}
