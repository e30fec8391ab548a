//! A client that sends what it is told and reports the bytes that come back.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a site may keep still. Nothing that works comes near it.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connection.
pub(crate) struct Connection(BufReader<TcpStream>);

/// Status and field lines, names in lower case, in the order they came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) lines: Vec<(String, String)>,
}

/// A whole response.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Head {
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.lines.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    fn is_chunked(&self) -> bool {
        self.all("transfer-encoding").iter().any(|coding| coding.eq_ignore_ascii_case("chunked"))
    }

    fn has_content(&self, method: &str) -> bool {
        method != "HEAD" && self.status >= 200 && !matches!(self.status, 204 | 304)
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).map_err(|error| format!("connect: {error}"))?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(|error| format!("connect: {error}"))?;
        stream.set_nodelay(true).map_err(|error| format!("connect: {error}"))?;
        Ok(Self(BufReader::new(stream)))
    }

    pub(crate) fn send(&mut self, sent: &Sent) -> Result<(), String> {
        let mut bytes = format!("{} {} HTTP/1.1\r\nhost: shop.example\r\n", sent.method, sent.target);
        for (name, value) in &sent.fields {
            bytes += &format!("{name}: {value}\r\n");
        }
        if !sent.body.is_empty() || sent.method == "POST" {
            bytes += &format!("content-length: {}\r\n", sent.body.len());
        }
        let mut bytes = (bytes + "\r\n").into_bytes();
        bytes.extend(&sent.body);
        self.write(&bytes)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.0.get_mut().write_all(bytes).map_err(|error| format!("send: {error}"))
    }

    pub(crate) fn head(&mut self) -> Result<Head, String> {
        let start = self.line()?;
        let status = start.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| format!("expected a status line, found {start:?}"))?;
        let mut lines = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(Head { status, lines });
            }
            let (name, value) =
                line.split_once(':').ok_or_else(|| format!("a line without colon: {line:?}"))?;
            lines.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// Reads one chunk of a chunked body; none: it was the last.
    pub(crate) fn chunk(&mut self) -> Result<Option<Vec<u8>>, String> {
        let line = self.line()?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size =
            usize::from_str_radix(size, 16).map_err(|_| format!("expected a chunk, found {line:?}"))?;
        let chunk = self.exactly(size)?;
        if size == 0 {
            while !self.line()?.is_empty() {}
            return Ok(None);
        }
        self.line()?;
        Ok(Some(chunk))
    }

    pub(crate) fn exactly(&mut self, size: usize) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; size];
        self.0.read_exact(&mut bytes).map_err(|error| format!("receive: {error}"))?;
        Ok(bytes)
    }

    /// Sends a request and reads the whole response, leaving the connection as it is.
    pub(crate) fn exchange(&mut self, sent: &Sent) -> Result<Received, String> {
        self.send(sent)?;
        let head = self.head()?;
        let mut body = Vec::new();
        if head.has_content(sent.method) {
            if head.is_chunked() {
                while let Some(chunk) = self.chunk()? {
                    body.extend(chunk);
                }
            } else if let Some(length) = head.first("content-length") {
                body = self.exactly(length.parse().map_err(|_| format!("a length of {length:?}"))?)?;
            } else {
                self.0.read_to_end(&mut body).map_err(|error| format!("receive: {error}"))?;
            }
        }
        Ok(Received { head, body })
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).map_err(|error| format!("receive: {error}"))?;
        let text = line.strip_suffix(b"\r\n").ok_or("the connection ended in the middle")?;
        String::from_utf8(text.to_vec()).map_err(|_| "a line that is not text".to_owned())
    }
}
