//! A proxy before Redis that is slow, or lies.

use std::net::Ipv4Addr;
use std::time::Duration;

use nostore_message::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

/// From this length on a text in an answer is taken for a sealed one.
const SEALED: usize = 150;

/// What becomes of answers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Way {
    /// They arrive.
    #[default]
    Through,
    /// They arrive so much later, and so do questions.
    Slowly(Duration),
    /// Other bytes arrive.
    Garbage,
    /// Nothing arrives: connections end, and nobody is let in.
    Away,
    /// Sealed texts have a bit changed, or are older ones; and a lock that somebody has is given to everybody.
    Lies,
}

/// A proxy that ends with this.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    way: watch::Sender<Way>,
    task: AbortHandle,
}

impl Proxy {
    /// Stands before the server on that port.
    pub async fn before(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = watch::Sender::new(Way::Through);
        let goes = way.subscribe();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, goes.clone()));
            }
        });
        Self { port, way, task: task.abort_handle() }
    }

    /// Goes this way from now on.
    pub fn goes(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// Returns the URL of the Redis behind it.
    #[must_use]
    pub fn url(&self) -> Secret {
        Secret::new(format!("redis://127.0.0.1:{}", self.port))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(client: TcpStream, server: u16, way: watch::Receiver<Way>) {
    // Where nobody is there, the client sees its connection end.
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let mut cut = way.clone();
    let questions = copy(from_client, to_server, way.clone(), None);
    let answers = copy(from_server, to_client, way, Some(Liar::default()));
    // One that ends takes the other along.
    tokio::select! {
        () = questions => {}
        () = answers => {}
        _ = cut.wait_for(|way| *way == Way::Away) => {}
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    way: watch::Receiver<Way>,
    mut liar: Option<Liar>,
) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(1_024);
    let reads = async move {
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let now = *way.borrow();
            let at = Instant::now() + if let Way::Slowly(by) = now { by } else { Duration::ZERO };
            let mut bytes = buffer[..length].to_vec();
            if let Some(liar) = &mut liar {
                liar.tell(&mut bytes, now);
            }
            if sender.send((at, bytes)).await.is_err() {
                return;
            }
        }
    };
    let writes = async move {
        while let Some((at, bytes)) = receiver.recv().await {
            sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(reads, writes);
}

/// Remembers what was true.
#[derive(Debug, Default)]
struct Liar {
    before: Option<Vec<u8>>,
    told: u64,
}

impl Liar {
    fn tell(&mut self, bytes: &mut Vec<u8>, way: Way) {
        match way {
            Way::Away | Way::Through | Way::Slowly(_) => self.keep(bytes),
            Way::Garbage => {
                for byte in bytes.iter_mut() {
                    self.told = self.told.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    *byte = self.told.to_be_bytes()[0];
                }
            }
            Way::Lies => {
                self.lie(bytes);
                // RESP3's nothing: somebody has the lock.
                while let Some(at) = find(bytes, b"_\r\n") {
                    bytes.splice(at..at + 3, *b"+OK\r\n");
                }
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if let Some((from, to)) = sealed(bytes) {
            self.before = Some(bytes[from..to].to_vec());
        }
    }

    fn lie(&mut self, bytes: &mut [u8]) {
        let Some((from, to)) = sealed(bytes) else { return };
        self.told += 1;
        match &self.before {
            Some(before) if before.len() == to - from && self.told.is_multiple_of(2) => {
                bytes[from..to].copy_from_slice(before);
            }
            _ => bytes[to - 1] ^= 1,
        }
    }
}

/// Finds a sealed text (`$<length>\r\n<text>\r\n`).
fn sealed(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut start = 0;
    while let Some(at) = find(&bytes[start..], b"$").map(|at| start + at + 1) {
        let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let length: usize = std::str::from_utf8(&bytes[at..at + digits]).ok()?.parse().unwrap_or_default();
        let from = at + digits + 2;
        if length >= SEALED && from + length <= bytes.len() {
            return Some((from, from + length));
        }
        start = at;
    }
    None
}

fn find(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    bytes.windows(sought.len()).position(|found| found == sought)
}
