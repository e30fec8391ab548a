//! The lockfiles of the workspaces beside the libraries': complete, and of the same releases where folders are shared.
//!
//! Two releases of one library are two builds of it and of all that stands on it, which costs minutes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::step;

/// The workspaces, and whether one is built in the folder of the libraries' own.
const WORKSPACES: [(&str, bool); 5] =
    [("bench", false), ("bench/proxies", true), ("conformance", true), ("fuzz", false), ("stores", true)];

/// Checks that every lockfile says all that its workspace needs, and that shared builds agree.
pub(crate) fn check() -> Result<(), String> {
    let own = releases(&read("Cargo.lock")?);
    let mut broken = Vec::new();
    for (workspace, is_shared) in WORKSPACES {
        let (manifest, lock) = (format!("{workspace}/Cargo.toml"), format!("{workspace}/Cargo.lock"));
        let whole = ["update", "--quiet", "--workspace", "--locked", "--manifest-path", &manifest];
        if let Err(error) = step::output("cargo", &whole) {
            let last = error.lines().find(|line| line.contains("error")).unwrap_or(&error);
            broken.push(format!("{lock}: expected it to be complete; {last}"));
        } else if is_shared {
            let others = releases(&read(&lock)?);
            broken.extend(differing(&own, &others).map(|text| format!("{lock}: {text}")));
        }
    }
    step::say(&format!("locks: {}", WORKSPACES.map(|(name, _)| name).join(", ")));
    if broken.is_empty() {
        Ok(())
    } else {
        Err(format!("{}\n`cargo xtask locks` mends that", broken.join("\n")))
    }
}

/// Makes each lockfile anew: from the libraries' own where the build is shared, else with as little change as does.
pub(crate) fn mend() -> Result<(), String> {
    for (workspace, is_shared) in WORKSPACES {
        if is_shared {
            let lock = format!("{workspace}/Cargo.lock");
            // What is in the copy and not needed goes, what is missing comes.
            fs::copy("Cargo.lock", &lock).map_err(|error| format!("{lock}: {error}"))?;
        }
        let manifest = format!("{workspace}/Cargo.toml");
        step::cargo(workspace, &["update", "--quiet", "--workspace", "--manifest-path", &manifest])?;
    }
    check()
}

/// Says which packages are locked to another release than their like in `own`: releases that one build could share.
fn differing<'a>(
    own: &'a BTreeMap<String, BTreeSet<String>>,
    others: &'a BTreeMap<String, BTreeSet<String>>,
) -> impl Iterator<Item = String> + 'a {
    others.iter().flat_map(move |(name, releases)| {
        let known = own.get(name);
        let others =
            releases.iter().filter(move |&release| known.is_some_and(|known| !known.contains(release)));
        others.filter_map(move |release| {
            let like = known?.iter().find(|own| line(own) == line(release))?;
            Some(format!("expected {name} {like} as in Cargo.lock, found {release}"))
        })
    })
}

/// The part of a version within which releases take each other's place (Cargo Book, "SemVer Compatibility").
fn line(version: &str) -> &str {
    let mut end = 0;
    for part in version.split(['.', '+', '-']) {
        end += part.len();
        if part != "0" {
            break;
        }
        end += 1;
    }
    version.get(..end).unwrap_or(version)
}

/// Reads the releases of each package that a lockfile names.
fn releases(lock: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for package in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'))
        };
        if let (Some(name), Some(version)) = (value("name"), value("version")) {
            found.entry(name.to_owned()).or_default().insert(version.to_owned());
        }
    }
    found
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_could_share_and_does_not_is_named() {
        let lock = |packages: &[(&str, &str)]| {
            let of = |(name, version): &(&str, &str)| {
                format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n")
            };
            releases(&format!("version = 4\n\n{}", packages.iter().map(of).collect::<String>()))
        };
        let own = lock(&[("syn", "2.0.1"), ("http", "0.2.9"), ("http", "1.4.0"), ("zlib", "0.0.3")]);
        for (name, version, differs) in [
            ("syn", "2.0.1", false),
            ("syn", "2.1.0", true),
            ("syn", "3.0.0", false),
            ("http", "0.2.9", false),
            ("http", "0.2.10", true),
            ("http", "0.3.0", false),
            ("http", "1.5.0", true),
            ("zlib", "0.0.4", false),
            ("serde", "1.0.0", false),
        ] {
            let others = lock(&[(name, version)]);
            assert_eq!(differing(&own, &others).count(), usize::from(differs), "{name} {version}");
        }
    }
}
