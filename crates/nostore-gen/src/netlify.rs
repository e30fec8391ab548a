//! Netlify: `netlify.toml` for files, and a wrapper for functions, which no configuration reaches.

use nostore_cache::FIELD_SET;

use crate::{File, Generated, Site, next, sentences};

/// What Netlify's CDN and browsers go by.
const FIELDS: [&str; 3] = ["Cache-Control", "CDN-Cache-Control", "Netlify-CDN-Cache-Control"];

const USE: &str = "\
// Made by `nostore gen netlify`. For a function (netlify/functions/…), around its handler:
//
//   import { withNoStore } from \"./nostore.mjs\";
//   export default withNoStore(async (request, context) => new Response(\"…\"));
//
// To change: SESSION_COOKIES, AUTH and PUBLIC below.
";

pub(crate) fn generate(site: &Site) -> Generated {
    let mut text = String::from(
        "# Made by `nostore gen netlify`: add this to netlify.toml. It counts for files that Netlify serves itself; functions and\n\
         # server-rendered pages go by nostore.mjs. To change: the paths.\n",
    );
    for pattern in site.auth() {
        text.push_str(&format!("\n[[headers]]\n  for = \"{}\"\n  [headers.values]\n", pattern.text()));
        for (name, value) in FIELD_SET.iter().filter(|(name, _)| FIELDS.contains(name)) {
            text.push_str(&format!("    {name} = \"{value}\"\n"));
        }
    }
    let wrapper = File { path: "nostore.mjs", text: next::wrapper(site, USE) };
    Generated {
        files: vec![File { path: "netlify.toml", text }, wrapper],
        steps: sentences([
            "add the tables to netlify.toml",
            "put nostore.mjs next to the functions, and withNoStore around the handler of each that knows who is asking",
            "deploy, and ask for a page twice with `curl -si`: Cache-Control must hold no-store, and Cache-Status no hit",
        ]),
        protects: sentences([
            "answers of wrapped functions: to whoever carries a session, that set or end one, redirects, 401 and 403 carry \
             Netlify-CDN-Cache-Control: no-store, which Netlify asks first",
            "the caching of everybody's pages: stray cookies of sign-in are dropped from them",
            "pages of sign-in that are files",
        ]),
        does_not: sentences([
            "functions and server-rendered pages that are not wrapped: Netlify's header rules do not reach them (documented)",
            "pages that a framework's adapter renders: an edge function, and so a middleware, runs in front of Netlify's cache; its \
             fields come too late for what is stored beneath. Such a page must say itself what may be kept",
            "a first response that was stored before: deploy anew, or purge",
        ]),
    }
}
