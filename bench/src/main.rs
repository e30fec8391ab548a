//! Measures one decision, side by side with what else there is.
//!
//! `--json` prints JSON, `--rounds N` sets the number of rounds, `--without-node` leaves `@clerk/backend` out.
//! `--only TEXT --times N` does what has that text in its name so many times and prints nothing: for whoever counts
//! instructions.

use std::process::ExitCode;

use nostore_bench::allocations::{Count, count};
use nostore_bench::measure::{Contender, Measured, measure};
use nostore_bench::node::Node;
use nostore_bench::others::{ClerkRs, JsonWebToken};
use nostore_bench::ours::{self, Bare};
use nostore_bench::program::{finish, say};
use nostore_bench::world::{Broken, World};
use nostore_jose::{Jws, verify};
use serde_json::json;

const BASE: &str = "aws-lc-rs: the signature check alone";
const KNOWN: &str = "authenticate, known token";
const NEW: &str = "authenticate, new token";
const BARE_JOSE: &str = "nostore-jose: parse and verify";
const GATE: &str = "nostore-web: Sessions::start, eager";

struct Options {
    json: bool,
    rounds: usize,
    node: bool,
    only: Option<String>,
    times: u64,
}

fn main() -> ExitCode {
    finish(run)
}

fn run() -> Result<(), Broken> {
    let options = options()?;
    let world = World::new()?;
    let request = world.request();
    let (memo, sessions, bare) = (ours::memo(&world)?, ours::sessions(&world)?, Bare::new(&world)?);
    let (jsonwebtoken, clerk_rs) = (JsonWebToken::new(&world)?, ClerkRs::new(&world)?);
    let mut contenders = vec![
        Contender::new(BASE, || bare.check()),
        Contender::new(KNOWN, || ours::known_token(&world, &request, &memo)),
        Contender::new(NEW, || ours::new_token(&world, &request)),
        Contender::new(BARE_JOSE, || {
            Jws::parse(&world.token).is_ok_and(|jws| verify(&jws, world.key.jwk()).is_ok())
        }),
        Contender::new(GATE, || ours::gate(&sessions, &request)),
        Contender::new("jsonwebtoken 11.1 (aws_lc_rs): decode, key made once", || {
            jsonwebtoken.verify(&world.token)
        }),
        Contender::new("clerk-rs 0.5: validate_jwt, key in memory", || clerk_rs.validate(&world.token)),
        Contender::new("clerk-rs 0.5: authorize, key in memory", || clerk_rs.authorize(&request)),
    ];
    if let Some(only) = &options.only {
        let one = contenders.iter_mut().find(|one| one.name.contains(only.as_str()));
        let one = one.ok_or_else(|| format!("expected a part of a name behind --only, found {only}"))?;
        return (one.turn)(options.times).map(drop).ok_or_else(|| "expected a whole turn".into());
    }
    let node = if options.node { Node::authenticate(&world) } else { Err("left out".into()) };
    let absent = node.as_ref().err().map(ToString::to_string);
    if let Ok(mut node) = node {
        let turn = Box::new(move |times| node.turn(times));
        contenders.push(Contender { name: "@clerk/backend 3.16.10: authenticateRequest, jwtKey", turn });
    }
    let (_, allocated) = count(|| ours::known_token(&world, &request, &memo));
    let (_, allocated_new) = count(|| ours::new_token(&world, &request));
    let (_, allocated_gate) = count(|| ours::gate(&sessions, &request));
    let counts = [(KNOWN, allocated), (NEW, allocated_new), (GATE, allocated_gate)];
    let measured = measure(&mut contenders, options.rounds);
    let text = if options.json {
        as_json(&measured, &counts, absent.as_deref(), options.rounds)
    } else {
        as_table(&measured, &counts, absent.as_deref(), &world)
    };
    say(&text);
    Ok(())
}

fn as_table(measured: &[Measured], counts: &[(&str, Count)], absent: Option<&str>, world: &World) -> String {
    let mut lines = vec![format!("{:54}{:>12}{:>12}{:>10}", "", "median", "best", "ratio")];
    let base = measured.iter().find(|one| one.name == BASE);
    for one in measured {
        let ratio = base.map_or(f64::NAN, |base| one.ratio(base));
        lines.push(format!(
            "{:54}{:>9.2} us{:>9.2} us{ratio:>10.3}",
            one.name,
            micros(one.median()),
            micros(one.best())
        ));
    }
    if let Some(why) = absent {
        lines.push(format!("@clerk/backend: not measured: {why}"));
    }
    lines.push(String::new());
    for (name, Count { calls, bytes }) in counts {
        lines.push(format!("{name}: {calls} allocations, {bytes} bytes"));
    }
    let (token, fields) = (world.token.len(), world.fields.len());
    lines.push(format!(
        "token: {token} bytes, field lines: {fields}; ratio: to the signature check, per round"
    ));
    lines.join("\n")
}

fn as_json(measured: &[Measured], counts: &[(&str, Count)], absent: Option<&str>, rounds: usize) -> String {
    let base = measured.iter().find(|one| one.name == BASE);
    let measured: Vec<_> = measured
        .iter()
        .map(|one| {
            let ratio = base.map(|base| one.ratio(base));
            json!({"name": one.name, "median_ns": one.median(), "best_ns": one.best(), "ratio": ratio})
        })
        .collect();
    let counts: Vec<_> = counts
        .iter()
        .map(|(name, count)| json!({"name": name, "calls": count.calls, "bytes": count.bytes}))
        .collect();
    json!({"rounds": rounds, "measured": measured, "allocations": counts, "not_measured": absent}).to_string()
}

fn options() -> Result<Options, Broken> {
    let mut options = Options { json: false, rounds: 301, node: true, only: None, times: 1_000 };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => options.json = true,
            "--without-node" => options.node = false,
            "--rounds" => {
                options.rounds = arguments.next().ok_or("expected a number behind --rounds")?.parse()?;
            }
            "--only" => options.only = Some(arguments.next().ok_or("expected a name behind --only")?),
            "--times" => {
                options.times = arguments.next().ok_or("expected a number behind --times")?.parse()?;
            }
            other => {
                let known = "--json, --rounds N, --without-node, --only TEXT or --times N";
                return Err(format!("expected {known}, found {other}").into());
            }
        }
    }
    Ok(options)
}

fn micros(nanos: f64) -> f64 {
    nanos / 1_000.0
}
