//! What goes wrong at start-up, told once: what was expected, what was found, how to mend it.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

/// A failure that ends the command.
#[derive(Debug)]
pub struct Failed {
    what: String,
    causes: Vec<String>,
    hint: Option<String>,
    code: u8,
}

impl Failed {
    /// The command line or the surroundings are not as expected (exit code 1).
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), causes: Vec::new(), hint: None, code: 1 }
    }

    /// A flag's value is not as expected (exit code 2, as for every misuse of the command line).
    #[must_use]
    pub fn usage(what: impl Into<String>) -> Self {
        Self { code: 2, ..Self::new(what) }
    }

    /// Adds the error that caused it, with its own causes.
    #[must_use]
    pub fn because(mut self, error: &dyn std::error::Error) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            let text = error.to_string();
            // Some errors say what their source says: once is enough.
            if !self.causes.last().is_some_and(|last| last.contains(&text)) {
                self.causes.push(text);
            }
            cause = error.source();
        }
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the exit code, for a command that ends as another one did.
    #[must_use]
    pub const fn exit_code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// Prints the failure to standard error and returns the exit code.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        let red = anstyle::AnsiColor::Red.on_default().bold();
        let cyan = anstyle::AnsiColor::Cyan.on_default().bold();
        let mut out = anstream::stderr().lock();
        // Nothing is left to do when standard error is closed.
        let _ = writeln!(out, "{red}error:{red:#} {}", self.what);
        for cause in &self.causes {
            let _ = writeln!(out, "{red}caused by:{red:#} {cause}");
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(out, "{cyan}hint:{cyan:#} {hint}");
        }
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for cause in &self.causes {
            write!(f, "; caused by: {cause}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; hint: {hint}")?;
        }
        Ok(())
    }
}
