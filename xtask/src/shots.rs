//! Makes the pictures in `docs/img`.

use crate::{install, step};

/// Builds the command and has it photographed.
pub(crate) fn make() -> Result<(), String> {
    install::everything()?;
    step::cargo("command", &["build", "--quiet", "--profile", "ci", "--package", "nostore-cli"])?;
    let arguments =
        ["run", "--quiet", "--profile", "ci", "--package", "nostore-test", "--bin", "shots", "--"];
    let mut arguments = arguments.to_vec();
    arguments.extend(["target/ci/nostore", "docs/img"]);
    step::cargo("pictures", &arguments)
}
