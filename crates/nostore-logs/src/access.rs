//! Common and Combined, with the host in front or fields behind.

use memchr::{memchr, memchr_iter};

use crate::near::{near, near2};
use crate::record::{Broken, Fields, Record, Role, said, status, words};
use crate::time::Days;

/// How long a session's id is at least, and at most.
const ID: std::ops::RangeInclusive<usize> = 16..=4_096;

/// Reads lines of Common and Combined.
#[derive(Debug, Default)]
pub(crate) struct Access {
    place: Place,
    days: Days,
}

/// What stands before the request, and the line from there on.
struct Head<'a> {
    time: i64,
    address: &'a [u8],
    user: &'a [u8],
    rest: &'a [u8],
}

/// What extra fields say.
struct Found<'a> {
    session: &'a [u8],
    cookies: &'a [u8],
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
        Self { place, days: Days::default() }
    }

    pub(crate) fn parse<'a>(&mut self, line: &'a [u8]) -> Result<Option<Record<'a>>, Broken> {
        let Head { time, address, user, rest } = match self.usual(line) {
            Some(head) => head,
            None => self.head(line)?,
        };
        let session = if matches!(self.place, Place::User) { said(user) } else { &[] };
        let (request, rest) = quoted(trimmed(rest)).ok_or(Broken::Fields)?;
        let (code, rest) = bare(trimmed(rest));
        let (_, rest) = bare(trimmed(rest));
        let rest = trimmed(rest);
        let (mut referer, mut agent, mut found) = (&[][..], &[][..], Found { session, cookies: &[] });
        if !rest.is_empty() {
            let (first, rest) = quoted(rest).ok_or(Broken::Fields)?;
            let (second, rest) = quoted(trimmed(rest)).ok_or(Broken::Fields)?;
            (referer, agent) = (said(first), said(second));
            found = self.extras(found, rest)?;
        }
        let (method, path) = words(request).unwrap_or_default();
        let (session, cookies, status) = (found.session, found.cookies, status(code));
        // Made where it goes to: it is not moved.
        Ok(Some(Record {
            time,
            session,
            cookies,
            agent,
            address,
            method,
            path,
            status,
            referer,
            ..Record::default()
        }))
    }

    /// The head that nearly all lines have: an address, two dashes, a time.
    fn usual<'a>(&mut self, line: &'a [u8]) -> Option<Head<'a>> {
        // The first bracket begins the time, and a bracket within that would end it.
        let (address, rest) = line.split_at(near2(b' ', b'[', line)?);
        let (stamp, rest) = rest.strip_prefix(b" - - [")?.split_first_chunk::<26>()?;
        let time = self.days.clf(stamp)?;
        Some(Head { time, address, user: b"-", rest: rest.strip_prefix(b"]")? })
    }

    /// Any head.
    fn head<'a>(&mut self, line: &'a [u8]) -> Result<Head<'a>, Broken> {
        let open = memchr(b'[', line).ok_or(Broken::Fields)?;
        let close = open + memchr(b']', &line[open..]).ok_or(Broken::Fields)?;
        let time = self.days.clf(&line[open + 1..close]).ok_or(Broken::Time)?;
        let (address, user) = client(&line[..open]).ok_or(Broken::Fields)?;
        Ok(Head { time, address, user, rest: &line[close + 1..] })
    }

    /// What stands behind the fields that all have.
    fn extras<'a>(&mut self, mut found: Found<'a>, mut rest: &'a [u8]) -> Result<Found<'a>, Broken> {
        for number in 1.. {
            rest = trimmed(rest);
            let (value, after) = match rest.first() {
                None => break,
                Some(b'"') => quoted(rest).ok_or(Broken::Fields)?,
                Some(_) => bare(rest),
            };
            rest = after;
            if value.is_empty() || value == b"-" {
                continue;
            }
            if matches!(self.place, Place::Unknown) {
                self.place = learned(number, value);
            }
            match &self.place {
                Place::Extra(own) if *own == number => found.session = value,
                Place::Cookies(own) if *own == number => found.cookies = value,
                Place::Named(name) => match value.strip_prefix(&name[..]) {
                    Some([b'=', id @ ..]) if memchr(b';', id).is_none() => found.session = id,
                    _ if memchr::memmem::find(value, name).is_some() => found.cookies = value,
                    _ => {}
                },
                _ => {}
            }
        }
        Ok(found)
    }
}

/// Address and user of what stands before the time.
fn client(text: &[u8]) -> Option<(&[u8], &[u8])> {
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

/// What follows spaces; one space mostly.
#[inline]
fn trimmed(text: &[u8]) -> &[u8] {
    match text {
        [b' ', rest @ ..] if rest.first().is_some_and(u8::is_ascii_graphic) => rest,
        _ => text.trim_ascii_start(),
    }
}

/// What stands in quotation marks, escapes as they are, and what follows.
#[inline]
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"\"")?;
    if let [b'-', b'"', rest @ ..] = inner {
        return Some((&inner[..1], rest));
    }
    let (value, rest) = inner.split_at(memchr(b'"', inner)?);
    if value.last() == Some(&b'\\') {
        return escaped(inner);
    }
    Some((value, &rest[1..]))
}

/// The same, to the first quotation mark that is not escaped.
#[cold]
fn escaped(inner: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr_iter(b'"', inner).find(|end| {
        let escapes = inner[..*end].iter().rev().take_while(|byte| **byte == b'\\').count();
        escapes % 2 == 0
    })?;
    Some((&inner[..end], &inner[end + 1..]))
}

#[inline]
fn bare(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(near(b' ', text).unwrap_or(text.len()))
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
