//! Runs the Backend API of the cases by itself, for looking at one case at a time. Prints its address.

use std::io::Write as _;

use nostore_conformance::backend::Backend;

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let backend = Backend::start().await?;
        writeln!(std::io::stdout(), "{}", backend.url())?;
        tokio::signal::ctrl_c().await
    })
}
