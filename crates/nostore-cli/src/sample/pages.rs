//! The sample site's pages.

use nostore_message::UnixTime;

use super::module::Module;
use crate::args::Failure;

const LAYOUT: &str = include_str!("layout.html");
const STYLE: &str = include_str!("style.css");
const HOME: &str = include_str!("home.html");
const MODULE: &str = include_str!("module.html");
const DASHBOARD: &str = include_str!("dashboard.html");
const FAMILY_HOME: &str = include_str!("family_home.html");
const TREE: &str = include_str!("tree.html");

/// What every page shows besides its own content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// Which site it is, and how it was started.
    pub(crate) kind: Kind,
    /// When the page was rendered.
    pub(crate) now: UnixTime,
    /// A number that differs from copy to copy, so that a replayed page can be told from a new one.
    pub(crate) copy: u32,
    /// The module that keeps its visitor's session warm, where there is one.
    pub(crate) module: Option<&'a Module>,
}

/// Which sample site.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// The one with sessions of the identity service.
    Dashboard {
        /// The failure that it was started with, if any.
        unprotected: Option<Failure>,
    },
    /// The one with a sign-in of its own.
    Family {
        /// Whether it runs as the incident did.
        unprotected: bool,
    },
}

/// Who is shown on the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member<'a> {
    pub(crate) email: &'a str,
    pub(crate) role: &'a str,
    pub(crate) session: &'a str,
}

/// Who is shown on the dashboard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person<'a> {
    pub(crate) email: &'a str,
    pub(crate) user: &'a str,
    pub(crate) session: &'a str,
    pub(crate) until: UnixTime,
}

/// Renders the public page.
pub(crate) fn home(frame: Frame<'_>, cache_control: &str) -> String {
    let main = fill(HOME, &frame.with(&[("cache_control", cache_control)]));
    let chip = r#"<span class="chip out me" id="me">…</span>"#;
    frame.page("Home", chip, &main)
}

/// Renders the public page of the family's site.
pub(crate) fn family_home(frame: Frame<'_>, cache_control: &str) -> String {
    frame.page("Home", "", &fill(FAMILY_HOME, &frame.with(&[("cache_control", cache_control)])))
}

/// Renders the family's tree.
pub(crate) fn tree(frame: Frame<'_>, member: Member<'_>) -> String {
    let Member { email, role, session } = member;
    let initial = initial(email);
    let pairs = [("initial", &*initial), ("email", email), ("role", role), ("session", session)];
    frame.page("The tree", r#"<span class="chip me">signed in</span>"#, &fill(TREE, &frame.with(&pairs)))
}

/// Renders the dashboard.
pub(crate) fn dashboard(frame: Frame<'_>, person: Person<'_>) -> String {
    let initial = initial(person.email);
    let main = fill(
        DASHBOARD,
        &frame.with(&[
            ("initial", &initial),
            ("email", person.email),
            ("user", person.user),
            ("session", person.session),
            ("until", &date(person.until)),
        ]),
    );
    frame.page("Dashboard", r#"<span class="chip me">signed in</span>"#, &main)
}

/// Renders a page that says what went wrong.
pub(crate) fn message(frame: Frame<'_>, title: &str, text: &str) -> String {
    let main = fill(
        r#"<h1>{{title}}</h1><p class="lead">{{text}}</p><p><a class="button quiet" href="/">Home</a></p>"#,
        &[("title", title.to_owned()), ("text", text.to_owned())],
    );
    frame.page(title, "", &main)
}

fn initial(email: &str) -> String {
    email.chars().next().unwrap_or('?').to_uppercase().to_string()
}

impl Frame<'_> {
    fn with(self, more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("time", clock_time(self.now)), ("copy", format!("{:04x}", self.copy & 0xffff))];
        pairs.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        pairs
    }

    fn page(self, title: &str, nav: &str, main: &str) -> String {
        let Words { links, notice, footer } = self.words();
        let script = self.module.map(|module| {
            let start = [
                ("publishable_key", module.publishable_key.clone()),
                ("frontend_api", module.frontend_api.clone()),
            ];
            fill(MODULE, &start)
        });
        // The content is filled in last and never searched for placeholders: it holds what visitors wrote.
        LAYOUT
            .replace("{{title}}", &escape(title))
            .replace("{{style}}", STYLE)
            .replace("{{links}}", links)
            .replace("{{nav}}", nav)
            .replace("{{notice}}", notice)
            .replace("{{footer}}", footer)
            .replace("{{script}}", &script.unwrap_or_default())
            .replace("{{main}}", main)
    }
}

/// What differs from site to site around every page.
struct Words {
    links: &'static str,
    notice: &'static str,
    footer: &'static str,
}

impl Frame<'_> {
    const fn words(self) -> Words {
        let notice = match self.kind {
            Kind::Dashboard { unprotected: None } | Kind::Family { unprotected: false } => "",
            Kind::Dashboard { unprotected: Some(Failure::Loop) } => {
                r#"<p class="warning"><strong>Unprotected.</strong> The sign-in redirects of this site say nothing about caching.</p>"#
            }
            Kind::Dashboard { unprotected: Some(Failure::Leak) } => {
                r#"<p class="warning"><strong>Unprotected.</strong> A framework makes every page of this site cacheable, and a middleware writes the session cookie on it.</p>"#
            }
            Kind::Family { unprotected: true } => {
                r#"<p class="warning"><strong>Unprotected.</strong> A middleware refreshes the session on the page <a href="/admin/users">who may in</a>, which says nothing about caching.</p>"#
            }
        };
        match self.kind {
            Kind::Dashboard { .. } => Words {
                links: r#"<a href="/dashboard">Dashboard</a>"#,
                notice,
                footer: "The sample site of <code>nostore dev</code>. Sign in as anybody: there are no passwords in development.",
            },
            Kind::Family { .. } => Words {
                links: r#"<a href="/tree">The tree</a><a href="/admin/users">Who may in</a>"#,
                notice,
                footer: "The sample site of <code>nostore dev --sessions cookie</code>. Be anybody at the identity service, without a password;                          only who is on the list gets in.",
            },
        }
    }
}

/// Formats a time as `HH:MM:SS` in UTC.
pub(crate) fn clock_time(time: UnixTime) -> String {
    let second = time.secs().rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

/// Formats a time as date and time (RFC 9110 section 5.6.7); one before 1970 as that.
fn date(time: UnixTime) -> String {
    let since = std::time::Duration::from_secs(time.secs().max(0).unsigned_abs());
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + since)
}

/// Replaces each `{{name}}` by its escaped value, in one pass, so that values are never searched.
fn fill(template: &str, pairs: &[(&'static str, String)]) -> String {
    let mut page = String::with_capacity(template.len() + 256);
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{") {
        page.push_str(before);
        let Some((name, behind)) = behind.split_once("}}") else { break };
        if let Some((_, value)) = pairs.iter().find(|(key, _)| *key == name) {
            page.push_str(&escape(value));
        }
        rest = behind;
    }
    page.push_str(rest);
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_never_searched() {
        let page = fill("<b>{{a}}</b>{{b}}", &[("a", "{{b}}<".into()), ("b", "'\"&".into())]);
        assert_eq!(page, "<b>{{b}}&lt;</b>&#39;&quot;&amp;");
        assert_eq!(clock_time(UnixTime::from_secs(86_399)), "23:59:59");
    }
}
