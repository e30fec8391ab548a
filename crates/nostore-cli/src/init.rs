//! `nostore init`: a first `nostore.toml` from what a folder shows.
//!
//! # Invariants
//!
//! - Nothing that is there is overwritten.
//! - What is found is said with the file that says it; what cannot be known is a comment.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use nostore_cache::profile_for_folder;

use crate::args::InitArgs;
use crate::config::FILE;
use crate::dev::file_names;
use crate::error::Failed;
use crate::terminal::say;

/// The longest file that is looked into, in bytes.
const MOST: u64 = 1024 * 1024;

/// What a word in a file says of an app's sessions. Sources: each project's documentation of its defaults.
struct Preset {
    file: &'static str,
    /// Has to stand in the file; empty: the file says enough by being there.
    word: &'static str,
    name: &'static str,
    cookies: &'static [&'static str],
    auth_paths: &'static [&'static str],
}

const fn preset(
    file: &'static str,
    word: &'static str,
    name: &'static str,
    cookies: &'static [&'static str],
    auth_paths: &'static [&'static str],
) -> Preset {
    Preset { file, word, name, cookies, auth_paths }
}

/// The first that fits counts: what is more particular stands before.
const PRESETS: &[Preset] = &[
    // Both releases: a name too many protects no less.
    preset(
        "package.json",
        "\"next-auth\"",
        "Auth.js (next-auth)",
        &[
            "authjs.session-token",
            "__Secure-authjs.session-token",
            "next-auth.session-token",
            "__Secure-next-auth.session-token",
        ],
        &["/api/auth/*"],
    ),
    preset(
        "package.json",
        "\"@auth/",
        "Auth.js",
        &["authjs.session-token", "__Secure-authjs.session-token"],
        &["/auth/*"],
    ),
    preset(
        "package.json",
        "\"@clerk/",
        "Clerk",
        &["__session", "__client_uat"],
        &["/sign-in/*", "/sign-up/*"],
    ),
    preset(
        "package.json",
        "\"@auth0/nextjs-auth0\"",
        "Auth0 for Next.js",
        &["__session", "appSession"],
        &["/auth/*"],
    ),
    preset("package.json", "\"@workos-inc/authkit", "WorkOS AuthKit", &["wos-session"], &["/callback"]),
    preset(
        "package.json",
        "\"better-auth\"",
        "Better Auth",
        &["better-auth.session_token", "__Secure-better-auth.session_token"],
        &["/api/auth/*"],
    ),
    preset(
        "package.json",
        "\"nuxt-auth-utils\"",
        "Nuxt Auth Utils",
        &["nuxt-session"],
        &["/api/auth/*", "/auth/*"],
    ),
    preset("package.json", "\"lucia\"", "Lucia", &["auth_session"], &["/login", "/logout"]),
    preset(
        "package.json",
        "\"express-session\"",
        "express-session",
        &["connect.sid"],
        &["/login", "/logout"],
    ),
    preset("package.json", "\"@remix-run/", "Remix", &["__session"], &["/login", "/logout"]),
    preset(
        "composer.json",
        "laravel/framework",
        "Laravel, where the app is called that",
        &["laravel_session"],
        &["/login", "/logout"],
    ),
    preset("composer.json", "", "PHP", &["PHPSESSID"], &["/login", "/logout"]),
    preset(
        "manage.py",
        "django",
        "Django",
        &["sessionid"],
        &["/accounts/*", "/admin/login/*", "/admin/logout/*"],
    ),
    preset("requirements.txt", "Flask", "Flask", &["session"], &["/login", "/logout"]),
    preset("requirements.txt", "flask", "Flask", &["session"], &["/login", "/logout"]),
    preset("pyproject.toml", "django", "Django", &["sessionid"], &["/accounts/*"]),
    preset("pyproject.toml", "flask", "Flask", &["session"], &["/login", "/logout"]),
    preset("pom.xml", "spring-session", "Spring Session", &["SESSION"], &["/login", "/logout", "/oauth2/*"]),
    preset("pom.xml", "", "Java servlets", &["JSESSIONID"], &["/login", "/logout", "/oauth2/*"]),
    preset("Cargo.toml", "tower-sessions", "tower-sessions", &["id"], &["/login", "/logout"]),
    preset("Cargo.toml", "axum-login", "axum-login", &["id"], &["/login", "/logout"]),
    preset("Cargo.toml", "actix-session", "actix-session", &["id"], &["/login", "/logout"]),
];

