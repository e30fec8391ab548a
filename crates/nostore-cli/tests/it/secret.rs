//! `nostore secret`, also killed, and the secrets that `nostore dev --sessions cookie` makes by itself.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nostore_message::{Cookies, Scheme, Secret, UnixTime};
use nostore_session::{SealNonce, SealedClaims, SealedCookie, SealedFormat, SealedSessions, SealingSecrets};
use nostore_test::Nostore;
use serde_json::Value;

use crate::site::{Folder, NOSTORE};

const ONE: &str = "one-secret-of-at-least-thirty-two-octets";
const TWO: &str = "two-secret-of-at-least-thirty-two-octets";

fn run(folder: &Folder, arguments: &[&str], secrets: Option<&str>) -> Output {
    let mut command = Command::new(NOSTORE);
    command.arg("secret").args(arguments).current_dir(&folder.0).env_remove("NOSTORE_SECRET");
    command.envs(secrets.map(|secrets| ("NOSTORE_SECRET", secrets))).output().unwrap()
}

fn printed(output: &Output, warns: bool) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(errors.starts_with("warning: what is printed signs anybody in"), warns, "{errors}");
    assert_eq!(errors.lines().count(), usize::from(warns), "{errors}");
    String::from_utf8(output.stdout.clone()).unwrap().trim_end().to_owned()
}

fn is_fresh(secret: &str) -> bool {
    secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[test]
fn a_new_secret_is_48_octets_and_another_one_each_time() {
    let folder = Folder::new();
    let (one, other) = (run(&folder, &["new"], None), run(&folder, &["new", "--json"], None));
    let other: Value = serde_json::from_str(&printed(&other, true)).unwrap();
    let (one, other) = (printed(&one, true), other["secret"].as_str().unwrap());
    assert!(is_fresh(&one) && is_fresh(other) && one != other, "{one} {other}");
}

#[test]
fn r3_9_a_rotation_keeps_sessions_or_ends_them() {
    let folder = Folder::new();
    let both = format!("{ONE},{TWO}");
    let kept = printed(&run(&folder, &["rotate", "--keep-sessions"], Some(&both)), true);
    let (new, old) = kept.strip_prefix("NOSTORE_SECRET=").unwrap().split_once(',').unwrap();
    assert!(is_fresh(new) && old == both, "{kept}");
    let ended = printed(&run(&folder, &["rotate", "--end-sessions", "--json"], Some(&both)), true);
    let ended: Value = serde_json::from_str(&ended).unwrap();
    assert!(is_fresh(ended["NOSTORE_SECRET"].as_str().unwrap()), "{ended}");
    assert_eq!((&ended["secrets"], &ended["sessions"]), (&1.into(), &"end".into()));
}

#[test]
fn a_file_is_changed_in_one_place_and_keeps_its_mode() {
    let folder = Folder::new();
    let file = folder.0.join(".env");
    for (mode, arguments) in [(0o640, vec!["--keep-sessions"]), (0o600, vec!["--end-sessions", "--json"])] {
        std::fs::write(&file, format!("A=1\r\nexport NOSTORE_SECRET=\"{ONE}\" # ours\n\nB='2'")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        std::os::unix::fs::symlink(&file, folder.0.join("link")).unwrap();
        let arguments = [&["rotate", "--file", "link"], &arguments[..]].concat();
        let told = printed(&run(&folder, &arguments, Some(TWO)), false);
        let text = std::fs::read_to_string(&file).unwrap();
        let value = text.strip_prefix("A=1\r\nexport NOSTORE_SECRET=\"").unwrap();
        let value = value.strip_suffix("\" # ours\n\nB='2'").unwrap();
        let (new, old) = value.split_once(',').map_or((value, None), |(new, old)| (new, Some(old)));
        assert!(is_fresh(new) && !told.contains(new), "{text} {told}");
        assert_eq!(old, Some(ONE).filter(|_| mode == 0o640));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, mode);
        assert!(folder.0.join("link").is_symlink());
        std::fs::remove_file(folder.0.join("link")).unwrap();
    }
    let left: Vec<_> =
        std::fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".env"], "nothing is left beside it");
}

