//! The connection: made when it is wanted, bounded in time, and made anew when it broke.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nostore_signin::store::StoreError;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, PushInfo, PushKind, RedisError, ServerErrorKind, Value,
    cmd,
};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::link::LinkFault;

/// A script that Redis runs in one step.
#[derive(Clone, Copy)]
pub(super) enum Script {
    /// Removes a record that has ended.
    Sweep,
    /// Makes a change.
    Write,
}

impl Script {
    const fn text(self) -> &'static str {
        match self {
            Self::Sweep => include_str!("sweep.lua"),
            Self::Write => include_str!("write.lua"),
        }
    }
}

pub(super) struct Line {
    client: Client,
    patience: Duration,
    connection: Mutex<Option<Connection>>,
}

#[derive(Clone)]
struct Connection {
    redis: MultiplexedConnection,
    /// It broke, or left somebody without an answer.
    lost: Arc<AtomicBool>,
    /// What Redis calls the scripts.
    sweep: String,
    write: String,
}

impl Line {
    pub(super) fn new(client: Client, patience: Duration) -> Self {
        Self { client, patience, connection: Mutex::new(None) }
    }

    /// Sends a command that may be sent twice: where the connection is found broken, once more over a new one.
    pub(super) async fn read(&self, doing: &'static str, command: &Cmd) -> Result<Value, StoreError> {
        self.bounded(doing, async {
            let mut connection = self.connection().await?;
            match connection.send(command).await {
                Err(error) if error.is_io_error() => self.connection().await?.send(command).await,
                answered => answered,
            }
        })
        .await
    }

    /// Runs a script, once.
    pub(super) async fn run(
        &self,
        doing: &'static str,
        script: Script,
        keys: &[String],
        arguments: &[String],
    ) -> Result<Value, StoreError> {
        let command = |name: &str, script: &str| {
            let mut command = cmd(name);
            command.arg(script).arg(keys.len()).arg(keys).arg(arguments);
            command
        };
        self.bounded(doing, async {
            let mut connection = self.connection().await?;
            let known = command("EVALSHA", connection.name(script));
            match connection.send(&known).await {
                // Somebody had Redis forget its scripts. This one has not run.
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    connection.send(&command("EVAL", script.text())).await
                }
                answered => answered,
            }
        })
        .await
    }

    async fn bounded(
        &self,
        doing: &'static str,
        exchange: impl Future<Output = Result<Value, RedisError>>,
    ) -> Result<Value, StoreError> {
        match timeout(self.patience, exchange).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(StoreError::Engine { doing, source: error.into() }),
            Err(_) => {
                // Who comes next does not wait on the same connection. Where it is just being made it ends by itself.
                if let Ok(connection) = self.connection.try_lock() {
                    connection.iter().for_each(Connection::lose);
                }
                Err(StoreError::Engine { doing, source: LinkFault::Silent.into() })
            }
        }
    }

    /// Returns the connection, or makes one; who comes meanwhile waits for the same one.
    async fn connection(&self) -> Result<Connection, RedisError> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = connection.as_ref().filter(|connection| !connection.is_lost()) {
            return Ok(connection.clone());
        }
        *connection = None;
        let made = Connection::open(&self.client, self.patience).await?;
        Ok(connection.insert(made).clone())
    }
}

impl Connection {
    async fn open(client: &Client, patience: Duration) -> Result<Self, RedisError> {
        let lost = Arc::new(AtomicBool::new(false));
        let loses = Arc::clone(&lost);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(patience))
            .set_response_timeout(None)
            .set_push_sender(move |push: PushInfo| {
                if push.kind == PushKind::Disconnection {
                    loses.store(true, Ordering::Release);
                }
                Ok::<_, redis::aio::SendError>(())
            });
        let mut redis = client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut load = async |script: Script| {
            cmd("SCRIPT").arg("LOAD").arg(script.text()).query_async::<String>(&mut redis).await
        };
        let (sweep, write) = (load(Script::Sweep).await?, load(Script::Write).await?);
        Ok(Self { redis, lost, sweep, write })
    }

    async fn send(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        let answered = self.redis.send_packed_command(command).await.and_then(Value::extract_error);
        if answered.as_ref().is_err_and(RedisError::is_io_error) {
            self.lose();
        }
        answered
    }

    fn name(&self, script: Script) -> &str {
        match script {
            Script::Sweep => &self.sweep,
            Script::Write => &self.write,
        }
    }

    fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    fn lose(&self) {
        self.lost.store(true, Ordering::Release);
    }
}
