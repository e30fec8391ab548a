//! Setting a sign-in up: what is demanded, what is usual, and what stops a site at start-up.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use nostore_cache::Platform;
use nostore_message::{Clock, Origin, Secret};
use nostore_session::{
    Lifetimes, SealedConfigError, SealedCookie, SealedFormat, SealedSessions, SealingSecrets, SecretsError,
};
use nostore_web::{Access, BuildError, Routes, Sessions, SystemClock, TrustedProxies};

use crate::events::Events;
use crate::limits::Limits;
use crate::people::{Role, Who};
use crate::provider::{ConfigError, Provider, RelyingParty};
use crate::registry::{Listed, Registry};
use crate::site::{SIGN_IN_PATH, SessionMode, Site};
use crate::store::{Store, StoreError};
use crate::tokens::Turns;
use crate::vault::Vault;

/// A site's own sign-in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SignIn {
    site: Arc<Site>,
    sessions: Sessions,
}

/// Sets up a [`SignIn`].
#[must_use = "nothing is set up until `build`"]
pub struct SignInBuilder {
    secrets: Vec<Secret>,
    origin: Origin,
    providers: Vec<Provider>,
    fixed: Vec<(Who, Role)>,
    store: Option<Arc<dyn Store>>,
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only one engine is a file"))]
    path: PathBuf,
    events: Option<PathBuf>,
    format: SealedFormat,
    cookie: Option<String>,
    lifetimes: Lifetimes,
    mode: SessionMode,
    routes: Routes,
    clock: Arc<dyn Clock>,
    proxies: TrustedProxies,
    title: Option<String>,
    leave_provider: bool,
    keep_tokens: bool,
    protect_all: bool,
    dev: Option<bool>,
    platform: Option<Option<Platform>>,
    quiet: bool,
}

/// Why a sign-in could not be set up.
///
/// `Debug` reads like `Display`, because that is how `main` prints an error.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The gate could not be set up.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The cookie's configuration does not hold together.
    #[error(transparent)]
    Cookie(#[from] SealedConfigError),
    /// The file of events cannot be written.
    #[error("expected to append to the file of events {path}: {source}")]
    Events {
        /// Which file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// There is no provider to sign in with.
    #[error(
        "expected a provider to sign in with, found none: add one with `.provider(Provider::google(…))`, or set \
         NOSTORE_OIDC_ISSUER and NOSTORE_OIDC_CLIENT_ID"
    )]
    NoProvider,
    /// Two providers have one issuer.
    #[error("expected each provider once, found two of the issuer {issuer}")]
    ProviderTwice {
        /// The issuer.
        issuer: String,
    },
    /// A provider's configuration does not hold together.
    #[error("provider {name}: {source}")]
    Provider {
        /// Its name.
        name: String,
        /// What is wrong.
        source: ConfigError,
    },
    /// The secrets cannot be used.
    #[error("NOSTORE_SECRET: {0}. `nostore secret new` makes one")]
    Secrets(#[from] SecretsError),
    /// There is no store where none was given.
    #[error("expected a store: without the feature sqlite, give one with `.store(…)`")]
    NoStore,
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cryptographic library refuses the secrets.
    #[error("the cryptographic library refused the keys")]
    Vault,
}

impl SetupError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Build(error) => error.code(),
            Self::Cookie(_) => "cookie",
            Self::Events { .. } => "events",
            Self::NoProvider => "no-provider",
            Self::NoStore => "no-store",
            Self::Provider { source, .. } => source.code(),
            Self::ProviderTwice { .. } => "provider-twice",
            Self::Secrets(_) => "secrets",
            Self::Store(error) => error.code(),
            Self::Vault => "vault",
        }
    }
}

