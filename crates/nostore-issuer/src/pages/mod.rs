//! The pages: one embedded stylesheet, no script, nothing from elsewhere.
//!
//! Whatever a request or a user brought goes through [`escape`]; each page is one function of what
//! it shows.

mod sites;

use std::fmt::Write as _;

use nostore_message::Origin;

use crate::core::User;

pub(crate) use sites::{elsewhere, refused_return};

/// Allows the embedded stylesheet and nothing else. Forms may lead anywhere that the service
/// redirects to, because user agents apply `form-action` to redirects, too.
pub(crate) const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("style.css");

/// Hidden fields: names of ours, values of anybody's.
type Hidden<'a> = [(&'static str, &'a str)];

/// What the sign-in page shows.
pub(crate) struct SignIn<'a> {
    /// The path that takes its forms.
    pub(crate) action: &'static str,
    /// Whether one may go back without signing in.
    pub(crate) cancel: bool,
    pub(crate) users: &'a [&'a User],
    /// The site that is waiting.
    pub(crate) site: Option<&'a str>,
    pub(crate) hidden: &'a Hidden<'a>,
    /// What was entered before.
    pub(crate) email: &'a str,
    pub(crate) problem: Option<&'a str>,
}

/// What the home page shows.
pub(crate) struct Home<'a> {
    pub(crate) origin: &'a str,
    pub(crate) publishable_key: &'a str,
    pub(crate) users: usize,
    /// The sites, where a browser that nobody is signed in with has to come from one of them.
    pub(crate) only_from: Option<&'a [Origin]>,
}

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

/// The sign-in page.
pub(crate) fn sign_in(page: &SignIn<'_>) -> String {
    let lead = match page.site {
        Some(site) => format!("to continue to <strong>{}</strong>", escape(site)),
        None => "to this identity service".to_owned(),
    };
    let hidden = hidden_fields(page.hidden);
    let mut accounts = String::new();
    for user in page.users {
        accounts.push_str(&account_button(user));
    }
    let cancel = if page.cancel {
        format!(
            r#"
<form class="row" method="post" action="{}">{hidden}
<button class="button" type="submit" name="cancel" value="1">Cancel</button>
</form>"#,
            page.action
        )
    } else {
        String::new()
    };
    let invalid = if page.problem.is_some() { " aria-invalid=\"true\"" } else { "" };
    let problem = page.problem.map_or_else(String::new, |problem| {
        format!("<p class=\"problem\" id=\"problem\" role=\"alert\">{}</p>", escape(problem))
    });
    let body = format!(
        r#"<h1>Sign in</h1>
<p class="lead">{lead}</p>
<form method="post" action="{action}">{hidden}
<ul class="accounts">{accounts}</ul>
</form>
<p class="or"><span>or</span></p>
<form method="post" action="{action}" novalidate>{hidden}
<label for="email">Email address</label>
<input id="email" name="email" type="email" value="{email}" placeholder="carol@example.com" maxlength="254"
 autocomplete="off" autocapitalize="none" spellcheck="false" required autofocus aria-describedby="hint problem"{invalid}>
{problem}<button class="primary" type="submit">Continue</button>
<p class="hint" id="hint">A new address adds an account. There is no password in development.</p>
</form>{cancel}"#,
        action = page.action,
        email = escape(page.email),
    );
    layout("Sign in", &body)
}

/// Says who is signed in, with the way out. `unaware` are sites that learn of it by a handshake only.
pub(crate) fn signed_in(user: &User, hidden: &Hidden<'_>, unaware: &[Origin]) -> String {
    let next = if unaware.is_empty() {
        "<p class=\"lead\">You can close this page and go back to the site.</p>".to_owned()
    } else {
        sites::go_back(unaware, hidden)
    };
    let body = format!(
        "<h1>You are signed in here as {}</h1>\n{}\n{next}\n{}",
        escape(user.display_name()),
        who(user),
        session_buttons(hidden),
    );
    layout("Signed in", &body)
}

/// Asks before it signs out; `action` is the path that takes the form.
pub(crate) fn sign_out(user: &User, action: &'static str, hidden: &Hidden<'_>) -> String {
    let body = format!(
        r#"<h1>Sign out?</h1>
{who}
<p class="lead">This ends your session at the identity service, in this browser.</p>
<form method="post" action="{action}">{hidden}
<button class="primary" type="submit">Sign out</button>
</form>"#,
        who = who(user),
        hidden = hidden_fields(hidden),
    );
    layout("Sign out", &body)
}

