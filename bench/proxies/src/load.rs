//! Requests over kept connections, one after another.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Failed;

/// How many visitors ask at a time.
const VISITORS: usize = 8;

/// Sends that many requests, and checks each answer.
pub async fn send(address: &str, lines: &str, requests: usize) -> Result<(), Failed> {
    let request = format!("GET /page HTTP/1.1\r\nhost: site.example\r\naccept: text/html\r\n{lines}\r\n");
    let mut visitors = Vec::new();
    for _ in 0..VISITORS {
        let (address, request) = (address.to_owned(), request.clone());
        visitors.push(tokio::spawn(async move { visit(&address, &request, requests / VISITORS).await }));
    }
    for visitor in visitors {
        visitor.await??;
    }
    Ok(())
}

async fn visit(address: &str, request: &str, count: usize) -> Result<(), Failed> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    for _ in 0..count {
        stream.write_all(request.as_bytes()).await?;
        let mut filled = 0;
        let whole = loop {
            let read = stream.read(&mut buffer[filled..]).await?;
            if read == 0 {
                return Err("expected an answer, found the connection closed".into());
            }
            filled += read;
            let text = std::str::from_utf8(&buffer[..filled])?;
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(usize::MAX) {
                break head.starts_with("HTTP/1.1 200");
            }
        };
        if !whole {
            return Err(format!(
                "expected 200, found {}",
                String::from_utf8_lossy(&buffer[..filled.min(200)])
            )
            .into());
        }
    }
    Ok(())
}
