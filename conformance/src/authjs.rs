//! Auth.js beside our sealed sessions: a browser whose cookies both read and write.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nostore_message::{Cookies, Scheme, Secret, UnixTime};
use nostore_session::{
    Opened, Refused, SealNonce, SealedClaims, SealedCookie, SealedFormat, SealedSessions, SealingSecrets,
    SetCookies,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::random::Random;

/// The secrets of these tests; Auth.js takes short ones.
pub const SECRETS: [&str; 4] = [
    "nostore-test-secret-0123456789abcdef",
    "a-newer-secret-with-an-ümlaut-and-more-than-32-octets",
    "short",
    "SAnUhmhCH2XhzxEuBvN7G0HE2DIrqWnbZr0gL5UHmjs=",
];

/// How long Auth.js lets a session live here, in seconds.
pub const MAX_AGE: i64 = 3_600;

/// What a browser keeps: name and value, in the order in which they are sent.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Jar(pub Vec<(String, String)>);

impl Jar {
    /// Keeps a cookie.
    pub fn keep(&mut self, name: &str, value: &str) {
        self.drop(name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// Drops a cookie.
    pub fn drop(&mut self, name: &str) {
        self.0.retain(|(kept, _)| kept != name);
    }

    /// Does what the lines of a response say.
    pub fn apply(&mut self, lines: &SetCookies) {
        for cookie in lines.cookies() {
            if cookie.value.is_empty() {
                self.drop(&cookie.name);
            } else {
                self.keep(&cookie.name, &cookie.value);
            }
        }
    }

    /// Returns the `Cookie` line.
    #[must_use]
    pub fn line(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Has our side find the session.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn open(&self, sessions: &SealedSessions, now: UnixTime) -> Result<Opened, Refused> {
        sessions.open(&Cookies::parse([self.line().as_str()]), now)
    }

    /// Has our side set a session.
    ///
    /// # Errors
    ///
    /// When it cannot be sealed.
    pub fn seal(
        &mut self,
        sessions: &SealedSessions,
        claims: &SealedClaims,
        now: UnixTime,
        random: &mut Random,
    ) -> Result<(), String> {
        let mut octets = [0; 32];
        for eight in octets.chunks_mut(8) {
            eight.copy_from_slice(&random.draw().to_be_bytes());
        }
        let line = self.line();
        let lines = sessions.seal(claims, &Cookies::parse([line.as_str()]), now, SealNonce::new(octets));
        self.apply(&lines.map_err(|error| error.to_string())?);
        Ok(())
    }
}

/// Returns the name of the session's cookie in that version, on https.
#[must_use]
pub const fn cookie_name(version: u8) -> &'static str {
    if version == 4 { "__Secure-next-auth.session-token" } else { "__Secure-authjs.session-token" }
}

/// Makes our side: it seals as Auth.js 5 does, and opens what version 4 left.
///
/// # Errors
///
/// When a secret is none.
pub fn site(secrets: &[&str]) -> Result<SealedSessions, String> {
    let list = SealingSecrets::danger_of_any_length(secrets.iter().map(|text| Secret::new(*text)));
    let list = list.map_err(|error| error.to_string())?;
    let cookie = |format| SealedCookie::new(format, Scheme::Https);
    let (new, old) = (SealedFormat::AuthJsV5, SealedFormat::AuthJsV4);
    let sessions = SealedSessions::new(new, cookie(new), &list)
        .and_then(|site| site.also_opens(old, cookie(old), &list));
    sessions.map_err(|error| error.to_string())
}

/// Auth.js, in a process of its own.
pub struct Authjs {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Authjs {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When Node or the packages are missing.
    pub fn start() -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("authjs");
        if !folder.join("node_modules/@auth/core/package.json").exists() {
            return Err(format!("expected Auth.js to be installed: run `npm ci` in {}", folder.display()));
        }
        let mut command = Command::new("node");
        command.arg("worker.mjs").current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        // Both versions read settings from there.
        for variable in
            ["AUTH_SECRET", "AUTH_URL", "NEXTAUTH_SECRET", "NEXTAUTH_URL", "VERCEL", "NODE_OPTIONS"]
        {
            command.env_remove(variable);
        }
        let mut child = command.spawn().map_err(|error| format!("Auth.js did not start: {error}"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = BufReader::new(output.ok_or("Auth.js has no output")?);
        Ok(Self { child, input, output })
    }

    /// Sets a session in a browser.
    ///
    /// # Errors
    ///
    /// When Auth.js does not.
    pub fn seal(
        &mut self,
        version: u8,
        secrets: &[&str],
        claims: &Map<String, Value>,
        jar: &mut Jar,
    ) -> Result<(), String> {
        let name = cookie_name(version);
        let answer = self.ask(&json!({
            "op": "seal", "version": version, "secrets": secrets, "name": name, "claims": claims,
            "maxAge": MAX_AGE, "cookies": jar.0,
        }))?;
        let dropped: Vec<String> = read(&answer, "dropped")?;
        let set: Vec<(String, String)> = read(&answer, "set")?;
        for name in &dropped {
            jar.drop(name);
        }
        for (name, value) in &set {
            jar.keep(name, value);
        }
        Ok(())
    }

    /// Reads the session of a browser; `None`: there is none.
    ///
    /// # Errors
    ///
    /// When Auth.js does not answer.
    pub fn open(
        &mut self,
        version: u8,
        secrets: &[&str],
        jar: &Jar,
    ) -> Result<Option<Map<String, Value>>, String> {
        let name = cookie_name(version);
        let answer = self.ask(&json!({
            "op": "open", "version": version, "secrets": secrets, "name": name, "cookies": jar.0,
        }))?;
        read(&answer, "claims")
    }

    fn ask(&mut self, request: &Value) -> Result<Value, String> {
        let said = |error: std::io::Error| format!("Auth.js: {error}");
        let input = self.input.as_mut().ok_or("Auth.js has no input")?;
        writeln!(input, "{request}").and_then(|()| input.flush()).map_err(said)?;
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(said)?;
        let answer: Value =
            serde_json::from_str(&line).map_err(|error| format!("Auth.js: {error} in {line:?}"))?;
        match answer.get("error") {
            Some(error) => Err(format!("Auth.js: {error}")),
            None => Ok(answer),
        }
    }
}

impl Drop for Authjs {
    fn drop(&mut self) {
        // Without input it ends by itself.
        self.input = None;
        let _ = self.child.wait();
    }
}

fn read<T: serde::de::DeserializeOwned>(answer: &Value, name: &str) -> Result<T, String> {
    let value = answer.get(name).cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|error| format!("{name}: {error} in {answer}"))
}

/// Random claims: what Auth.js keeps, and anything else. One in four does not fit into one cookie.
#[must_use]
pub fn claims(random: &mut Random) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), text(random, 12).into());
    for name in ["name", "email", "picture", "roles", "größe", "__proto", ""] {
        if random.percent(50) {
            claims.insert(name.to_owned(), value(random, 3));
        }
    }
    if random.percent(25) {
        let letters = 2_000 + random.below(2_500);
        claims.insert("large".to_owned(), text(random, letters).into());
    }
    claims
}

fn value(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => random.percent(50).into(),
        // What both languages hold exactly.
        2 => (random.below(1 << 53) as i64 - (1 << 52)).into(),
        3 => {
            json!(random.below(1_000) as i64 - 500).as_f64().map_or(Value::Null, |number| json!(number + 0.5))
        }
        4 => text(random, 20).into(),
        5 => (0..random.below(4)).map(|_| value(random, depth - 1)).collect(),
        _ => {
            let members = (0..random.below(4)).map(|_| (text(random, 6), value(random, depth - 1)));
            Value::Object(members.collect())
        }
    }
}

