//! `nostore gen`: what must go into the site itself or its CDN.
//!
//! # Invariants
//!
//! - Files are on standard output alone, so that they can be redirected; what they protect and what not is on standard error.
//! - A file that is there and says something else is not touched without `--force`, nor is any other then.

use std::path::{Path, PathBuf};

use nostore_gen::{DEFAULT_AUTH_PATH, File, Generated, PRESET_COOKIES, Site, Target, generate};
use serde_json::json;

use crate::args::GenArgs;
use crate::config::{Config, or_file};
use crate::error::Failed;
use crate::terminal::{say, tell};

/// Prints or writes the files of a target.
///
/// # Errors
///
/// When a name or a path is not as expected, or a file cannot be written.
pub(crate) fn run(args: &GenArgs, path: Option<&Path>) -> Result<(), Failed> {
    let file = Config::read(path)?;
    let target: Target =
        args.target.parse().map_err(|error| Failed::usage("the target of `nostore gen`").because(&error))?;
    let generated = generate(target, &site(args, &file)?);
    let written =
        args.write.as_deref().map(|folder| write(folder, &generated.files, args.force)).transpose()?;
    if args.json {
        say(&machine(target, &generated, written.as_deref()));
        return Ok(());
    }
    if or_file(&args.session_cookies, &file.session_cookies).is_empty() {
        tell("note", &format!("no --session-cookie: those of {} are meant", PRESET_COOKIES.join(", ")));
    }
    match written {
        Some(written) => written.iter().for_each(|(path, what)| say(&format!("{}: {what}", path.display()))),
        None => say(printed(&generated.files).trim_end()),
    }
    for (word, lines) in [
        ("do", &generated.steps),
        ("protects", &generated.protects),
        ("does not protect", &generated.does_not),
    ] {
        lines.iter().for_each(|line| tell(word, line));
    }
    Ok(())
}

fn site(args: &GenArgs, file: &Config) -> Result<Site, Failed> {
    let texts = |flag, file| or_file(flag, file).iter().map(String::as_str).collect::<Vec<_>>();
    let named = texts(&args.session_cookies, &file.session_cookies);
    let cookies = if named.is_empty() { PRESET_COOKIES.to_vec() } else { named };
    let site = Site::new(cookies).map_err(|error| Failed::usage("`--session-cookie`").because(&error))?;
    let auth = texts(&args.auth_paths, &file.auth_paths);
    let auth = if auth.is_empty() { vec![DEFAULT_AUTH_PATH] } else { auth };
    let site = site.auth_paths(auth).map_err(|error| Failed::usage("`--auth-path`").because(&error))?;
    let public = texts(&args.public, &file.public);
    site.public_paths(public).map_err(|error| Failed::usage("`--public`").because(&error))
}

fn machine(target: Target, generated: &Generated, written: Option<&[(PathBuf, &'static str)]>) -> String {
    let files: Vec<_> =
        generated.files.iter().map(|file| json!({ "path": file.path, "text": file.text })).collect();
    let written = written.map(|written| {
        written
            .iter()
            .map(|(path, what)| json!({ "path": path.display().to_string(), "what": what }))
            .collect::<Vec<_>>()
    });
    json!({
        "target": target.name(), "files": files, "written": written, "steps": generated.steps,
        "protects": generated.protects, "doesNotProtect": generated.does_not,
    })
    .to_string()
}

/// One file as it is; several with their names in front, as a comment where the language has one.
fn printed(files: &[File]) -> String {
    if let [file] = files {
        return file.text.clone();
    }
    let comment = |file: &File| if file.path.ends_with("js") { "//" } else { "#" };
    files.iter().map(|file| format!("{} ==> {}\n{}\n", comment(file), file.path, file.text)).collect()
}

/// Writes the files, and says what became of each.
fn write(folder: &Path, files: &[File], force: bool) -> Result<Vec<(PathBuf, &'static str)>, Failed> {
    let cannot = |path: &Path, error: &std::io::Error| {
        Failed::new(format!("{} cannot be written", path.display())).because(error)
    };
    if folder.exists() && !folder.is_dir() {
        let what = format!("expected a folder at {}, found a file", folder.display());
        return Err(
            Failed::new(what).hint("choose another one with `--write DIR`; it is made where it is missing")
        );
    }
    std::fs::create_dir_all(folder).map_err(|error| cannot(folder, &error))?;
    let mut plan = Vec::new();
    for file in files {
        let path = folder.join(file.path);
        let what = match std::fs::read(&path) {
            Ok(found) if found == file.text.as_bytes() => "as it was",
            Ok(_) if force => "written anew",
            Ok(_) => {
                return Err(Failed::new(format!(
                    "expected no {}, or the one that is written now, found another",
                    path.display()
                ))
                .hint("print it without `--write` and take over what is missing; `--force` puts it in the other's place"));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => "written",
            Err(error) => return Err(cannot(&path, &error)),
        };
        plan.push((path, what, file));
    }
    for (path, what, file) in &plan {
        if *what != "as it was" {
            std::fs::write(path, &file.text).map_err(|error| cannot(path, &error))?;
        }
    }
    Ok(plan.into_iter().map(|(path, what, _)| (path, what)).collect())
}
