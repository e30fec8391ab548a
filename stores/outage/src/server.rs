//! A Redis of a test's own.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nostore_message::Secret;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// So long a server may take to start.
const START: Duration = Duration::from_secs(20);

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// A server that ends with this.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    /// Its port for TLS, and who is to be trusted there, in PEM.
    tls: Option<(u16, String)>,
    folder: PathBuf,
    /// Whether it writes what it confirms to disk first.
    durable: bool,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts `redis-server` on a port that is free.
    pub async fn start() -> Self {
        let mut server = Self::new();
        server.start_again().await;
        server
    }

    /// Starts one that confirms nothing that is not on disk, and so is as it was when it is started again.
    pub async fn start_durable() -> Self {
        let mut server = Self::new();
        server.durable = true;
        server.start_again().await;
        server
    }

    /// Starts one that speaks TLS as well, as `localhost`.
    pub async fn start_with_tls() -> Self {
        let mut server = Self::new();
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(server.folder.join(CERTIFICATE), own.cert.pem()).unwrap();
        fs::write(server.folder.join(KEY), own.signing_key.serialize_pem()).unwrap();
        server.tls = Some((free_port(), own.cert.pem()));
        server.start_again().await;
        server
    }

    fn new() -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("nostore-redis-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self { port: free_port(), tls: None, folder, durable: false, process: None }
    }

    /// Starts it again, on the same port; with nothing in it, unless it is durable.
    pub async fn start_again(&mut self) {
        self.kill();
        let deadline = Instant::now() + START;
        loop {
            let port = self.port.to_string();
            let mut command = Command::new("redis-server");
            command.args(["--port", &port, "--bind", "127.0.0.1", "--save", ""]);
            command.args([
                "--appendonly",
                if self.durable { "yes" } else { "no" },
                "--appendfsync",
                "always",
            ]);
            if let Some((port, _)) = &self.tls {
                command.args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"]);
                command.args([
                    "--tls-cert-file",
                    CERTIFICATE,
                    "--tls-key-file",
                    KEY,
                    "--tls-ca-cert-file",
                    CERTIFICATE,
                ]);
            }
            command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null());
            let process = command
                .spawn()
                .expect("expected `redis-server` in PATH; on Debian: apt-get install redis-server");
            self.process = Some(process);
            while self.process.as_mut().unwrap().try_wait().unwrap().is_none() {
                if self.answers().await {
                    return;
                }
                assert!(Instant::now() < deadline, "expected Redis to answer within {START:?}");
                sleep(Duration::from_millis(10)).await;
            }
            // It ended: somebody else has taken the port.
            assert!(Instant::now() < deadline, "expected Redis to run");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Tells whether it answers.
    pub async fn answers(&self) -> bool {
        let asked = self.ask(b"PING\r\n");
        timeout(Duration::from_secs(1), asked).await.is_ok_and(|answer| answer.starts_with(b"+PONG"))
    }

    /// Sends bytes of the protocol and returns what comes at once.
    pub async fn ask(&self, bytes: &[u8]) -> Vec<u8> {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await else {
            return Vec::new();
        };
        let mut answer = vec![0; 65_536];
        if stream.write_all(bytes).await.is_err() {
            return Vec::new();
        }
        let length = stream.read(&mut answer).await.unwrap_or_default();
        answer.truncate(length);
        answer
    }

    /// Returns its URL.
    #[must_use]
    pub fn url(&self) -> Secret {
        Secret::new(format!("redis://127.0.0.1:{}", self.port))
    }

    /// Returns its URL for TLS, and who is to be trusted there, in PEM.
    #[must_use]
    pub fn tls(&self) -> (Secret, &str) {
        let (port, certificate) = self.tls.as_ref().unwrap();
        (Secret::new(format!("rediss://localhost:{port}")), certificate)
    }

    /// Returns its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Kills it, with all that is in its memory.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Has it hang: connections stay, and nothing is answered.
    pub fn hang(&self) {
        self.signal(Signal::STOP);
    }

    /// Has it go on.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.process.as_ref().unwrap()), signal).unwrap();
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        // What is left is in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
