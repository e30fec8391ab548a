//! One sample site of a stage, and the edge in front of it.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use nostore_cache::Profile;
use nostore_edge::{Edge, EdgeConfig, Sink};
use nostore_issuer::Server;
use nostore_message::Secret;
use nostore_session::{Config, ConfigError, PublishableKey};
use nostore_web::{Clock, Sessions};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{origin, until};
use crate::args::DEFAULT_LISTEN;
use crate::error::Failed;
use crate::ports;
use crate::sample::{self, Incident, Module};

/// A sample site, as one would set it up in one's own `main`.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    /// The origin that visitors use.
    pub(super) url: &'a str,
    /// The origin of the primary site, where this one is a satellite.
    pub(super) primary: Option<&'a str>,
    pub(super) profile: &'a Profile,
    pub(super) incident: Option<Incident>,
    pub(super) eager: bool,
    pub(super) protect_all: bool,
    /// Where the module of its pages is, if it has one.
    pub(super) module: Option<&'a Path>,
    pub(super) clock: &'a Arc<dyn Clock>,
}

impl Site<'_> {
    /// Serves the site on any free port until it is stopped; returns its own URL.
    pub(super) async fn serve(
        self,
        tasks: &mut JoinSet<()>,
        issuer: &Server,
        stopped: watch::Receiver<bool>,
    ) -> Result<String, Failed> {
        let sessions = self.sessions(issuer)?;
        let any = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let (listener, address) = ports::listen(any, DEFAULT_LISTEN, "--app").await?;
        let module = self.module(issuer)?;
        let app = sample::app(sessions, Arc::clone(self.clock), self.incident, module);
        tasks.spawn(async move {
            // Serving ends without an error: broken connections are the visitors' own.
            let _ = axum::serve(listener, app).with_graceful_shutdown(until(stopped)).await;
        });
        Ok(format!("http://{address}"))
    }

    /// Makes the edge in front of an app.
    pub(super) fn edge(self, app: &str, sink: Sink) -> Result<Arc<Edge>, Failed> {
        let mut config = EdgeConfig::new(app.to_owned(), self.profile.clone(), Arc::clone(self.clock));
        config.public_authority = Some(origin(self.url)?.authority());
        config.sink = sink;
        Edge::new(config).map_err(|error| {
            Failed::usage(format!("the emulated CDN cannot stand in front of `{app}`")).because(&error)
        })
    }

    /// Reads the module of the pages. The incidents had none.
    fn module(self, issuer: &Server) -> Result<Option<Module>, Failed> {
        let folder = self.module.filter(|_| self.incident.is_none());
        let (key, frontend_api) = (issuer.publishable_key(), issuer.origin().to_string());
        let read = folder.map(|folder| Module::read(folder, key, frontend_api)).transpose();
        read.map_err(|(path, error)| {
            let text = format!("the module of the pages cannot be read at `{}`", path.display());
            Failed::usage(text).because(&error)
        })
    }

    fn sessions(self, issuer: &Server) -> Result<Sessions, Failed> {
        // The sample runs in this process, but finds the environment that the platform would give it.
        let variables = self.profile.environment();
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsStr::new(*value));
        let clock = Arc::clone(self.clock);
        Sessions::builder(self.config(issuer)?)
            .environment(variable)
            .clock(move || clock.now())
            .public_url(origin(self.url)?)
            .dev(true)
            .eager(self.eager || self.incident.is_some())
            .protect_all(self.protect_all)
            .build()
            .map_err(|error| failed(&error))
    }

    fn config(self, issuer: &Server) -> Result<Config, Failed> {
        let key = PublishableKey::parse(issuer.publishable_key()).map_err(|error| failed(&error))?;
        let url = issuer.origin().to_string();
        let config = Config::new(key, Secret::new(issuer.secret_key().expose()))
            .api_url(&url)
            .and_then(|config| config.proxy_url(&url))
            .and_then(|config| self.as_satellite(config))
            .map_err(|error| failed(&error))?;
        Ok(config.authorized_parties([self.url]))
    }

    fn as_satellite(self, config: Config) -> Result<Config, ConfigError> {
        let Some(primary) = self.primary else { return Ok(config) };
        let domain = self.url.split_once("://").map_or(self.url, |(_, authority)| authority);
        config
            .satellite(true)
            .satellite_auto_sync(true)
            .domain(domain)
            .sign_in_url(&format!("{primary}/sign-in"))
    }
}

fn failed(error: &dyn std::error::Error) -> Failed {
    Failed::new("the sample site did not start").because(error)
}