impl std::fmt::Debug for SetupError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)?;
        match std::error::Error::source(self) {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

/// For a `main` that returns [`io::Result`].
impl From<SetupError> for io::Error {
    fn from(error: SetupError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

impl SignIn {
    /// Starts to set up a sign-in. The first secret seals, all open; `origin` is how visitors know the site.
    pub fn builder(secrets: impl IntoIterator<Item = Secret>, origin: Origin) -> SignInBuilder {
        SignInBuilder {
            secrets: secrets.into_iter().collect(),
            origin,
            providers: Vec::new(),
            fixed: Vec::new(),
            store: None,
            path: PathBuf::from("nostore.db"),
            events: None,
            format: SealedFormat::Nostore,
            cookie: None,
            lifetimes: Lifetimes::default(),
            mode: SessionMode::default(),
            routes: Routes::new(),
            clock: Arc::new(SystemClock),
            proxies: TrustedProxies::none(),
            title: None,
            leave_provider: false,
            keep_tokens: false,
            protect_all: false,
            dev: None,
            platform: None,
            quiet: false,
        }
    }

    /// Returns the sessions, for the layer of an adapter.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        self.sessions.clone()
    }

    /// Returns the URI to register at each provider.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        redirect_uri(&self.site.origin)
    }

    /// Returns what has been counted, in the text format that Prometheus reads.
    #[must_use]
    pub fn prometheus(&self) -> String {
        self.site.events.prometheus()
    }

    /// Lists who may in: by configuration, then by name.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn listed(&self) -> Result<Vec<Listed>, StoreError> {
        self.site.registry.allowed(self.sessions.now()).await
    }

    /// Removes from the store what has ended, where its engine does not do so by itself. Once a day is enough.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        self.site.registry.sweep(self.sessions.now()).await
    }

    pub(crate) fn site(&self) -> &Site {
        &self.site
    }
}

impl SignInBuilder {
    /// Lets visitors sign in with a provider. Several may be given.
    pub fn provider(mut self, provider: Provider) -> Self {
        self.providers.push(provider);
        self
    }

    /// Makes somebody an admin by configuration: the first one, as a rule. What the configuration says cannot be taken
    /// back on the admin page.
    pub fn admin(mut self, who: Who) -> Self {
        self.fixed.push((who, Role::Admin));
        self
    }

    /// Lets somebody in by configuration.
    pub fn allow(mut self, who: Who) -> Self {
        self.fixed.push((who, Role::Member));
        self
    }

    /// Keeps the list and sessions there. Without it: in the file `nostore.db` of the working directory.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Keeps the list and sessions in that file.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = path.into();
        self
    }

    /// Appends events to that file, as lines of JSON.
    pub fn events(mut self, path: impl Into<PathBuf>) -> Self {
        self.events = Some(path.into());
        self
    }

    /// Seals sessions in another format than ours: that of Auth.js 5, so that both halves of a site share them.
    pub const fn format(mut self, format: SealedFormat) -> Self {
        self.format = format;
        self
    }

    /// Gives the session's cookie another name.
    pub fn cookie(mut self, name: impl Into<String>) -> Self {
        self.cookie = Some(name.into());
        self
    }

    /// Sets how long sessions live.
    pub const fn lifetimes(mut self, lifetimes: Lifetimes) -> Self {
        self.lifetimes = lifetimes;
        self
    }

    /// Says where the claims of sessions are.
    pub const fn mode(mut self, mode: SessionMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the route rules. The paths of the sign-in itself need none.
    pub fn routes(mut self, routes: Routes) -> Self {
        self.routes = routes;
        self
    }

    /// Takes the time from `clock` instead of the operating system.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Says whose `X-Forwarded-*` and `Forwarded` fields count: the visitors' addresses, which limits go by. The default:
    /// nobody's.
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Names the site on its pages. The default is its host.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Signs visitors out at the provider too, where it has a place for that. Others may use that account on the same
    /// computer; it is off by default, because it ends the visitor's session at the provider for all sites.
    pub const fn leave_provider(mut self, on: bool) -> Self {
        self.leave_provider = on;
        self
    }

    /// Keeps the provider's tokens, sealed, for [`SignIn::access_token`].
    pub const fn keep_tokens(mut self, on: bool) -> Self {
        self.keep_tokens = on;
        self
    }

    /// Makes every response that passes sensitive, public routes included.
    pub const fn protect_all(mut self, on: bool) -> Self {
        self.protect_all = on;
        self
    }

    /// Says, or not, in the field `Nostore-Why` why a response lost its caching.
    pub const fn dev(mut self, on: bool) -> Self {
        self.dev = Some(on);
        self
    }

    /// Says on which platform the site runs, instead of finding out.
    pub const fn platform(mut self, platform: Option<Platform>) -> Self {
        self.platform = Some(platform);
        self
    }

    /// Prints nothing at start-up.
    pub const fn quiet(mut self, on: bool) -> Self {
        self.quiet = on;
        self
    }

    /// Sets it up: opens the store, checks everything, and says on standard error which redirect URI to register and
    /// whether nobody may in yet.
    ///
    /// # Errors
    ///
    /// See [`SetupError`].
    pub async fn build(self) -> Result<SignIn, SetupError> {
        let secrets = SealingSecrets::new(self.secrets.iter().cloned())?;
        let cookie = SealedCookie::new(self.format, self.origin.scheme());
        let cookie = match &self.cookie {
            Some(name) => cookie.named(name)?,
            None => cookie,
        };
        let sealed = SealedSessions::new(self.format, cookie, &secrets)?.lifetimes(self.lifetimes);
        let parties = parties(&self.providers, &self.origin)?;
        let events = match &self.events {
            Some(path) => Events::to_file(path)
                .map_err(|source| SetupError::Events { path: path.display().to_string(), source })?,
            None => Events::default(),
        };
        let registry = Registry::new(self.opened()?, self.fixed);
        let now = self.clock.now();
        registry.open(now).await?;
        let nobody = registry.allowed(now).await?.is_empty();
        let site = Arc::new(Site {
            vault: Vault::new(&self.secrets).map_err(|_| SetupError::Vault)?,
            limits: Limits::new(Arc::clone(&self.clock)),
            title: self.title.unwrap_or_else(|| self.origin.authority().clone()),
            absolute_secs: self.lifetimes.absolute_secs(),
            // Its hint spares the visitor a question at the provider.
            keep_tokens: self.keep_tokens || self.leave_provider,
            leave_provider: self.leave_provider,
            turns: Turns::default(),
            mode: self.mode,
            origin: self.origin.clone(),
            sealed,
            registry,
            events,
            parties,
        });
        if !self.quiet {
            announce(&site, nobody);
        }
        let clock = Arc::clone(&self.clock);
        let mut builder = Sessions::of_site(Arc::clone(&site) as Arc<_>)
            .clock(move || clock.now())
            .public_url(self.origin)
            .trusted_proxies(self.proxies)
            .protect_all(self.protect_all)
            .routes(with_own_paths(self.routes));
        if let Some(dev) = self.dev {
            builder = builder.dev(dev);
        }
        if let Some(platform) = self.platform {
            builder = builder.platform(platform);
        }
        Ok(SignIn { sessions: builder.build()?, site })
    }

    #[cfg(feature = "sqlite")]
    fn opened(&self) -> Result<Arc<dyn Store>, SetupError> {
        match &self.store {
            Some(store) => Ok(Arc::clone(store)),
            None => Ok(Arc::new(crate::store::SqliteStore::open(&self.path)?)),
        }
    }

    #[cfg(not(feature = "sqlite"))]
    fn opened(&self) -> Result<Arc<dyn Store>, SetupError> {
        self.store.clone().ok_or(SetupError::NoStore)
    }
}

