//! The processes: the origin, the proxies, the verifier that nginx asks.

use std::future::pending;
use std::path::PathBuf;
use std::process::Stdio;

use http::Request;
use hyper::body::Incoming;
use nostore_proxy::{Forwarded, Limits, Peer, ServeLimits, Upstream};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::Failed;

/// A running process, or several that work together.
pub struct Running {
    pub name: &'static str,
    pub address: String,
    pub processes: Vec<u32>,
    _kept: Vec<Child>,
    _nginx: Option<Nginx>,
}

/// The settings of an nginx, which ends with this, its workers too.
struct Nginx(PathBuf);

impl Drop for Nginx {
    fn drop(&mut self) {
        let mut stop = std::process::Command::new("nginx");
        let told = stop.arg("-c").arg(&self.0).args(["-s", "stop"]).stderr(Stdio::null()).status();
        if !told.is_ok_and(|status| status.success()) {
            eprintln!("nginx could not be stopped: {}", self.0.display());
        }
    }
}

/// Starts the proxies; the first is what the others are compared with.
pub async fn start(nostore: &str, origin: &str) -> Result<Vec<Running>, Failed> {
    let mut pass_through = start_own(&["pass-through", origin]).await?;
    pass_through.name = "pass-through (same plumbing)";
    let mut proxies = vec![pass_through, guard(nostore, origin).await?];
    match nginx(origin).await {
        Ok(nginx) => proxies.push(nginx),
        Err(error) => eprintln!("nginx is left out: {error}"),
    }
    Ok(proxies)
}

/// Starts this program in another role; it says its address first.
pub async fn start_own(arguments: &[&str]) -> Result<Running, Failed> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let address = first_line(&mut child).await?;
    let processes = child.id().into_iter().collect();
    Ok(Running { name: "", address, processes, _kept: vec![child], _nginx: None })
}

async fn guard(nostore: &str, origin: &str) -> Result<Running, Failed> {
    let origin = format!("http://{origin}");
    let arguments = [
        "guard",
        "--json",
        "--quiet",
        "--listen",
        "127.0.0.1:0",
        "--session-cookie",
        "sid",
        "--origin",
        &origin,
    ];
    // It is started elsewhere, where no nostore.toml lies.
    let mut child = Command::new(std::fs::canonicalize(nostore)?)
        .args(arguments)
        .current_dir(std::env::temp_dir())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let started = first_line(&mut child).await?;
    let at = started.split("\"site\":\"http://").nth(1).and_then(|rest| rest.split('"').next());
    let address = at.ok_or_else(|| format!("expected the guard's address, found {started}"))?.to_owned();
    let processes = child.id().into_iter().collect();
    Ok(Running { name: "nostore guard", address, processes, _kept: vec![child], _nginx: None })
}

async fn nginx(origin: &str) -> Result<Running, Failed> {
    let verifier = start_own(&["verifier"]).await?;
    let folder = std::env::temp_dir().join(format!("nostore-bench-nginx-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let config = format!(
        "daemon off; master_process on; worker_processes 2; pid {folder}/pid; error_log {folder}/errors crit;\n\
         events {{ worker_connections 512; }}\n\
         http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 1000000;\n\
         upstream app {{ server {origin}; keepalive 16; }} upstream verifier {{ server {}; keepalive 16; }}\n\
         server {{ listen 127.0.0.1:{port}; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
         location / {{ auth_request /verify; proxy_pass http://app; }}\n\
         location = /verify {{ internal; proxy_pass http://verifier; proxy_pass_request_body off; proxy_set_header Content-Length \"\"; proxy_set_header X-Original-URI $request_uri; }} }} }}\n",
        verifier.address,
        folder = folder.display(),
    );
    let settings = folder.join("nginx.conf");
    std::fs::write(&settings, config)?;
    let mut nginx = Command::new("nginx");
    let child = nginx.arg("-c").arg(&settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let address = format!("127.0.0.1:{port}");
    for _ in 0..100 {
        if TcpStream::connect(&address).await.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let processes = child.id().into_iter().chain(verifier.processes.iter().copied()).collect();
    let kept = verifier._kept.into_iter().chain([child]).collect();
    Ok(Running {
        name: "nginx, auth_request, a verifier",
        address,
        processes,
        _kept: kept,
        _nginx: Some(Nginx(settings)),
    })
}

async fn first_line(child: &mut Child) -> Result<String, Failed> {
    let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
    let mut line = String::new();
    output.read_line(&mut line).await?;
    // What it says later is read, so that it does not wait for a reader.
    tokio::spawn(async move { tokio::io::copy(&mut output, &mut tokio::io::sink()).await });
    Ok(line.trim().to_owned())
}

/// A proxy that decides nothing.
pub async fn pass_through(origin: &str) -> Result<(), Failed> {
    let upstream: &'static Upstream =
        Box::leak(Box::new(Upstream::new(&format!("http://{origin}"), Limits::default())?));
    let listener = listening().await?;
    let handler = move |request: Request<Incoming>, peer: Peer, _| async move {
        let (parts, body) = request.into_parts();
        let authority = nostore_proxy::authority(&parts).ok().flatten().unwrap_or_default();
        let request = Request::from_parts(parts, body);
        let forwarded = Forwarded {
            address: peer.address.ip(),
            authority: &authority,
            scheme: peer.scheme,
            pseudonym: "pass-through",
        };
        match upstream.send(request.map(Into::into), &forwarded).await {
            Ok(answer) => answer.response,
            Err(error) => panic!("{error}"),
        }
    };
    nostore_proxy::serve(listener, None, ServeLimits::default(), pending(), handler).await;
    Ok(())
}

/// Lets pass whoever has a session cookie or none: the work is to look.
pub async fn verifier() -> Result<(), Failed> {
    answering("HTTP/1.1 204 No Content\r\n\r\n".to_owned()).await
}

/// An app whose page may be cached.
pub async fn origin() -> Result<(), Failed> {
    let body = "x".repeat(1_024);
    answering(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncache-control: s-maxage=60\r\netag: \"1\"\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await
}

async fn listening() -> Result<TcpListener, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    Ok(listener)
}

async fn answering(answer: String) -> Result<(), Failed> {
    let listener = listening().await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let answer = answer.clone();
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            let (mut buffer, mut filled) = (vec![0; 16 * 1024], 0);
            loop {
                let read = stream.read(&mut buffer[filled..]).await?;
                if read == 0 {
                    return std::io::Result::Ok(());
                }
                filled += read;
                if buffer[..filled].ends_with(b"\r\n\r\n") {
                    filled = 0;
                    stream.write_all(answer.as_bytes()).await?;
                }
            }
        });
    }
}
