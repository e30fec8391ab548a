//! The server that visitors talk to.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Edge;

/// The longest request head, in bytes: one that is longer and not read at once is refused. It bounds what a
/// connection keeps in memory.
const MAX_HEAD: usize = 64 * 1024;

/// How long accepting pauses after it failed, so that a lack of file descriptors is not a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Edge {
    /// Serves visitors until `shutdown` completes; then accepts no more, lets what is under way finish for as long as
    /// [`crate::EdgeConfig::grace`] says, and cuts the rest. Tunnels are cut at once.
    pub async fn serve(self: &Arc<Self>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let (close, closing) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, visitor)) => {
                        let (edge, closing) = (Arc::clone(self), closing.clone());
                        connections.spawn(edge.connection(stream, visitor, closing));
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop((listener, closing));
        // Connections and tunnels wait for the end of this channel.
        drop(close);
        let finished = async { while connections.join_next().await.is_some() {} };
        drop(tokio::time::timeout(self.grace, finished).await);
        connections.shutdown().await;
    }

    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        visitor: SocketAddr,
        mut closing: watch::Receiver<()>,
    ) {
        // Only a hint to the kernel: without it small frames wait for each other.
        drop(stream.set_nodelay(true));
        let tunnels = closing.clone();
        let service = service_fn(|request| {
            let (edge, closing) = (Arc::clone(&self), tunnels.clone());
            async move { Ok::<_, Infallible>(edge.handle(request, visitor, closing).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.visitor_head)
            .max_headers(256)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        // An error here is a visitor that broke off or sent no HTTP: hyper has answered what can be answered.
        let mut connection = pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = closing.changed() => connection.as_mut().graceful_shutdown(),
        }
        drop(connection.await);
    }
}
