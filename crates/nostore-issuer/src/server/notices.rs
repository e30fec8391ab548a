//! Tells relying parties that sessions have ended.
//!
//! # Invariants
//!
//! - Nobody waits for it: the visitor's answer does not.
//! - Bounded: [`AT_ONCE`] addresses are told at a time, each has [`PATIENCE`], and beyond [`WAITING`] the notices are
//!   dropped. A notice that fails is recorded and not sent again.
//!
//! # Not covered
//!
//! TLS: like the service itself it speaks plain HTTP.
//!
//! Specifications: OpenID Connect Back-Channel Logout section 2.5.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::{Record, Recorder};
use crate::core::Notice;

/// How many relying parties are told at a time.
const AT_ONCE: usize = 8;

/// How many notices wait for that.
const WAITING: usize = 1_000;

/// How long a relying party may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Tells relying parties, in tasks of its own.
#[derive(Clone)]
pub(super) struct Teller {
    records: Recorder,
    at_once: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Teller {
    pub(super) fn new(records: Recorder) -> Self {
        let (at_once, waiting) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Semaphore::new(WAITING)));
        Self { records, at_once, waiting }
    }

    /// Tells all of them, later.
    pub(super) fn tell(&self, notices: Vec<Notice>) {
        for notice in notices {
            match Arc::clone(&self.waiting).try_acquire_owned() {
                Ok(place) => {
                    let teller = self.clone();
                    tokio::spawn(async move {
                        teller.tell_one(&notice).await;
                        drop(place);
                    });
                }
                Err(_) => self.record(&notice, 503, "dropped, too many wait", Duration::ZERO),
            }
        }
    }

    async fn tell_one(&self, notice: &Notice) {
        let Ok(_turn) = self.at_once.acquire().await else {
            return;
        };
        let start = Instant::now();
        let (status, what) = match tokio::time::timeout(PATIENCE, post(notice)).await {
            Ok(Ok(status)) if (200..300).contains(&status) => (status, "told"),
            Ok(Ok(status)) => (status, "refused"),
            Ok(Err(_)) => (502, "not reached"),
            Err(_) => (504, "no answer in time"),
        };
        self.record(notice, status, what, start.elapsed());
    }

    fn record(&self, notice: &Notice, status: u16, what: &str, duration: Duration) {
        let path = notice.uri.parse::<Uri>().map_or_else(|_| "/".to_owned(), |uri| uri.path().to_owned());
        let note = format!("back-channel logout: {} {what}", notice.client_id);
        let method = "POST".to_owned();
        self.records.record(|at| Record { at, method, path, status, client: None, note, duration });
    }
}

/// Sends a logout token; returns the status of the answer.
async fn post(notice: &Notice) -> Result<u16, Box<dyn std::error::Error + Send + Sync>> {
    let uri: Uri = notice.uri.parse()?;
    let host = uri.host().ok_or("expected a host")?;
    let authority = uri.authority().map_or(host, |authority| authority.as_str()).to_owned();
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), uri.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("logout_token", notice.logout_token.expose())
        .finish();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let request = Request::post(target)
        .header(header::HOST, authority)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(body)))?;
    let exchange = sender.send_request(request);
    tokio::pin!(connection);
    tokio::select! {
        answer = exchange => Ok(answer?.status().as_u16()),
        end = &mut connection => Err(end.err().map_or_else(|| "expected an answer".into(), Into::into)),
    }
}
