//! A service on loopback that answers as a test says and keeps what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method and target.
    pub(crate) line: String,
    fields: Vec<(String, String)>,
    pub(crate) body: String,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A whole answer: status, field lines, body.
    Whole(u16, Vec<(&'static str, String)>, String),
    /// These bytes, and the end of the connection.
    Bytes(String),
    /// Nothing, and no end.
    Silence,
    /// That, when the door is opened.
    Later(Arc<Notify>, Box<Reply>),
}

/// The service. It ends with the test.
pub(crate) struct Server {
    authority: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    arrived: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Asked {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }
}

pub(crate) fn json(status: u16, body: &(impl ToString + ?Sized)) -> Reply {
    Reply::Whole(status, vec![("content-type", "application/json".to_owned())], body.to_string())
}

impl Server {
    /// Starts one that answers each request as `answer` says.
    pub(crate) async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let (asked, arrived) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::<Notify>::default());
        let (answer, all, bell) = (Arc::new(answer), Arc::clone(&asked), Arc::clone(&arrived));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, all, bell) = (Arc::clone(&answer), Arc::clone(&all), Arc::clone(&bell));
                tokio::spawn(async move {
                    // A connection that was made and never used asks nothing.
                    let Some((mut stream, asked)) = read(stream).await else { return };
                    all.lock().unwrap().push(asked.clone());
                    bell.notify_waiters();
                    let mut reply = answer(&asked);
                    while let Reply::Later(door, then) = reply {
                        door.notified().await;
                        reply = *then;
                    }
                    write(&mut stream, reply).await;
                });
            }
        });
        Self { authority, asked, arrived, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until it was asked so often. A test that waits in vain fails.
    pub(crate) async fn until(&self, times: usize) {
        tokio::time::timeout(Duration::from_secs(20), self.is_asked(times)).await.unwrap();
    }

    async fn is_asked(&self, times: usize) {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if self.asked.lock().unwrap().len() >= times {
                return;
            }
            arrived.await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(mut stream: TcpStream) -> Option<(TcpStream, Asked)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4_096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let mut lines = head.split("\r\n");
            let line = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
            let fields = lines.map(|line| line.split_once(": ").unwrap());
            let fields: Vec<_> =
                fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
            let mut asked = Asked { line, fields, body: String::new() };
            let length: usize = asked.field("content-length").unwrap_or("0").parse().unwrap();
            if bytes.len() >= end + 4 + length {
                asked.body = String::from_utf8(bytes.split_off(end + 4)).unwrap();
                return Some((stream, asked));
            }
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

async fn write(stream: &mut TcpStream, reply: Reply) {
    let text = match reply {
        Reply::Whole(status, fields, body) => {
            let fields: String =
                fields.into_iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let length = body.len();
            format!(
                "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n{fields}\r\n{body}"
            )
        }
        Reply::Bytes(bytes) => bytes,
        Reply::Silence => return std::future::pending().await,
        Reply::Later(..) => unreachable!("opened before"),
    };
    // The other side may have gone.
    let _gone = stream.write_all(text.as_bytes()).await;
    let _gone = stream.shutdown().await;
}
