//! A wire between a browser and a server: whatever passes can be looked at, and it can be cut.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A wire. What stands behind it believes to be at the front's address.
pub(crate) struct Tap {
    wires: Arc<Mutex<Vec<Wire>>>,
    cut: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

/// What passed on one connection.
#[derive(Default)]
struct Wire {
    up: Vec<u8>,
    down: Vec<u8>,
}

/// One request line and the head of its answer, as they stood on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    /// Method and target.
    pub(crate) request: String,
    pub(crate) status: u16,
    lines: Vec<(String, String)>,
}

/// How much had passed on each connection.
pub(crate) struct Mark(Vec<usize>);

impl Tap {
    /// Lays a wire. Returns it with the listener behind it and the address in front of it.
    pub(crate) async fn lay() -> (Self, (TcpListener, SocketAddr)) {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (front, behind) = (TcpListener::bind(any).await.unwrap(), TcpListener::bind(any).await.unwrap());
        let (address, target) = (front.local_addr().unwrap(), behind.local_addr().unwrap());
        let wires = Arc::<Mutex<Vec<Wire>>>::default();
        let (cut, is_cut) = watch::channel(false);
        let kept = Arc::clone(&wires);
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = front.accept().await {
                if !*is_cut.borrow() {
                    let number = {
                        let mut wires = kept.lock().unwrap();
                        wires.push(Wire::default());
                        wires.len() - 1
                    };
                    tokio::spawn(carry(near, target, Arc::clone(&kept), number, is_cut.clone()));
                }
            }
        });
        (Self { wires, cut, accepting }, (behind, address))
    }

    /// Breaks every connection, and each new one.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Lets connections through again.
    pub(crate) fn mend(&self) {
        self.cut.send_replace(false);
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark(self.wires.lock().unwrap().iter().map(|wire| wire.passed().len()).collect())
    }

    /// Lists what passed behind a mark: in order on each connection.
    pub(crate) fn since(&self, mark: &Mark) -> Vec<Passed> {
        let wires = self.wires.lock().unwrap();
        let behind = |(number, wire): (usize, &Wire)| {
            wire.passed()
                .into_iter()
                .skip(mark.0.get(number).copied().unwrap_or_default())
                .collect::<Vec<_>>()
        };
        wires.iter().enumerate().flat_map(behind).collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.cut.send_replace(true);
        self.accepting.abort();
    }
}

impl Wire {
    /// Pairs request lines with answers: nobody here sends the next request before the answer.
    fn passed(&self) -> Vec<Passed> {
        let (up, down) = (String::from_utf8_lossy(&self.up), String::from_utf8_lossy(&self.down));
        let requests = up.lines().filter_map(|line| line.strip_suffix(" HTTP/1.1")).filter_map(request_line);
        let answers = down.match_indices("HTTP/1.1 ").filter_map(|(at, _)| {
            let (head, _) = down.get(at..)?.split_once("\r\n\r\n")?;
            let mut lines = head.split("\r\n");
            let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
            let pair = |line: &str| {
                line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            };
            Some((status, lines.filter_map(pair).collect()))
        });
        let pairs = requests.zip(answers);
        pairs.map(|(request, (status, lines))| Passed { request, status, lines }).collect()
    }
}

impl Passed {
    /// Lists the values of a field, whose name is in lower case.
    pub(crate) fn values<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.lines.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Reads method and target. The body of the request before ends on the same line.
fn request_line(line: &str) -> Option<String> {
    let (before, target) = line.rsplit_once(' ')?;
    let method = ["DELETE", "GET", "HEAD", "POST"].into_iter().find(|method| before.ends_with(method))?;
    Some(format!("{method} {target}"))
}

async fn carry(
    mut near: TcpStream,
    target: SocketAddr,
    wires: Arc<Mutex<Vec<Wire>>>,
    number: usize,
    mut is_cut: watch::Receiver<bool>,
) {
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    let (mut up, mut down) = ([0; 16_384], [0; 16_384]);
    loop {
        // What has been read is noted before it is passed on: whoever sees an effect finds its cause.
        let (count, upwards) = tokio::select! {
            _ = is_cut.wait_for(|cut| *cut) => return,
            count = near.read(&mut up) => (count.unwrap_or(0), true),
            count = far.read(&mut down) => (count.unwrap_or(0), false),
        };
        let written = if upwards {
            wires.lock().unwrap()[number].up.extend(&up[..count]);
            far.write_all(&up[..count]).await
        } else {
            wires.lock().unwrap()[number].down.extend(&down[..count]);
            near.write_all(&down[..count]).await
        };
        if count == 0 || written.is_err() {
            return;
        }
    }
}