/// Writes the file, or prints it.
///
/// # Errors
///
/// When there is one already, or it cannot be written.
pub(crate) fn run(args: &InitArgs) -> Result<(), Failed> {
    if !args.folder.is_dir() {
        let folder = args.folder.display();
        return Err(Failed::usage(format!("expected a folder at {folder}, found none"))
            .hint("name the folder of the site's files"));
    }
    let (text, found) = written(&args.folder);
    if args.print {
        anstream::print!("{text}");
        return Ok(());
    }
    let path = args.folder.join(FILE);
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
    let mut file = made.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failed::new(format!("{} is there already", path.display()))
            .hint("see what would be written with `nostore init --print`"),
        _ => Failed::new(format!("{} cannot be written", path.display())).because(&error),
    })?;
    file.write_all(text.as_bytes())
        .map_err(|error| Failed::new(format!("{} cannot be written", path.display())).because(&error))?;
    say(&format!("wrote {}", path.display()));
    for line in found {
        say(&format!("  {line}"));
    }
    Ok(())
}

/// Writes what the folder shows, and tells what was found.
fn written(folder: &Path) -> (String, Vec<String>) {
    let preset = PRESETS.iter().find(|preset| says(folder, preset));
    let names = file_names(folder);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let platform = profile_for_folder(&names);
    let mut found = Vec::new();
    let mut text = String::from(
        "# What every nostore command of this folder reads. Flags win.\n\n\
         # How visitors know the site.\n# site = \"https://family.example\"\n\n\
         # Where the app listens.\n# app = \"http://127.0.0.1:3000\"\n\n\
         # The cache in front: `nostore edge --cdn x` lists the profiles.\n",
    );
    // Writing into a `String` cannot fail.
    let _written = match platform {
        Some(hint) if hint.profile.is_some() => {
            let name = hint.profile.unwrap_or_default();
            found.push(format!("{}: {}, emulated as {name}", hint.file, hint.platform));
            writeln!(text, "cdn = \"{name}\"  # {}", hint.file)
        }
        _ => {
            found.push("no file names a platform that is known".to_owned());
            writeln!(text, "# cdn = \"cloudfront\"")
        }
    };
    text.push_str("\n# The cookies that are a session; their parts (`NAME.0`) are meant with them.\n");
    let _written = match preset {
        Some(preset) => {
            found.push(format!(
                "{}: {}, whose session is {}",
                preset.file,
                preset.name,
                preset.cookies.join(", ")
            ));
            writeln!(text, "session-cookies = {}  # {}", list(preset.cookies), preset.name)
        }
        None => {
            found.push("no file names a way of keeping sessions that is known: name the cookies".to_owned());
            writeln!(text, "# session-cookies = [\"sid\"]")
        }
    };
    text.push_str("\n# Paths of the app's own sign-in.\n");
    let _written = match preset {
        Some(preset) => writeln!(text, "auth-paths = {}", list(preset.auth_paths)),
        None => writeln!(text, "# auth-paths = [\"/login\", \"/logout\"]"),
    };
    text.push_str(REST);
    (text, found)
}

/// What is the same for every site.
const REST: &str = "
# Paths whose answers are the same for everyone: they keep the caching that the app gives them.
# public = [\"/\", \"/assets/*\"]

# Whose X-Forwarded-* fields count: the CDN's and load balancer's addresses.
# trusted-proxies = [\"10.0.0.0/8\"]

# Paths that only signed-in visitors see, where `nostore guard` signs in.
# protected = [\"/admin/*\"]

[guard]
# listen = \"127.0.0.1:8080\"
# control = \"127.0.0.1:9090\"          # /healthz, /readyz, /metrics
# report-only = true
# unless-public = true
# tls-certificate = \"fullchain.pem\"
# tls-key = \"privkey.pem\"
# max-body = 10_000_000                # bytes
# sign-in = \"own\"                      # or \"service\"

# For sign-in = \"own\". Secrets come from the environment: NOSTORE_SECRET, NOSTORE_OIDC_CLIENT_SECRET.
[sign-in]
# issuer = \"https://accounts.google.com\"
# client-id = \"…\"
# admins = [\"you@example.com\"]
# store = \"nostore.db\"
# events = \"auth-events.jsonl\"

[logs]
# format = \"combined\"
# fields = [\"session=sid\"]
# sign-in-paths = [\"/welcome\"]
# sign-out-paths = [\"/goodbye\"]
";

fn says(folder: &Path, preset: &Preset) -> bool {
    let path = folder.join(preset.file);
    let short = std::fs::metadata(&path).is_ok_and(|told| told.is_file() && told.len() <= MOST);
    short
        && (preset.word.is_empty()
            || std::fs::read_to_string(&path).is_ok_and(|text| text.contains(preset.word)))
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", quoted.join(", "))
}
