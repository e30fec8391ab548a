//! A service that hands out tokens, one for each line that it is asked, and does as it is told.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nostore_token::{Failure, Fetched};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use crate::now_ms;

/// The session that all tokens are of.
const SESSION: &str = "sess_outage";

/// How the service does.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mood {
    /// It answers with a token.
    #[default]
    Well,
    /// It answers later.
    Slow(Duration),
    /// It answers when it is in another mood.
    Hangs,
    /// It answers with an error, with something that is no token, and with a token that has expired, in turns.
    Lies,
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// By which process.
    pub who: usize,
}

/// A service that ends with this.
#[derive(Debug)]
pub struct Issuer {
    port: u16,
    desk: Arc<Desk>,
    task: Option<AbortHandle>,
}

#[derive(Debug)]
struct Desk {
    lives_secs: i64,
    mood: Mutex<Mood>,
    asked: Mutex<Vec<Asked>>,
    /// When the last good token was made, in milliseconds since 1970.
    minted_ms: AtomicI64,
    /// How often it has lied since it began to.
    lies: AtomicUsize,
}

impl Issuer {
    /// Hands out tokens that live so long.
    pub async fn start(lives_secs: i64) -> Self {
        let desk = Desk {
            lives_secs,
            mood: Mutex::default(),
            asked: Mutex::default(),
            minted_ms: AtomicI64::new(0),
            lies: AtomicUsize::new(0),
        };
        let mut issuer = Self { port: 0, desk: Arc::new(desk), task: None };
        issuer.start_again().await;
        issuer
    }

    /// Starts again where it was.
    pub async fn start_again(&mut self) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await.unwrap();
        self.port = listener.local_addr().unwrap().port();
        let desk = Arc::clone(&self.desk);
        let task = tokio::spawn(async move {
            let mut served = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                served.spawn(Arc::clone(&desk).serve(stream));
            }
        });
        self.task = Some(task.abort_handle());
    }

    /// Kills it: who is connected is cut off, and nobody is let in.
    pub fn kill(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    /// Has it be in that mood.
    pub fn is(&self, mood: Mood) {
        self.desk.lies.store(0, Ordering::Relaxed);
        *self.desk.mood.lock().unwrap() = mood;
    }

    /// Returns its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns what it was asked since then, in milliseconds since 1970.
    #[must_use]
    pub fn asked_since(&self, since_ms: i64) -> Vec<Asked> {
        let asked = self.desk.asked.lock().unwrap();
        asked.iter().copied().filter(|asked| asked.at_ms >= since_ms).collect()
    }

    /// Returns when it made the last good token, in milliseconds since 1970.
    #[must_use]
    pub fn minted_ms(&self) -> i64 {
        self.desk.minted_ms.load(Ordering::Relaxed)
    }

    /// Asks the service on that port, as process `who`.
    ///
    /// # Errors
    ///
    /// When it is not there, or answers with something else than a token.
    pub async fn ask(port: u16, who: usize) -> Result<Fetched, Failure> {
        let broken = |_| Failure::Transient { what: "no answer" };
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.map_err(broken)?;
        stream.write_all(format!("{who}\n").as_bytes()).await.map_err(broken)?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.map_err(broken)?;
        match line.trim_end().split_once(' ') {
            Some(("token", raw)) => Fetched::parse(raw, None),
            Some(("busy", _)) => Err(Failure::Busy { status: 503, retry_after_ms: None }),
            _ => Err(Failure::Transient { what: "no token" }),
        }
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Desk {
    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        let mut line = String::new();
        if BufReader::new(&mut stream).read_line(&mut line).await.is_err() {
            return;
        }
        let Ok(who) = line.trim_end().parse() else { return };
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(Asked { at_ms: now_ms(), who });
            asked.len()
        };
        let answer = self.answer(number).await;
        // Whoever asked may have gone.
        let _ = stream.write_all(answer.as_bytes()).await;
    }

    async fn answer(&self, number: usize) -> String {
        let mood = || *self.mood.lock().unwrap();
        while mood() == Mood::Hangs {
            sleep(Duration::from_millis(20)).await;
        }
        if let Mood::Slow(by) = mood() {
            sleep(by).await;
        }
        let good = || {
            let now_ms = now_ms();
            self.minted_ms.store(now_ms, Ordering::Relaxed);
            mint(SESSION, now_ms / 1_000, self.lives_secs, number)
        };
        if mood() != Mood::Lies {
            return format!("token {}\n", good());
        }
        // The first is one that whoever asks notices: of a token that has expired it goes on with the one it has.
        match self.lies.fetch_add(1, Ordering::Relaxed) % 3 {
            0 => "busy 503\n".to_owned(),
            1 => "token not.a.token\n".to_owned(),
            _ => {
                let issued_secs = now_ms() / 1_000 - self.lives_secs - 1;
                format!("token {}\n", mint(SESSION, issued_secs, self.lives_secs, number))
            }
        }
    }
}

/// Makes a token that nobody verifies. It says when its facts were read (`oiat`), so that an older one never takes its place.
#[must_use]
pub fn mint(session: &str, issued_secs: i64, lives_secs: i64, number: usize) -> String {
    let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "sid": session, "iat": issued_secs, "exp": issued_secs + lives_secs, "jti": number.to_string() });
    format!("{}.{}.c2ln", part(json!({ "alg": "RS256", "typ": "JWT", "oiat": issued_secs })), part(claims))
}
