//! The pages: one embedded stylesheet, no script, nothing from elsewhere but a provider's picture.
//!
//! Whatever a request, a provider or a list brought goes through [`escape`].

use std::fmt::Write as _;

use crate::people::Role;
use crate::registry::{Listed, ListedSession};

/// Allows the stylesheet and nothing else. Not `form-action`: user agents apply it to the redirects behind a form, and a
/// provider redirects wherever it likes.
pub(crate) const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--line:#d8dee6;--ground:#f4f6f9;--card:#fff;--accent:#0b5cad;\
--bad:#a32424}\
@media (prefers-color-scheme:dark){:root{--ink:#e7ecf2;--soft:#9aa7b6;--line:#33404f;--ground:#11171e;--card:#1a222c;\
--accent:#6db3f8;--bad:#ff8d8d}}\
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif;\
display:grid;min-height:100vh;place-items:start center;padding:6vh 1rem}\
main{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:2rem;width:100%;max-width:26rem}\
main.wide{max-width:52rem}h1{font-size:1.4rem;margin:0 0 .5rem}h2{font-size:1.05rem;margin:2rem 0 .5rem}\
p{margin:.5rem 0;color:var(--soft)}strong{color:var(--ink);overflow-wrap:anywhere}a{color:var(--accent)}\
button{font:inherit;border-radius:8px;border:1px solid var(--line);background:transparent;color:inherit;padding:.35rem .8rem;\
cursor:pointer}button.main{display:block;width:100%;margin:.75rem 0 0;padding:.65rem 1rem;background:var(--accent);\
border-color:var(--accent);color:var(--card);font-weight:600}button.bad{color:var(--bad)}\
button:focus-visible,input:focus-visible,select:focus-visible{outline:3px solid var(--accent);outline-offset:2px}\
input,select{font:inherit;color:inherit;background:transparent;border:1px solid var(--line);border-radius:8px;\
padding:.35rem .6rem;max-width:100%}select option{background:var(--card)}\
form.row{display:flex;gap:.5rem;flex-wrap:wrap;align-items:end}form.row label{display:grid;font-size:.85rem;\
color:var(--soft);flex:1 1 14rem}form.row label.small{flex:0 0 auto}form.row :is(input,select,button){height:2.4rem;\
font-size:1rem;color:var(--ink)}\
table{width:100%;border-collapse:collapse}th{text-align:left;font-size:.85rem;color:var(--soft);font-weight:600}\
td,th{padding:.45rem .5rem .45rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}\
td.act{text-align:right;white-space:nowrap}td form{display:inline}.note{padding:.6rem .8rem;border:1px solid var(--line);\
border-radius:8px}.note.bad{border-color:var(--bad);color:var(--bad)}.scroll{overflow-x:auto}";

/// Makes a text safe as content and as a quoted attribute of HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

fn page(title: &str, site: &str, class: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} \u{b7} {site}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main{class}>\n{body}\n</main>\n\
         </body>\n</html>\n",
        title = escape(title),
        site = escape(site),
    )
}

/// A button for each provider; `providers` are issuer and name.
fn providers(providers: &[(&str, &str)], back: &str, another: bool) -> String {
    let mut forms = String::new();
    for (issuer, name) in providers {
        let select = if another { "<input type=\"hidden\" name=\"another\" value=\"1\">" } else { "" };
        let label =
            if another { format!("Use another account of {name}") } else { format!("Continue with {name}") };
        // Writing into a `String` cannot fail.
        let _written = writeln!(
            forms,
            "<form method=\"post\" action=\"/auth/sign-in\">\
             <input type=\"hidden\" name=\"provider\" value=\"{}\">\
             <input type=\"hidden\" name=\"callbackUrl\" value=\"{}\">{select}\
             <button class=\"main\" type=\"submit\">{}</button></form>",
            escape(issuer),
            escape(back),
            escape(&label),
        );
    }
    forms
}

/// The sign-in page.
pub(crate) fn sign_in(site: &str, known: &[(&str, &str)], back: &str) -> String {
    let body = format!(
        "<h1>Sign in</h1>\n<p>to continue to <strong>{}</strong></p>\n{}",
        escape(site),
        providers(known, back, false)
    );
    page("Sign in", site, "", &body)
}

/// Says to somebody who is not on the list that they are not, and offers another account.
pub(crate) fn stranger(site: &str, known: &[(&str, &str)], back: &str, who: Option<&str>) -> String {
    let who = who.map_or_else(
        || "<p>You signed in, but the provider has not verified an address of yours.</p>".to_owned(),
        |who| {
            format!(
                "<p>You signed in as <strong>{}</strong>, who is not on the list of this site.</p>",
                escape(who)
            )
        },
    );
    let body = format!(
        "<h1>This account may not in</h1>\n{who}\n<p>Ask whoever runs <strong>{}</strong> to add you, or use another \
         account.</p>\n{}",
        escape(site),
        providers(known, back, true)
    );
    page("Not on the list", site, "", &body)
}

/// Says what became of a sign-in, and offers another try.
pub(crate) fn failed(site: &str, known: &[(&str, &str)], back: &str, (title, text): (&str, &str)) -> String {
    let body =
        format!("<h1>{}</h1>\n<p>{}</p>\n{}", escape(title), escape(text), providers(known, back, false));
    page(title, site, "", &body)
}

