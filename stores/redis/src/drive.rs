//! The link's one task: connects, again and again, and hands over what is in the queue.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, PushInfo, PushKind, RedisError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::batch::Batch;
use crate::link::{LinkFault, Shared};
use crate::pauses::Pauses;
use crate::waiting::Waiting;

/// So long nothing is heard of Redis before it is asked whether it is there.
const QUIET: Duration = Duration::from_secs(1);

/// A connection that held so long was a good one.
const GOOD: Duration = Duration::from_secs(5);

/// Keeps a connection until nobody is left who could ask.
pub(crate) async fn drive(shared: Arc<Shared>, client: Client, seed: u64) {
    let mut pauses = Pauses::new(seed);
    loop {
        match Connection::open(&shared, &client).await {
            Ok(connection) => {
                shared.go_up();
                let start = Instant::now();
                let Some(fault) = connection.serve(&shared, seed).await else { return };
                shared.go_down(fault);
                if start.elapsed() >= GOOD {
                    pauses.restart();
                }
            }
            Err(fault) => shared.go_down(fault),
        }
        // Whoever is the last to go need not wait for a Redis that is away.
        let pause = pauses.next();
        tokio::select! {
            () = sleep(pause) => {}
            () = shared.closed() => return,
        }
    }
}

struct Connection {
    redis: MultiplexedConnection,
    lost: Arc<Notify>,
}

impl Connection {
    /// Connects, and listens to the channel.
    async fn open(shared: &Arc<Shared>, client: &Client) -> Result<Self, LinkFault> {
        let lost = Arc::new(Notify::new());
        let (hears, loses) = (Arc::downgrade(shared), Arc::clone(&lost));
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(shared.times.connect))
            .set_response_timeout(None)
            .set_push_sender(move |push: PushInfo| {
                match push.kind {
                    PushKind::Message => drop(hears.upgrade().map(|shared| shared.hear(&push.data))),
                    PushKind::Disconnection => loses.notify_one(),
                    _ => {}
                }
                Ok::<_, redis::aio::SendError>(())
            });
        let connecting = async {
            let mut redis = client.get_multiplexed_async_connection_with_config(&config).await?;
            redis.subscribe(&shared.names.channel).await?;
            Ok::<_, RedisError>(redis)
        };
        match timeout(shared.times.connect, connecting).await {
            Ok(Ok(redis)) => Ok(Self { redis, lost }),
            Ok(Err(error)) => Err(LinkFault::of(&error)),
            Err(_) => Err(LinkFault::Silent),
        }
    }

    /// Does what is in the queue until the connection breaks. `None`: nobody is left who could ask.
    async fn serve(mut self, shared: &Arc<Shared>, seed: u64) -> Option<LinkFault> {
        let mut waiting = Waiting::new(seed);
        let mut missed = shared.missed();
        let mut heard_at = Instant::now();
        loop {
            let mut batch = Batch::new();
            // First, so that nobody fetches what others have fetched meanwhile.
            while !batch.is_full() {
                let Some(names) = missed.pop() else { break };
                batch.feed(names, shared);
            }
            fill(&mut batch, shared, &mut waiting);
            if batch.is_empty() {
                if shared.is_closed() {
                    return None;
                }
                let quiet_at = heard_at + QUIET;
                let wake_at = waiting.next().map_or(quiet_at, |at| at.min(quiet_at));
                tokio::select! {
                    () = shared.called() => continue,
                    () = self.lost.notified() => return Some(LinkFault::Unreachable),
                    () = sleep_until(wake_at) => {}
                }
                if Instant::now() < quiet_at {
                    continue;
                }
                batch.ping();
            }
            let answers = timeout(shared.times.exchange, batch.exchange(&mut self.redis)).await;
            let fault = match answers {
                Ok(Ok(answers)) => {
                    batch.finish(answers, shared, &mut waiting);
                    heard_at = Instant::now();
                    continue;
                }
                Ok(Err(error)) => LinkFault::of(&error),
                Err(_) => LinkFault::Silent,
            };
            batch.give_up(shared);
            return Some(fault);
        }
    }
}

/// Takes what is to be done next: what is in the queue, and those who wait for a lock.
fn fill(batch: &mut Batch, shared: &Arc<Shared>, waiting: &mut Waiting) {
    while !batch.is_full() {
        let Some(command) = shared.next() else { break };
        batch.add(command, shared);
    }
    let now = Instant::now();
    while !batch.is_full() {
        let Some(wanted) = waiting.due(now) else { break };
        batch.acquire(wanted, shared);
    }
}
