//! Ctrl-C, a request to end, a terminal that was closed: heard from the moment on in which a command starts.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::Failed;

/// Listens for SIGINT, SIGTERM and SIGHUP.
pub(crate) struct Interrupt {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Interrupt {
    /// Starts to listen. What comes from now on is not missed, even before [`Interrupt::wait`].
    ///
    /// # Errors
    ///
    /// When the system does not let the program listen.
    pub(crate) fn listen() -> Result<Self, Failed> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failed::new("this program cannot listen for Ctrl-C").because(&error))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Completes at the first signal. May be dropped and called again.
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