fn text(random: &mut Random, most: usize) -> String {
    const LETTERS: [char; 16] =
        ['a', 'Z', '0', ' ', '"', '\\', '/', '\n', '\u{0}', '\u{7f}', 'ä', 'ß', '€', '\u{2028}', '🦀', '.'];
    (0..random.below(most + 1)).map(|_| *random.pick(&LETTERS)).collect()
}

/// A recorded session that Auth.js set.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Recorded {
    /// The version of Auth.js: 4 or 5.
    pub version: u8,
    /// Its secrets.
    pub secrets: Vec<String>,
    /// What the browser kept.
    pub jar: Jar,
    /// What is in it.
    pub claims: Map<String, Value>,
}

/// Has Auth.js set sessions, to be kept.
///
/// # Errors
///
/// When it does not.
pub fn record(seed: u64, cases: usize) -> Result<Vec<Recorded>, String> {
    let (mut authjs, mut random) = (Authjs::start()?, Random::new(seed));
    let mut recorded = Vec::new();
    for case in 0..cases {
        let version = if case % 3 == 0 { 4 } else { 5 };
        let secrets = secrets(&mut random);
        let mut jar = Jar::default();
        authjs.seal(version, &secrets, &claims(&mut random), &mut jar)?;
        let claims =
            authjs.open(version, &secrets, &jar)?.ok_or("expected Auth.js to read its own session")?;
        let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        recorded.push(Recorded { version, secrets, jar, claims });
    }
    Ok(recorded)
}

/// One to three different secrets.
pub fn secrets(random: &mut Random) -> Vec<&'static str> {
    let mut all = SECRETS.to_vec();
    (0..=random.below(3)).map(|_| all.swap_remove(random.below(all.len()))).collect()
}
