//! A body of pieces that come when they come, and a thread to serve from.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use nostore_behaviour::Frames;

pub(super) struct FramesBody(pub(super) Frames);

impl Body for FramesBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// Runs a server in a thread of its own until the process ends.
pub(super) fn serve<F>(server: impl FnOnce(tokio::net::TcpListener) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()>,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime
            .unwrap()
            .block_on(async { server(tokio::net::TcpListener::from_std(listener).unwrap()).await });
    });
    address
}

/// Echoes what comes over an upgraded connection.
pub(super) fn echo<B>(request: &mut http::Request<B>) {
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let mut stream = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
        let (mut reader, mut writer) = tokio::io::split(&mut stream);
        // The visitor ends it by going away.
        drop(tokio::io::copy(&mut reader, &mut writer).await);
    });
}
