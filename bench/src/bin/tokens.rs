//! Measures what a fresh session token costs its reader, beside the floor and a general cache.
//!
//! `--rounds N` sets the number of rounds. Each is done alone, and with a second thread that does the same.

use std::future::Future as _;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nostore_bench::allocations::count;
use nostore_bench::measure::{Contender, Measured, measure};
use nostore_bench::program::{finish, say};
use nostore_bench::world::Broken;
use nostore_message::Clock as _;
use nostore_token::{CoarseClock, Failure, Get, SessionToken, SessionTokens, TokenHandle, TokenKey};
use serde_json::json;
use tokio::runtime::Runtime;

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
    let readers = readers(&runtime)?;
    let mut contenders = Vec::new();
    for Reader { names: [alone, beside], work } in &readers {
        contenders.push(Contender::new(alone, work));
        contenders.push(Contender { name: beside, turn: Box::new(|times| Some(together(work, times))) });
    }
    let measured = measure(&mut contenders, rounds);
    print(&measured)?;
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
    let raw = token()?;
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
            Box::new(move || ready(handle.get())),
        ),
        reader(
            ["moka 0.12: get, with a time to live", "  moka beside another"],
            Box::new(move || cache.get("sess_1").is_some()),
        ),
    ])
}

/// A token of a hundred days and about 800 bytes. Nobody here verifies it.
fn token() -> Result<String, Broken> {
    let now = CoarseClock.now().secs();
    let claims = json!({ "sid": "sess_1", "iat": now, "exp": now + 8_640_000, "fill": "x".repeat(250) });
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

/// Polls once.
fn ready(mut get: Get) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    matches!(Pin::new(&mut get).poll(&mut context), Poll::Ready(Ok(_)))
}

/// Does it while another thread does the same.
fn together(work: &Work, times: u64) -> Duration {
    let (begun, over) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
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
