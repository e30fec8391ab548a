//! What a line says, as the finder takes it: numbers for who, whose and where; hashed with a key that nobody knows.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use memchr::memchr;

use crate::agent::{Kind, Kinds};
use crate::hash::Fold;
use crate::near::{has, near_end, near2};
use crate::record::Record;

/// Programs' own words are remembered with their kinds, in so many places with seats for [`SEATS`].
const PLACES: usize = 1_024;
/// Two programs seldom fall together; with one seat they would drive each other out with every line.
const SEATS: usize = 4;

/// What a client does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Act {
    /// It sends a session's cookie along with what needs none: a file, a page that the cache has.
    Held,
    /// Something without a session, or refused.
    Other,
    /// The provider's tokens are renewed.
    Refresh,
    /// A session begins.
    SignIn,
    /// A session ends.
    SignOut,
    /// A session is used.
    Use,
}

/// One line, for the finder.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Seconds since 1970.
    pub at: i64,
    /// What is done.
    pub act: Act,
    /// The session; at a sign-in whose answer is not logged, nothing.
    pub session: Option<u64>,
    /// The kind of program.
    pub kind: Kind,
    /// The network of its address.
    pub network: u32,
    /// The client, as exactly as the log tells: its address and what it says of itself.
    pub who: u64,
    /// The path, without a query.
    pub path: &'a [u8],
    /// The page before, as the log has it.
    pub referer: &'a [u8],
    /// Whether a cache in front has answered.
    pub hit: bool,
    /// Where the line is, as the caller counts.
    pub place: u64,
}

/// Turns records into entries.
#[derive(Debug)]
pub struct Reader {
    key: RandomState,
    fast: Fold,
    kinds: Kinds,
    agents: Vec<[(u64, Kind); SEATS]>,
    cookie: Option<Vec<u8>>,
    sign_in: Vec<Vec<u8>>,
    sign_out: Vec<Vec<u8>>,
}

impl Reader {
    /// Makes a reader with a new random key. `cookie` names the session's cookie; without it, its name tells.
    #[must_use]
    pub fn new(cookie: Option<&str>) -> Self {
        Self {
            key: RandomState::new(),
            fast: Fold::default(),
            kinds: Kinds::default(),
            agents: vec![[(0, Kind(0)); SEATS]; PLACES],
            cookie: cookie.map(|name| name.as_bytes().to_vec()),
            sign_in: Vec::new(),
            sign_out: Vec::new(),
        }
    }

    /// Names a path on which sessions begin, besides those that custom tells.
    pub fn sign_in_path(&mut self, path: &str) {
        self.sign_in.push(path.as_bytes().to_vec());
    }

    /// Names a path on which sessions end, besides those that custom tells.
    pub fn sign_out_path(&mut self, path: &str) {
        self.sign_out.push(path.as_bytes().to_vec());
    }

    /// Returns the kinds of programs that were seen.
    #[must_use]
    pub const fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    /// Reads a record.
    pub fn entry<'a>(&mut self, record: &Record<'a>, place: u64) -> Entry<'a> {
        let mut session = record.session;
        if session.is_empty() && !record.cookies.is_empty() {
            session = self.in_cookies(record.cookies);
        }
        let path = without_query(record.path);
        let act = self.act(record, path, !session.is_empty());
        if act == Act::SignIn && !record.given.is_empty() {
            session = record.given;
        }
        let has_answer = !record.event.is_empty() || !record.given.is_empty();
        let begins = act == Act::SignIn && !has_answer;
        let session = if session.is_empty() || begins { None } else { Some(self.session(session)) };
        let (kind, agent) = self.kind(record);
        let address = self.fast.hash(record.address);
        let network = self.fast.hash(network(record.address));
        Entry {
            at: record.time,
            act,
            session,
            kind,
            network: (network >> 32) as u32,
            who: agent.rotate_left(17) ^ address,
            path,
            referer: record.referer,
            hit: record.hit,
            place,
        }
    }

    /// Returns what stands for a session, in this run alone.
    #[must_use]
    pub fn session(&self, id: &[u8]) -> u64 {
        let mut hasher = self.key.build_hasher();
        hasher.write(id);
        hasher.finish()
    }

    fn kind(&mut self, record: &Record<'_>) -> (Kind, u64) {
        let (words, is_class) =
            if record.class.is_empty() { (record.agent, false) } else { (record.class, true) };
        let hash = self.fast.hash(words);
        let seats = &mut self.agents[hash as usize % PLACES];
        if let Some((_, kind)) = seats.iter().find(|(own, _)| *own == hash) {
            return (*kind, hash);
        }
        let kind = if is_class { self.kinds.named(words) } else { self.kinds.of_agent(words) };
        seats.rotate_right(1);
        seats[0] = (hash, kind);
        (kind, hash)
    }

    fn act(&self, record: &Record<'_>, path: &[u8], has_session: bool) -> Act {
        if !record.event.is_empty() {
            return named(record.event);
        }
        let moved = matches!(record.status, 300..=303 | 305..=399);
        let accepted = matches!(record.status, 0 | 200..=299 | 304);
        let is_post = record.method == b"POST" || record.method == b"DELETE";
        if (moved || (is_post && accepted)) && !record.hit {
            let (ends, begins) = ends_or_begins(path, is_post);
            if ends || self.sign_out.iter().any(|own| own == path) {
                return if has_session { Act::SignOut } else { Act::Other };
            }
            if begins || self.sign_in.iter().any(|own| own == path) {
                return Act::SignIn;
            }
        }
        match (has_session, accepted) {
            (true, true) if record.hit || is_file(path) => Act::Held,
            (true, true) => Act::Use,
            _ => Act::Other,
        }
    }

    /// Finds the session's cookie in a cookie line; the first one with a name of sessions is it from then on.
    fn in_cookies<'a>(&mut self, cookies: &'a [u8]) -> &'a [u8] {
        for pair in cookies.split(|byte| *byte == b';') {
            let pair = pair.strip_prefix(b"%20").unwrap_or(pair).trim_ascii();
            let Some(equals) = memchr(b'=', pair) else { continue };
            let (name, value) = (&pair[..equals], &pair[equals + 1..]);
            match &self.cookie {
                Some(own) if own == name => return value,
                None if !value.is_empty() && is_session_name(name) => {
                    self.cookie = Some(name.to_vec());
                    return value;
                }
                _ => {}
            }
        }
        &[]
    }
}

