//! One process of a fleet: wants a token every 50 ms, and says in the end how that went.
//!
//! Arguments: its number, the port of the service, and the URL of Redis. It says `ready` when it has its first token, and
//! ends when its input does, with one line of JSON.
#![expect(clippy::unwrap_used, reason = "a process of a test that cannot go on fails")]

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use nostore_message::Secret;
use nostore_outage::{Issuer, now_ms};
use nostore_redis::RedisLink;
use nostore_token::{Failure, Fetched, Policy, SessionTokens, TokenHandle, TokenKey};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Handle;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// What all of them share.
const SECRET: &str = "what all processes of the fleet know";

/// How it went.
#[derive(Default)]
struct Diary {
    calls: u64,
    /// When somebody had to wait, and how long, in milliseconds.
    waited: Vec<(i64, u64)>,
    failed: Vec<(i64, &'static str)>,
    /// Fetches that brought nothing, which callers need not notice.
    in_vain: Vec<(i64, &'static str)>,
    /// When a token was handed out that had expired, and how long before, in milliseconds.
    expired: Vec<(i64, i64)>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [number, service, redis] = &arguments[..] else { panic!("expected a number, a port and a URL") };
    let (number, service): (usize, u16) = (number.parse().unwrap(), service.parse().unwrap());
    let link = RedisLink::builder(&Secret::new(redis), [Secret::new(SECRET)]).unwrap();
    let link = link.lock_lasts(Duration::from_secs(5)).build_on(&Handle::current()).unwrap();
    let policy = Policy { fetch_timeout_ms: 3_000, ..Policy::default() };
    let diary = Arc::new(Mutex::new(Diary::default()));
    let notes = Arc::clone(&diary);
    let tokens = SessionTokens::builder(move |_| fetch(service, number, Arc::clone(&notes)));
    let tokens = tokens.policy(policy).seed(number as u64).bus(link.clone()).lock(link.clone());
    let tokens = tokens.build_on(Handle::current());
    let handle = tokens.handle(TokenKey::of_session("sess_outage"));
    let mut ready = false;
    let mut ticks = interval(Duration::from_millis(50));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut input = tokio::io::stdin();
    let mut nothing = [0; 16];
    let mut ends = pin!(input.read(&mut nothing));
    loop {
        tokio::select! {
            _ = &mut ends => break,
            _ = ticks.tick() => want(&handle, &diary).await,
        }
        if !ready && handle.peek().is_some() {
            ready = true;
            say(&json!("ready"));
        }
    }
    let diary = diary.lock().unwrap();
    say(&json!({
        "who": number, "calls": diary.calls, "waited": diary.waited, "failed": diary.failed,
        "expired": diary.expired, "in_vain": diary.in_vain, "unopened": link.unopened(),
    }));
}

async fn fetch(service: u16, number: usize, diary: Arc<Mutex<Diary>>) -> Result<Fetched, Failure> {
    let fetched = Issuer::ask(service, number).await;
    if let Err(failure) = &fetched {
        diary.lock().unwrap().in_vain.push((now_ms(), failure.code()));
    }
    fetched
}

/// Wants a token: whoever does not get one at once waits beside the others.
async fn want(handle: &TokenHandle, diary: &Arc<Mutex<Diary>>) {
    let (start, start_ms) = (Instant::now(), now_ms());
    let handle = handle.clone();
    let mut get = Box::pin(async move { handle.get().await.map(|token| token.expires_ms()) });
    let at_once = poll_fn(|context| Poll::Ready(get.as_mut().poll(context))).await;
    let waits = at_once.is_pending();
    let diary = Arc::clone(diary);
    diary.lock().unwrap().calls += 1;
    let note = async move {
        let outcome = match at_once {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => get.await,
        };
        // Whoever is not kept waiting has what was good when the call began.
        let end_ms = if waits { now_ms() } else { start_ms };
        let took = start.elapsed();
        let mut diary = diary.lock().unwrap();
        if waits {
            diary.waited.push((start_ms, u64::try_from(took.as_millis()).unwrap()));
        }
        match outcome {
            Ok(expires_ms) if expires_ms <= end_ms => diary.expired.push((end_ms, end_ms - expires_ms)),
            Ok(_) => {}
            Err(failure) => diary.failed.push((end_ms, failure.code())),
        }
    };
    if waits {
        tokio::spawn(note);
    } else {
        note.await;
    }
}

#[expect(clippy::print_stdout, reason = "this is how a process answers")]
fn say(value: &Value) {
    println!("{value}");
}
