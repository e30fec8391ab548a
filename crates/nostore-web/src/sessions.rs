//! The sessions of one site: configuration, keys, connections. Shared by every request.

use std::ffi::OsStr;
use std::net::IpAddr;
use std::sync::Arc;

use nostore_cache::{NetlifyVary, Platform, netlify_vary};
use nostore_message::{FieldEdit, Origin, RequestHead, ResponseHead, UnixTime};
use nostore_session::{
    Config, ConfigError, Decision, Instance, SignInTurn, count_answer, hops, sign_in_page_turn, sign_in_turn,
};

use crate::driver::Driver;
use crate::metrics::{Counters, Metrics};
use crate::routes::RouteError;
use crate::source::{Handshake, Source};
use crate::{
    Clock, Environment, Forwarded, Routes, SiteSessions, SystemClock, TrustedProxies, Visit, memo,
    return_path,
};

/// The sessions of one site. Cheap to clone; clones share the JWK Set and the connections.
#[derive(Clone)]
pub struct Sessions(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) source: Source,
    pub(crate) protect_all: bool,
    pub(crate) dev: bool,
    pub(crate) routes: Routes,
    pub(crate) session_cookies: Vec<String>,
    /// What sensitive responses carry on Netlify; `None` elsewhere, and for live keys unless wanted.
    pub(crate) netlify_vary: Option<NetlifyVary>,
    clock: Arc<dyn Clock>,
    pub(crate) counters: Arc<Counters>,
    public_url: Option<Origin>,
    proxies: TrustedProxies,
}

/// Sets up [`Sessions`].
#[must_use = "nothing is set up until `build`"]
pub struct SessionsBuilder {
    origin: Beginning,
    clock: Arc<dyn Clock>,
    eager: bool,
    protect_all: bool,
    cache_bust: bool,
    netlify_vary_in_production: bool,
    environment: Option<Environment>,
    platform: Option<Option<Platform>>,
    dev: Option<bool>,
    routes: Routes,
    public_url: Option<Origin>,
    proxies: TrustedProxies,
    memo_bytes: u64,
    sign_in_path: String,
    sign_in_elsewhere: bool,
}

/// What a builder began with.
enum Beginning {
    /// The keys of an instance.
    Keys(Box<Config>),
    /// Sessions that the site keeps by itself.
    Site(Arc<dyn SiteSessions>),
}

/// Why sessions could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The client for the identity service could not be made.
    #[error("expected a TLS configuration that works")]
    Client(#[source] rustls::Error),
    /// The keys are refused.
    #[error(transparent)]
    Keys(ConfigError),
    /// The route rules are refused.
    #[error(transparent)]
    Routes(#[from] RouteError),
    /// The sign-in page is not a path on the site.
    #[error("expected a path such as `/sign-in` for the sign-in page, but found `{found}`")]
    SignInPath {
        /// What was given.
        found: String,
        /// What the law says about it.
        #[source]
        source: Option<ConfigError>,
    },
}

impl BuildError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Client(_) => "client",
            Self::Keys(error) => error.code(),
            Self::Routes(error) => error.code(),
            Self::SignInPath { .. } => "sign-in-path",
        }
    }
}

impl Sessions {
    /// Starts to set up sessions with the keys of one instance.
    pub fn builder(config: Config) -> SessionsBuilder {
        SessionsBuilder::new(Beginning::Keys(Box::new(config)))
    }

    /// Starts to set up sessions that the site keeps by itself: `nostore-signin` calls this. What a builder says about
    /// handshakes (`eager`, `cache_bust`, the memo, the sign-in page) is of no meaning then.
    pub fn of_site(site: Arc<dyn SiteSessions>) -> SessionsBuilder {
        SessionsBuilder::new(Beginning::Site(site))
    }

    /// Returns the configuration of the instance, where the sessions are an identity service's.
    #[must_use]
    pub fn config(&self) -> Option<&Config> {
        self.0.source.handshake().map(|own| &own.config)
    }
    /// Forgets what is known of a session's tokens: their signatures are checked again. For apps that hear
    /// of a revocation.
    pub fn forget_session(&self, session_id: &str) {
        if let Some(own) = self.0.source.handshake() {
            own.driver.forget(session_id);
        }
    }

