//! A certified OpenID Provider as a process of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// How long its access tokens live, in seconds.
pub(crate) const ACCESS_SECS: i64 = 2;

/// The provider. Ends when dropped.
pub(crate) struct Server {
    pub(crate) origin: String,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts it on a free port.
    pub(crate) fn start() -> Self {
        Self::on(0)
    }

    /// Ends it, unless it has, and starts it again on its port. What it knew is gone, its keys too.
    pub(crate) fn restart(mut self) -> Self {
        let port = self.origin.rsplit(':').next().unwrap().parse().unwrap();
        self.kill();
        Self::on(port)
    }

    fn on(port: u16) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("provider");
        assert!(
            folder.join("node_modules/oidc-provider/package.json").exists(),
            "expected the OpenID Provider to be installed: run `npm ci` in {}",
            folder.display()
        );
        let options = json!({ "port": port, "accessSeconds": ACCESS_SECS });
        let mut command = Command::new("node");
        command.arg(folder.join("server.mjs")).arg(options.to_string()).env_remove("NODE_OPTIONS");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { origin: String::new(), child, input, output };
        server.origin = server.line()["origin"].as_str().unwrap().to_owned();
        server
    }

    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Has it end when that path is asked for.
    pub(crate) fn die_at(&mut self, path: &str) {
        self.tell(&format!("die {path}"));
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
