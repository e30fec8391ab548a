//! An OpenID Provider as a process of its own.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::product::Product;
use crate::visitor::{BYE, REDIRECT};

/// The provider. Ends when dropped.
pub(crate) struct Server {
    pub(crate) origin: String,
    product: &'static Product,
    folder: PathBuf,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts it on a free port.
    pub(crate) fn start(product: &'static Product) -> Self {
        Self::on(product, 0, fresh())
    }

    /// Ends it, unless it has, and starts it again on its port. What it knew is gone, its keys too.
    pub(crate) fn replace(&mut self) {
        self.again(fresh());
    }

    /// Ends it, unless it has, and starts it again on its port, with what it has on disk.
    pub(crate) fn restart(&mut self) {
        self.again(self.folder.clone());
    }

    fn again(&mut self, folder: PathBuf) {
        let port = self.origin.rsplit(':').next().unwrap().parse().unwrap();
        self.kill();
        *self = Self::on(self.product, port, folder);
    }

    fn on(product: &'static Product, port: u16, folder: PathBuf) -> Self {
        let client = json!({
            "client_id": "site",
            "client_secret": product.secret,
            "redirect_uris": [REDIRECT],
            "post_logout_redirect_uris": [BYE],
        });
        let options = json!({
            "port": port, "accessSeconds": product.access_secs, "client": client, "folder": folder,
        });
        let mut command = (product.command)();
        command.arg(options.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { origin: String::new(), product, folder, child, input, output };
        server.origin = server.line()["origin"].as_str().unwrap().to_owned();
        server
    }

    /// Ends it, unless it has; returns when it is gone.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Has it end when that path is asked for.
    pub(crate) fn die_at(&mut self, path: &str) {
        self.tell(&format!("die {path}"));
    }

    /// Puts its clock forward.
    pub(crate) fn later(&mut self, secs: i64) {
        self.tell(&format!("later {secs}"));
    }

    pub(crate) fn rotate(&mut self) {
        self.tell("rotate");
    }

    /// The logout tokens that it has sent since the last time.
    pub(crate) fn logouts(&mut self) -> Vec<String> {
        let told = self.tell("logouts");
        told.as_array().unwrap().iter().map(|token| token.as_str().unwrap().to_owned()).collect()
    }

    fn tell(&mut self, command: &str) -> Value {
        writeln!(self.input, "{command}").unwrap();
        self.line()["told"].take()
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A folder that nobody has used.
fn fresh() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("provider-{number}"));
    // One of an earlier run may be there.
    let _ = fs::remove_dir_all(&folder);
    folder
}