fn is_session_name(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(nostore_cache::looks_like_session)
}

/// What a log that names its events means by a name.
fn named(event: &[u8]) -> Act {
    match event {
        b"sign-in" | b"signIn" | b"signin" | b"sign_in" | b"login" | b"LOGIN" => Act::SignIn,
        b"use" | b"session" | b"request" => Act::Use,
        b"sign-out" | b"signOut" | b"signout" | b"sign_out" | b"logout" | b"LOGOUT" => Act::SignOut,
        b"refresh" | b"REFRESH_TOKEN" => Act::Refresh,
        _ => Act::Other,
    }
}

/// The network of an address: three octets of IPv4, 48 bits of IPv6; what is no address stands for a network already.
fn network(address: &[u8]) -> &[u8] {
    if let Some(dot) = near_end(b'.', address) {
        return &address[..dot];
    }
    match memchr::memchr_iter(b':', address).nth(2) {
        Some(colon) => &address[..colon],
        None => address,
    }
}

fn without_query(path: &[u8]) -> &[u8] {
    &path[..near2(b'?', b'#', path).unwrap_or(path.len())]
}

/// The path of a URL; a path is one already.
pub(crate) fn path_of(url: &[u8]) -> &[u8] {
    let path = match memchr::memmem::find(url, b"://") {
        Some(at) => {
            let rest = &url[at + 3..];
            memchr(b'/', rest).map_or(&b"/"[..], |slash| &rest[slash..])
        }
        None => url,
    };
    without_query(path)
}

/// Tells by the segments of a path whether a session ends there, and whether one begins.
fn ends_or_begins(path: &[u8], is_post: bool) -> (bool, bool) {
    let (mut ends, mut begins) = (false, false);
    for segment in path.split(|byte| *byte == b'/') {
        let is = |words: &[&str]| words.iter().any(|word| segment.eq_ignore_ascii_case(word.as_bytes()));
        // Most segments are none for their length alone.
        match segment.len() {
            3 => begins |= is(&["acs"]),
            5 => begins |= is_post && is(&["login"]),
            6 => {
                ends |= is(&["logout"]);
                begins |= is_post && is(&["signin", "log-in"]);
            }
            7 => {
                ends |= is(&["signout", "log-out"]);
                begins |= is_post && is(&["sign-in"]);
            }
            8 => {
                ends |= is(&["sign-out"]);
                begins |= is(&["callback"]);
            }
            11 => begins |= is(&["signin-oidc"]),
            _ => {}
        }
    }
    (ends, begins)
}

/// Tells whether a path names a file that comes with pages.
fn is_file(path: &[u8]) -> bool {
    let tail = &path[path.len().saturating_sub(12)..];
    if let (Some(first), Some(last)) = (tail.first_chunk(), tail.last_chunk()) {
        if !has(b'.', *first) && !has(b'.', *last) {
            return false;
        }
    }
    let Some(dot) = memchr::memrchr(b'.', tail) else { return false };
    matches!(
        &tail[dot + 1..],
        b"css"
            | b"js"
            | b"mjs"
            | b"map"
            | b"png"
            | b"jpg"
            | b"jpeg"
            | b"gif"
            | b"svg"
            | b"ico"
            | b"webp"
            | b"avif"
            | b"woff"
            | b"woff2"
            | b"ttf"
            | b"mp4"
            | b"webm"
            | b"webmanifest"
            | b"txt"
            | b"xml"
    )
}
