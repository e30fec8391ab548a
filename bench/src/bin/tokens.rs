//! Measures what a fresh session token costs its reader, beside the floor and a general cache.
//!
//! `--rounds N` sets the number of rounds. Each is done alone, and with a second thread that does the same.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nostore_bench::allocations::count;
use nostore_bench::measure::{Contender, Measured, measure};
use nostore_bench::node::Node;
use nostore_bench::program::{finish, polled, say};
use nostore_bench::smithy::Smithy;
use nostore_bench::world::Broken;
use nostore_message::Clock as _;
use nostore_token::{CoarseClock, Failure, SessionToken, SessionTokens, TokenHandle, TokenKey};
use serde_json::json;
use tokio::runtime::{Handle, Runtime};

const FLOOR: &str = "coarse clock and published load";

/// What is done once; whether it found a token.
type Work = Box<dyn Fn() -> bool + Send + Sync>;

/// One who is measured: alone, and with a second thread.
struct Reader {
    names: [&'static str; 2],
    work: Work,
}

fn main() -> ExitCode {
    finish(run)
}

fn run() -> Result<(), Broken> {
    let rounds = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => 201,
        [flag, rounds] if flag == "--rounds" => rounds.parse()?,
        _ => return Err("expected --rounds N or nothing".into()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
    // Some make timers even where they do not wait.
    let _entered = runtime.enter();
    let readers = readers(&runtime)?;
    let mut contenders = Vec::new();
    for Reader { names: [alone, beside], work } in &readers {
        contenders.push(Contender::new(alone, work));
        contenders.push(Contender { name: beside, turn: Box::new(|times| Some(together(work, times))) });
    }
    // Its timers hold 31 bits of milliseconds.
    let node = Node::get_token(&token(86_400)?);
    let absent = node.as_ref().err().map(ToString::to_string);
    if let Ok(mut node) = node {
        let turn = Box::new(move |times| node.turn(times));
        contenders.push(Contender { name: "@clerk/clerk-js 6.40: await getToken()", turn });
    }
    let measured = measure(&mut contenders, rounds);
    print(&measured)?;
    if let Some(why) = absent {
        say(&format!("@clerk/clerk-js is left out: {why}"));
    }
    for Reader { names: [name, _], work } in &readers {
        let (found, counted) = count(work);
        say(&format!("{name}: {} allocations", counted.calls));
        if !found {
            return Err(format!("expected a token of {name}").into());
        }
    }
    Ok(())
}

fn readers(runtime: &Runtime) -> Result<Vec<Reader>, Broken> {
    let raw = token(8_640_000)?;
    let smithy = Smithy::new(runtime, &raw)?;
    let published = ArcSwapOption::from_pointee(SessionToken::parse(&raw)?);
    let handle = handle(runtime, SessionToken::parse(&raw)?)?;
    let peeked = handle.clone();
    let cache =
        moka::sync::Cache::builder().max_capacity(16).time_to_live(Duration::from_secs(3_600)).build();
    cache.insert("sess_1".to_owned(), Arc::<str>::from(raw));
    let reader = |names, work| Reader { names, work };
    Ok(vec![
        reader(
            [FLOOR, "  beside a second thread"],
            Box::new(move || CoarseClock.now().millis() > 0 && published.load().is_some()),
        ),
        reader(
            ["nostore-token: peek()", "  peek() beside another"],
            Box::new(move || peeked.peek().is_some()),
        ),
        reader(
            ["nostore-token: get().await, ready", "  get().await beside another"],
            Box::new(move || polled(async { handle.get().await.is_ok() }) == Some(true)),
        ),
        reader(
            ["moka 0.12: get, with a time to live", "  moka beside another"],
            Box::new(move || cache.get("sess_1").is_some()),
        ),
        reader(
            ["aws-smithy 1.16: lazy identity cache", "  aws-smithy beside another"],
            Box::new(move || smithy.get()),
        ),
    ])
}

/// A token of about 800 bytes. Nobody here verifies it.
fn token(lives_secs: i64) -> Result<String, Broken> {
    let now = CoarseClock.now().secs();
    let claims = json!({ "sid": "sess_1", "iat": now, "exp": now + lives_secs, "fill": "x".repeat(250) });
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    Ok(format!("{}.{}.{}", part(r#"{"alg":"RS256"}"#), part(&claims.to_string()), part(&"s".repeat(256))))
}

fn handle(runtime: &Runtime, token: SessionToken) -> Result<TokenHandle, Broken> {
    let tokens =
        SessionTokens::builder(|_| async { Err(Failure::Offline) }).build_on(runtime.handle().clone());
    let key = TokenKey::of_session("sess_1");
    if tokens.hydrate(key.clone(), token) {
        Ok(tokens.handle(key))
    } else {
        Err("expected a good token".into())
    }
}

/// Does it while another thread does the same.
fn together(work: &Work, times: u64) -> Duration {
    let runtime = Handle::current();
    let (begun, over) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _entered = runtime.enter();
            begun.store(true, Ordering::SeqCst);
            while !over.load(Ordering::Relaxed) {
                for _ in 0..64 {
                    std::hint::black_box(work());
                }
            }
        });
        while !begun.load(Ordering::SeqCst) {
            std::hint::spin_loop();
        }
        let start = Instant::now();
        for _ in 0..times {
            std::hint::black_box(work());
        }
        let took = start.elapsed();
        over.store(true, Ordering::Relaxed);
        took
    })
}

fn print(measured: &[Measured]) -> Result<(), Broken> {
    let base = measured.iter().find(|one| one.name == FLOOR).ok_or("expected the floor to be measured")?;
    say(&format!("{:40} {:>10} {:>10} {:>8}", "", "median", "best", "ratio"));
    for one in measured {
        let (median, best, ratio) = (one.median(), one.best(), one.ratio(base));
        say(&format!("{:40} {median:7.2} ns {best:7.2} ns {ratio:8.2}", one.name));
    }
    Ok(())
}
