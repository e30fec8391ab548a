//! Measures a protected page in one process, from the request to the answer, side by side with what else there is.
//!
//! `--json` prints JSON, `--rounds N` sets the number of rounds, `--without-node` leaves Auth.js out.

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use nostore_bench::measure::{Contender, Measured, measure};
use nostore_bench::node::Node;
use nostore_bench::program::{finish, say};
use nostore_bench::protected::{EMAIL, TowerSite, actix_session};
use nostore_bench::world::Broken;
use serde_json::json;

const BASE: &str = "nostore on axum, SQLite";
const AUTHJS: &str = "@auth/core 0.41.3 in Node: GET /auth/session";

struct Options {
    json: bool,
    rounds: usize,
    node: bool,
}

fn main() -> ExitCode {
    finish(run)
}

fn run() -> Result<(), Broken> {
    let options = options()?;
    let folder = Folder::new()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let runtime = Rc::new(runtime);
    let sqlite = TowerSite::in_sqlite(&runtime, &folder.0.join("nostore.db"))?;
    let (memory, axum_login) = (TowerSite::in_memory(&runtime)?, TowerSite::axum_login(&runtime)?);
    let mut contenders = vec![
        Contender { name: BASE, turn: Box::new(|times| sqlite.turn(times)) },
        Contender { name: "nostore on axum, in memory", turn: Box::new(|times| memory.turn(times)) },
        Contender {
            name: "axum-login 0.18 on tower-sessions 0.14, in memory",
            turn: Box::new(|times| axum_login.turn(times)),
        },
        Contender { name: "actix-session 0.11, encrypted cookie", turn: Box::new(actix_session()?) },
    ];
    let node = if options.node { Node::auth_session(EMAIL) } else { Err("left out".into()) };
    let absent = node.as_ref().err().map(ToString::to_string);
    if let Ok(mut node) = node {
        contenders.push(Contender { name: AUTHJS, turn: Box::new(move |times| node.turn(times)) });
    }
    let measured = measure(&mut contenders, options.rounds);
    let absent = absent.as_deref();
    say(&if options.json { as_json(&measured, absent, options.rounds) } else { as_table(&measured, absent) });
    Ok(())
}

/// A folder for a file, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Broken> {
        let folder = std::env::temp_dir().join(format!("nostore-protected-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left over is the system's to clean up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn as_table(measured: &[Measured], absent: Option<&str>) -> String {
    let base = measured.iter().find(|one| one.name == BASE);
    let mut lines = vec![format!("{:52}{:>12}{:>12}{:>10}", "", "median", "best", "ratio")];
    for one in measured {
        let ratio = base.map_or(f64::NAN, |base| one.ratio(base));
        let (median, best) = (one.median() / 1_000.0, one.best() / 1_000.0);
        lines.push(format!("{:52}{median:>9.2} us{best:>9.2} us{ratio:>10.2}", one.name));
    }
    lines.extend(absent.map(|why| format!("{AUTHJS}: not measured: {why}")));
    lines.join("\n")
}

fn as_json(measured: &[Measured], absent: Option<&str>, rounds: usize) -> String {
    let base = measured.iter().find(|one| one.name == BASE);
    let measured = measured.iter().map(|one| {
        let ratio = base.map(|base| one.ratio(base));
        json!({"name": one.name, "median_ns": one.median(), "best_ns": one.best(), "ratio": ratio})
    });
    let measured: Vec<_> = measured.collect();
    json!({"rounds": rounds, "measured": measured, "not_measured": absent}).to_string()
}

fn options() -> Result<Options, Broken> {
    let mut options = Options { json: false, rounds: 201, node: true };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => options.json = true,
            "--without-node" => options.node = false,
            "--rounds" => {
                options.rounds = arguments.next().ok_or("expected a number behind --rounds")?.parse()?;
            }
            other => {
                return Err(format!("expected --json, --rounds N or --without-node, found {other}").into());
            }
        }
    }
    Ok(options)
}