fn parties(providers: &[Provider], origin: &Origin) -> Result<Vec<RelyingParty>, SetupError> {
    let mut parties: Vec<RelyingParty> = Vec::new();
    for provider in providers {
        let (name, issuer) = (provider.name().to_owned(), provider.issuer().to_owned());
        if parties.iter().any(|other| other.provider().issuer() == issuer) {
            return Err(SetupError::ProviderTwice { issuer });
        }
        let party = RelyingParty::new(provider.clone(), &redirect_uri(origin));
        parties.push(party.map_err(|source| SetupError::Provider { name, source })?);
    }
    if parties.is_empty() { Err(SetupError::NoProvider) } else { Ok(parties) }
}

/// Opens the paths of the sign-in where a wider rule protects them: nobody could sign in otherwise. No cache stores them
/// anyway.
fn with_own_paths(routes: Routes) -> Routes {
    let rule = routes.rule_for(SIGN_IN_PATH);
    if rule.is_some_and(|rule| rule.access() == Access::Protected) {
        routes.uncached("/auth/*")
    } else {
        routes
    }
}

fn redirect_uri(origin: &Origin) -> String {
    format!("{origin}/auth/callback")
}

/// Says what whoever starts the site must know.
#[expect(
    clippy::print_stderr,
    reason = "whoever starts the site reads it there, with or without a subscriber of tracing"
)]
fn announce(site: &Site, nobody: bool) {
    let names: Vec<&str> = site.parties.iter().map(|party| party.provider().name()).collect();
    let mut text = format!(
        "nostore: register this redirect URI with {}: {}\n",
        names.join(", "),
        redirect_uri(&site.origin)
    );
    if nobody {
        // Writing into a `String` cannot fail.
        let _written = writeln!(
            text,
            "nostore: nobody may in yet: name the first admin with NOSTORE_ADMIN=you@example.com or `.admin(…)`"
        );
    }
    eprint!("{text}");
}
