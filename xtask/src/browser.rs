//! The module of a page: built, stripped, measured.
//!
//! `target/browser` holds what a site serves. The budget is the sum of what a visitor's browser loads, compressed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::step;

/// What a visitor may have to load, compressed, in bytes.
const BUDGET: usize = 120 * 1_024;

const TARGET: &str = "wasm32-unknown-unknown";
const SCRIPTS: &str = "crates/nostore-browser/js";
const BUILT: &str = "target/wasm/wasm32-unknown-unknown/browser/nostore_browser.wasm";
const FOLDER: &str = "target/browser";

/// Names of crates that are shown; the small ones are summed up.
const SHOWN: usize = 12;

/// A module, section by section.
#[derive(Default)]
struct Module {
    /// Name and size of each.
    sections: Vec<(String, usize)>,
    /// Without what is for debuggers alone.
    stripped: Vec<u8>,
    /// Bytes of code by crate.
    crates: BTreeMap<String, usize>,
}

/// A file as it is served.
struct File {
    name: &'static str,
    raw: usize,
    gzipped: usize,
    /// Whether a visitor loads it.
    loaded: bool,
}

/// Builds the module and says what it is made of; `--json` prints that as one object.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let as_json = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--json"] => true,
        _ => return Err("expected `cargo xtask browser [--json]`".to_owned()),
    };
    build(as_json)?;
    let wasm = fs::read(BUILT).map_err(|error| format!("{BUILT}: {error}"))?;
    let module = Module::read(&wasm).ok_or_else(|| format!("{BUILT}: expected a WebAssembly module"))?;
    let files = write(&module)?;
    let total: usize = files.iter().filter(|file| file.loaded).map(|file| file.gzipped).sum();
    step::say(&if as_json { json(&files, &module, total) } else { text(&files, &module, total) });
    if total <= BUDGET {
        Ok(())
    } else {
        Err(format!("the module is {total} bytes compressed, expected at most {BUDGET}"))
    }
}

/// Compiles with rustup's target where it is installed, else with Debian's compiler and its source of the standard library.
fn build(quiet: bool) -> Result<(), String> {
    let common = ["build", "--target", TARGET, "--package", "nostore-browser", "--profile", "browser"];
    let rustup = step::output("rustup", &["target", "list", "--installed"]);
    let mut command = if rustup.is_ok_and(|targets| targets.lines().any(|line| line == TARGET)) {
        Command::new("cargo")
    } else {
        let mut command = Command::new("/usr/bin/cargo");
        command
            .arg("-Zbuild-std=std,panic_abort")
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", "/usr/bin/rustc")
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "/usr/bin/wasm-ld")
            // What runs this chore tells cargo about another compiler.
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO");
        command
    };
    command.args(common).args(["--quiet", "--target-dir", "target/wasm"]);
    if !quiet {
        return step::run("the module of a page", &mut command);
    }
    let status = command.stdout(Stdio::null()).status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the module of a page failed ({status})")) }
}

