//! Ctrl-C, a request to end, a terminal that was closed: heard from the moment on in which a command starts.

use std::io::IsTerminal as _;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::Failed;

/// What a signal asks of a program that can read its configuration again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    End,
    ReadAgain,
}

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

    /// Completes when the program shall end, or read its configuration again: at a hang-up (SIGHUP) that is not that of a
    /// terminal which was closed. May be dropped and called again.
    pub(crate) async fn order(&mut self) -> Order {
        tokio::select! {
            _ = self.interrupt.recv() => Order::End,
            _ = self.terminate.recv() => Order::End,
            _ = self.hang_up.recv() => if std::io::stdout().is_terminal() { Order::End } else { Order::ReadAgain },
        }
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
