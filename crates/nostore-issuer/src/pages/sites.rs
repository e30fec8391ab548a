//! What pages say of the sites that browsers come from and go back to.

use nostore_message::Origin;

use super::{Hidden, capitalized, escape, layout, query};
use crate::core::RedirectError;

/// How another site gets allowed.
const ALLOW: &str = "name the site's own with <code>--allow-origin ORIGIN</code> of <code>nostore issuer</code>; \
    under <code>nostore dev</code> the site is allowed by itself";

/// Says that a browser has to come from its site, with the way there.
pub(crate) fn elsewhere(title: &str, sites: &[Origin]) -> String {
    let body = format!("<h1>{}</h1>\n{}", escape(title), open_site(sites));
    layout(title, &body)
}

/// Says why an address is not returned to, and what to do.
pub(crate) fn refused_return(error: &RedirectError, sites: &[Origin]) -> String {
    let (title, mend) = match error {
        RedirectError::Missing => {
            ("No address to return to", "Open the site: it sends the address along.".to_owned())
        }
        RedirectError::ForeignOrigin { .. } => {
            ("That site is not known here", format!("Open the site at one of these addresses, or {ALLOW}."))
        }
        RedirectError::OtherHost { .. } => (
            "That site has another host name",
            "With production keys, open site and service under one host name.".to_owned(),
        ),
        RedirectError::Character | RedirectError::NotAnOrigin(_) | RedirectError::TooLong { .. } => (
            "That is no address to return to",
            "Open the site: it sends a complete address along.".to_owned(),
        ),
    };
    let body = format!(
        r#"<h1>{title}</h1>
<p class="lead">{problem}.</p>
<p class="hint">This service hands out session tokens, so it returns only to the sites it was started for: {sites}.
{mend}</p>"#,
        problem = with_code(&capitalized(&error.to_string())),
        sites = list(sites),
    );
    layout(title, &body)
}

/// One sentence and the links to the sites, for a browser that is not known here.
pub(super) fn open_site(sites: &[Origin]) -> String {
    let why = "With development keys, this service knows a browser only through its site";
    if sites.is_empty() {
        return format!("<p class=\"nobody\">{why}, and no site is allowed yet: {ALLOW}.</p>");
    }
    let links = links("Open", sites, |site| format!("{site}/"));
    format!("<p class=\"nobody\">{why}, so start there.</p>\n{links}")
}

/// Leads back to the sites by a handshake, so that they learn of a sign-in that none of them asked for.
pub(super) fn go_back(sites: &[Origin], hidden: &Hidden<'_>) -> String {
    let links = links("Continue to", sites, |site| {
        let back = query(&[("redirect_url", &format!("{site}/"))], hidden);
        format!("/v1/client/handshake{back}")
    });
    format!("<p class=\"lead\">The site learns of it when you go there from here.</p>\n{links}")
}

/// One link for each site; the first stands out.
fn links(verb: &str, sites: &[Origin], href: impl Fn(&Origin) -> String) -> String {
    let link = |(index, site): (usize, &Origin)| {
        let class = if index == 0 { "button filled" } else { "button" };
        let (href, name) = (escape(&href(site)), escape(&site.authority()));
        format!("<a class=\"{class}\" href=\"{href}\">{verb} {name}</a>")
    };
    let links: Vec<String> = sites.iter().enumerate().map(link).collect();
    format!("<p class=\"links sites\">{}</p>", links.join("\n"))
}

fn list(sites: &[Origin]) -> String {
    let site = |site: &Origin| format!("<code>{}</code>", escape(&site.to_string()));
    let sites: Vec<String> = sites.iter().map(site).collect();
    if sites.is_empty() { "none yet".to_owned() } else { sites.join(" or ") }
}

/// Makes HTML of a text, with `<code>` for what stands between backticks.
fn with_code(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for (index, piece) in text.split('`').enumerate() {
        let piece = escape(piece);
        if index % 2 == 0 { html.push_str(&piece) } else { html.extend(["<code>", &piece, "</code>"]) }
    }
    html
}
