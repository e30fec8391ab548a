//! Lines of JSON. The common ones are scanned where they lie; those with escapes or of other shape go to `serde_json`.

use memchr::memchr2;
use serde::de::{DeserializeSeed, Deserializer as _, MapAccess, SeqAccess, Visitor};

use crate::record::{Broken, Fields, Record, Role, by_cookie_name};
use crate::time::Days;

/// The longest name of a field, with those around it, that is looked at.
const MOST_NAME: usize = 256;
/// So many names of the line before are remembered.
const MOST_SHAPE: usize = 64;

/// Reads lines of JSON.
#[derive(Debug, Default)]
pub(crate) struct Json {
    fields: Fields,
    nested: bool,
    /// Names of cookies that were asked about.
    cookies: Vec<(Vec<u8>, Option<Role>)>,
    /// The names of the line before as they stand there, in their order: most lines have the same.
    shape: Vec<Named>,
    days: Days,
    /// What the careful way has read: names and values of the present line.
    read: Vec<(String, String)>,
}

/// A name in its quotation marks, with its colon, and what it stands for.
#[derive(Debug, Default)]
struct Named {
    text: Vec<u8>,
    role: Option<Role>,
}

impl Json {
    pub(crate) fn new(fields: Fields) -> Self {
        Self { nested: fields.are_nested(), fields, ..Self::default() }
    }

    pub(crate) fn parse<'a>(&'a mut self, line: &'a [u8]) -> Result<Record<'a>, Broken> {
        if !self.nested {
            let mut record = Record::default();
            let mut readable = true;
            let Self { fields, cookies, shape, days, .. } = self;
            let mut number = 0;
            let name = |rest| {
                number += 1;
                known(shape, number - 1, rest, |name| role(fields, cookies, name))
            };
            let scanned = scan(line, name, |role, value| match role {
                Some(Role::Time) => readable &= record.take_time(value, days),
                Some(role) => readable &= record.take(role, value),
                None => {}
            });
            if scanned.is_some() {
                return timed(record, readable);
            }
        }
        self.carefully(line)
    }

    fn carefully<'a>(&'a mut self, line: &[u8]) -> Result<Record<'a>, Broken> {
        self.read.clear();
        let mut json = serde_json::Deserializer::from_slice(line);
        let into = Into { read: &mut self.read, name: String::new() };
        let object = json.deserialize_map(into).and_then(|()| json.end());
        object.map_err(|_| Broken::Json)?;
        let (mut record, mut readable) = (Record::default(), true);
        for (name, value) in &self.read {
            if let Some(role) = role(&self.fields, &mut self.cookies, name.as_bytes()) {
                readable &= record.take(role, value.as_bytes());
            }
        }
        timed(record, readable)
    }
}

/// What the name at the beginning stands for, and what follows its colon. The same name in the same place stands for the same.
fn known<'a>(
    shape: &mut Vec<Named>,
    number: usize,
    rest: &'a [u8],
    find: impl FnOnce(&[u8]) -> Option<Role>,
) -> Option<(Option<Role>, &'a [u8])> {
    // With its colon, it is the beginning of no other name.
    if let Some(Named { text, role }) = shape.get(number).filter(|named| !named.text.is_empty()) {
        if let Some(after) = rest.strip_prefix(&text[..]) {
            return Some((*role, after));
        }
    }
    let (name, after) = name(rest)?;
    let role = find(name);
    let text = &rest[..rest.len() - after.len()];
    if text.len() <= MOST_NAME && number < MOST_SHAPE {
        if shape.len() <= number {
            shape.resize_with(number + 1, Named::default);
        }
        let named = &mut shape[number];
        named.text.clear();
        named.text.extend_from_slice(text);
        named.role = role;
    }
    Some((role, after))
}

/// The name at the beginning, and what follows its colon.
fn name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, after) = string(text)?;
    Some((name, after.trim_ascii_start().strip_prefix(b":")?))
}

/// What a name stands for. Whether a cookie's name is one of sessions is found out once.
fn role(fields: &Fields, cookies: &mut Vec<(Vec<u8>, Option<Role>)>, name: &[u8]) -> Option<Role> {
    let role = fields.role(name);
    if role.is_some() || !(name.starts_with(b"cookie_") || name.starts_with(b"upstream_cookie_")) {
        return role;
    }
    if let Some((_, known)) = cookies.iter().find(|(own, _)| own == name) {
        return *known;
    }
    let found = by_cookie_name(name).filter(|role| fields.of(*role).is_none());
    if cookies.len() < 16 {
        cookies.push((name.to_vec(), found));
    }
    found
}

