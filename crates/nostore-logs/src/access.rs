//! Common and Combined, with the host in front or fields behind.

use memchr::{memchr, memchr_iter};

use crate::record::{Broken, Fields, Record, Role, status};
use crate::time;

/// How long a session's id is at least, and at most.
const ID: std::ops::RangeInclusive<usize> = 16..=4_096;

/// Reads lines of Common and Combined.
#[derive(Debug, Default)]
pub(crate) struct Access {
    place: Place,
}

/// Where the session stands.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
enum Place {
    /// In the extra field of this number; the first is 1.
    Extra(usize),
    /// The extra field of this number is the whole cookie line.
    Cookies(usize),
    /// In an extra field of its own name, `sid=…`, or in a cookie line there.
    Named(Vec<u8>),
    /// The first extra field that looks like it will tell.
    #[default]
    Unknown,
    /// It is the user's name.
    User,
}

impl Access {
    pub(crate) fn new(fields: &Fields) -> Self {
        let place = match fields.of(Role::Session) {
            None => Place::Unknown,
            Some("user") => Place::User,
            Some(name) => name.parse().map_or_else(|_| Place::Named(name.into()), Place::Extra),
        };
        Self { place }
    }

    pub(crate) fn parse<'a>(&mut self, line: &'a [u8]) -> Result<Record<'a>, Broken> {
        let mut record = Record::default();
        let open = memchr(b'[', line).ok_or(Broken::Fields)?;
        let close = open + memchr(b']', &line[open..]).ok_or(Broken::Fields)?;
        record.time = time::clf(&line[open + 1..close]).ok_or(Broken::Time)?;
        let (address, user) = head(&line[..open]).ok_or(Broken::Fields)?;
        record.address = address;
        if self.place == Place::User && user != b"-" {
            record.session = user;
        }
        let (request, rest) = quoted(line[close + 1..].trim_ascii_start()).ok_or(Broken::Fields)?;
        record.request(request);
        let (code, rest) = bare(rest.trim_ascii_start());
        record.status = status(code);
        let (_, rest) = bare(rest.trim_ascii_start());
        let rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Ok(record);
        }
        let (referer, rest) = quoted(rest).ok_or(Broken::Fields)?;
        let (agent, rest) = quoted(rest.trim_ascii_start()).ok_or(Broken::Fields)?;
        record.take(Role::Referer, referer);
        record.take(Role::Agent, agent);
        self.extras(&mut record, rest)?;
        Ok(record)
    }

    /// What stands behind the fields that all have.
    fn extras<'a>(&mut self, record: &mut Record<'a>, mut rest: &'a [u8]) -> Result<(), Broken> {
        for number in 1.. {
            rest = rest.trim_ascii_start();
            let (value, after) = match rest.first() {
                None => break,
                Some(b'"') => quoted(rest).ok_or(Broken::Fields)?,
                Some(_) => bare(rest),
            };
            rest = after;
            if value.is_empty() || value == b"-" {
                continue;
            }
            if self.place == Place::Unknown {
                self.place = learned(number, value);
            }
            match &self.place {
                Place::Extra(own) if *own == number => record.session = value,
                Place::Cookies(own) if *own == number => record.cookies = value,
                Place::Named(name) => match value.strip_prefix(&name[..]) {
                    Some([b'=', id @ ..]) if memchr(b';', id).is_none() => record.session = id,
                    _ if memchr::memmem::find(value, name).is_some() => record.cookies = value,
                    _ => {}
                },
                _ => {}
            }
        }
        Ok(())
    }
}

/// Address and user of what stands before the time.
fn head(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = split(text)?;
    let (second, rest) = split(rest)?;
    let (third, rest) = split(rest)?;
    // A host in front; nobody's identity has a dot or a colon.
    match split(rest) {
        Some((fourth, _)) if second.iter().any(|byte| matches!(byte, b'.' | b':')) => Some((second, fourth)),
        _ => Some((first, third)),
    }
}

fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr(b' ', text)?;
    Some((&text[..space], &text[space + 1..]))
}

/// What stands in quotation marks, escapes as they are, and what follows.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"\"")?;
    let end = memchr_iter(b'"', inner).find(|end| {
        let escapes = inner[..*end].iter().rev().take_while(|byte| **byte == b'\\').count();
        escapes % 2 == 0
    })?;
    Some((&inner[..end], &inner[end + 1..]))
}

fn bare(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(memchr(b' ', text).unwrap_or(text.len()))
}

/// Tells whether a field is an address, with a port or without.
fn is_address(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    text.parse::<std::net::IpAddr>().is_ok() || text.parse::<std::net::SocketAddr>().is_ok()
}

/// What a field that says something tells of where sessions stand.
fn learned(number: usize, value: &[u8]) -> Place {
    let is_pair = |pair: &[u8]| {
        let pair = pair.trim_ascii();
        let name = memchr(b'=', pair).and_then(|end| std::str::from_utf8(&pair[..end]).ok());
        name.is_some_and(nostore_cache::looks_like_session)
    };
    if memchr(b'=', value).is_some() && value.split(|byte| *byte == b';').any(is_pair) {
        return Place::Cookies(number);
    }
    let is_cipher = [&b"TLS"[..], b"ECDHE", b"DHE", b"AES"].iter().any(|start| value.starts_with(start));
    let is_id = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~%+/=:".contains(byte);
    // A host has dots, and is shorter than a signed id that has one.
    let is_host = value.contains(&b'.') && value.len() < 40;
    // An id is drawn: it has letters and digits. A media type, an upstream and an address are not it.
    let is_drawn = value.iter().any(u8::is_ascii_alphabetic) && value.iter().any(u8::is_ascii_digit);
    let is_place = value.contains(&b'/') && !value.contains(&b'=') || is_host || is_address(value);
    if ID.contains(&value.len()) && value.iter().all(is_id) && is_drawn && !is_cipher && !is_place {
        return Place::Extra(number);
    }
    Place::Unknown
}
