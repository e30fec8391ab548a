//! What is written in JavaScript, in a process of its own, which times itself.
//!
//! One line in: how many times. One line out: how many nanoseconds that took.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::world::{Broken, SITE, World};

/// The process.
#[derive(Debug)]
pub struct Node {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Node {
    /// Starts `@clerk/backend`, which decides the request over and over.
    ///
    /// # Errors
    ///
    /// When it is not installed (`npm ci` in `bench/reference`), or does not accept the request.
    pub fn authenticate(world: &World) -> Result<Self, Broken> {
        let target = world.request().target;
        let case = json!({
            "url": format!("{SITE}{target}"), "headers": world.fields, "jwtKey": world.pem,
            "publishableKey": world.config.publishable_key().as_str(),
            "secretKey": world.config.secret_key().expose(), "authorizedParties": [SITE],
        });
        Self::start("authenticate.mjs", &case.to_string(), "signed-in")
    }

    /// Starts `@clerk/clerk-js`, which is asked for this token over and over.
    ///
    /// # Errors
    ///
    /// When it is not installed (`npm ci` in `bench/reference`), or does not take the token.
    pub fn get_token(raw: &str) -> Result<Self, Broken> {
        Self::start("get_token.mjs", raw, "ready")
    }

    /// Starts `@auth/core`, which is asked for the session of a request over and over.
    ///
    /// # Errors
    ///
    /// When it is not installed (`npm ci` in `bench/reference`), or does not find the session.
    pub fn auth_session(email: &str) -> Result<Self, Broken> {
        Self::start("auth_session.mjs", email, email)
    }

    fn start(script: &str, first: &str, expected: &str) -> Result<Self, Broken> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
        if !folder.join("node_modules").is_dir() {
            return Err("expected an installation, found none: run `npm ci` in bench/reference".into());
        }
        let mut child = Command::new("node")
            .arg(script)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().ok_or("no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut node = Self { child, input, output };
        let answer = node.ask(first)?;
        if answer == expected { Ok(node) } else { Err(format!("expected {expected}, found {answer}").into()) }
    }

    /// Lets it do that so many times. `None`: it does not answer any more.
    pub fn turn(&mut self, times: u64) -> Option<Duration> {
        let answer = self.ask(&times.to_string()).ok()?;
        answer.parse().ok().map(Duration::from_nanos)
    }

    fn ask(&mut self, line: &str) -> Result<String, Broken> {
        writeln!(self.input, "{line}")?;
        self.input.flush()?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        Ok(answer.trim().to_owned())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
