//! Measures what a sealed session costs: opened from a request's cookies, sealed, and its parts alone.
//!
//! `--rounds N` sets the number of rounds; `--only TEXT --times N` does what has that text in its name so many times and
//! prints nothing: for whoever counts instructions.

use std::process::ExitCode;

use nostore_bench::allocations::count;
use nostore_bench::measure::{Contender, Measured, measure};
use nostore_bench::program::{finish, say};
use nostore_bench::world::Broken;
use nostore_jose::{Encryption, EncryptionKey, Jwe, ProtectedHeader, decrypt, encrypt};
use nostore_message::{Cookies, Scheme, Secret, UnixTime};
use nostore_session::{SealNonce, SealedClaims, SealedCookie, SealedFormat, SealedSessions, SealingSecrets};
use serde_json::{Map, Value, json};

const SECRET: &str = "a secret for measurements, of more than 32 octets";
/// What a session's claims are long, about, in bytes.
const CLAIMS_BYTES: usize = 800;
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const AUTHJS: &str = "open, Auth.js 5";
const OURS: &str = "open, our format";

/// A site with its sessions, and the cookies of a request to it.
struct Site {
    sessions: SealedSessions,
    line: String,
}

fn main() -> ExitCode {
    finish(run)
}

fn run() -> Result<(), Broken> {
    let (rounds, only) = options()?;
    let authjs = Site::new(SealedFormat::AuthJsV5, CLAIMS_BYTES)?;
    let ours = Site::new(SealedFormat::Nostore, CLAIMS_BYTES)?;
    let large = Site::new(SealedFormat::AuthJsV5, 6_000)?;
    let key = EncryptionKey::derive(Encryption::A256CbcHs512, SECRET.as_bytes(), b"", b"")?;
    let header = ProtectedHeader::new(Encryption::A256CbcHs512, &[("kid", key.thumbprint())]);
    let text = Value::Object(claims(CLAIMS_BYTES)).to_string();
    let token = encrypt(&header, &key, &[7; 16], text.as_bytes())?;
    let sealing = SealedClaims::new(claims(CLAIMS_BYTES));
    let mut contenders = vec![
        Contender::new("the claims alone, as JSON", || {
            serde_json::from_str::<Map<String, Value>>(&text).is_ok()
        }),
        Contender::new("nostore-jose: A256CBC-HS512, parse and decrypt", || {
            Jwe::parse_under(&token, &header)
                .is_some_and(|jwe| jwe.is_ok_and(|jwe| decrypt(&jwe, &key).is_ok()))
        }),
        Contender::new(AUTHJS, || authjs.opens()),
        Contender::new(OURS, || ours.opens()),
        Contender::new("open, Auth.js 5, 6000 bytes in chunks", || large.opens()),
        Contender::new("seal, Auth.js 5", || authjs.seals(&sealing)),
        Contender::new("seal, our format", || ours.seals(&sealing)),
        Contender::new("derive all keys of one secret, Auth.js 5", || {
            sessions(SealedFormat::AuthJsV5).is_ok()
        }),
    ];
    if let Some((only, times)) = only {
        let one = contenders.iter_mut().find(|one| one.name.contains(only.as_str()));
        let one = one.ok_or_else(|| format!("expected a part of a name behind --only, found {only}"))?;
        return (one.turn)(times).map(drop).ok_or_else(|| "expected a whole turn".into());
    }
    print(&measure(&mut contenders, rounds));
    for (name, site) in [(AUTHJS, &authjs), (OURS, &ours)] {
        let (opened, counted) = count(|| site.opens());
        if !opened {
            return Err(format!("expected a session of {name}").into());
        }
        say(&format!(
            "{name}: {} allocations, {} bytes; cookies: {} bytes",
            counted.calls,
            counted.bytes,
            site.line.len()
        ));
    }
    say(&format!("claims: {} bytes", text.len()));
    Ok(())
}

impl Site {
    fn new(format: SealedFormat, bytes: usize) -> Result<Self, Broken> {
        let sessions = sessions(format)?;
        let set = sessions.seal(
            &SealedClaims::new(claims(bytes)),
            &Cookies::default(),
            NOW,
            SealNonce::new([7; 32]),
        )?;
        let mut line = "theme=dark; _ga=GA1.1.1234567890.1700000000; consent=yes".to_owned();
        for cookie in set.cookies() {
            line += &format!("; {}={}", cookie.name, cookie.value);
        }
        Ok(Self { sessions, line })
    }

    fn opens(&self) -> bool {
        self.sessions.open(&Cookies::parse([self.line.as_str()]), NOW).is_ok()
    }

    fn seals(&self, claims: &SealedClaims) -> bool {
        self.sessions.seal(claims, &Cookies::default(), NOW, SealNonce::new([7; 32])).is_ok()
    }
}

fn sessions(format: SealedFormat) -> Result<SealedSessions, Broken> {
    let secrets = SealingSecrets::new([Secret::new(SECRET)])?;
    Ok(SealedSessions::new(format, SealedCookie::new(format, Scheme::Https), &secrets)?)
}

/// What Auth.js keeps, and as much of a site's own as is missing.
fn claims(bytes: usize) -> Map<String, Value> {
    let mut claims = Map::new();
    let usual = [
        ("name", json!("Ada Lovelace")),
        ("email", json!("ada@example.com")),
        ("picture", json!("https://images.example.com/avatars/2gK0zP1sXw9vQm3nTq5rYb7cDfH.png")),
        ("sub", json!("2gK0zP1sXw9vQm3nTq5rYb7cDfH")),
        ("roles", json!(["editor", "reviewer"])),
    ];
    claims.extend(usual.map(|(name, value)| (name.to_owned(), value)));
    let added = 200;
    let missing = bytes.saturating_sub(Value::Object(claims.clone()).to_string().len() + added);
    claims.insert("app".to_owned(), json!("x".repeat(missing)));
    claims
}

fn print(measured: &[Measured]) {
    say(&format!("{:48} {:>10} {:>10}", "", "median", "best"));
    for one in measured {
        say(&format!("{:48} {:7.2} us {:7.2} us", one.name, one.median() / 1_000.0, one.best() / 1_000.0));
    }
}

fn options() -> Result<(usize, Option<(String, u64)>), Broken> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Ok((201, None)),
        ["--rounds", rounds] => Ok((rounds.parse()?, None)),
        ["--only", only, "--times", times] => Ok((0, Some(((*only).to_owned(), times.parse()?)))),
        _ => Err("expected --rounds N, --only TEXT --times N, or nothing".into()),
    }
}