/// Says one thing.
pub(crate) fn message(site: &str, title: &str, text: &str) -> String {
    let body = format!(
        "<h1>{}</h1>\n<p>{}</p>\n<p><a href=\"/\">Go to the start page</a></p>",
        escape(title),
        escape(text)
    );
    page(title, site, "", &body)
}

/// Asks before it signs out.
pub(crate) fn sign_out(site: &str, who: &str) -> String {
    let body = format!(
        "<h1>Sign out?</h1>\n<p>You are signed in as <strong>{}</strong>.</p>\n\
         <form method=\"post\" action=\"/auth/sign-out\"><button class=\"main\" type=\"submit\">Sign out</button></form>",
        escape(who)
    );
    page("Sign out", site, "", &body)
}

/// What the admin page shows.
pub(crate) struct Admin<'a> {
    pub(crate) site: &'a str,
    pub(crate) own: &'a str,
    pub(crate) listed: &'a [Listed],
    pub(crate) sessions: &'a [ListedSession],
    /// The own session's id, which is marked.
    pub(crate) sid: &'a str,
    /// When it is, in seconds since 1970.
    pub(crate) now_secs: i64,
    /// What was done, or what was wrong with what was asked.
    pub(crate) note: Option<(&'a str, bool)>,
}

/// The admin page.
pub(crate) fn admin(shown: &Admin<'_>) -> String {
    let note = shown.note.map_or_else(String::new, |(text, bad)| {
        let class = if bad { "note bad" } else { "note" };
        format!("<p class=\"{class}\" role=\"status\">{}</p>\n", escape(text))
    });
    let mut people = String::new();
    for line in shown.listed {
        let _written = write!(people, "{}", person(line, shown));
    }
    let mut sessions = String::new();
    for own in shown.sessions {
        let _written = write!(sessions, "{}", session(own, shown));
    }
    let body = format!(
        "<h1>Who may in</h1>\n<p>Signed in as <strong>{own}</strong>. <a href=\"/\">Back to the site</a></p>\n{note}\
         <h2>Add somebody</h2>\n<form class=\"row\" method=\"post\" action=\"/admin/users\">\
         <input type=\"hidden\" name=\"act\" value=\"add\">\
         <label>Address, @domain, or group:name<input name=\"who\" required maxlength=\"254\" \
         placeholder=\"aunt@example.com\" autocapitalize=\"none\" spellcheck=\"false\" autocomplete=\"off\"></label>\
         <label class=\"small\">Role<select name=\"role\"><option value=\"member\">member</option>\
         <option value=\"admin\">admin</option></select></label><button type=\"submit\">Add</button></form>\n\
         <h2>The list</h2>\n<div class=\"scroll\"><table><thead><tr><th>Who</th><th>Role</th><th>Added by</th><th></th></tr>\
         </thead><tbody>\n{people}</tbody></table></div>\n\
         <h2>Sessions</h2>\n<div class=\"scroll\"><table><thead><tr><th>Who</th><th>Since</th><th>With</th><th></th></tr>\
         </thead><tbody>\n{sessions}</tbody></table></div>",
        own = escape(shown.own),
    );
    page("Who may in", shown.site, " class=\"wide\"", &body)
}

fn act(name: &str, fields: &[(&str, &str)], label: &str, about: &str) -> String {
    let mut hidden = String::new();
    for (name, value) in fields {
        let _written = write!(hidden, "<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value));
    }
    format!(
        "<form method=\"post\" action=\"/admin/users\"><input type=\"hidden\" name=\"act\" value=\"{name}\">{hidden}\
         <button class=\"bad\" type=\"submit\" aria-label=\"{label} {}\">{label}</button></form>",
        escape(about)
    )
}

fn person(line: &Listed, shown: &Admin<'_>) -> String {
    let who = line.who.to_string();
    let by = line.by.as_deref().unwrap_or("the configuration");
    let remove = if line.by.is_some() && who != shown.own {
        act("remove", &[("who", &who)], "Remove", &who)
    } else {
        String::new()
    };
    format!(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"act\">{remove}</td></tr>\n",
        escape(&who),
        Role::code(line.role),
        escape(by)
    )
}

fn session(own: &ListedSession, shown: &Admin<'_>) -> String {
    let (person, sid) = (own.person.as_str(), own.sid.as_str());
    let here = if sid == shown.sid { " (this one)" } else { "" };
    let one = act("end", &[("person", person), ("sid", sid)], "End", person);
    let all = act("end-all", &[("person", person)], "End all", person);
    format!(
        "<tr><td>{}{here}</td><td>{}</td><td>{}</td><td class=\"act\">{one} {all}</td></tr>\n",
        escape(person),
        ago(shown.now_secs.saturating_sub(own.began.secs())),
        escape(&own.client)
    )
}

fn ago(secs: i64) -> String {
    let (count, unit) = match secs {
        ..60 => return "a moment ago".to_owned(),
        60..3_600 => (secs / 60, "minute"),
        3_600..86_400 => (secs / 3_600, "hour"),
        _ => (secs / 86_400, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}
