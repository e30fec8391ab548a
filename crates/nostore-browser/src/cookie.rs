//! The cookie `__session` as a page reads and writes it.
//!
//! Two names hold the token: the plain one, and the one with the instance's suffix, which is read first.
//!
//! Specifications: section 1.9 of the token client's; RFC 6265bis, "The Set-Cookie Header Field"; CHIPS for `Partitioned`.

use nostore_message::Cookies;
use nostore_token::SessionToken;

use crate::text::Text;

/// The names' stem.
const SESSION: &str = "__session";
/// Says when the client last changed: 0 is "signed out".
const CLIENT_UAT: &str = "__client_uat";
/// Names the browser to a development instance.
const BROWSER: &str = "__clerk_db_jwt";

/// A year, in seconds: what limits a token is in it.
const YEAR_SECS: u32 = 31_536_000;

/// How cookies are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Attributes {
    /// In a frame of another site.
    pub framed: bool,
    /// Over https.
    pub secure: bool,
    /// In the jar of the site around.
    pub partitioned: bool,
}

/// The names of one instance's cookies.
#[derive(Clone, Debug)]
pub struct Names {
    suffix: String,
}

/// What a page's cookies say.
#[derive(Debug, Default)]
pub struct Held {
    /// The token under the suffixed name, then the one under the plain name: where they are tokens.
    pub suffixed: Option<SessionToken>,
    /// See there.
    pub plain: Option<SessionToken>,
    /// Whether there is anything under either name.
    pub any: bool,
    /// Whether the client is said to have changed, and not to "signed out".
    pub somebody: bool,
    /// Whether it is said to be signed out.
    pub nobody: bool,
    /// What names the browser to a development instance.
    pub browser: Option<Text>,
}

impl Held {
    /// Returns the token that counts: the suffixed name is read first.
    #[must_use]
    pub fn token(&self) -> Option<&SessionToken> {
        self.suffixed.as_ref().or(self.plain.as_ref())
    }

    /// Takes the token that counts.
    #[must_use]
    pub fn take(&mut self) -> Option<SessionToken> {
        self.suffixed.take().or_else(|| self.plain.take())
    }
}

impl Names {
    /// The names with that suffix.
    #[must_use]
    pub fn new(suffix: impl Into<String>) -> Self {
        Self { suffix: suffix.into() }
    }

    fn both(&self, stem: &str) -> [String; 2] {
        [format!("{stem}_{}", self.suffix), stem.to_owned()]
    }

    /// Reads the page's cookies.
    #[must_use]
    pub fn read(&self, cookies: &str) -> Held {
        let jar = Cookies::parse([cookies]);
        let value = |name: &str| jar.raw(name).filter(|value| !value.is_empty());
        let first = |stem: &str| {
            let [suffixed, plain] = self.both(stem);
            value(&suffixed).or_else(|| value(&plain))
        };
        let token = |name: &str| value(name).and_then(|raw| SessionToken::parse(raw).ok());
        let [suffixed, plain] = self.both(SESSION);
        let changed = first(CLIENT_UAT);
        Held {
            any: value(&suffixed).or_else(|| value(&plain)).is_some(),
            suffixed: token(&suffixed),
            plain: token(&plain),
            somebody: changed.is_some_and(|secs| secs != "0"),
            nobody: changed == Some("0"),
            browser: first(BROWSER).map(Text::from),
        }
    }

    /// Returns what writes the token under both names, in order. No text removes it; so does one that is no token.
    #[must_use]
    pub fn write(&self, raw: &str, attributes: Attributes) -> Vec<String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte);
        if raw.is_empty() || !raw.bytes().all(plain) {
            return self.both(SESSION).iter().flat_map(|name| removals(name, attributes)).collect();
        }
        let lines = |name: &String| {
            let twin = attributes.partitioned.then(|| removal(name, attributes.unpartitioned()));
            let line = format!("{name}={raw}; Path=/; Max-Age={YEAR_SECS}{}", attributes.text());
            twin.into_iter().chain([line]).collect::<Vec<_>>()
        };
        self.both(SESSION).iter().flat_map(lines).collect()
    }

    /// Returns what removes the suffixed name, and what removes the plain one.
    #[must_use]
    pub fn remove(&self, attributes: Attributes) -> [Vec<String>; 2] {
        self.both(SESSION).map(|name| removals(&name, attributes))
    }

    /// Returns what says "signed out" to the site's server.
    #[must_use]
    pub fn signed_out(&self, attributes: Attributes) -> Vec<String> {
        let line = |name: &String| format!("{name}=0; Path=/; Max-Age={YEAR_SECS}{}", attributes.text());
        self.both(CLIENT_UAT).iter().map(line).collect()
    }
}

impl Attributes {
    const fn unpartitioned(self) -> Self {
        Self { partitioned: false, ..self }
    }

    const fn text(self) -> &'static str {
        match self {
            // Both need `Secure`, whatever the page came over: without it they are refused.
            Self { partitioned: true, .. } => "; SameSite=None; Secure; Partitioned",
            Self { framed: true, .. } => "; SameSite=None; Secure",
            Self { secure: true, .. } => "; SameSite=Lax; Secure",
            Self { .. } => "; SameSite=Lax",
        }
    }
}

/// A partitioned cookie and its unpartitioned twin are two cookies with one name.
fn removals(name: &str, attributes: Attributes) -> Vec<String> {
    let twin = attributes.partitioned.then(|| removal(name, attributes.unpartitioned()));
    twin.into_iter().chain([removal(name, attributes)]).collect()
}

fn removal(name: &str, attributes: Attributes) -> String {
    format!("{name}=; Path=/; Max-Age=0{}", attributes.text())
}
