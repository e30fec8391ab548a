//! What a site with a sign-in of its own is set up with: its secrets, its place at the provider, its files.
//!
//! # Invariants
//!
//! - Whatever the sample site finds, an app of one's own finds too: both read the same variables.
//! - The secrets are drawn once for each dev folder and kept there, for their owner alone.
//!
//! # Not covered
//!
//! What a site does with it: that is `nostore-signin`.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use nostore_issuer::core::RelyingParty;
use nostore_message::Secret;

use crate::args::SessionKind;
use crate::error::Failed;
use crate::secret::{self, EnvFile, Rotation, VARIABLE};

/// How the provider knows the site.
const CLIENT_ID: &str = "family-tree";
/// What the provider's pages call it.
pub(crate) const TITLE: &str = "Family tree";
/// Who may say who may in, from the start: one of those whom every identity service of ours knows.
pub(crate) const ADMIN: &str = "alice@example.com";
/// Where the secrets are, in the dev folder.
const SECRETS_FILE: &str = "site.env";
/// Where the list and the sessions are.
const STORE_FILE: &str = "site.db";
/// Where events go.
const EVENTS_FILE: &str = "events.jsonl";
const CLIENT_SECRET: &str = "NOSTORE_OIDC_CLIENT_SECRET";

/// The set-up of a site with a sign-in of its own.
#[derive(Debug)]
pub(crate) struct Own {
    site: String,
    secrets: Vec<Secret>,
    client_secret: Secret,
    /// The dev folder, as an absolute path. `None`: everything is in memory.
    folder: Option<PathBuf>,
}

impl Own {
    /// Sets up what a site needs that keeps its sessions by itself; nothing for another one.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub(crate) fn asked(
        kind: SessionKind,
        site: &str,
        folder: Option<&Path>,
    ) -> Result<Option<Self>, Failed> {
        match kind {
            SessionKind::Cookie => Self::open(site, folder).map(Some),
            SessionKind::Handshake => Ok(None),
        }
    }

    /// Takes what is in the folder, and makes what is missing.
    ///
    /// # Errors
    ///
    /// When the folder or its file of secrets cannot be used.
    pub(crate) fn open(site: &str, folder: Option<&Path>) -> Result<Self, Failed> {
        let Some(folder) = folder else {
            let (secrets, client_secret) = (vec![secret::draw()?], secret::draw()?);
            return Ok(Self { site: site.to_owned(), secrets, client_secret, folder: None });
        };
        let folder = made(folder).map_err(|error| {
            Failed::usage(format!("the folder {} cannot be used for secrets", folder.display()))
                .because(&error)
                .hint("choose another one with `--data`")
        })?;
        let file = EnvFile::read_or(&folder.join(SECRETS_FILE), fresh)?;
        let missing = |name: &str| {
            Failed::usage(format!("expected {name}=… in {}", folder.join(SECRETS_FILE).display()))
                .hint("delete the file: `nostore dev` makes it anew, and everybody signs in again")
        };
        let secrets = file.value(VARIABLE)?.map(secret::list).filter(|secrets| !secrets.is_empty());
        let secrets = secrets.ok_or_else(|| missing(VARIABLE))?;
        let client_secret = file.value(CLIENT_SECRET)?.filter(|found| !found.is_empty()).map(Secret::new);
        let client_secret = client_secret.ok_or_else(|| missing(CLIENT_SECRET))?;
        Ok(Self { site: site.to_owned(), secrets, client_secret, folder: Some(folder) })
    }

    /// Registers the site at the provider, under its origin and another one.
    pub(crate) fn relying_party(&self, other: &str) -> RelyingParty {
        let party = RelyingParty::new(CLIENT_ID).with_secret(self.client_secret.clone()).named(TITLE);
        [self.site.as_str(), other].into_iter().fold(party, |party, origin| {
            party
                .with_redirect_uri(format!("{origin}/auth/callback"))
                .with_post_logout_redirect_uri(format!("{origin}/auth/sign-out"))
        })
    }

    /// Lists the variables that a site with such a sign-in reads. `issuer`: the provider's issuer identifier.
    pub(crate) fn variables(&self, issuer: &str) -> Vec<(&'static str, String)> {
        let file = |name: &str| self.folder.as_ref().map(|folder| folder.join(name).display().to_string());
        let files = [("NOSTORE_STORE", file(STORE_FILE)), ("NOSTORE_EVENTS", file(EVENTS_FILE))];
        let told = [
            (VARIABLE, secret::joined(&self.secrets)),
            ("NOSTORE_ORIGIN", self.site.clone()),
            ("NOSTORE_OIDC_ISSUER", issuer.to_owned()),
            ("NOSTORE_OIDC_CLIENT_ID", CLIENT_ID.to_owned()),
            (CLIENT_SECRET, self.client_secret.expose().to_owned()),
            ("NOSTORE_ADMIN", ADMIN.to_owned()),
        ];
        told.into_iter().chain(files.into_iter().filter_map(|(name, path)| Some((name, path?)))).collect()
    }

    /// Returns where events go, and where the secrets are.
    pub(crate) fn files(&self) -> Option<(String, String)> {
        let path = |name: &str| Some(self.folder.as_ref()?.join(name).display().to_string());
        Some((path(EVENTS_FILE)?, path(SECRETS_FILE)?))
    }

    /// Returns the secrets: the first one seals.
    pub(crate) fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// Puts a new secret in front, or in the place of all, in the folder too.
    ///
    /// # Errors
    ///
    /// When none can be drawn or written. The secrets are as they were.
    pub(crate) fn rotate(&mut self, rotation: Rotation) -> Result<(), Failed> {
        let all = secret::rotated(&self.secrets, rotation)?;
        if let Some(folder) = &self.folder {
            EnvFile::read(&folder.join(SECRETS_FILE))?.with(VARIABLE, &secret::joined(&all))?.write()?;
        }
        self.secrets = all;
        Ok(())
    }
}

/// What the file of secrets holds at first.
fn fresh() -> Result<String, Failed> {
    let (sealing, client) = (secret::draw()?, secret::draw()?);
    Ok(format!(
        "# Made by `nostore dev --sessions cookie`, for this machine alone.\n\
         # `nostore secret rotate --keep-sessions --file …` puts a new secret in front.\n\
         {VARIABLE}={}\n{CLIENT_SECRET}={}\n",
        sealing.expose(),
        client.expose()
    ))
}

/// Makes the folder, where it is missing, for this user alone and out of version control.
fn made(folder: &Path) -> io::Result<PathBuf> {
    if !folder.try_exists()? {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        std::fs::write(folder.join(".gitignore"), "*\n")?;
    }
    std::fs::canonicalize(folder)
}
