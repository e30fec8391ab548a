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

#[cfg(test)]
mod tests {
    use memchr::memrchr;
    use proptest::prelude::*;

    use super::*;

    fn until(octet: u8, text: &[u8]) -> Option<(&[u8], &[u8])> {
        text.iter().position(|own| *own == octet).map(|at| text.split_at(at))
    }

    fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
        let inner = text.strip_prefix(b"\"")?;
        let mut escaped = false;
        let end = inner.iter().position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        })?;
        Some((&inner[..end], &inner[end + 1..]))
    }

    /// What a reader that knows nothing of speed says of a line whose session is the first extra field.
    fn plainly(line: &[u8]) -> Result<Record<'_>, Broken> {
        let mut record = Record::default();
        let (before, rest) = until(b'[', line).ok_or(Broken::Fields)?;
        let (stamp, rest) = until(b']', &rest[1..]).ok_or(Broken::Fields)?;
        record.time = Days::default().clf(stamp).ok_or(Broken::Time)?;
        let words: Vec<&[u8]> = before.split(|byte| *byte == b' ').collect();
        let has_host =
            |second: &[u8]| words.len() > 4 && second.iter().any(|byte| matches!(byte, b'.' | b':'));
        record.address = match words[..] {
            [_, second, _, _, ..] if has_host(second) => second,
            [first, _, _, _, ..] => first,
            _ => return Err(Broken::Fields),
        };
        let (request, rest) = string(rest[1..].trim_ascii_start()).ok_or(Broken::Fields)?;
        if let Some((method, rest)) = until(b' ', request) {
            let path = &rest[1..];
            (record.method, record.path) = (method, &path[..memrchr(b' ', path).unwrap_or(path.len())]);
        }
        let word = |text: &'_ [u8]| text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
        let rest = rest.trim_ascii_start();
        record.status = status(&rest[..word(rest)]);
        let rest = rest[word(rest)..].trim_ascii_start();
        let rest = rest[word(rest)..].trim_ascii_start();
        if rest.is_empty() {
            return Ok(record);
        }
        let (referer, rest) = string(rest).ok_or(Broken::Fields)?;
        let (agent, rest) = string(rest.trim_ascii_start()).ok_or(Broken::Fields)?;
        (record.referer, record.agent) = (said(referer), said(agent));
        let (mut rest, mut number) = (rest.trim_ascii_start(), 1);
        while !rest.is_empty() {
            let (value, after) = match rest {
                [b'"', ..] => string(rest).ok_or(Broken::Fields)?,
                _ => rest.split_at(word(rest)),
            };
            if number == 1 {
                record.session = said(value);
            }
            (rest, number) = (after.trim_ascii_start(), number + 1);
        }
        Ok(record)
    }

    fn part(usual: &'static str) -> BoxedStrategy<String> {
        prop_oneof![
            8 => Just(usual.to_owned()),
            1 => Just(String::new()),
            1 => Just("-".to_owned()),
            1 => "[a-f1. \\[\\]\"\\\\:/-]{0,12}",
        ]
        .boxed()
    }

    fn stamp() -> BoxedStrategy<String> {
        let clocks =
            ["09:22:10", "09:22:11", "09:23:60", "09:23:61", "23:59:59", "24:00:00", "9:22:10", "09:2]:10"];
        let days = ["02/Mar/2026:", "03/Mar/2026:", "32/Mar/2026:", "03/Mrz/2026:"];
        let zones = [" +0000", " +0100", " -0530", " +0", ""];
        (0..days.len(), 0..clocks.len(), 0..zones.len())
            .prop_map(move |(day, clock, zone)| [days[day], clocks[clock], zones[zone]].concat())
            .boxed()
    }

    fn line() -> BoxedStrategy<String> {
        let head = (part("192.0.2.1"), part(" - - "), stamp(), part("GET /a?b HTTP/1.1"));
        let tail = (
            part("200"),
            part("5120"),
            part("https://a.example/x"),
            part("Mozilla/5.0 (X11)"),
            part("0123456789abcdef"),
        );
        (head, tail, 0_usize..4, any::<prop::sample::Index>())
            .prop_map(|((address, dashes, time, request), (code, size, referer, agent, sid), spaces, end)| {
                let space = ["", " ", "  ", "\t"][if spaces == 0 { 0 } else { 1 + end.index(3) }];
                let mut line = format!("{address}{dashes}[{time}] \"{request}\" {code} {size}{space}");
                let cut = end.index(line.len() * 8);
                line += &format!("\"{referer}\"{space}\"{agent}\"{space}\"{sid}\"");
                if line.is_char_boundary(cut.min(line.len())) {
                    line.truncate(cut);
                }
                line
            })
            .boxed()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// One reader reads all lines: what it remembers of those before changes nothing.
        #[test]
        fn lines_are_read_as_a_plain_reader_reads_them(
            lines in prop::collection::vec(line(), 1..8),
            shape in "[-0-9a-f.: \\[\\]\"/\\\\\t+MarGET]{0,120}",
        ) {
            let mut fields = Fields::default();
            fields.name(Role::Session, "1");
            let mut access = Access::new(&fields);
            for line in lines.iter().chain([&shape]) {
                let expected = plainly(line.as_bytes());
                prop_assert_eq!(access.parse(line.as_bytes()), expected.map(Some), "{}", line);
            }
        }
    }

    #[test]
    fn heads_requests_and_escapes_beside_the_usual_ones() {
        let mut fields = Fields::default();
        fields.name(Role::Session, "1");
        let mut access = Access::new(&fields);
        let mut broken = Vec::new();
        for line in [
            r#"192.0.2.1 - - [02/Mar/2026:09:22:10 +0000] "GET /a HTTP/1.1" 200 5 "-" "UA" "s""#,
            r#"192.0.2.1 - - [02/Mar/2026:09:22:10 +0000]"GET /a b HTTP/1.1"   200 5 "-""UA""s""#,
            r#"[::1] - - [02/Mar/2026:09:22:10 +0000] "GET /a HTTP/1.1" 200 5"#,
            r#" - - [02/Mar/2026:09:22:10 +0000] "GET /a HTTP/1.1" 200 5"#,
            r#"192.0.2.1 - - [02/Mar/2026:09:22:10 +0000 "GET /a HTTP/1.1" 200 5"#,
            r#"192.0.2.1 - ada [03/Mar/2026:09:22:10 +0000] "GET /a HTTP/ .1" 200 5"#,
            r#"a.example 192.0.2.1 - - [03/Mar/2026:09:22:11 +0000] "GET /\\" 99999 5 "\\\"" "UA\\" "-" x"#,
            r#"192.0.2.1 - - [03/Mar/2026:09:22:11 +0000] "GET" 2000 5 "\" "UA" "s""#,
            r#"192.0.2.1 - - [03/Mar/2026:09:22:11 +0000] "GET /" 200 123456789012 "-" "" "" "s""#,
        ] {
            let found = access.parse(line.as_bytes());
            assert_eq!(found, plainly(line.as_bytes()).map(Some), "{line}");
            broken.push(found.is_err());
        }
        assert_eq!(broken, [false, false, true, false, true, false, false, true, false]);
    }
}
