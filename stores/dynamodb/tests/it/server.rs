//! A dynalite of a test's own, which keeps everything in memory.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::{Client, Config};

/// Where it is installed.
const DYNALITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/dynalite/node_modules/dynalite/cli.js");

/// A server that ends with this.
pub(crate) struct Dynalite {
    port: u16,
    process: Child,
}

impl Dynalite {
    pub(crate) fn start() -> Self {
        assert!(Path::new(DYNALITE).exists(), "expected dynalite: `cargo xtask install`");
        // A port that is free may be taken by somebody else before dynalite has it.
        (0..10).find_map(|_| Self::start_on(free_port())).expect("expected dynalite to start")
    }

    fn start_on(port: u16) -> Option<Self> {
        let mut process = Command::new("node")
            .args([DYNALITE, "--host", "127.0.0.1", "--createTableMs", "0", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("expected `node` in PATH");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let server = Self { port, process };
        line.starts_with("Dynalite listening").then_some(server)
    }

    pub(crate) fn client(&self) -> Client {
        client(self.port)
    }

    /// Ends it.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Dynalite {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A client of whatever listens on a port.
pub(crate) fn client(port: u16) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("someone", "hush", None, None, "test"))
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
