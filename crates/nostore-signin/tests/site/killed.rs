//! The process is killed at random points of sign-ins, changes of the list, and rotations: the store opens, nothing that
//! was confirmed is lost, and nobody is in who should not be.
//!
//! A child of this test is the site. It says what it is about to do and what was answered; whoever was told counts on it.
//! `NOSTORE_PROVE_ROUNDS` says how often it is killed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use nostore_message::{Origin, Secret};
use nostore_signin::provider::Provider;
use nostore_signin::{SignIn, Who};

use crate::mock::{CLIENT_ID, CLIENT_SECRET, Faults, Mock};
use crate::world::{ADMIN, ORIGIN, SESSION, Time, Visitor};

const STORE: &str = "NOSTORE_KILLED_STORE";
const ROUND: &str = "NOSTORE_KILLED_ROUND";
const ROUNDS: &str = "NOSTORE_PROVE_ROUNDS";

/// The secrets of a round: each restarts with a new one in front, and three of before.
fn secrets(round: u32) -> Vec<Secret> {
    let newest = (round.saturating_sub(3)..=round).rev();
    newest
        .map(|round| Secret::new(format!("the secret of round {round:>6}, long enough for sessions")))
        .collect()
}

async fn site(issuer: &str, store: &Path, round: u32) -> SignIn {
    let time = Time::new();
    SignIn::builder(secrets(round), Origin::parse(ORIGIN).unwrap())
        .provider(Provider::oidc(issuer, CLIENT_ID, Some(Secret::new(CLIENT_SECRET))).offline())
        .admin(Who::parse(ADMIN).unwrap())
        .sqlite(store)
        .keep_tokens(true)
        .clock(move || time.now())
        .platform(None)
        .dev(false)
        .quiet(true)
        .build()
        .await
        .unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test is where its program starts")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever listens may be gone: then the child is about to be, too.
    let _gone = writeln!(out, "told: {line}").and_then(|()| out.flush());
}

/// The site, as long as it lives.
#[tokio::test]
async fn child() {
    let (Some(store), Some(round)) = (variable(STORE), variable(ROUND)) else { return };
    let round: u32 = round.parse().unwrap();
    let mock = Mock::start().await;
    let site = site(&mock.origin, Path::new(&store), round).await;
    let says = |address: &str| {
        let claims =
            vec![("email", address.into()), ("email_verified", true.into()), ("sub", address.into())];
        mock.fail(Faults { claims, rotates: true, ..Faults::default() });
    };
    let sign_in = async |visitor: &mut Visitor, address: &str| {
        says(address);
        let gone = visitor.post("/auth/sign-in", &[]).await;
        let callback = format!("/auth/callback?{}", mock.authorize(gone.location()));
        visitor.get(&callback).await.status
    };
    let mut admin = Visitor::new(&site);
    admin.network = None;
    assert_eq!(sign_in(&mut admin, ADMIN).await, 303);
    for number in 0..100_u32 {
        let person = format!("p{number}.r{round}@example.com");
        let mut visitor = Visitor::new(&site);
        // Everybody comes from a network of their own.
        visitor.network = format!("10.0.{}.{}", number / 200, number % 200 + 1).parse().ok();
        admin.network = format!("10.1.{}.{}", number / 200, number % 200 + 1).parse().ok();
        say(&format!("adding {person}"));
        let form = [("act", "add"), ("who", &person), ("role", "member")];
        assert_eq!(admin.post("/admin/users", &form).await.status, 303);
        say(&format!("added {person}"));
        assert_eq!(sign_in(&mut visitor, &person).await, 303);
        say(&format!("in {person} {}", visitor.jar[SESSION]));
        if number % 4 != 0 {
            continue;
        }
        say(&format!("removing {person}"));
        assert_eq!(admin.post("/admin/users", &[("act", "remove"), ("who", &person)]).await.status, 303);
        say(&format!("removed {person}"));
        let next = format!("q{number}.r{round}@example.com");
        assert_eq!(sign_in(&mut visitor, &next).await, 403, "a stranger");
    }
}

/// What is known of somebody, from what the child said.
#[derive(Clone, Debug, Default)]
struct Known {
    listed: Option<bool>,
    cookie: Option<(String, Option<bool>)>,
}

