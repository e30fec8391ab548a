//! How those in step hear of each other's tokens.
//!
//! Messages may be lost: whoever hears nothing looks at what the bus keeps, or fetches a token itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::broadcast;

use crate::message::Message;

/// So many messages wait for a listener that is slow; older ones are lost.
const MESSAGES: usize = 256;

/// Why nobody could be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a bus that carries messages, found one that does not ({what})")]
pub struct BusFault {
    /// What is wrong, in a few words without secrets.
    pub what: &'static str,
}

/// What a bus keeps of an entry, later.
pub type BusFuture = Pin<Box<dyn Future<Output = Option<Arc<[u8]>>> + Send>>;

/// Carries messages between clients that share sessions.
///
/// A client hears its own messages as well, and passes over them: they say nothing new. What leaves the process is sealed
/// by the bus. Where a lock goes the same way as the bus, a message arrives before a lock that is released after it.
pub trait Bus: Send + Sync + 'static {
    /// Tells everybody.
    ///
    /// # Errors
    ///
    /// When the message goes nowhere. The token stays where it is.
    fn send(&self, message: &Message) -> Result<(), BusFault>;

    /// Hears what is told from now on.
    fn listen(&self) -> broadcast::Receiver<Arc<[u8]>>;

    /// Tells whether the bus keeps the last message of each entry.
    fn keeps(&self) -> bool {
        false
    }

    /// Returns the message that is kept of an entry ([`Message::name`]).
    fn load(&self, name: &str) -> BusFuture {
        let _ = name;
        Box::pin(std::future::ready(None))
    }

    /// Forgets what is kept of an entry.
    fn forget(&self, name: &str) {
        let _ = name;
    }
}

/// A bus within the process. Clones are the same bus.
#[derive(Clone, Debug)]
pub struct InProcess(broadcast::Sender<Arc<[u8]>>);

impl Default for InProcess {
    fn default() -> Self {
        Self(broadcast::Sender::new(MESSAGES))
    }
}

impl Bus for InProcess {
    fn send(&self, message: &Message) -> Result<(), BusFault> {
        // Nobody may listen, which is no fault.
        let _ = self.0.send(message.expose().as_bytes().into());
        Ok(())
    }

    fn listen(&self) -> broadcast::Receiver<Arc<[u8]>> {
        self.0.subscribe()
    }
}
