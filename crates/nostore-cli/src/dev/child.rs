//! An app of one's own, started by `nostore dev -- CMD`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{Instant, interval};

use crate::error::Failed;
use crate::report::Reporter;

/// How often a starting app is tried.
const TRY_EVERY: Duration = Duration::from_millis(100);
/// When somebody who waits is told what for.
const TELL_AFTER: Duration = Duration::from_secs(3);
/// How long an app may take until it listens.
const START_WITHIN: Duration = Duration::from_secs(120);

/// A running app of one's own.
pub(crate) struct App {
    child: Child,
    name: String,
}

/// A port that was free a moment ago, for an app that takes its port from `PORT`.
///
/// # Errors
///
/// When this machine gives no port.
pub(crate) async fn free_port() -> Result<u16, Failed> {
    let failed = |error: std::io::Error| {
        Failed::new("expected a free port for the app, but found none").because(&error)
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
    Ok(listener.local_addr().map_err(failed)?.port())
}

impl App {
    /// Starts the command with `variables` in its environment. Its output goes to standard error, so that
    /// `--json` stays readable for machines.
    ///
    /// # Errors
    ///
    /// When the program does not exist or may not be started.
    pub(crate) fn start(command: &[String], variables: &[(String, String)]) -> Result<Self, Failed> {
        let [program, arguments @ ..] = command else {
            return Err(Failed::usage("expected a command behind `--`, such as `-- npm start`"));
        };
        let child = Command::new(program)
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(std::io::stderr())
            .stderr(Stdio::inherit())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                Failed::new(format!("the command `{program}` did not start"))
                    .because(&error)
                    .hint("everything behind `--` is run as it stands: check the name and the folder")
            })?;
        Ok(Self { child, name: command.join(" ") })
    }

    /// Waits until the app listens on `port`, on either loopback address. Says so when that takes long.
    ///
    /// # Errors
    ///
    /// When the command ends first, or does not listen within two minutes.
    pub(crate) async fn listening(&mut self, port: u16, reporter: &Reporter) -> Result<(), Failed> {
        let until = Instant::now() + START_WITHIN;
        let tell_at = Instant::now() + TELL_AFTER;
        let mut told = false;
        let mut tries = interval(TRY_EVERY);
        loop {
            tokio::select! {
                status = self.child.wait() => return Err(self.ended(status)),
                _ = tries.tick() => {}
            }
            for address in [
                SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
                SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port)),
            ] {
                if TcpStream::connect(address).await.is_ok() {
                    return Ok(());
                }
            }
            if !told && Instant::now() >= tell_at {
                told = true;
                let text = format!(
                    "waiting for `{}` to listen on the port that it finds in PORT: {port}",
                    self.name
                );
                reporter.note(&json!({ "event": "waiting", "text": text }), &text);
            }
            if Instant::now() >= until {
                return Err(Failed::new(format!(
                    "expected `{}` to listen on the port in PORT ({port}) within {} s, but it does not",
                    self.name,
                    START_WITHIN.as_secs()
                ))
                .hint("start it yourself and use `nostore dev --app http://localhost:ITS-PORT`"));
            }
        }
    }

    /// Waits until the command ends, and says that it should not have.
    pub(crate) async fn ends(&mut self) -> Failed {
        let status = self.child.wait().await;
        self.ended(status)
    }

    /// Ends the command and whatever it started.
    pub(crate) async fn stop(mut self) {
        let Some(id) = self.child.id() else { return };
        // The command leads a process group of its own; `kill` is where a shell user would look for this.
        let group = format!("-{id}");
        let asked = Command::new("kill").args(["-TERM", "--", &group]).stderr(Stdio::null()).status().await;
        let patience = Duration::from_secs(5);
        if asked.is_err() || tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status().await;
            let _ = self.child.kill().await;
        }
    }

    fn ended(&self, status: std::io::Result<ExitStatus>) -> Failed {
        let (how, code) = match status {
            Ok(status) => (status.to_string(), status.code()),
            Err(error) => (error.to_string(), None),
        };
        // A command that says it succeeded still left the site without its app.
        let code = code.and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1);
        Failed::new(format!("the command `{}` ended ({how})", self.name))
            .hint("its own output is above; the site has no app without it")
            .exit_code(code)
    }
}
