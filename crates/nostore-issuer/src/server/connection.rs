//! Connections: bounded in number, size and time.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use nostore_message::{FieldEdit, http1 as heads};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::engine::EngineHandle;
use super::notices::Teller;
use super::{Record, Recorder};
use crate::core::{Response, Settings};

/// How many connections are served at a time; further ones wait.
const MAX_CONNECTIONS: usize = 256;

/// The largest request body, in bytes.
const MAX_BODY: usize = 64 * 1_024;

/// The largest request head, in bytes.
const MAX_HEAD: usize = 64 * 1_024;

/// How long a head or a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// How long requests under way may take after the end.
const GRACE: Duration = Duration::from_secs(2);

/// How long to wait after the system refused a connection (for lack of descriptors, say).
const AFTER_REFUSAL: Duration = Duration::from_millis(50);

/// What every connection needs.
#[derive(Clone)]
struct Context {
    engine: EngineHandle,
    records: Recorder,
    teller: Teller,
    settings: Arc<Settings>,
}

pub(super) async fn serve(
    engine: &EngineHandle,
    records: &Recorder,
    settings: &Settings,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) {
    let context = Context {
        engine: engine.clone(),
        records: records.clone(),
        teller: Teller::new(records.clone()),
        settings: Arc::new(settings.clone()),
    };
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = &mut shutdown => break,
            next = next => next,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(AFTER_REFUSAL).await;
            continue;
        };
        let connection = graceful.watch(open(stream, context.clone()));
        tokio::spawn(async move {
            // A connection that breaks off is the peer's affair.
            let _broken_off = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    let _late = tokio::time::timeout(GRACE, graceful.shutdown()).await;
}

fn open(
    stream: TcpStream,
    context: Context,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    let service = service_fn(move |request| {
        let context = context.clone();
        async move { Ok::<_, Infallible>(answer(request, &context).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ARRIVAL)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
}

async fn answer(request: http::Request<Incoming>, context: &Context) -> http::Response<Full<Bytes>> {
    let start = Instant::now();
    let (parts, body) = request.into_parts();
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = host.map_or_else(|| context.settings.origin.authority(), str::to_owned);
    let scheme = context.settings.origin.scheme();
    let head = heads::request_head(&parts.method, &parts.uri, &parts.headers, scheme, authority).into_owned();
    let (method, path) = (head.method.clone().into_owned(), head.path().to_owned());
    let response = match read(body).await {
        Ok(body) => {
            let (response, notices) = context.engine.answer(head, body).await;
            context.teller.tell(notices);
            response
        }
        Err(refusal) => refusal,
    };
    let (status, client, note) = (response.status, response.client.clone(), response.note.clone());
    let duration = start.elapsed();
    context.records.record(|at| Record { at, method, path, status, client, note, duration });
    into_http(response)
}

/// Reads a body, bounded in size and time.
async fn read(body: Incoming) -> Result<Vec<u8>, Response> {
    let refuse = |status, text: &str| {
        let mut response = Response::text(status, format!("{text}\n"));
        text.clone_into(&mut response.note);
        response
    };
    match tokio::time::timeout(ARRIVAL, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(refuse(413, "expected a body of at most 64 KiB, found a larger one"))
        }
        Ok(Err(_)) => Err(refuse(400, "expected a whole body, found the end of the connection")),
        Err(_) => Err(refuse(408, "expected the body within 10 seconds, found it incomplete")),
    }
}

fn into_http(response: Response) -> http::Response<Full<Bytes>> {
    let edits: Vec<FieldEdit> = response
        .fields
        .iter()
        .map(|line| FieldEdit::append(line.name.clone().into_owned(), line.value.clone().into_owned()))
        .collect();
    let mut fields = HeaderMap::with_capacity(edits.len());
    let status = StatusCode::from_u16(response.status).ok();
    let failed = heads::apply(&edits, &mut fields) > 0;
    let (Some(status), false) = (status, failed) else {
        let mut refused = http::Response::new(Full::from("nostore issuer: a field could not be written\n"));
        *refused.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return refused;
    };
    let mut answer = http::Response::new(Full::from(response.body));
    *answer.status_mut() = status;
    *answer.headers_mut() = fields;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_keeps_its_lines_in_order() {
        let mut response = Response::text(200, "x");
        response.fields.append("set-cookie", "a=1");
        response.fields.append("set-cookie", "b=2");
        let answer = into_http(response);
        let cookies: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
    }

    #[test]
    fn a_field_that_cannot_be_written_is_an_error_not_a_loss() {
        let mut response = Response::text(200, "x");
        response.fields.append("location", "/\r\nx: y");
        assert_eq!(into_http(response).status(), 500);
    }
}