fn timed(record: Record<'_>, readable: bool) -> Result<Record<'_>, Broken> {
    if readable && record.time != 0 { Ok(record) } else { Err(Broken::Time) }
}

/// Hands on names, as `name` reads them, and values of one flat object; objects and lists in it are passed over. `None` where
/// more care is needed.
fn scan<'a, N>(
    line: &'a [u8],
    mut name: impl FnMut(&'a [u8]) -> Option<(N, &'a [u8])>,
    mut take: impl FnMut(N, &'a [u8]),
) -> Option<()> {
    let mut rest = line.trim_ascii().strip_prefix(b"{")?.strip_suffix(b"}")?;
    if rest.trim_ascii().is_empty() {
        return Some(());
    }
    loop {
        let (name, after) = name(rest.trim_ascii_start())?;
        let after = after.trim_ascii_start();
        let (value, after) = match after.first()? {
            b'"' => string(after)?,
            b'{' | b'[' => (&after[..0], passed_over(after)?),
            _ => bare(after)?,
        };
        take(name, value);
        match after.trim_ascii_start() {
            [] => return Some(()),
            [b',', next @ ..] => rest = next,
            _ => return None,
        }
    }
}

/// A string without escapes.
#[inline]
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let end = memchr2(b'"', b'\\', text)?;
    (text[end] == b'"').then(|| (&text[..end], &text[end + 1..]))
}

/// A number or a word; `null` is nothing.
fn bare(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| matches!(byte, b',' | b' ' | b'\t')).unwrap_or(text.len());
    let value = &text[..end];
    match value {
        b"null" => Some((&text[..0], &text[end..])),
        b"true" | b"false" => Some((value, &text[end..])),
        [b'0'..=b'9' | b'-', ..] => {
            let is_plain = value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
            is_plain.then_some((value, &text[end..]))
        }
        _ => None,
    }
}

/// What follows an object or a list.
fn passed_over(text: &[u8]) -> Option<&[u8]> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match text.get(at)? {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => at += string(&text[at..])?.0.len() + 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(&text[at..]);
        }
    }
}

/// Collects scalars in their order; those within objects under names such as `request.method`.
struct Into<'r> {
    read: &'r mut Vec<(String, String)>,
    name: String,
}

impl Into<'_> {
    fn put<E>(self, value: &impl ToString) -> Result<(), E> {
        self.read.push((self.name, value.to_string()));
        Ok(())
    }
}

