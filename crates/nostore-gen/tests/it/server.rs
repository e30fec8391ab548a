//! nginx and Varnish themselves, in their unsafe settings: bare, with what is written for them, with the guard in between.
//!
//! Each server has a folder of its own and listens on a socket in it, so that no port is taken from anybody.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use nostore_cache::{FIELD_SET, Profile};
use nostore_gen::{PRESET_COOKIES, Site, Target};
use nostore_guard::{Guard, GuardConfig};
use nostore_web::CookieProtection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use crate::app::{Habits, PUBLIC, Rules, app, no_rules, target};
use crate::edge::{Asks, story};
use crate::hostile::HOSTILE;
use crate::node::Folder;
use crate::shape::file;
use crate::text::site;
use crate::wire::{get, listener, within};

/// How long to wait before asking again whether a server listens.
const AGAIN: Duration = Duration::from_millis(20);

/// Finds a server; Debian keeps them where only root looks.
fn program(name: &str) -> Command {
    let debian = Path::new("/usr/sbin").join(name);
    Command::new(if debian.exists() { debian } else { PathBuf::from(name) })
}

/// A running server.
struct Server {
    socket: PathBuf,
    _child: Child,
    _folder: Folder,
}

impl Server {
    /// Starts `command` and waits until it listens.
    async fn start(mut command: Command, folder: Folder) -> Self {
        let socket = folder.0.join("socket");
        let name = command.as_std().get_program().to_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("expected {name:?} (`cargo xtask install`): {error}"));
        let listening = async {
            while UnixStream::connect(&socket).await.is_err() {
                assert!(child.try_wait().unwrap().is_none(), "{name:?} ended at its start");
                tokio::time::sleep(AGAIN).await;
            }
        };
        within(listening).await;
        Self { socket, _child: child, _folder: folder }
    }
}

