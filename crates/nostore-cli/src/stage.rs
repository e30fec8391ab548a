//! A whole site on loopback: the identity service, an app, and the emulated CDN in front of it.
//!
//! `dev` shows one, `demo` tells a story with two, the tests fill tables with many.

mod family;
mod own;
mod site;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use nostore_cache::Profile;
use nostore_edge::{Edge, Purge};
use nostore_issuer::core::RelyingParty;
use nostore_issuer::{Server, ServerConfig};
use nostore_message::Origin;
use nostore_web::{Clock, SystemClock};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

use crate::args::{DEFAULT_ISSUER_LISTEN, DEFAULT_LISTEN, Keys, SessionKind};
use crate::error::Failed;
use crate::ports;
use crate::sample::Incident;
use crate::secret::Rotation;
use family::{Family, FamilyOptions};
pub(crate) use own::ADMIN;
use own::Own;
use site::Site;

/// How long tokens live: as the protocol has it.
const SESSION_SECS: i64 = 60;
/// How long tokens live where a middleware of the incident prolongs them: as Auth.js has it.
const LEAKED_SESSION_SECS: i64 = 30 * 86_400;

/// What is behind the emulated CDN.
#[derive(Clone, Debug)]
pub enum App {
    /// The sample site, with its protection undone where an incident is named.
    Sample(Option<Incident>),
    /// An app that is, or will be, at this URL.
    At(String),
}

impl App {
    /// Returns how long its tokens live, and as which incident it runs.
    const fn runs(&self) -> (i64, Option<Incident>) {
        match self {
            Self::Sample(Some(Incident::Leak)) => (LEAKED_SESSION_SECS, Some(Incident::Leak)),
            Self::Sample(incident) => (SESSION_SECS, *incident),
            Self::At(_) => (SESSION_SECS, None),
        }
    }
}

/// What to start, and where.
pub struct StageOptions {
    /// The shared cache to emulate.
    pub profile: Profile,
    /// The kind of instance.
    pub keys: Keys,
    /// Who keeps the sessions.
    pub sessions: SessionKind,
    /// What is behind the edge.
    pub app: App,
    /// Where the edge listens: a listener that is already bound, or any free port.
    pub edge: Option<(TcpListener, SocketAddr)>,
    /// Where the identity service listens: a listener that is already bound, or any free port.
    pub issuer: Option<(TcpListener, SocketAddr)>,
    /// Where the identity service keeps its data, and a site with a sign-in of its own its files; `None` is memory.
    pub data: Option<PathBuf>,
    /// How long session tokens live, in seconds; `None` is what the app needs.
    pub token_secs: Option<i64>,
    /// A file with users, organizations, machines and sessions.
    pub seed: Option<PathBuf>,
    /// Further origins that may ask for sign-ins.
    pub allowed: Vec<String>,
    /// The sample site finds out who is asking on every page navigation.
    pub eager: bool,
    /// The sample site lets no response of its own be stored.
    pub protect_all: bool,
    /// Starts a second sample site on another host (127.0.0.1), on any free port: a satellite of the first. For
    /// test keys; it has no effect on an app of one's own.
    pub satellite: bool,
    /// Where the module is that keeps the session of the sample site's visitors warm; `None`: its pages have none.
    pub module: Option<PathBuf>,
    /// What tells every part the time.
    pub clock: Arc<dyn Clock>,
    /// Who hears of requests at the edge.
    pub edge_sink: nostore_edge::Sink,
    /// Who hears of requests at the identity service.
    pub issuer_sink: nostore_issuer::RecordSink,
}

impl StageOptions {
    /// The sample site on free ports, kept in memory, and nobody is told.
    #[must_use]
    pub fn sample(profile: Profile, keys: Keys, incident: Option<Incident>) -> Self {
        Self {
            profile,
            keys,
            sessions: SessionKind::Handshake,
            app: App::Sample(incident),
            edge: None,
            issuer: None,
            data: None,
            token_secs: None,
            seed: None,
            allowed: Vec::new(),
            eager: false,
            protect_all: false,
            satellite: false,
            module: None,
            clock: Arc::new(SystemClock),
            edge_sink: Arc::new(drop),
            issuer_sink: Arc::new(|_| {}),
        }
    }
}