/// How often the command is killed.
const KILLS: u32 = 200;
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
/// What ends a process that writes beyond its limit, on Linux and on macOS.
const SIGXFSZ: i32 = 25;

/// A file of variables with secrets in it, long enough for a write to be cut in the middle.
struct Secrets {
    folder: Folder,
    secrets: Vec<String>,
}

impl Secrets {
    fn new() -> Self {
        let file = Self { folder: Folder::new(), secrets: vec![ONE.to_owned()] };
        std::fs::write(file.path(), file.text(&file.secrets)).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.0.join(".env")
    }

    fn text(&self, secrets: &[String]) -> String {
        format!("{}NOSTORE_SECRET={}\nA=1\n", "# a comment of many\n".repeat(500), secrets.join(","))
    }

    /// The rotation that comes next: everybody stays in, until the list grows too long.
    fn next(&self) -> &'static str {
        if self.secrets.len() < 4 { "--keep-sessions" } else { "--end-sessions" }
    }

    fn rotation(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder.0).env_remove("NOSTORE_SECRET");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Finds the file as it was, or as that rotation makes it, and nothing that others could read. Tells whether it was
    /// rotated.
    fn check(&mut self, rotation: &str) -> bool {
        let text = std::fs::read_to_string(self.path()).unwrap();
        for entry in std::fs::read_dir(&self.folder.0).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode & 0o077, 0, "{:?} is for others too: {mode:o}", entry.file_name());
        }
        let line = text.lines().find_map(|line| line.strip_prefix("NOSTORE_SECRET="));
        let found: Vec<String> = line.expect("a list of secrets").split(',').map(str::to_owned).collect();
        assert!(text == self.text(&found), "the file is not whole: {} octets", text.len());
        if found == self.secrets {
            return false;
        }
        let behind: &[String] = if rotation == "--keep-sessions" { &self.secrets } else { &[] };
        assert!(is_fresh(&found[0]) && found[1..] == *behind, "{rotation}: {found:?}");
        // As the site reads it: a session from before goes on, or has ended.
        assert_eq!(opens(&found, &self.secrets), rotation == "--keep-sessions");
        self.secrets = found;
        true
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder.0).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Tells whether a site with these secrets opens a session that was sealed with those.
fn opens(secrets: &[String], sealed_with: &[String]) -> bool {
    let site = |secrets: &[String]| {
        let secrets = SealingSecrets::new(secrets.iter().map(Secret::new)).unwrap();
        let cookie = SealedCookie::new(SealedFormat::Nostore, Scheme::Https);
        SealedSessions::new(SealedFormat::Nostore, cookie, &secrets).unwrap()
    };
    let claims = SealedClaims::new([("sub".to_owned(), "ada".into())].into_iter().collect());
    let lines = site(sealed_with).seal(&claims, &Cookies::default(), NOW, SealNonce::new([7; 32])).unwrap();
    let line = lines.cookies()[0].to_string();
    site(secrets).open(&Cookies::parse(line.split(';').take(1)), NOW).is_ok()
}

/// The system kills the command at an octet of its own choice: while it writes.
#[test]
fn r3_9_a_rotation_that_is_killed_while_it_writes_leaves_the_file_as_it_was() {
    let mut file = Secrets::new();
    for blocks in [0, 1, 3, 8] {
        for rotation in ["--keep-sessions", "--end-sessions"] {
            let script =
                format!("ulimit -c 0; ulimit -f {blocks}; exec \"$0\" secret rotate {rotation} --file .env");
            let ended = file.rotation("sh").args(["-c", &script, NOSTORE]).status().unwrap();
            assert_eq!(ended.signal(), Some(SIGXFSZ), "{blocks} blocks: {ended}");
            assert!(!file.check(rotation), "killed in the middle, and rotated");
        }
    }
    assert!(file.names().len() <= 2, "{:?}", file.names());
    // What was left behind hinders nobody, and is gone.
    printed(&run(&file.folder, &["rotate", "--end-sessions", "--file", ".env"], None), false);
    assert!(file.check("--end-sessions"));
    assert_eq!(file.names(), [".env"]);
}