    /// Returns what has been counted since these sessions were set up.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.0.counters.read()
    }

    /// Returns path, query and fragment of `redirect_url` where it lies on the site of `request`, else `/`.
    ///
    /// The site is the configured public URL, or what the request itself was addressed to.
    #[must_use]
    pub fn safe_return_path(&self, request: &RequestHead<'_>, redirect_url: &str) -> String {
        return_path::safe_return_path(request, self.0.public_url.as_ref(), redirect_url)
    }

    /// Returns the location of the sign-in page, which leads back to the URL of `request`: the site's own,
    /// as a path, or that of the identity service.
    #[must_use]
    pub fn sign_in_location(&self, request: &RequestHead<'_>) -> String {
        self.0.source.sign_in_location(self.visit(request, None), self.0.public_url.as_ref())
    }

    /// Returns the identity service's sign-in page, which leads back to `redirect_url` where that lies
    /// on the site of `request`, else to `/`. In development it names the visitor's browser, so the
    /// location is for this visitor only. Where the site keeps its sessions by itself: its own page.
    #[must_use]
    pub fn identity_sign_in_url(&self, request: &RequestHead<'_>, redirect_url: &str) -> String {
        match self.0.source.handshake() {
            Some(own) => own.identity_sign_in_url(request, self.0.public_url.as_ref(), redirect_url),
            None => self.sign_in_location(request),
        }
    }

    /// Returns the names of the cookies that carry a session.
    #[must_use]
    pub fn cookie_names(&self) -> &[String] {
        &self.0.session_cookies
    }

    /// Returns the time.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        self.0.clock.now()
    }

    pub(crate) fn visit<'a>(&self, head: &'a RequestHead<'a>, client: Option<IpAddr>) -> Visit<'a> {
        Visit { head, client, now: self.now() }
    }

    pub(crate) fn sign_in_turn(&self, request: &RequestHead<'_>, decision: &Decision) -> SignInTurn {
        sign_in_turn(request, decision, self.0.clock.now())
    }

    pub(crate) fn count_answer(
        &self,
        request: &RequestHead<'_>,
        response: &ResponseHead<'_>,
    ) -> Option<FieldEdit> {
        count_answer(request, response, self.0.clock.now())
    }

    /// Tells whether the site's sign-in page may send its visitor on; `None` on every other page.
    pub(crate) fn sign_in_page_turn(&self, request: &RequestHead<'_>) -> Option<SignInTurn> {
        let own = self.0.source.handshake().filter(|own| request.path() == own.sign_in_path);
        own.map(|_| sign_in_page_turn(request, self.0.clock.now()))
    }

    /// Returns how many redirects led to a request.
    pub(crate) fn hops(&self, request: &RequestHead<'_>) -> u32 {
        hops(request, self.0.clock.now())
    }

    /// Puts on a request what the visitor used: the public URL where the site has told it, else what a
    /// trusted proxy says. Returns the visitor's address too, where it is known.
    pub(crate) fn addressed(
        &self,
        request: RequestHead<'_>,
        peer: Option<IpAddr>,
    ) -> (RequestHead<'static>, Option<IpAddr>) {
        let mut request = request.into_owned();
        let Forwarded { scheme, authority, client } = self.0.proxies.read(peer, &request);
        (request.scheme, request.authority) = match &self.0.public_url {
            Some(origin) => (origin.scheme(), origin.authority().into()),
            None => (scheme, authority.into()),
        };
        if let Some(name) = self.0.proxies.secret_name() {
            request.fields.remove(name);
        }
        (request, client)
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut told = f.debug_struct("Sessions");
        match &self.0.source {
            Source::Handshake(own) => told.field("config", &own.config),
            Source::Site(site) => told.field("site", site),
        };
        told.finish_non_exhaustive()
    }
}

impl SessionsBuilder {
    fn new(origin: Beginning) -> Self {
        Self {
            origin,
            clock: Arc::new(SystemClock),
            eager: false,
            protect_all: false,
            cache_bust: false,
            netlify_vary_in_production: false,
            environment: None,
            platform: None,
            dev: None,
            routes: Routes::new(),
            public_url: None,
            proxies: TrustedProxies::none(),
            memo_bytes: memo::DEFAULT_BYTES,
            sign_in_path: "/sign-in".to_owned(),
            sign_in_elsewhere: false,
        }
    }

    /// Takes the time from `clock` instead of the operating system.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Finds out who is asking on every page navigation, as the reference protocol does, and not only
    /// where someone wants to know. Routes that a rule makes public stay lazy.
    pub const fn eager(mut self, on: bool) -> Self {
        self.eager = on;
        self
    }

    /// Makes every response that passes sensitive, public routes included.
    pub const fn protect_all(mut self, on: bool) -> Self {
        self.protect_all = on;
        self
    }

    /// Puts a time stamp into the URL after a handshake, on Netlify and with test keys: the older remedy against a
    /// replayed redirect. Off by default: the fields that every response carries do it without.
    pub const fn cache_bust(mut self, on: bool) -> Self {
        self.cache_bust = on;
        self
    }

    /// Sends `Netlify-Vary` with live keys too.
    pub const fn netlify_vary_in_production(mut self, on: bool) -> Self {
        self.netlify_vary_in_production = on;
        self
    }