/// Says that nobody is signed in.
pub(crate) fn signed_out(hidden: &Hidden<'_>) -> String {
    let body = format!(
        r#"<h1>You are signed out here</h1>
<p class="lead">Nobody is signed in with this browser.</p>
<p class="links"><a class="button filled" href="/sign-in{}">Sign in</a></p>"#,
        escape(&query(hidden, &[])),
    );
    layout("Signed out", &body)
}

/// The home page.
pub(crate) fn home(home: &Home<'_>, user: Option<&User>, hidden: &Hidden<'_>) -> String {
    let mut body = String::from("<h1>Identity service</h1>\n");
    let lead = "The offline stand-in for the service that signs your visitors in.";
    let _ = writeln!(body, "<p class=\"lead\">{lead}</p>");
    let state = match (user, home.only_from) {
        (Some(user), _) => format!("{}\n{}", who(user), session_buttons(hidden)),
        (None, Some(sites)) => sites::open_site(sites),
        (None, None) => format!(
            "<p class=\"nobody\">Nobody is signed in with this browser.</p>\n\
             <p class=\"links\"><a class=\"button filled\" href=\"/sign-in{}\">Sign in</a></p>",
            escape(&query(hidden, &[])),
        ),
    };
    let _ = writeln!(body, "{state}");
    let _ = write!(
        body,
        r#"<dl>
<dt>Address</dt><dd><code>{origin}</code></dd>
<dt>Publishable key</dt><dd><code>{key}</code></dd>
<dt>Key set</dt><dd><a href="/.well-known/jwks.json"><code>/.well-known/jwks.json</code></a></dd>
<dt>Accounts</dt><dd>{users}</dd>
</dl>"#,
        origin = escape(home.origin),
        key = escape(home.publishable_key),
        users = home.users,
    );
    layout("Identity service", &body)
}

/// A title and a sentence.
pub(crate) fn message(title: &str, text: &str, home: bool) -> String {
    let link = if home {
        "\n<p class=\"links\"><a class=\"button\" href=\"/\">Identity service</a></p>"
    } else {
        ""
    };
    let body =
        format!("<h1>{}</h1>\n<p class=\"lead\">{}</p>{link}", escape(title), escape(&capitalized(text)));
    layout(title, &body)
}

fn layout(title: &str, body: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · nostore issuer</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<p class="brand"><span class="mark" aria-hidden="true"></span>nostore</p>
{body}
</main>
<footer>nostore issuer · development · no passwords</footer>
</body>
</html>
"#,
        title = escape(title),
    )
}

fn hidden_fields(hidden: &Hidden<'_>) -> String {
    let field = |(name, value): &(&str, &str)| {
        format!("\n<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value))
    };
    hidden.iter().map(field).collect()
}

/// Makes a query of the hidden fields, `?` included, or nothing.
fn query(hidden: &Hidden<'_>, more: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(hidden).extend_pairs(more);
    let query = query.finish();
    if query.is_empty() { query } else { format!("?{query}") }
}

fn session_buttons(hidden: &Hidden<'_>) -> String {
    format!(
        r#"<form class="row" method="post" action="/sign-out">{}
<a class="button" href="/sign-in{}">Switch account</a>
<button class="button" type="submit">Sign out</button>
</form>"#,
        hidden_fields(hidden),
        escape(&query(hidden, &[("switch", "1")])),
    )
}

fn account_button(user: &User) -> String {
    format!(
        "\n<li><button class=\"account\" type=\"submit\" name=\"account\" value=\"{}\">{}</button></li>",
        escape(&user.email),
        account(user),
    )
}

fn who(user: &User) -> String {
    format!("<p class=\"who\">{}</p>", account(user))
}

fn account(user: &User) -> String {
    let name = user.display_name();
    let initial: String = name.chars().take(1).flat_map(char::to_uppercase).collect();
    format!(
        "<span class=\"avatar hue{hue}\" aria-hidden=\"true\">{initial}</span>\
         <span class=\"names\"><span class=\"name\">{name}</span> <span class=\"email\">{email}</span></span>",
        hue = hue(&user.email),
        initial = escape(&initial),
        name = escape(name),
        email = escape(&user.email),
    )
}

/// Picks one of six colours, always the same for one address.
fn hue(email: &str) -> u32 {
    email.bytes().fold(5_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 6
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