/// Killed 200 times. Each is killed later than one that had not rotated yet, and sooner than one that had: most are
/// killed about where one file takes the place of the other.
#[test]
fn r3_9_a_rotation_that_is_killed_leaves_the_file_whole() {
    let mut file = Secrets::new();
    let (mut wait, mut before, mut after, mut confirmed) = (Duration::ZERO, 0, 0, 0);
    for kill in 0..KILLS {
        let rotation = file.next();
        let mut command = file.rotation(NOSTORE);
        let mut process = command.args(["secret", "rotate", rotation, "--file", ".env"]).spawn().unwrap();
        let started = Instant::now();
        while started.elapsed() < wait {
            std::hint::spin_loop();
        }
        process.kill().unwrap();
        let ended = process.wait().unwrap();
        assert!(ended.success() || ended.signal() == Some(9), "the next one failed: {ended}");
        let step = wait / 16 + Duration::from_micros(20 + u64::from(kill * 37 % 100));
        if file.check(rotation) {
            (after, wait) = (after + 1, wait.saturating_sub(step));
        } else {
            (before, wait) = (before + 1, wait + step);
            // Long ways are gone in long steps, until it was too late for the first time.
            wait += if after == 0 { wait / 4 + Duration::from_millis(1) } else { Duration::ZERO };
            assert!(!ended.success(), "confirmed, and not rotated");
        }
        confirmed += u32::from(ended.success());
    }
    assert!(before > 10 && after > 10 && before + after == KILLS, "{before} before, {after} after");
    println!("{before} killed before the change, {after} after it, {confirmed} of them had confirmed it");
    let rotation = file.next();
    printed(&run(&file.folder, &["rotate", rotation, "--file", ".env"], None), false);
    assert!(file.check(rotation));
    assert_eq!(file.names(), [".env"]);
}

/// An own app finds what its sign-in needs, twice the same, in files for this user alone.
#[tokio::test(flavor = "multi_thread")]
async fn dev_tells_an_own_app_what_its_sign_in_needs() {
    let folder = Folder::new();
    let script = "env | grep ^NOSTORE_ | sort >> told; echo >> told; exit 3";
    for _ in 0..2 {
        let ports = ["--listen", "127.0.0.1:0", "--issuer-listen", "127.0.0.1:0"];
        let arguments = [&["dev", "--json", "--sessions", "cookie"], &ports[..], &["--", "sh", "-c", script]];
        let ended = Nostore::start(NOSTORE, &arguments.concat(), &folder.0).await;
        assert_eq!(ended.err().unwrap().code, Some(3));
    }
    let told = std::fs::read_to_string(folder.0.join("told")).unwrap();
    let runs: Vec<Vec<(&str, &str)>> = told
        .trim()
        .split("\n\n")
        .map(|run| run.lines().filter_map(|line| line.split_once('=')).collect())
        .collect();
    let names: Vec<&str> = runs[0].iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names.join(" "),
        "NOSTORE_ADMIN NOSTORE_DEV NOSTORE_EVENTS NOSTORE_OIDC_CLIENT_ID NOSTORE_OIDC_CLIENT_SECRET \
         NOSTORE_OIDC_ISSUER NOSTORE_ORIGIN NOSTORE_SECRET NOSTORE_STORE"
    );
    let of = |run: usize, name: &str| runs[run].iter().find(|(own, _)| *own == name).unwrap().1;
    assert_eq!(of(0, "NOSTORE_ADMIN"), "alice@example.com");
    assert!(is_fresh(of(0, "NOSTORE_SECRET")) && of(0, "NOSTORE_ORIGIN").starts_with("http://localhost:"));
    for name in ["NOSTORE_SECRET", "NOSTORE_OIDC_CLIENT_SECRET", "NOSTORE_STORE", "NOSTORE_EVENTS"] {
        assert_eq!(of(0, name), of(1, name), "{name}");
    }
    let data = folder.0.join(".nostore");
    for (name, mode) in [(".", 0o700), ("site.env", 0o600)] {
        let found = std::fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name}");
    }
    assert_eq!(std::fs::read_to_string(data.join(".gitignore")).unwrap(), "*\n");
}
