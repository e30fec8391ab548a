//! `nostore secret`, and the secrets that `nostore dev --sessions cookie` makes by itself.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

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
