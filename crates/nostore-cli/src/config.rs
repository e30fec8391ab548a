//! `nostore.toml`: what every command of this folder needs to know. Flags win.
//!
//! # Invariants
//!
//! - No secret is in it: those come from the environment, or from files that it names.
//! - A name that nobody knows is refused, with its line: a misspelt `sesion-cookies` would protect nothing.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::Failed;

/// The file's name.
pub(crate) const FILE: &str = "nostore.toml";

/// What a folder says of its site.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Config {
    /// How visitors know the site.
    pub(crate) site: Option<String>,
    /// Where the app listens.
    pub(crate) app: Option<String>,
    /// The cache in front: a profile's name.
    pub(crate) cdn: Option<String>,
    /// The cookies that are a session.
    pub(crate) session_cookies: Vec<String>,
    /// Paths of the app's own sign-in.
    pub(crate) auth_paths: Vec<String>,
    /// Paths whose answers are the same for everyone.
    pub(crate) public: Vec<String>,
    /// Paths that only signed-in visitors see, where the guard signs in.
    pub(crate) protected: Vec<String>,
    /// Whose forwarded fields count.
    pub(crate) trusted_proxies: Vec<String>,
    /// For `nostore guard`.
    pub(crate) guard: GuardSection,
    /// For a sign-in of the guard's own.
    pub(crate) sign_in: SignInSection,
    /// For `nostore logs`.
    pub(crate) logs: LogsSection,
}

/// `[guard]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct GuardSection {
    pub(crate) listen: Option<String>,
    pub(crate) control: Option<String>,
    pub(crate) report_only: bool,
    pub(crate) unless_public: bool,
    pub(crate) sign_in: Option<crate::args::SignInKind>,
    pub(crate) tls_certificate: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) max_body: Option<u64>,
}

/// `[sign-in]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SignInSection {
    pub(crate) issuer: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) admins: Vec<String>,
    pub(crate) store: Option<PathBuf>,
    pub(crate) events: Option<PathBuf>,
}

/// `[logs]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LogsSection {
    pub(crate) format: Option<String>,
    pub(crate) pattern: Option<String>,
    pub(crate) fields: Vec<String>,
    pub(crate) sign_in_paths: Vec<String>,
    pub(crate) sign_out_paths: Vec<String>,
}

impl Config {
    /// Reads the file that was named, or the one of this folder, or takes nothing for said.
    ///
    /// # Errors
    ///
    /// When a file that was named is not there, or what is there is not as expected: says where.
    pub(crate) fn read(named: Option<&Path>) -> Result<Self, Failed> {
        let path = named.unwrap_or(Path::new(FILE));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path),
            Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => Ok(Self::default()),
            Err(error) => Err(Failed::usage(format!("expected a configuration at {}", path.display()))
                .because(&error)
                .hint("name a file that is there with --config, or make one with `nostore init`")),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Failed> {
        toml::from_str(text).map_err(|error| {
            // It shows the line, with a mark below what is wrong.
            let shown = error.to_string().trim_end().replace('\n', "\n  ");
            Failed::usage(format!("{} is not as expected\n  {shown}", path.display()))
                .hint("`nostore init --print` shows one that is, with all that can be said")
        })
    }
}

/// Takes what a flag says, and what the file says where the flag is silent.
pub(crate) fn or_file<'a>(flag: &'a [String], file: &'a [String]) -> &'a [String] {
    if flag.is_empty() { file } else { flag }
}
