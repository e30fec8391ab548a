//! Workers as processes: a case a line in, a result a line out.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use crate::case::{Case, Outcome};
use crate::generate::BACKEND;

/// A worker that runs. Ends when dropped.
pub struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    backend: String,
}

impl Process {
    /// Starts the reference.
    ///
    /// # Errors
    ///
    /// When Node or the package is missing.
    pub fn reference(backend: &str) -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
        if !folder.join("node_modules/@clerk/backend/package.json").exists() {
            return Err(format!(
                "expected the reference to be installed: run `npm ci` in {}",
                folder.display()
            ));
        }
        let mut command = Command::new("node");
        command.arg(folder.join("authenticate.mjs"));
        Self::start("the reference", command, backend)
    }

    /// Starts our worker, which lies beside the running program.
    ///
    /// # Errors
    ///
    /// When it was not built.
    pub fn ours(backend: &str) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let program: PathBuf =
            program.with_file_name(format!("authenticate{}", std::env::consts::EXE_SUFFIX));
        Self::start("our worker", Command::new(program), backend)
    }

    fn start(name: &str, mut command: Command, backend: &str) -> Result<Self, String> {
        // Both read settings from variables: none of those of the present environment may count.
        #[expect(clippy::disallowed_methods, reason = "to keep the environment out")]
        for (variable, _) in std::env::vars_os() {
            let text = variable.to_string_lossy();
            if ["CLERK_", "NEXT_PUBLIC_", "VERCEL_", "NODE_", "NOSTORE_"]
                .iter()
                .any(|prefix| text.starts_with(prefix))
            {
                command.env_remove(&variable);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().map_err(|error| format!("{name} did not start: {error}"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = output.ok_or_else(|| format!("{name} has no output"))?;
        let (name, backend) = (name.to_owned(), backend.to_owned());
        Ok(Self { name, child, input, output: BufReader::new(output), backend })
    }

    /// Has cases decided.
    ///
    /// # Errors
    ///
    /// When the worker ends, or writes something else than results.
    pub fn decide(&mut self, cases: &[Case]) -> Result<Vec<Outcome>, String> {
        let mut text = String::new();
        for case in cases {
            let line = serde_json::to_string(case).map_err(|error| error.to_string())?;
            text += &line.replace(BACKEND, &self.backend);
            text.push('\n');
        }
        let (input, output, name, backend) = (&mut self.input, &mut self.output, &self.name, &self.backend);
        thread::scope(|scope| {
            let writer = scope.spawn(move || match input {
                Some(input) => input.write_all(text.as_bytes()).and_then(|()| input.flush()),
                None => Ok(()),
            });
            let outcomes = cases.iter().map(|case| {
                let mut line = String::new();
                output.read_line(&mut line).map_err(|error| format!("{name}: {error}"))?;
                if line.is_empty() {
                    return Err(format!("{name} ended at the case {}", case.id));
                }
                serde_json::from_str(&line.replace(backend, BACKEND))
                    .map_err(|error| format!("{name}: {error} in {line}"))
            });
            let outcomes: Result<Vec<Outcome>, String> = outcomes.collect();
            let outcomes = outcomes?;
            writer
                .join()
                .map_err(|_| format!("{name}: the writer panicked"))?
                .map_err(|error| format!("{name}: {error}"))?;
            Ok(outcomes)
        })
    }

    /// Has one case decided.
    ///
    /// # Errors
    ///
    /// As [`Process::decide`].
    pub fn decide_one(&mut self, case: &Case) -> Result<Outcome, String> {
        let mut outcomes = self.decide(std::slice::from_ref(case))?;
        outcomes.pop().ok_or_else(|| format!("{} gave no result", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Without input it ends by itself.
        self.input = None;
        let _ = self.child.wait();
    }
}