    /// Says on which platform the site runs, instead of finding out.
    pub const fn platform(mut self, platform: Option<Platform>) -> Self {
        self.platform = Some(platform);
        self
    }

    /// Takes this for the environment, instead of that of the process.
    pub fn environment<'e>(mut self, variable: impl Fn(&str) -> Option<&'e OsStr>) -> Self {
        self.environment = Some(Environment::read(variable));
        self
    }

    /// Says, or not, in the field `Nostore-Why` why a response lost its caching.
    pub const fn dev(mut self, on: bool) -> Self {
        self.dev = Some(on);
        self
    }

    /// Sets the route rules.
    pub fn routes(mut self, routes: Routes) -> Self {
        self.routes = routes;
        self
    }

    /// Sets the origin under which visitors know the site, whatever a request or a proxy says. Without it
    /// a request is taken to be for its `Host`, over plain HTTP, unless one of the
    /// [trusted proxies](Self::trusted_proxies) knows better; behind a TLS-terminating proxy one of the two
    /// must be set.
    pub fn public_url(mut self, origin: Origin) -> Self {
        self.public_url = Some(origin);
        self
    }

    /// Says whose `X-Forwarded-*` and `Forwarded` fields count. The default: nobody's.
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Sets how many bytes of sessions are kept whose signature was checked, so that the same token costs no
    /// second check. The default is 16 MiB, about four thousand sessions; 0 keeps none.
    pub const fn token_memo_bytes(mut self, bytes: u64) -> Self {
        self.memo_bytes = bytes;
        self
    }

    /// Sets the path of the site's sign-in page. The default is `/sign-in`.
    pub fn sign_in_path(mut self, path: impl Into<String>) -> Self {
        self.sign_in_path = path.into();
        self.sign_in_elsewhere = false;
        self
    }

    /// Sends visitors who must sign in to the identity service's page at once, for a site without a
    /// sign-in page of its own.
    pub const fn sign_in_at_identity_service(mut self) -> Self {
        self.sign_in_elsewhere = true;
        self
    }

    /// Sets it up. Where neither platform nor environment was given, reads the environment of the process.
    ///
    /// # Errors
    ///
    /// See [`BuildError`].
    pub fn build(self) -> Result<Sessions, BuildError> {
        let environment = match (self.environment, self.platform, self.dev) {
            (Some(environment), ..) => environment,
            (None, Some(_), Some(_)) => Environment::default(),
            (None, ..) => Environment::of_process(),
        };
        let platform = self.platform.unwrap_or(environment.platform);
        let counters = Arc::<Counters>::default();
        let (source, names, session_cookies, development) = match self.origin {
            Beginning::Keys(config) => {
                if self.sign_in_elsewhere {
                    self.routes.check_rules()?;
                } else {
                    self.routes.check(&self.sign_in_path)?;
                }
                let development = config.instance() == Instance::Development;
                let (names, own) = (config.cookie_names(), config.session_cookie_names());
                let driver = Driver::new(Arc::clone(&self.clock), self.memo_bytes, Arc::clone(&counters));
                let handshake = Handshake {
                    cache_bust: self.cache_bust && development && platform == Some(Platform::Netlify),
                    driver: driver.map_err(BuildError::Client)?,
                    eager: self.eager,
                    site_config: site_config(&config, &self.sign_in_path)?,
                    config: *config,
                    sign_in_path: self.sign_in_path,
                    sign_in_elsewhere: self.sign_in_elsewhere,
                };
                (Source::Handshake(Box::new(handshake)), names, own, development)
            }
            Beginning::Site(site) => {
                self.routes.check(site.sign_in_path())?;
                let names = site.cookie_names();
                // Its keys know no development: what a stored redirect does, it does everywhere.
                (Source::Site(site), names.clone(), names, true)
            }
        };
        let in_production = self.netlify_vary_in_production;
        Ok(Sessions(Arc::new(Inner {
            netlify_vary: netlify_vary(platform, development, in_production, names),
            source,
            counters,
            session_cookies,
            dev: self.dev.unwrap_or(environment.dev),
            protect_all: self.protect_all,
            routes: self.routes,
            clock: self.clock,
            public_url: self.public_url,
            proxies: self.proxies,
        })))
    }
}

/// Checks the keys and the path of the sign-in page.
fn site_config(config: &Config, path: &str) -> Result<Config, BuildError> {
    config.check_secret_key().map_err(BuildError::Keys)?;
    if !path.starts_with('/') || path.starts_with("//") || path.contains(['?', '#', '\\', '*']) {
        return Err(BuildError::SignInPath { found: path.to_owned(), source: None });
    }
    let site = config.clone().sign_in_url(path);
    site.map_err(|error| BuildError::SignInPath { found: path.to_owned(), source: Some(error) })
}
