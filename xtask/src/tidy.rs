//! Rules of the house that no compiler checks.

use std::fs;
use std::path::{Path, PathBuf};

use crate::step;

/// The crates that decide and touch nothing, with what they may depend on (besides each other, downwards).
const LAWS: [(&str, &[&str]); 4] = [
    ("nostore-message", &["http", "memchr", "percent-encoding", "subtle", "thiserror"]),
    ("nostore-jose", &["aws-lc-rs", "base64", "serde_json", "thiserror", "zeroize"]),
    ("nostore-cache", &["httpdate", "nostore-message", "thiserror"]),
    (
        "nostore-session",
        &[
            "base64",
            "form_urlencoded",
            "nostore-jose",
            "nostore-message",
            "percent-encoding",
            "serde_json",
            "sha1",
            "thiserror",
            "url",
        ],
    ),
];
const MOST_LINES: usize = 800;
/// Three pages of 60 lines.
const MOST_ARCHITECTURE_LINES: usize = 180;

/// Checks all rules and names every break.
pub(crate) fn check() -> Result<(), String> {
    let mut broken = Vec::new();
    let mut files = rust_files("crates")?;
    files.extend(rust_files("xtask")?);
    files.extend(rust_files("stores")?);
    for path in &files {
        let text = read(path)?;
        let name = path.display();
        if !text.starts_with("//!") {
            broken.push(format!("{name}: expected a `//!` header in the first line"));
        }
        let lines = text.lines().count();
        if lines > MOST_LINES {
            broken.push(format!("{name}: {lines} lines, expected at most {MOST_LINES}"));
        }
    }
    laws(&mut broken)?;
    let lines = read(Path::new("ARCHITECTURE.md"))?.lines().count();
    if lines > MOST_ARCHITECTURE_LINES {
        broken.push(format!(
            "ARCHITECTURE.md: {lines} lines, expected at most three pages ({MOST_ARCHITECTURE_LINES})"
        ));
    }
    step::say(&format!("tidy: {} files", files.len()));
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

/// Laws depend on nothing that does I/O, and carry the same bans.
fn laws(broken: &mut Vec<String>) -> Result<(), String> {
    let bans = read(Path::new("crates/nostore-cache/clippy.toml"))?;
    for (law, allowed) in LAWS {
        let folder = Path::new("crates").join(law);
        if read(&folder.join("clippy.toml"))? != bans {
            broken.push(format!("crates/{law}/clippy.toml: expected the same bans as in nostore-cache"));
        }
        let manifest = read(&folder.join("Cargo.toml"))?;
        for dependency in dependencies(&manifest) {
            if !allowed.contains(&dependency) {
                broken.push(format!("{law} is a law and may not depend on {dependency}"));
            }
        }
    }
    Ok(())
}

/// Lists the names in `[dependencies]`.
fn dependencies(manifest: &str) -> Vec<&str> {
    let inside = manifest.lines().skip_while(|line| line.trim() != "[dependencies]").skip(1);
    let inside = inside.take_while(|line| !line.starts_with('['));
    inside
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .collect()
}

/// Lists the Rust files below a folder, sorted.
pub(crate) fn rust_files(folder: &str) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
            let skipped = path.file_name().is_some_and(|name| name == "node_modules" || name == "target");
            if path.is_dir() && !skipped {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_their_table_alone() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\nurl.workspace = true\nhttp = { optional = true }\n\n[dev-dependencies]\ninsta = \"1\"\n";
        assert_eq!(dependencies(manifest), ["url", "http"]);
    }
}
