//! What is left after a switch of protocols: two byte streams (RFC 9110 section 7.8).

use std::io;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// Both ends of a connection that switches protocols. Nothing flows until [`Tunnel::run`].
#[derive(Debug)]
pub struct Tunnel {
    pub(crate) visitor: OnUpgrade,
    pub(crate) upstream: OnUpgrade,
}

impl Tunnel {
    /// Carries bytes both ways until both ends have closed, and returns how many came from the visitor and
    /// how many from the upstream. Dropping the future cuts both connections.
    ///
    /// # Errors
    ///
    /// One of the ends did not switch after all, or a connection broke.
    pub async fn run(self) -> io::Result<(u64, u64)> {
        let (visitor, upstream) = tokio::try_join!(self.visitor, self.upstream).map_err(io::Error::other)?;
        carry(TokioIo::new(visitor), TokioIo::new(upstream)).await
    }
}

async fn carry(
    mut visitor: impl AsyncRead + AsyncWrite + Unpin,
    mut upstream: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<(u64, u64)> {
    tokio::io::copy_bidirectional(&mut visitor, &mut upstream).await
}
