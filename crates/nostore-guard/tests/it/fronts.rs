//! Other proxies themselves, with the lines of `docs/guard.md`, ask the guard who may pass.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use crate::bench::bench;
use crate::identity::{PAGE, app, signing_in, told};
use crate::wire::{field, get, within};

/// How long to wait before asking again whether the server listens.
const AGAIN: Duration = Duration::from_millis(20);

/// A running proxy, in a folder that is deleted with it.
struct Front {
    folder: PathBuf,
    _child: Child,
}

impl Front {
    /// Starts one that listens at `socket` in the folder where its files and settings are.
    async fn start(name: &str, program: PathBuf, arguments: &[&str], files: &[(&str, String)]) -> Self {
        let folder = folder(name);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(&folder)
            .env("HOME", &folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("expected {name} (`cargo xtask install`): {error}"));
        let listening = async {
            while UnixStream::connect(folder.join("socket")).await.is_err() {
                let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
                assert!(child.try_wait().unwrap().is_none(), "{name} ended at its start: {}", log());
                tokio::time::sleep(AGAIN).await;
            }
        };
        within(listening).await;
        Self { folder, _child: child }
    }

    async fn get(&self, target: &str, lines: &str) -> String {
        let mut stream = UnixStream::connect(self.folder.join("socket")).await.unwrap();
        stream.write_all(get(target, lines).as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        within(stream.read_to_end(&mut bytes)).await.unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Asks for a page in many ways: what becomes of each, and what the app is told.
    async fn table(&self) -> String {
        let alice = "cookie: who=alice\r\n";
        let claims = "nostore-user: mallory\r\nNostore_User: mallory\r\nnostore-email: m@x\r\nnostore-role: admin\r\nnostore-assertion: x\r\n";
        let rows = [
            ("an open page, nobody", "/", String::new()),
            ("an open page, alice", "/", alice.to_owned()),
            ("a protected page, alice", "/admin/x?y=1", alice.to_owned()),
            ("a protected page, nobody", "/admin/x?y=1", PAGE.to_owned()),
            ("who says to be somebody", "/", claims.to_owned()),
            ("alice, who says to be somebody else", "/admin/x", format!("{claims}{alice}")),
            ("who says to ask for something else", "/admin/x", format!("x-forwarded-uri: /\r\n{PAGE}")),
            (
                "the same in nginx's own words",
                "/admin/x",
                format!("x-original-uri: /\r\nx-original-url: http://x/\r\n{PAGE}"),
            ),
            ("a fragment", "/admin/x#y", PAGE.to_owned()),
            ("other letters", "/ADMIN/x", PAGE.to_owned()),
            ("a path that only looks otherwise", "/x/..%2fadmin/x", PAGE.to_owned()),
            ("asked for by a visitor", "/auth/verify", format!("x-original-uri: /\r\n{alice}")),
            ("the same, further behind", "/auth/verify/x", alice.to_owned()),
        ];
        let mut text = String::new();
        for (name, target, lines) in rows {
            let answer = self.get(target, &lines).await;
            let status = answer.split(' ').nth(1).unwrap();
            let to = field(&answer, "location").map(|to| format!(" to {to}")).unwrap_or_default();
            let cache: Vec<&str> = answer.lines().filter_map(|line| value(line, "cache-control")).collect();
            let cache = if cache.is_empty() { "silent".to_owned() } else { cache.join(" | ") };
            let told = if status == "200" { told(&answer) } else { String::new() };
            writeln!(text, "{name}: {status}{to}, {cache}; {told}").unwrap();
        }
        text
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // What is left behind lies in the temporary folder.
        let _left = std::fs::remove_dir_all(&self.folder);
    }
}

fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("nostore-guard-{name}-{}", std::process::id()))
}

/// The value of a line of that name.
fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (own, value) = line.split_once(": ")?;
    own.eq_ignore_ascii_case(name).then_some(value)
}

/// What `cargo xtask install` has put into the target folder, or what is in `PATH`.
fn installed(path: &str, name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/fronts").join(path);
    if path.exists() { path } else { PathBuf::from(name) }
}

