//! The server that visitors talk to.

use std::future::Future;
use std::sync::Arc;

use nostore_proxy::{Peer, ServeLimits};
use tokio::net::TcpListener;

use crate::Edge;

impl Edge {
    /// Serves visitors until `shutdown` completes; then accepts no more, lets what is under way finish for as long as
    /// [`crate::EdgeConfig::grace`] says, and cuts the rest. Tunnels are cut at once.
    pub async fn serve(self: &Arc<Self>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let mut limits = ServeLimits::default();
        (limits.head, limits.grace) = (self.visitor_head, self.grace);
        let edge = Arc::clone(self);
        let handler =
            move |request, peer: Peer, closing| Arc::clone(&edge).handle(request, peer.address, closing);
        nostore_proxy::serve(listener, None, limits, shutdown, handler).await;
    }
}