/// Puts what is served into its folder.
fn write(module: &Module) -> Result<Vec<File>, String> {
    let folder = Path::new(FOLDER);
    fs::create_dir_all(folder).map_err(|error| format!("{FOLDER}: {error}"))?;
    let script = |name: &str| {
        let path = Path::new(SCRIPTS).join(name);
        fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let contents = [
        ("nostore.js", script("nostore.js")?, true),
        ("nostore.d.ts", script("nostore.d.ts")?, false),
        ("nostore.wasm", module.stripped.clone(), true),
    ];
    let mut files = Vec::new();
    for (name, bytes, loaded) in contents {
        let path = folder.join(name);
        // Whoever serves it meanwhile sees the old file or the new one.
        let partial = folder.join(format!(".{name}.{}", std::process::id()));
        fs::write(&partial, &bytes)
            .and_then(|()| fs::rename(&partial, &path))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        files.push(File { name, raw: bytes.len(), gzipped: gzipped(&path)?, loaded });
    }
    Ok(files)
}

fn gzipped(path: &PathBuf) -> Result<usize, String> {
    let output = Command::new("gzip").args(["-9", "-n", "-c"]).arg(path).output();
    let output = output.map_err(|error| format!("`gzip` did not start: {error}"))?;
    if output.status.success() { Ok(output.stdout.len()) } else { Err("`gzip` failed".to_owned()) }
}

fn text(files: &[File], module: &Module, total: usize) -> String {
    let mut lines = vec![format!("{:24}{:>10}{:>10}", "file", "bytes", "gzipped")];
    lines.extend(files.iter().map(|file| format!("{:24}{:>10}{:>10}", file.name, file.raw, file.gzipped)));
    let share = total * 100 / BUDGET;
    lines.push(format!("loaded by a visitor: {total} of {BUDGET} bytes gzipped ({share} %)"));
    let list = |pairs: &[(String, usize)]| {
        pairs.iter().map(|(name, bytes)| format!("{name} {bytes}")).collect::<Vec<_>>().join(", ")
    };
    lines.push(format!("sections: {}", list(&module.sections)));
    lines.push(format!("code by crate: {}", list(&module.by_crate())));
    lines.join("\n")
}

fn json(files: &[File], module: &Module, total: usize) -> String {
    let object = |pairs: &[(String, usize)]| {
        let members = pairs.iter().map(|(name, bytes)| format!("\"{name}\":{bytes}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    let files = files.iter().map(|file| {
        format!(
            "{{\"name\":\"{}\",\"bytes\":{},\"gzipped\":{},\"loaded\":{}}}",
            file.name, file.raw, file.gzipped, file.loaded
        )
    });
    format!(
        "{{\"files\":[{}],\"gzipped\":{total},\"budget\":{BUDGET},\"sections\":{},\"code\":{}}}",
        files.collect::<Vec<_>>().join(","),
        object(&module.sections),
        object(&module.by_crate())
    )
}

impl Module {
    /// Reads a module (WebAssembly Core Specification, section 5.5).
    fn read(wasm: &[u8]) -> Option<Self> {
        let mut module = Self::default();
        let (head, mut rest) = wasm.split_at_checked(8)?;
        module.stripped.extend(head.strip_prefix(b"\0asm").map(|_| head)?);
        let (mut sizes, mut names, mut imported) = (Vec::new(), BTreeMap::new(), 0);
        while let Some((id, after)) = rest.split_first() {
            let (length, body) = number(after)?;
            let (body, next) = body.split_at_checked(length)?;
            let name = section_name(*id, body)?;
            match &*name {
                "import" => imported = number(body)?.0,
                "code" => sizes = code_sizes(body)?,
                "name" => names = function_names(body)?,
                _ => {}
            }
            if *id != 0 {
                module.stripped.extend(&rest[..rest.len() - next.len()]);
                module.sections.push((name, body.len()));
            }
            rest = next;
        }
        for (at, size) in sizes.into_iter().enumerate() {
            let name = names.get(&(at + imported)).map_or("?", |name| crate_of(name));
            *module.crates.entry(name.to_owned()).or_default() += size;
        }
        Some(module)
    }

    /// Lists the crates with the most code, and the others as one.
    fn by_crate(&self) -> Vec<(String, usize)> {
        let mut crates: Vec<_> = self.crates.iter().map(|(name, bytes)| (name.clone(), *bytes)).collect();
        crates.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let rest: usize = crates.iter().skip(SHOWN).map(|(_, bytes)| bytes).sum();
        crates.truncate(SHOWN);
        crates.push(("others".to_owned(), rest));
        crates
    }
}

fn section_name(id: u8, body: &[u8]) -> Option<String> {
    const KNOWN: [&str; 13] = [
        "custom",
        "type",
        "import",
        "function",
        "table",
        "memory",
        "global",
        "export",
        "start",
        "element",
        "code",
        "data",
        "data count",
    ];
    if id == 0 {
        return text_of(body).map(|(name, _)| name.to_owned());
    }
    Some(KNOWN.get(usize::from(id)).copied().unwrap_or("unknown").to_owned())
}

fn code_sizes(body: &[u8]) -> Option<Vec<usize>> {
    let (count, mut rest) = number(body)?;
    let mut sizes = Vec::new();
    for _ in 0..count {
        let (size, code) = number(rest)?;
        sizes.push(size);
        rest = code.get(size..)?;
    }
    Some(sizes)
}

/// Reads the function names of the section `name`.
fn function_names(body: &[u8]) -> Option<BTreeMap<usize, String>> {
    let (_, mut rest) = text_of(body)?;
    let mut names = BTreeMap::new();
    while let Some((kind, after)) = rest.split_first() {
        let (length, part) = number(after)?;
        let (part, next) = part.split_at_checked(length)?;
        rest = next;
        if *kind != 1 {
            continue;
        }
        let (count, mut part) = number(part)?;
        for _ in 0..count {
            let (index, after) = number(part)?;
            let (name, after) = text_of(after)?;
            names.insert(index, name.to_owned());
            part = after;
        }
    }
    Some(names)
}

fn text_of(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = number(bytes)?;
    let (text, rest) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

/// Reads an unsigned LEB128 number.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

/// Finds the crate in a mangled name: the first one that is named. What is generic counts where it was written.
fn crate_of(name: &str) -> &str {
    let named = |rest: &str| -> Option<usize> {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest.get(..digits)?.parse().ok()
    };
    // `C` and a disambiguator `s…_` stand before a crate's name.
    let v0 = name.match_indices("Cs").find_map(|(at, _)| {
        let rest = &name[at + 2..];
        let (mark, rest) = rest.split_once('_')?;
        let plain = mark.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let length = named(rest).filter(|_| plain)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest[digits..].strip_prefix('_').unwrap_or(&rest[digits..]).get(..length)
    });
    let legacy = || {
        let rest = name.strip_prefix("_ZN")?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let first = rest.get(digits..)?.get(..named(rest)?)?;
        let inner = first.trim_start_matches("_$LT$").trim_start_matches("$RF$");
        inner.split(['.', '$']).find(|part| !part.is_empty())
    };
    let fallback = if name.starts_with("nostore_") { "nostore_browser" } else { "others" };
    v0.or_else(legacy).unwrap_or(fallback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_read_from_both_kinds_of_names() {
        let rows = [
            ("_RNvMs0_NtCs6yLkIHIZTuA_15nostore_browser6keeperNtB5_6Keeper4step", "nostore_browser"),
            ("_RNvNtCs4och3yIoH3z_4sha18compress8compress", "sha1"),
            ("_ZN10serde_json2de10from_trait17h0123456789abcdefE", "serde_json"),
            ("_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt17h0E", "alloc"),
            ("nostore_step", "nostore_browser"),
            ("memcmp", "others"),
        ];
        for (name, expected) in rows {
            assert_eq!(crate_of(name), expected, "{name}");
        }
    }

    #[test]
    fn a_module_is_read_and_what_is_for_debuggers_is_taken_out() {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        wasm.extend([10, 4, 1, 2, 0, 0x0b]);
        let kept = wasm.clone();
        let name = "_RNvCsa_4core1f";
        let functions: Vec<u8> = [&[1, 0, 15][..], name.as_bytes()].concat();
        let names: Vec<u8> = [b"\x04name\x01".as_slice(), &[18], &functions].concat();
        wasm.extend([0, u8::try_from(names.len()).unwrap()]);
        wasm.extend(&names);
        let module = Module::read(&wasm).unwrap();
        assert_eq!(module.stripped, kept);
        assert_eq!(module.sections, [("code".to_owned(), 4)]);
        assert_eq!(module.crates, BTreeMap::from([("core".to_owned(), 2)]));
        assert!(Module::read(b"\0elf\x01\0\0\0").is_none());
    }
}