/// The block of the documentation that begins so, with the addresses that are served here.
fn lines(begin: &str, guard: SocketAddr, app: SocketAddr) -> String {
    let page = include_str!("../../../../docs/guard.md");
    let (_, rest) = page.split_once(begin).unwrap();
    let (lines, _) = rest.split_once("```").unwrap();
    lines.replace("127.0.0.1:8080", &guard.to_string()).replace("127.0.0.1:3000", &app.to_string())
}

async fn nginx(guard: SocketAddr, app: SocketAddr) -> Front {
    let text = lines("```nginx\n# In the block http", guard, app);
    let (http, server) = text.split_once("# In the block server:\n").unwrap();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {name};\n"))
        .concat();
    let settings = format!(
        "daemon off;\nmaster_process off;\npid pid;\nerror_log stderr;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}# {http}server {{\nlisten unix:{}/socket;\n{server}\n}}\n}}\n",
        folder("nginx").display()
    );
    let visitor = lines("# nostore-visitor.conf\n", guard, app);
    let debian = PathBuf::from("/usr/sbin/nginx");
    let program = if debian.exists() { debian } else { PathBuf::from("nginx") };
    let place = folder("nginx").display().to_string();
    let arguments = ["-p", &place, "-e", "stderr", "-c", "nginx.conf"];
    Front::start("nginx", program, &arguments, &[("nginx.conf", settings), ("nostore-visitor.conf", visitor)])
        .await
}

async fn caddy(guard: SocketAddr, app: SocketAddr) -> Front {
    let site = format!("http:// {{\n  bind unix/{}/socket\n", folder("caddy").display());
    let text = lines("```caddyfile\n", guard, app).replacen("family.example {\n", &site, 1);
    let settings = format!("{{\n  admin off\n  persist_config off\n}}\n{text}");
    let arguments = ["run", "--adapter", "caddyfile", "--config", "Caddyfile"];
    Front::start("caddy", installed("bin/caddy", "caddy"), &arguments, &[("Caddyfile", settings)]).await
}

async fn envoy(guard: SocketAddr, app: SocketAddr) -> Front {
    let manager = lines("```yaml\n# Envoy", guard, app);
    let (_, manager) = manager.split_once('\n').unwrap();
    let indented = manager.lines().map(|line| format!("              {line}\n")).collect::<String>();
    let cluster = |name: &str, address: SocketAddr| {
        let socket = format!("{{ address: {}, port_value: {} }}", address.ip(), address.port());
        format!(
            "    - {{ name: {name}, load_assignment: {{ cluster_name: {name}, endpoints: [{{ lb_endpoints: [{{ \
             endpoint: {{ address: {{ socket_address: {socket} }} }} }}] }}] }} }}\n"
        )
    };
    let settings = format!(
        "static_resources:\n  listeners:\n    - address: {{ pipe: {{ path: {}/socket }} }}\n      filter_chains:\n        \
         - filters:\n          - name: envoy.filters.network.http_connection_manager\n            typed_config:\n\
         {indented}  clusters:\n{}{}",
        folder("envoy").display(),
        cluster("guard", guard),
        cluster("app", app)
    );
    let arguments = ["-c", "envoy.yaml", "--use-dynamic-base-id", "--concurrency", "1", "-l", "warn"];
    Front::start("envoy", installed("envoy/_bin/envoy", "envoy"), &arguments, &[("envoy.yaml", settings)])
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_asks_with_the_lines_of_the_documentation() {
    let app = app().await;
    let guard = bench(app, signing_in).await;
    insta::assert_snapshot!(nginx(guard.address, app).await.table().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_asks_with_the_lines_of_the_documentation() {
    let app = app().await;
    let guard = bench(app, signing_in).await;
    insta::assert_snapshot!(caddy(guard.address, app).await.table().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_asks_with_the_lines_of_the_documentation() {
    let app = app().await;
    let guard = bench(app, signing_in).await;
    insta::assert_snapshot!(envoy(guard.address, app).await.table().await);
}
