//! Which shared cache the files of a folder speak of.

use std::path::Path;

use nostore_cache::{Profile, profile_for_folder};

use crate::error::Failed;

/// The profile to emulate, and why it was chosen.
pub(crate) struct Choice {
    pub(crate) profile: Profile,
    pub(crate) reason: String,
}

/// Takes the profile that was asked for, else the configured one, else what the folder says, else RFC 9111.
///
/// # Errors
///
/// When there is no profile with that name: lists those there are, the nearest first.
pub(crate) fn choose(asked: Option<&str>, configured: Option<&str>, folder: &Path) -> Result<Choice, Failed> {
    if let Some(name) = asked {
        return Ok(Choice { profile: named(name)?, reason: "asked for with --cdn".to_owned() });
    }
    if let Some(name) = configured {
        return Ok(Choice { profile: named(name)?, reason: "nostore.toml says so".to_owned() });
    }
    let names = file_names(folder);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let Some(hint) = profile_for_folder(&names) else {
        let reason = "no file here names a platform; choose with --cdn".to_owned();
        return Ok(Choice { profile: named("rfc9111")?, reason });
    };
    match hint.profile {
        Some(name) => Ok(Choice {
            profile: named(name)?,
            reason: format!("this folder has {}: {}", hint.file, hint.platform),
        }),
        None => Ok(Choice {
            profile: named("rfc9111")?,
            reason: format!(
                "this folder has {}: {}, which has no profile yet; the RFC stands in",
                hint.file, hint.platform
            ),
        }),
    }
}

/// Looks a profile up.
///
/// # Errors
///
/// When there is none with that name: lists those there are, the nearest first.
pub(crate) fn named(name: &str) -> Result<Profile, Failed> {
    Profile::named(name).map_err(|error| Failed::usage(error.to_string()))
}

/// Lists the files of a folder; one that cannot be read says nothing.
pub(crate) fn file_names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}
