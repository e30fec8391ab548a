//! What the guard costs a request: processor time of a guard, of a bare pass-through over the same plumbing, and of nginx with
//! `auth_request` and a small verifier, in one run, turn by turn.
//!
//! Usage: `proxies NOSTORE [--rounds N] [--requests N]`, where NOSTORE is the command; nginx is measured where it is installed.
//!
//! # Method
//!
//! Each proxy is a process of its own in front of one origin, which answers 1 KiB that may be cached. Eight connections are
//! kept; each sends one request after another. Processor time is the sum over a proxy's threads and children
//! (`/proc/PID/task/*/schedstat`, nanoseconds); wall time says too much of the neighbours. A round measures each proxy once,
//! the next one in the other order; the medians of the rounds are told, and the medians of the ratios within a round.

mod cpu;
mod load;
mod program;

use std::io::Write as _;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// What is asked for, and with which cookies.
const CASES: [(&str, &str); 2] =
    [("a public page", ""), ("a page with a session", "cookie: theme=dark; sid=0123456789abcdef\r\n")];

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("pass-through") => program::pass_through(&arguments[1]).await,
        Some("verifier") => program::verifier().await,
        Some("origin") => program::origin().await,
        Some(nostore) if !nostore.starts_with('-') => measure(nostore, &arguments).await,
        _ => Err("expected the command `nostore` to measure, such as target/release/nostore".into()),
    }
}

async fn measure(nostore: &str, arguments: &[String]) -> Result<(), Failed> {
    let number = |name: &str, default: usize| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let (rounds, requests) = (number("--rounds", 9), number("--requests", 16_000));
    let origin = program::start_own(&["origin"]).await?;
    let proxies = program::start(nostore, &origin.address).await?;
    for (case, lines) in CASES {
        let mut times = vec![Vec::new(); proxies.len()];
        for round in 0..=rounds {
            eprint!("\r{case}: round {round} of {rounds} ");
            std::io::stderr().flush()?;
            let mut order: Vec<usize> = (0..proxies.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for index in order {
                let proxy = &proxies[index];
                let before = cpu::nanoseconds(&proxy.processes)?;
                load::send(&proxy.address, lines, requests).await?;
                let spent = cpu::nanoseconds(&proxy.processes)? - before;
                // The first round warms up.
                if round > 0 {
                    times[index].push(spent as f64 / requests as f64 / 1_000.0);
                }
            }
        }
        eprintln!("\r{case}: done                ");
        println!(
            "{case}, microseconds of processor time per request (median of {rounds} rounds of {requests}; least and most)"
        );
        for (proxy, own) in proxies.iter().zip(&times) {
            let ratios = own.iter().zip(&times[0]).map(|(own, base)| own / base).collect();
            let ([least, median, most], [_, ratio, _]) = (spread(own.clone()), spread(ratios));
            println!("  {:32} {median:6.1}  {ratio:5.2} x  ({least:.1} to {most:.1})", proxy.name);
        }
    }
    Ok(())
}

/// The least, the median, and the most.
fn spread(mut figures: Vec<f64>) -> [f64; 3] {
    figures.sort_by(f64::total_cmp);
    [figures[0], figures[figures.len() / 2], figures[figures.len() - 1]]
}
