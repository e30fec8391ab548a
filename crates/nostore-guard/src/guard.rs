//! The guard: what it goes by, and its server.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use http::{Request, Response};
use hyper::body::Incoming;
use nostore_proxy::{Closing, Peer, ServeLimits, Tls};
use nostore_signin::store::StoreError;
use tokio::net::TcpListener;

use crate::body::GuardBody;
use crate::config::{GuardConfig, GuardError, Orders};
use crate::tally::Tally;
use crate::turn::Turn;

/// The guard in front of one app.
pub struct Guard {
    pub(crate) orders: ArcSwap<Orders>,
    pub(crate) tally: Tally,
    pub(crate) ending: AtomicBool,
    tls: Option<Tls>,
    visitors: ServeLimits,
}

impl Guard {
    /// Sets up a guard. Connects to nothing and listens nowhere yet.
    ///
    /// # Errors
    ///
    /// The origin is not one, or TLS cannot be set up.
    pub fn new(config: &GuardConfig) -> Result<Arc<Self>, GuardError> {
        Ok(Arc::new(Self {
            orders: ArcSwap::from_pointee(Orders::new(config)?),
            tally: Tally::default(),
            ending: AtomicBool::new(false),
            tls: config.tls.clone(),
            visitors: config.visitors,
        }))
    }

    /// Goes by another configuration from the next request on. What concerns connections stays: TLS and the visitors'
    /// limits.
    ///
    /// # Errors
    ///
    /// As for [`Self::new`]; then everything goes on as it was.
    pub fn change(&self, config: &GuardConfig) -> Result<(), GuardError> {
        self.orders.store(Arc::new(Orders::new(config)?));
        Ok(())
    }

    /// Removes ended sign-ins from the store, where the guard signs in by itself. Once a day is enough.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        match &self.orders.load_full().identity {
            Some(identity) => identity.sweep().await,
            None => Ok(0),
        }
    }

    /// Serves visitors until `shutdown` completes; what is under way then may finish for as long as
    /// [`ServeLimits::grace`] says.
    pub async fn serve(self: &Arc<Self>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let guard = Arc::clone(self);
        let handler = move |request, peer, closing| {
            let guard = Arc::clone(&guard);
            async move { guard.handle(request, peer, closing).await }
        };
        let told = async {
            shutdown.await;
            self.ending.store(true, Ordering::Relaxed);
        };
        nostore_proxy::serve(listener, self.tls.clone(), self.visitors, told, handler).await;
    }

    /// Answers one request. Never fails: what goes wrong becomes a response.
    async fn handle(&self, request: Request<Incoming>, peer: Peer, closing: Closing) -> Response<GuardBody> {
        let _under_way = self.tally.begin();
        let orders = self.orders.load_full();
        let (parts, body) = request.into_parts();
        Turn::new(&orders, &self.tally, &parts, peer).take(parts, body, closing).await
    }
}
