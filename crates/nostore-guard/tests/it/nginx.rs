//! nginx itself, with the lines of `docs/guard.md`, asks the guard who may pass.

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

/// A running nginx, in a folder that is deleted with it.
struct Nginx {
    folder: PathBuf,
    _child: Child,
}

impl Nginx {
    /// Starts it with what the documentation says, in front of `guard` and `app`.
    async fn start(guard: SocketAddr, app: SocketAddr) -> Self {
        let page = include_str!("../../../../docs/guard.md");
        let mut blocks = page.split("```nginx\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        let (lines, visitor) = (blocks.next().unwrap(), blocks.next().unwrap());
        let (http, lines) = lines.split_once("# In the block server:\n").unwrap();
        let lines =
            lines.replace("127.0.0.1:8080", &guard.to_string()).replace("127.0.0.1:3000", &app.to_string());
        let folder = std::env::temp_dir().join(format!("nostore-guard-nginx-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let place = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {place}/{name};\n"))
            .concat();
        let text = format!(
            "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log {place}/error.log;\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}{http}server {{\nlisten unix:{place}/socket;\n{lines}\n}}\n}}\n"
        );
        std::fs::write(folder.join("nginx.conf"), text).unwrap();
        std::fs::write(folder.join("nostore-visitor.conf"), visitor).unwrap();
        let debian = Path::new("/usr/sbin/nginx");
        let mut child = Command::new(if debian.exists() { debian } else { Path::new("nginx") })
            .arg("-p")
            .arg(&folder)
            .arg("-e")
            .arg(folder.join("early.log"))
            .arg("-c")
            .arg(folder.join("nginx.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("expected nginx (`cargo xtask install`): {error}"));
        let listening = async {
            while UnixStream::connect(folder.join("socket")).await.is_err() {
                let log = || std::fs::read_to_string(folder.join("error.log")).unwrap_or_default();
                assert!(child.try_wait().unwrap().is_none(), "nginx ended at its start: {}", log());
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
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // What is left behind lies in the temporary folder.
        let _left = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_asks_with_the_lines_of_the_documentation() {
    let app = app().await;
    let guard = bench(app, signing_in).await;
    let nginx = Nginx::start(guard.address, app).await;
    let alice = "cookie: who=alice\r\n";
    let claims = "nostore-user: mallory\r\nNostore_User: mallory\r\nnostore-email: m@x\r\nnostore-role: admin\r\nnostore-assertion: x\r\n";
    let rows = [
        ("an open page, nobody", "/", String::new()),
        ("an open page, alice", "/", alice.to_owned()),
        ("a protected page, alice", "/admin/x?y=1", alice.to_owned()),
        ("a protected page, nobody", "/admin/x?y=1", PAGE.to_owned()),
        ("who says to be somebody", "/", claims.to_owned()),
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
    ];
    let mut text = String::new();
    for (name, target, lines) in rows {
        let answer = nginx.get(target, &lines).await;
        let status = answer.split(' ').nth(1).unwrap();
        let to = field(&answer, "location").map(|to| format!(" to {to}")).unwrap_or_default();
        let cache = field(&answer, "cache-control").unwrap_or("silent");
        let told = if status == "200" { told(&answer) } else { String::new() };
        writeln!(text, "{name}: {status}{to}, {cache}; {told}").unwrap();
    }
    insta::assert_snapshot!(text);
}
