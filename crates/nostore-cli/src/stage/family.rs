//! The sample site with a sign-in of its own, as it is deployed, and deployed anew.
//!
//! # Invariants
//!
//! - The sample sets its sign-in up as anybody does: from variables.
//! - A deployment takes the place of the one before in one step. What is under way ends where it began.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use nostore_cache::{Profile, detect};
use nostore_issuer::Server;
use nostore_signin::SignIn;
use nostore_signin::store::{MemoryStore, SqliteStore, Store};
use nostore_web::{Clock, Routes};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower_service::Service as _;

use super::own::{Own, TITLE};
use super::until;
use crate::args::DEFAULT_LISTEN;
use crate::error::Failed;
use crate::ports;
use crate::sample::{self, Incident, SharedLogin};
use crate::secret::Rotation;

/// What the site needs besides its variables.
pub(super) struct FamilyOptions {
    pub(super) own: Own,
    pub(super) profile: Profile,
    pub(super) incident: Option<Incident>,
    pub(super) protect_all: bool,
    pub(super) clock: Arc<dyn Clock>,
}

/// The deployed site.
pub(super) struct Family {
    options: Mutex<FamilyOptions>,
    issuer: String,
    store: Arc<dyn Store>,
    deployed: Deployed,
}

/// The app of the newest deployment.
#[derive(Clone)]
struct Deployed(Arc<Mutex<Router>>);

impl Family {
    /// Deploys the site on any free port, until it is stopped; returns its own URL, too.
    pub(super) async fn serve(
        options: FamilyOptions,
        tasks: &mut JoinSet<()>,
        issuer: &Server,
        stopped: watch::Receiver<bool>,
    ) -> Result<(Self, String), Failed> {
        let any = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let (listener, address) = ports::listen(any, DEFAULT_LISTEN, "--app").await?;
        let issuer = issuer.oidc_issuer();
        let store = opened(&options, &issuer)?;
        let app = app(&options, &issuer, &store).await?;
        let deployed = Deployed(Arc::new(Mutex::new(app)));
        let newest = Router::new().fallback(newest).with_state(deployed.clone());
        tasks.spawn(async move {
            // Serving ends without an error: broken connections are the visitors' own.
            let _ = axum::serve(listener, newest).with_graceful_shutdown(until(stopped)).await;
        });
        Ok((Self { options: Mutex::new(options), issuer, store, deployed }, format!("http://{address}")))
    }

    /// Deploys the site anew, with another secret.
    pub(super) async fn redeploy(&self, rotation: Rotation) -> Result<(), Failed> {
        let build = {
            let mut options = locked(&self.options);
            options.own.rotate(rotation)?;
            Build::of(&options, &self.issuer)
        };
        let app = build.app(&self.store).await?;
        *locked(&self.deployed.0) = app;
        Ok(())
    }
}

async fn app(options: &FamilyOptions, issuer: &str, store: &Arc<dyn Store>) -> Result<Router, Failed> {
    Build::of(options, issuer).app(store).await
}

/// One deployment.
struct Build {
    variables: Vec<(&'static str, String)>,
    profile: Profile,
    protect_all: bool,
    clock: Arc<dyn Clock>,
    shared_login: Option<SharedLogin>,
}

impl Build {
    fn of(options: &FamilyOptions, issuer: &str) -> Self {
        let clock = Arc::clone(&options.clock);
        let secrets = options.own.secrets().to_vec();
        Self {
            variables: options.own.variables(issuer),
            profile: options.profile.clone(),
            protect_all: options.protect_all,
            shared_login: options.incident.map(|incident| {
                SharedLogin::new(secrets, incident.stamp(&options.profile), Arc::clone(&clock))
            }),
            clock,
        }
    }

    async fn app(self, store: &Arc<dyn Store>) -> Result<Router, Failed> {
        let found = |name: &str| self.variables.iter().find(|(own, _)| *own == name);
        let builder = SignIn::from_variables(|name| found(name).map(|(_, value)| OsStr::new(value)))
            .map_err(|error| failed(&error))?;
        // The sample runs in this process, but finds the environment that the platform would give it.
        let environment = self.profile.environment();
        let platform = detect(|name| {
            environment.iter().find(|(own, _)| *own == name).map(|(_, value)| OsStr::new(*value))
        });
        let clock = Arc::clone(&self.clock);
        let sign_in = builder
            .store(sample::SampleStore::new(Arc::clone(store), self.shared_login.is_some()))
            .routes(Routes::new().protected("/tree/*").uncached("/health"))
            .clock(move || clock.now())
            .platform(platform.map(|detected| detected.platform))
            .protect_all(self.protect_all)
            .title(TITLE)
            .dev(true)
            .quiet(true)
            .build()
            .await
            .map_err(|error| failed(&error))?;
        Ok(sample::family(&sign_in, self.clock, self.shared_login))
    }
}

/// Opens the store that every deployment shares.
fn opened(options: &FamilyOptions, issuer: &str) -> Result<Arc<dyn Store>, Failed> {
    let variables = options.own.variables(issuer);
    match variables.iter().find(|(name, _)| *name == "NOSTORE_STORE") {
        Some((_, path)) => Ok(Arc::new(SqliteStore::open(path).map_err(|error| failed(&error))?)),
        None => Ok(Arc::new(MemoryStore::new())),
    }
}

/// Hands a request to the newest deployment.
async fn newest(State(deployed): State<Deployed>, request: Request) -> Response {
    let mut router = locked(&deployed.0).clone();
    match router.call(request).await {
        Ok(response) => response,
        Err(never) => never_fails(never),
    }
}

const fn never_fails(never: Infallible) -> Response {
    match never {}
}

/// Every change is made in one step, so a panicked holder left nothing half-made.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(error: &dyn std::error::Error) -> Failed {
    Failed::new("the sample site did not start").because(error)
}