/// A site with a sign-in of its own, as it was set up.
pub(crate) struct OwnSite {
    /// What it finds in its environment.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Where its events go, and where its secrets are; `None` is memory.
    pub(crate) files: Option<(String, String)>,
    /// The sample, where it is that one.
    family: Option<Family>,
}

impl OwnSite {
    fn told(own: &Own, issuer: &Server) -> Self {
        Self { variables: own.variables(&issuer.oidc_issuer()), files: own.files(), family: None }
    }

    /// Serves the sample until it is stopped; returns its own URL.
    async fn deploy(
        &mut self,
        family: FamilyOptions,
        tasks: &mut JoinSet<()>,
        issuer: &Server,
        stopped: watch::Receiver<bool>,
    ) -> Result<String, Failed> {
        let (family, app) = Family::serve(family, tasks, issuer, stopped).await?;
        self.family = Some(family);
        Ok(app)
    }
}

/// A running site.
pub struct Stage {
    site: String,
    satellite: Option<String>,
    issuer: Arc<Server>,
    app: String,
    own: Option<OwnSite>,
    edge: Arc<Edge>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Stage {
    /// Starts everything.
    ///
    /// # Errors
    ///
    /// Names the first part that did not start, and how to mend it.
    pub async fn start(options: StageOptions) -> Result<Self, Failed> {
        let StageOptions { edge, issuer, eager, protect_all, profile, clock, module, edge_sink, .. } =
            options;
        let (edge_listener, edge_address) = bound(edge, DEFAULT_LISTEN).await?;
        let (issuer_listener, issuer_address) = bound(issuer, DEFAULT_ISSUER_LISTEN).await?;
        let second = if options.satellite { Some(bound(None, DEFAULT_LISTEN).await?) } else { None };
        let site = format!("http://localhost:{}", edge_address.port());
        let satellite = second.as_ref().map(|(_, address)| format!("http://127.0.0.1:{}", address.port()));
        let (token_secs, incident) = options.app.runs();
        let loopback = format!("http://127.0.0.1:{}", edge_address.port());
        let own = Own::asked(options.sessions, &site, options.data.as_deref())?;
        let issuer = open_issuer(IssuerOptions {
            keys: options.keys,
            address: issuer_address,
            data: options.data,
            relying_parties: own.iter().map(|own| own.relying_party(&loopback)).collect(),
            allowed: [site.clone(), loopback]
                .into_iter()
                .chain(satellite.clone())
                .chain(options.allowed)
                .collect(),
            token_secs: options.token_secs.unwrap_or(token_secs),
            seed: options.seed,
            sink: options.issuer_sink,
            clock: Arc::clone(&clock),
        })
        .await?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let part = |url, primary| Site {
            url,
            primary,
            profile: &profile,
            incident,
            eager,
            protect_all,
            module: module.as_deref(),
            clock: &clock,
        };
        let mut own_site = own.as_ref().map(|own| OwnSite::told(own, &issuer));
        let app = match (options.app, own, &mut own_site) {
            (App::At(url), ..) => url,
            (App::Sample(_), Some(own), Some(site)) => {
                let (profile, clock) = (profile.clone(), Arc::clone(&clock));
                let family = FamilyOptions { own, profile, incident, protect_all, clock };
                site.deploy(family, &mut tasks, &issuer, stopped.clone()).await?
            }
            (App::Sample(_), ..) => part(&site, None).serve(&mut tasks, &issuer, stopped.clone()).await?,
        };
        let edge = part(&site, None).edge(&app, Arc::clone(&edge_sink))?;
        tasks.spawn(serve_edge(Arc::clone(&edge), edge_listener, stopped.clone()));
        if let (Some((listener, _)), Some(url)) = (second, &satellite) {
            let satellite = part(url, Some(&site));
            let app = satellite.serve(&mut tasks, &issuer, stopped.clone()).await?;
            tasks.spawn(serve_edge(satellite.edge(&app, edge_sink)?, listener, stopped.clone()));
        }
        tasks.spawn(serve_issuer(Arc::clone(&issuer), issuer_listener, stopped));
        Ok(Self { site, satellite, issuer, app, own: own_site, edge, stop, tasks })
    }

    /// Returns the site's URL as visitors use it, without a closing slash.
    #[must_use]
    pub fn site(&self) -> &str {
        &self.site
    }

    /// Returns the satellite's URL, where one was started.
    #[must_use]
    pub fn satellite(&self) -> Option<&str> {
        self.satellite.as_deref()
    }

    /// Returns the URL of a path of the site.
    ///
    /// # Errors
    ///
    /// When the path makes no URL.
    pub fn url(&self, path: &str) -> Result<Url, Failed> {
        let url = format!("{}{path}", self.site);
        Url::parse(&url).map_err(|error| Failed::new(format!("`{url}` is not a URL")).because(&error))
    }

    /// Returns the identity service.
    #[must_use]
    pub fn issuer(&self) -> &Server {
        &self.issuer
    }

    /// Returns the app's own address.
    #[must_use]
    pub fn app(&self) -> &str {
        &self.app
    }

    /// Returns the emulated CDN.
    #[must_use]
    pub const fn edge(&self) -> &Arc<Edge> {
        &self.edge
    }

    /// Returns how a sign-in of the site's own was set up, where it has one.
    pub(crate) const fn own(&self) -> Option<&OwnSite> {
        self.own.as_ref()
    }

    /// Deploys the sample site with its own sign-in anew: with another secret, and with the emulated CDN purged, as
    /// platforms do it. Without such a site only the CDN is purged.
    ///
    /// # Errors
    ///
    /// When the site does not start. The one before goes on.
    pub async fn redeploy(&self, rotation: Rotation) -> Result<(), Failed> {
        if let Some(family) = self.own.as_ref().and_then(|own| own.family.as_ref()) {
            family.redeploy(rotation).await?;
        }
        self.edge.purge(&Purge::Everything);
        Ok(())
    }

    /// Ends everything, letting responses that are under way finish.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What an identity service needs to know.
pub(crate) struct IssuerOptions {
    pub(crate) keys: Keys,
    pub(crate) address: SocketAddr,
    pub(crate) data: Option<PathBuf>,
    pub(crate) relying_parties: Vec<RelyingParty>,
    pub(crate) allowed: Vec<String>,
    pub(crate) token_secs: i64,
    pub(crate) seed: Option<PathBuf>,
    pub(crate) sink: nostore_issuer::RecordSink,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Opens the identity service: on another site than localhost for test keys, on the same one for live keys.
///
/// # Errors
///
/// When its data cannot be read or kept.
pub(crate) async fn open_issuer(options: IssuerOptions) -> Result<Arc<Server>, Failed> {
    let (mode, host) = match options.keys {
        Keys::Live => (nostore_issuer::core::Mode::Live, "localhost"),
        Keys::Test => (nostore_issuer::core::Mode::Test, "127.0.0.1"),
    };
    let allowed = options.allowed.iter().map(|text| origin(text)).collect::<Result<Vec<_>, _>>()?;
    let own = origin(&format!("http://{host}:{}", options.address.port()))?;
    let mut config = ServerConfig::new(mode, own, allowed, options.clock);
    config.data_dir = options.data;
    config.token_secs = options.token_secs;
    config.seed = options.seed;
    config.relying_parties = options.relying_parties;
    config.records = Some(options.sink);
    // It makes keys and opens a database, which is not for an asynchronous thread.
    let server = tokio::task::spawn_blocking(move || Server::open(config)).await;
    let server = server.map_err(|error| Failed::new("the identity service did not start").because(&error))?;
    server.map(Arc::new).map_err(|error| Failed::new("the identity service did not start").because(&error))
}

/// Reads an origin.
///
/// # Errors
///
/// Says what was expected.
pub(crate) fn origin(text: &str) -> Result<Origin, Failed> {
    Origin::parse(text).map_err(|error| Failed::usage(format!("`{text}` is not an origin")).because(&error))
}

async fn bound(
    listener: Option<(TcpListener, SocketAddr)>,
    default: &str,
) -> Result<(TcpListener, SocketAddr), Failed> {
    match listener {
        Some(bound) => Ok(bound),
        None => ports::listen(Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))), default, "--listen").await,
    }
}

async fn serve_edge(edge: Arc<Edge>, listener: TcpListener, stopped: watch::Receiver<bool>) {
    edge.serve(listener, until(stopped)).await;
}

async fn serve_issuer(issuer: Arc<Server>, listener: TcpListener, stopped: watch::Receiver<bool>) {
    issuer.serve(listener, until(stopped)).await;
}

/// Completes when the stage is stopped or dropped.
pub(crate) async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
