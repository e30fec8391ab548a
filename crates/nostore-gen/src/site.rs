//! What is known of a site: its session cookies, the paths of its sign-in, the paths that are everybody's.

/// The cookies of sessions that are meant when none is named: Auth.js 5, NextAuth 4, the handshake protocol, our own.
pub const PRESET_COOKIES: [&str; 4] =
    ["authjs.session-token", "next-auth.session-token", "__session", "nostore.session"];

/// Where sign-in lives unless told otherwise.
pub const DEFAULT_AUTH_PATH: &str = "/api/auth/*";

/// The most that is read of a name or a path, in octets.
const LONGEST: usize = 128;

/// A site.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Site {
    session_cookies: Vec<String>,
    auth_paths: Vec<PathPattern>,
    public_paths: Vec<PathPattern>,
}

impl Site {
    /// Makes a site with these session cookies and [`DEFAULT_AUTH_PATH`]. Prefixes (`__Secure-`, `__Host-`) and numbers of
    /// parts (`NAME.0`) do not matter: every form of a name is meant.
    ///
    /// # Errors
    ///
    /// [`SiteError::Cookie`] for what cannot be the name of a cookie, [`SiteError::NoCookie`] for none at all.
    pub fn new<'a>(session_cookies: impl IntoIterator<Item = &'a str>) -> Result<Self, SiteError> {
        let mut names: Vec<String> = Vec::new();
        for given in session_cookies {
            let name = base(given);
            if name.is_empty() || given.len() > LONGEST || !name.bytes().all(is_token) {
                return Err(SiteError::Cookie { found: given.to_owned() });
            }
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        if names.is_empty() {
            return Err(SiteError::NoCookie);
        }
        let auth_paths = vec![PathPattern { path: "/api/auth".to_owned(), beneath: true }];
        Ok(Self { session_cookies: names, auth_paths, public_paths: Vec::new() })
    }

    /// Says where sign-in lives, in place of the default: `/login`, `/oauth/*`.
    ///
    /// # Errors
    ///
    /// [`SiteError::Path`] for what is no pattern.
    pub fn auth_paths<'a>(mut self, patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, SiteError> {
        self.auth_paths = patterns.into_iter().map(PathPattern::parse).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// Says which paths answer the same to everyone: `/about`, `/assets/*`.
    ///
    /// # Errors
    ///
    /// [`SiteError::Path`] for what is no pattern.
    pub fn public_paths<'a>(
        mut self,
        patterns: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, SiteError> {
        self.public_paths = patterns.into_iter().map(PathPattern::parse).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// Lists the names of the session cookies, without prefixes.
    pub fn session_cookies(&self) -> impl ExactSizeIterator<Item = &str> {
        self.session_cookies.iter().map(String::as_str)
    }

    /// Lists the forms that a session cookie may have: with each prefix, whole or in that many parts.
    pub(crate) fn cookie_forms(&self, parts: usize) -> impl Iterator<Item = String> {
        let forms = move |name: &str| {
            let whole = ["", "__Secure-", "__Host-"].map(|prefix| format!("{prefix}{name}"));
            let parts = (0..parts).flat_map(|part| whole.each_ref().map(|whole| format!("{whole}.{part}")));
            whole.iter().cloned().chain(parts).collect::<Vec<_>>()
        };
        self.session_cookies().flat_map(forms)
    }

    /// Lists the paths of sign-in.
    #[must_use]
    pub fn auth(&self) -> &[PathPattern] {
        &self.auth_paths
    }

    /// Lists the paths that answer the same to everyone.
    #[must_use]
    pub fn public(&self) -> &[PathPattern] {
        &self.public_paths
    }
}

/// A path, or everything beneath one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathPattern {
    /// The path, without `/*`; empty for `/*` itself.
    pub path: String,
    /// Whether what lies beneath is meant.
    pub beneath: bool,
}

impl PathPattern {
    /// Reads `/about` or `/assets/*`. The alphabet is small, so that it means the same in every configuration language.
    ///
    /// # Errors
    ///
    /// [`SiteError::Path`].
    pub fn parse(text: &str) -> Result<Self, SiteError> {
        let path = text.strip_suffix("/*");
        let plain = path.unwrap_or(text);
        let letters = plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte));
        let rooted = plain.starts_with('/') || (plain.is_empty() && path.is_some());
        let dots = plain.split('/').any(|segment| segment == "." || segment == "..");
        if !letters || !rooted || dots || plain.contains("//") || text.len() > LONGEST {
            return Err(SiteError::Path { found: text.to_owned() });
        }
        Ok(Self { path: plain.to_owned(), beneath: path.is_some() })
    }

    /// Prints the pattern as it was read.
    #[must_use]
    pub fn text(&self) -> String {
        if self.beneath { format!("{}/*", self.path) } else { self.path.clone() }
    }
}

/// Why something cannot be said of a site.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// Not the name of a cookie.
    #[error(
        "expected the name of a cookie, such as authjs.session-token (letters, digits and !#$%&'*+-.^_`|~, at most 128), \
         found {found:?}"
    )]
    Cookie {
        /// What was given.
        found: String,
    },
    /// No session cookie at all.
    #[error("expected the name of a session cookie, found none")]
    NoCookie,
    /// Not a pattern.
    #[error(
        "expected a path such as /about or /assets/* (letters, digits and ._~-, one * at the end), found {found:?}"
    )]
    Path {
        /// What was given.
        found: String,
    },
}

/// Takes the prefix and the number of a part off a name.
fn base(name: &str) -> &str {
    let name = name.strip_prefix("__Secure-").or_else(|| name.strip_prefix("__Host-")).unwrap_or(name);
    match name.rsplit_once('.') {
        Some((whole, part)) if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) => whole,
        _ => name,
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