impl Asks for Server {
    async fn ask(&self, target: &str, lines: &str) -> String {
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        stream.write_all(get(target, lines).as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        within(stream.read_to_end(&mut bytes)).await.unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Writes a configuration of nginx with the cache set up by `settings`, and what was written for `site`, if any.
fn nginx_files(folder: &Folder, settings: &str, origin: SocketAddr, site: Option<&Site>) -> PathBuf {
    let place = folder.0.display().to_string();
    let (mut http, mut location) = (String::new(), String::new());
    if let Some(site) = site {
        for (name, line) in [("nostore-http.conf", &mut http), ("nostore-location.conf", &mut location)] {
            folder.write(name, &file(Target::Nginx, site, name));
            *line = format!("include {place}/{name};");
        }
    }
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {place}/{name};\n"))
        .concat();
    let text = format!(
        "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log {place}/error.log;\nevents {{}}\nhttp {{\n\
         access_log off;\n{temporary}proxy_cache_path {place}/cache keys_zone=all:1m;\n{http}\nserver {{\n\
         listen unix:{place}/socket;\nlocation / {{\nproxy_pass http://{origin};\nproxy_cache all;\n\
         proxy_cache_key $request_uri;\n{settings}\n{location}\n}}\n}}\n}}\n"
    );
    folder.write("nginx.conf", &text)
}

fn nginx_command(folder: &Folder, configuration: &Path) -> Command {
    let mut command = program("nginx");
    command.arg("-p").arg(&folder.0).arg("-e").arg(folder.0.join("early.log")).arg("-c").arg(configuration);
    command
}

async fn nginx(settings: &str, origin: SocketAddr, site: Option<&Site>) -> Server {
    let folder = Folder::new();
    let configuration = nginx_files(&folder, settings, origin, site);
    Server::start(nginx_command(&folder, &configuration), folder).await
}

fn vcl_file(folder: &Folder, own: &str, origin: SocketAddr, site: Option<&Site>) -> PathBuf {
    let mut include = String::new();
    if let Some(site) = site {
        let path = folder.write("nostore.vcl", &file(Target::Varnish, site, "nostore.vcl"));
        include = format!("include \"{}\";\n", path.display());
    }
    let (host, port) = (origin.ip(), origin.port());
    let text =
        format!("vcl 4.1;\nbackend app {{ .host = \"{host}\"; .port = \"{port}\"; }}\n{include}{own}\n");
    folder.write("site.vcl", &text)
}

fn varnish_command(folder: &Folder, vcl: &Path) -> Command {
    let mut command = program("varnishd");
    command.args(["-j", "none", "-n"]).arg(folder.0.join("work")).arg("-f").arg(vcl);
    command
}

async fn varnish(own: &str, origin: SocketAddr, site: Option<&Site>) -> Server {
    let folder = Folder::new();
    let vcl = vcl_file(&folder, own, origin, site);
    let mut command = varnish_command(&folder, &vcl);
    command.arg("-F").arg("-a").arg(folder.0.join("socket")).args(["-s", "malloc,8m"]);
    Server::start(command, folder).await
}

async fn guard(origin: SocketAddr) -> SocketAddr {
    let protection = CookieProtection::cookies(["__Secure-authjs.session-token"]).drop_strays(true);
    let guard = Guard::new(&GuardConfig::new(format!("http://{origin}"), protection)).unwrap();
    let (listener, address) = listener().await;
    tokio::spawn(async move { guard.serve(listener, std::future::pending()).await });
    address
}

/// The settings of nginx that are unsafe, and the profile that stands for each.
const NGINX: [(&str, &str, &str); 3] = [
    (
        "proxy_cache_valid",
        "nginx default-lifetime=10m redirect-lifetime=10m",
        "proxy_cache_valid 200 302 10m;",
    ),
    (
        "ignore-headers",
        "nginx/ignore-headers",
        "proxy_cache_valid 200 302 10m; proxy_ignore_headers Set-Cookie Cache-Control Expires;",
    ),
    (
        "ignore-everything",
        "nginx/ignore-headers accel-expires=ignored",
        "proxy_cache_valid 200 302 10m; proxy_ignore_headers Set-Cookie Cache-Control Expires X-Accel-Expires Vary;",
    ),
];

/// Those of Varnish: none of its own, and VCL that takes cookies for noise.
const VARNISH: [(&str, &str, &str); 2] = [
    ("builtin.vcl", "varnish", ""),
    (
        "own VCL, 120 s",
        "varnish passed-with=none vary=ignored set-cookie=removed-with-stored min-lifetime=120",
        "sub vcl_recv { if (req.method == \"GET\") { return (hash); } }\n\
         sub vcl_backend_response { unset beresp.http.Set-Cookie; unset beresp.http.Vary; set beresp.ttl = 120s;\n\
         return (deliver); }",
    ),
];

/// What the tool says about an operator of that kind.
fn named(profile: &str) -> String {
    let mut words = profile.split(' ');
    let mut found = Profile::named(words.next().unwrap()).unwrap();
    for (name, value) in words.map(|word| word.split_once('=').unwrap()) {
        found.set(name, value).unwrap();
    }
    match found.operator_override() {
        None => "nothing".to_owned(),
        Some(found) if found.is_total => format!("only the operator can mend it: {}", found.mend),
        Some(found) => format!("told: {}", found.mend),
    }
}

/// Tells the story through a server bare, with our files, behind the guard, and with both.
async fn rows<F>(table: &mut String, habits: Habits, start: F)
where
    F: AsyncFn(SocketAddr, Option<&Site>) -> Server,
{
    let site = site();
    let origin = app(habits, no_rules()).await;
    let guarded = guard(origin).await;
    for (name, origin, site) in [
        ("bare", origin, None),
        ("with gen", origin, Some(&site)),
        ("guarded", guarded, None),
        ("both", guarded, Some(&site)),
    ] {
        let ending = story(&start(origin, site).await).await;
        assert!(site.is_none() || (ending.is_safe() && ending.public_is_kept), "{name}: {ending:?}");
        writeln!(table, "    {name:9} {}", ending.print()).unwrap();
    }
}

const HABITS: [(&str, Habits); 2] = [
    ("stamped, renews", Habits { stamped: true, renews: true }),
    ("silent", Habits { stamped: false, renews: false }),
];

#[tokio::test]
async fn r3_7_nginx_itself() {
    let mut table = String::new();
    for (name, profile, settings) in NGINX {
        for (kind, habits) in HABITS {
            writeln!(table, "{name}, {kind}").unwrap();
            rows(&mut table, habits, async |origin, site| nginx(settings, origin, site).await).await;
        }
        writeln!(table, "    {}", named(profile)).unwrap();
    }
    insta::assert_snapshot!(table);
}

/// What a handler does that says of its own responses that they are somebody's.
fn said_by_the_handler() -> Rules {
    Arc::new(|head, fields| {
        if target(head) != PUBLIC {
            fields.retain(|(name, _)| name != "cache-control");
            fields.extend(FIELD_SET.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
    })
}

/// The handler, the guard in the place of a middleware, the cache's own configuration: each by itself, all others failing.
#[tokio::test]
async fn r3_17_each_of_three_layers_is_enough_by_itself() {
    let written = site();
    for layers in 0..8 {
        let rules = if layers & 1 > 0 { said_by_the_handler() } else { no_rules() };
        let mut origin = app(HABITS[1].1, rules).await;
        if layers & 2 > 0 {
            origin = guard(origin).await;
        }
        let server = nginx(NGINX[1].2, origin, (layers & 4 > 0).then_some(&written)).await;
        let ending = story(&server).await;
        assert_eq!(ending.is_safe(), layers > 0, "{layers:03b}: {}", ending.print());
        assert!(ending.public_is_kept, "{layers:03b}");
    }
}

#[tokio::test]
async fn r3_7_varnish_itself() {
    let mut table = String::new();
    for (name, profile, own) in VARNISH {
        for (kind, habits) in HABITS {
            writeln!(table, "{name}, {kind}").unwrap();
            rows(&mut table, habits, async |origin, site| varnish(own, origin, site).await).await;
        }
        writeln!(table, "    {}", named(profile)).unwrap();
    }
    insta::assert_snapshot!(table);
}

/// The servers' own parsers take what is written for the worst names there are, and find those cookies.
#[tokio::test]
async fn r3_7_hostile_names_are_found_by_the_servers_themselves() {
    let presets = Site::new(PRESET_COOKIES).unwrap();
    let hostile = Site::new([HOSTILE]).unwrap().public_paths(["/a.b/*"]).unwrap();
    let origin = app(HABITS[1].1, no_rules()).await;
    for site in [&presets, &hostile] {
        let folder = Folder::new();
        let configuration = nginx_files(&folder, "proxy_cache_valid 10m;", origin, Some(site));
        let done = nginx_command(&folder, &configuration).arg("-t").output().await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let vcl = vcl_file(&folder, "", origin, Some(site));
        let done = varnish_command(&folder, &vcl).arg("-C").output().await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    let vcl = VARNISH[1].2;
    let servers = [
        nginx("proxy_cache_valid 10m;", origin, Some(&hostile)).await,
        varnish(vcl, origin, Some(&hostile)).await,
    ];
    for server in servers {
        for (number, (cookie, is_session)) in [
            (format!("{HOSTILE}=1"), true),
            (format!("a=b; __Host-{HOSTILE}.12=1"), true),
            (format!("x{HOSTILE}=1"), false),
            (HOSTILE.replace('.', "x") + "=1", false),
            ("sid=1".to_owned(), false),
        ]
        .into_iter()
        .enumerate()
        {
            let line = format!("cookie: {cookie}\r\n");
            let target = format!("/page?{number}");
            let first = server.ask(&target, &line).await;
            let second = server.ask(&target, "").await;
            let stored = first.rsplit("\r\n").next() == second.rsplit("\r\n").next();
            assert_eq!(stored, !is_session, "{cookie}: {first}\n{second}");
        }
    }
}
