//! Peers that say exactly the bytes they are told to, on ports of their own. Shared with the edge's tests.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Listens on a free port of the loopback.
pub(crate) async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Starts an origin that handles each connection, numbered from 0, with `handle`.
pub(crate) async fn origin<F, Fut>(handle: F) -> SocketAddr
where
    F: Fn(usize, TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(handle(number, stream));
        }
    });
    address
}

/// Starts an origin that answers every request with what `answer` makes of its head, and keeps the connection.
pub(crate) async fn answering<F>(answer: F) -> SocketAddr
where
    F: Fn(&str) -> String + Clone + Send + 'static,
{
    origin(move |_, mut stream| {
        let answer = answer.clone();
        async move {
            loop {
                let head = head(&mut stream).await;
                if head.is_empty() || stream.write_all(answer(&head).as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

/// Returns an address at which nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    listener().await.1
}

/// Reads a head with its blank line, or what came before the end of the stream.
pub(crate) async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends `request` on a connection of its own and returns everything until the other side closes.
pub(crate) async fn ask(address: SocketAddr, request: &str) -> String {
    ask_bytes(address, request.as_bytes()).await
}

/// Like [`ask`], for what is no text.
pub(crate) async fn ask_bytes(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    until_end(&mut stream).await
}

/// Reads until the other side closes or resets.
pub(crate) async fn until_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset after data is an abort too: what came until then is the answer.
    within(stream.read_to_end(&mut bytes)).await.ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads exactly as many bytes as `expected` has, and compares.
pub(crate) async fn expect(stream: &mut TcpStream, expected: &str) {
    let mut bytes = vec![0; expected.len()];
    within(stream.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}

/// Fails a test that hangs. No test is decided by this limit.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it hangs")
}

/// Writes a whole GET request that ends its connection; `lines` are further field lines, each with its end.
pub(crate) fn get(target: &str, lines: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: site.example\r\n{lines}connection: close\r\n\r\n")
}

/// Splits a response into its head and its body.
pub(crate) fn split(response: &str) -> (&str, &str) {
    response.split_once("\r\n\r\n").unwrap_or((response, ""))
}

/// Returns the value of the first field line with that name.
pub(crate) fn field<'a>(response: &'a str, name: &str) -> Option<&'a str> {
    let lines = split(response).0.lines().filter_map(|line| line.split_once(": "));
    lines.into_iter().find(|line| line.0.eq_ignore_ascii_case(name)).map(|line| line.1)
}
