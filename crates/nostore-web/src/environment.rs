//! What the process environment says about where the site runs, read once.

use std::ffi::{OsStr, OsString};

use nostore_cache::{Detected, Platform, detect};

/// What was found in an environment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Environment {
    /// The hosting platform, where a signal names one.
    pub platform: Option<Platform>,
    /// Whether `nostore dev` runs the site (`NOSTORE_DEV=1`): responses then say why they lost their caching.
    pub dev: bool,
}

impl Environment {
    /// Reads an environment given as a lookup.
    #[must_use]
    pub fn read<'e>(variable: impl Fn(&str) -> Option<&'e OsStr>) -> Self {
        let dev = variable("NOSTORE_DEV").is_some_and(|value| value == "1");
        Self { platform: detect(variable).map(|Detected { platform, .. }| platform), dev }
    }

    /// Reads the environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let variables = variables_of_process();
        Self::read(|name| find(&variables, name))
    }
}

/// Reads the environment of this process.
#[expect(clippy::disallowed_methods, reason = "this is the one place where adapters read the environment")]
pub(crate) fn variables_of_process() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// Looks a variable up.
pub(crate) fn find<'v>(variables: &'v [(OsString, OsString)], name: &str) -> Option<&'v OsStr> {
    variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_os_str())
}
