//! The wrapper for Next.js and for functions of Netlify, in Node: its rules, and the incident's app in it behind emulated
//! caches.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use nostore_gen::Target;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::edge::{edge, story};
use crate::shape::file;
use crate::text::site;
use crate::wire::within;

/// A folder that is deleted at the end of its test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("nostore-gen-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node"))
        .arg(script)
        .kill_on_drop(true);
    command
}

/// The wrappers of both targets, each in a file that Node takes for a module.
fn wrappers(folder: &Folder) -> [PathBuf; 2] {
    let next = file(Target::Next, &site(), "nostore.js");
    let netlify = file(Target::Netlify, &site(), "nostore.mjs");
    [folder.write("next.mjs", &next), folder.write("netlify.mjs", &netlify)]
}

#[tokio::test]
async fn r3_7_the_wrapper_goes_by_its_rules() {
    let folder = Folder::new();
    for wrapper in wrappers(&folder) {
        let mut command = node("--test");
        let done = within(command.arg("wrapper.test.mjs").env("WRAPPER", &wrapper).output()).await;
        let done = done.expect("expected `node` in PATH");
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{said}");
        assert!(said.contains("# pass 10\n") && said.contains("# fail 0\n"), "{said}");
    }
}

/// Starts the app in Node.
async fn app(wrapper: Option<&Path>) -> (Child, SocketAddr) {
    let mut command = node("app.mjs");
    if let Some(wrapper) = wrapper {
        command.env("WRAPPER", wrapper);
    }
    let mut child = command.stdout(Stdio::piped()).spawn().expect("expected `node` in PATH");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = within(lines.next_line()).await.unwrap().expect("the app ended at its start");
    (child, format!("127.0.0.1:{port}").parse().unwrap())
}

#[tokio::test]
async fn r3_7_wrapped_functions_are_safe_on_netlify_and_behind_other_caches() {
    let folder = Folder::new();
    let (_bare, bare) = app(None).await;
    let profiles = ["netlify", "netlify/documented", "cloudfront", "amplify", "rfc9111", "nginx", "vercel"];
    for profile in profiles {
        let ending = story(&edge(profile, bare).await).await;
        // Those that store no Set-Cookie still replay the redirect to sign-in.
        let leaks = !["nginx", "vercel"].contains(&profile);
        assert_eq!((ending.cookie_leaked, ending.page_leaked), (leaks, leaks), "{profile}: {ending:?}");
        assert!(ending.loops, "{profile}: {ending:?}");
        // So is the page of everybody, for its stray cookie.
        assert_eq!(ending.public_is_kept, leaks, "{profile}: {ending:?}");
    }
    for wrapper in wrappers(&folder) {
        let (_wrapped, wrapped) = app(Some(&wrapper)).await;
        for profile in profiles {
            let ending = story(&edge(profile, wrapped).await).await;
            assert!(ending.is_safe() && ending.public_is_kept, "{profile}: {ending:?}");
        }
    }
}