#[tokio::test]
async fn killed_at_random_points_nothing_confirmed_is_lost_and_nobody_is_in_who_should_not_be() {
    let rounds: u32 = variable(ROUNDS).and_then(|text| text.parse().ok()).unwrap_or(15);
    let folder = std::env::temp_dir().join(format!("nostore-killed-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir(&folder).unwrap();
    let store = folder.join("site.db");
    let began = Instant::now();
    let (mut draw, mut acts) = (Draw(0x5eed), 0_usize);
    let mut before: Vec<(u32, BTreeMap<String, Known>)> = Vec::new();
    for round in 0..rounds {
        let told = killed(&store, round, &mut draw);
        acts += told.iter().filter(|line| !line.contains("ing ")).count();
        let known = known(&told);
        check(&store, round, known.iter().map(|(person, known)| (person.as_str(), known))).await;
        // Of those of before, some: their secret is one of the last four.
        // Those of the rounds before whose secret is still one of the list.
        before.retain(|(began, _)| began + 3 >= round);
        let all = before.iter().flat_map(|(_, known)| known);
        check(&store, round, all.map(|(person, known)| (person.as_str(), known))).await;
        before.push((round, known));
    }
    std::fs::remove_dir_all(&folder).unwrap();
    println!("kills: {rounds} rounds, {acts} confirmed acts, {} s, 0 lost", began.elapsed().as_secs());
}

/// Runs the child until it is killed, and returns what it said.
fn killed(store: &PathBuf, round: u32, draw: &mut Draw) -> Vec<String> {
    let test: [&OsStr; 3] = ["killed::child".as_ref(), "--exact".as_ref(), "--nocapture".as_ref()];
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(test)
        .env(STORE, store)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    let wanted = 1 + draw.below(30);
    let mut next = |told: &mut Vec<String>| {
        let Some(Ok(line)) = lines.next() else { return false };
        told.extend(line.split_once("told: ").map(|(_, said)| said.to_owned()));
        true
    };
    while told.len() < wanted && next(&mut told) {}
    // Somewhere in what it does next.
    let until = draw.below(3_000);
    let waited = Instant::now();
    while waited.elapsed().as_micros() < until as u128 {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    while next(&mut told) {}
    told
}

fn known(told: &[String]) -> BTreeMap<String, Known> {
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    for line in told {
        let mut words = line.split(' ');
        let (Some(act), Some(person)) = (words.next(), words.next()) else { continue };
        let own = known.entry(person.to_owned()).or_default();
        match act {
            "adding" => own.listed = None,
            "added" => own.listed = Some(true),
            "in" => own.cookie = words.next().map(|cookie| (cookie.to_owned(), Some(true))),
            "removing" => {
                own.listed = None;
                own.cookie = own.cookie.take().map(|(cookie, _)| (cookie, None));
            }
            "removed" => {
                own.listed = Some(false);
                own.cookie = own.cookie.take().map(|(cookie, _)| (cookie, Some(false)));
            }
            other => panic!("expected an act, found {other}"),
        }
    }
    known
}

async fn check(store: &Path, round: u32, known: impl Iterator<Item = (&str, &Known)>) {
    let site = site("https://op.example", store, round).await;
    let listed: Vec<String> = site.listed().await.unwrap().iter().map(|line| line.who.to_string()).collect();
    for (person, known) in known {
        if let Some(expected) = known.listed {
            let found = listed.iter().any(|line| line == person);
            assert_eq!(found, expected, "round {round}: {person} on the list");
        }
        if let Some((cookie, holds)) = &known.cookie {
            let mut visitor = Visitor::new(&site);
            visitor.jar.insert(SESSION.to_owned(), cookie.clone());
            let who = visitor.who().await;
            let expected = format!("{person} member");
            match holds {
                Some(true) => assert_eq!(who, expected, "round {round}: a confirmed session"),
                Some(false) => assert_eq!(who, "", "round {round}: {person} was removed"),
                None => assert!(who.is_empty() || who == expected, "round {round}: {who}"),
            }
        }
    }
}

/// Numbers that a seed gives (xorshift64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}