impl<'de> Visitor<'de> for Into<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.put(&value)
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.put(&value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.put(&value)
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.put(&value)
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.put(&value)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            // Nobody names a field so; each value would keep a copy of it.
            if self.name.len() + key.len() > MOST_NAME {
                map.next_value::<serde::de::IgnoredAny>()?;
                continue;
            }
            let name = if self.name.is_empty() { key } else { format!("{}.{key}", self.name) };
            map.next_value_seed(Into { read: self.read, name })?;
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Into<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn value(depth: u32) -> BoxedStrategy<Value> {
        let text = prop_oneof![4 => "[ -~]{0,12}", 1 => "[^\\x00-\\x1f]{0,6}", 1 => Just("a\"b\\c\n\u{1}".to_owned())];
        let leaf = prop_oneof![
            text.prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(|float: f64| Value::from(float)),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
        ];
        if depth == 0 {
            return leaf.boxed();
        }
        let inner = || value(depth - 1);
        prop_oneof![
            6 => leaf,
            1 => prop::collection::vec(inner(), 0..3).prop_map(Value::from),
            1 => prop::collection::vec(("[a-z\"]{1,3}", inner()), 0..3).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
        .boxed()
    }

    /// What a reader that knows nothing of speed says of a value.
    fn said(value: &Value) -> String {
        match value {
            Value::String(text) => text.clone(),
            Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
            other => other.to_string(),
        }
    }

    fn has_exponent(line: &str) -> bool {
        line.as_bytes().windows(3).any(|part| {
            part[0].is_ascii_digit() && part[1] == b'e' && (part[2].is_ascii_digit() || part[2] == b'-')
        })
    }

    proptest! {
        #[test]
        fn what_is_scanned_is_what_serde_json_reads(
            map in prop::collection::btree_map("[a-z_]{1,6}", value(2), 0..6),
            spaced in any::<bool>(),
        ) {
            let object = Value::Object(map.clone().into_iter().collect());
            let line =
                if spaced { serde_json::to_string_pretty(&object).unwrap().replace('\n', " ") } else { object.to_string() };
            let mut found = Vec::new();
            let scanned = scan(line.as_bytes(), name, |name, value| {
                found.push((String::from_utf8(name.to_vec()).unwrap(), String::from_utf8(value.to_vec()).unwrap()));
            });
            let expected: Vec<_> = map.iter().map(|(name, value)| (name.clone(), said(value))).collect();
            match scanned {
                Some(()) => prop_assert_eq!(found, expected),
                None => prop_assert!(line.contains('\\') || has_exponent(&line), "no need for care: {}", line),
            }
            let mut json = Json::default();
            let _ = json.carefully(line.as_bytes());
            // Of a fraction, the last digit may differ.
            let is_exact = |name: &str| map.get(name).is_some_and(|value| !value.is_f64());
            let careful: Vec<_> = json.read.into_iter().filter(|(name, _)| is_exact(name)).collect();
            let expected: Vec<_> = map
                .iter()
                .filter(|(name, value)| is_exact(name) && !matches!(value, Value::Null | Value::Array(_) | Value::Object(_)))
                .map(|(name, value)| (name.clone(), said(value)))
                .collect();
            prop_assert_eq!(careful, expected);
        }

        #[test]
        fn anything_is_taken(line in prop::collection::vec(any::<u8>(), 0..200), shape in "[{}\\[\\]\":,a\\\\ 1]{0,60}") {
            let mut json = Json::default();
            let _ = json.parse(&line);
            let _ = json.parse(shape.as_bytes());
        }
    }

    /// One reader reads all lines: the names of those before change nothing.
    #[test]
    fn names_that_are_remembered_change_no_line() {
        let long = format!(r#"{{"cookie_{}":"a","sid":"b","time":1772443330}}"#, "x".repeat(MOST_NAME));
        let many = format!(r#"{{{}"time":1772443330,"sid":"a"}}"#, r#""x":1,"#.repeat(MOST_SHAPE + 1));
        let lines = [
            r#"{"time":"2026-03-02T09:22:10Z","session":"a","path":"/"}"#,
            r#"{"time":"2026-03-02T09:22:11Z","session":"b","path":"/b"}"#,
            r#"{"time":"2026-03-02T09:22:11Z","sessions":"b","path":"/b"}"#,
            r#"{"time":"2026-03-02T09:22:11Z","session" : "c","path":"/b"}"#,
            r#"{"time":"2026-03-02T09:22:11Z","session":"c","path":"/b"}"#,
            r#"{"session":"a","time":"2026-03-02T09:22:11Z"}"#,
            r#"{"path":"/","session":"a","time":"2026-03-02T09:22:61Z"}"#,
            r#"{"":"x","":"a","time":"2026-03-02T09:22:11Z"}"#,
            r#"{"cookie_sid":"x","sid":"a","ts":1}"#,
            r#"{"cookie_theme":"x","sid":"a","ts":1}"#,
            r#"{"session"}"#,
            r#"{"session":"a","p\u0061th":"/","time":"2026-03-02T09:22:11Z"}"#,
            "{}",
            &long,
            &many,
            r#"{"":"x","time":"2026-03-03T00:00:00+01:00"}"#,
            r#"{"time":"2026-03-02T09:22:10Z","session":"a"}"#,
        ];
        let mut json = Json::default();
        for line in lines.iter().chain(lines.iter().rev()) {
            assert_eq!(json.parse(line.as_bytes()), Json::default().parse(line.as_bytes()), "{line}");
            assert!(json.shape.len() <= MOST_SHAPE);
            assert!(json.shape.iter().all(|named| named.text.len() <= MOST_NAME));
        }
    }

    #[test]
    fn escapes_and_nested_names_are_read_with_care() {
        let mut fields = Fields::default();
        fields.name(Role::Session, "request.sid");
        fields.name(Role::Address, "request.ip");
        let line = br#"{"time":"2026-03-02T09:22:10Z","request":{"sid":"a\u0062c","ip":"192.0.2.1"},"session":"no","path":"\/x"}"#;
        let mut json = Json::new(fields);
        let record = json.parse(line).unwrap();
        assert_eq!(
            (record.session, record.address, record.path),
            (&b"abc"[..], &b"192.0.2.1"[..], &b"/x"[..])
        );
    }

    #[test]
    fn deep_nesting_is_refused_and_takes_no_stack() {
        let deep = ["{\"a\":", &"[".repeat(200_000), "\\"].concat();
        assert_eq!(Json::default().parse(deep.as_bytes()), Err(Broken::Json));
    }
}
