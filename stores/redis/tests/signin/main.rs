//! Two processes of a site that keep their sessions in Redis refresh a provider's token once.
//!
//! Each child of this test is a process of the site; the provider and Redis are its parent's.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Stdio;

use nostore_message::Secret;
use nostore_outage::RedisServer;
use nostore_redis::RedisStore;
use nostore_signin::store::MemoryStore;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::world::{ADMIN, SECRET, SESSION, Time, Visitor, World};

#[expect(dead_code, reason = "the relying party's own tests use all of it")]
#[path = "../../../../crates/nostore-signin/tests/provider/mock.rs"]
mod mock;
#[expect(dead_code, reason = "the site's own tests use all of it")]
#[path = "../../../../crates/nostore-signin/tests/site/world.rs"]
mod world;

/// How many requests each process has at once.
const AT_ONCE: usize = 8;
const ROUNDS: i64 = 10;

#[expect(clippy::disallowed_methods, reason = "a test is where its program starts")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

async fn redis(url: &str) -> RedisStore {
    RedisStore::builder(&Secret::new(url)).unwrap().open().await.unwrap()
}

/// A process of the site: for each line with seconds, that many later it has eight requests that want a token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let [Some(issuer), Some(url), Some(cookie)] = ["SITE_ISSUER", "SITE_REDIS", "SITE_COOKIE"].map(variable)
    else {
        return;
    };
    let time = Time::new();
    let builder = world::builder(&issuer, &time, &MemoryStore::default(), &[SECRET]);
    let site = builder.store(redis(&url).await).keep_tokens(true).build().await.unwrap();
    let mut visitor = Visitor::new(&site);
    visitor.jar.insert(SESSION.to_owned(), cookie);
    println!("told: ready");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(secs) = lines.next_line().await.unwrap() {
        time.pass_secs(secs.parse().unwrap());
        let asked = (0..AT_ONCE).map(|_| {
            let mut visitor = visitor.clone();
            tokio::spawn(async move { visitor.get("/token").await.body })
        });
        let mut tokens = Vec::new();
        for token in asked.collect::<Vec<_>>() {
            tokens.push(token.await.unwrap());
        }
        println!("told: {}", tokens.join(" "));
    }
}

struct Process {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(issuer: &str, redis: &str, cookie: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture"])
            .envs([("SITE_ISSUER", issuer), ("SITE_REDIS", redis), ("SITE_COOKIE", cookie)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { _child: child, input, output: BufReader::new(output).lines() }
    }

    async fn told(&mut self) -> String {
        loop {
            let line = self.output.next_line().await.unwrap().expect("the process goes on");
            if let Some((_, told)) = line.split_once("told: ") {
                return told.to_owned();
            }
        }
    }
}

#[tokio::test]
async fn sixteen_requests_of_two_processes_on_redis_make_one_refresh() {
    let server = RedisServer::start().await;
    let url = server.url().expose().to_owned();
    let store = redis(&url).await;
    let world = World::with(|builder| builder.store(store).keep_tokens(true)).await;
    let mut alice = Visitor::new(&world.site);
    alice.sign_in(&world, ADMIN).await;
    let cookie = alice.jar[SESSION].clone();
    let mut processes = [(); 2].map(|()| Process::start(&world.mock.origin, &url, &cookie));
    for process in &mut processes {
        assert_eq!(process.told().await, "ready");
    }
    let mut last = String::new();
    for round in 0..ROUNDS {
        let asked = world.mock.asked("/token");
        for process in &mut processes {
            // The mock's tokens live 300 s; ten seconds before their end they are refreshed.
            process.input.write_all(b"290\n").await.unwrap();
        }
        let told = [processes[0].told().await, processes[1].told().await].join(" ");
        let tokens: Vec<&str> = told.split(' ').collect();
        assert_eq!(tokens.len(), 2 * AT_ONCE, "round {round}: {told}");
        assert!(tokens.iter().all(|token| *token == tokens[0] && *token != last), "round {round}: {told}");
        assert_eq!(world.mock.asked("/token") - asked, 1, "round {round}");
        last = tokens[0].to_owned();
    }
    assert_eq!(alice.who().await, "alice@example.com admin", "nobody was signed out");
}
