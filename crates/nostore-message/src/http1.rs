//! Conversions for `http` 1.x, shared by every shell that uses it.

use std::borrow::Cow;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::{FieldEdit, Fields, RequestHead, ResponseHead, Scheme};

/// Borrows the field lines of a header map.
#[must_use]
pub fn fields(map: &HeaderMap) -> Fields<'_> {
    map.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

/// Borrows a request head. The caller says under which scheme and authority the visitor asked.
#[must_use]
pub fn request_head<'a>(
    method: &'a http::Method,
    uri: &'a http::Uri,
    map: &'a HeaderMap,
    scheme: Scheme,
    authority: impl Into<Cow<'a, str>>,
) -> RequestHead<'a> {
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    RequestHead {
        method: Cow::Borrowed(method.as_str()),
        scheme,
        authority: authority.into(),
        target: Cow::Borrowed(target),
        fields: fields(map),
    }
}

/// Borrows a response head.
#[must_use]
pub fn response_head(status: http::StatusCode, map: &HeaderMap) -> ResponseHead<'_> {
    ResponseHead { status: status.as_u16(), fields: fields(map) }
}

/// Applies `edits` in order and tells how many could not be written as field lines (a name or
/// value with forbidden bytes); a `Set` that cannot be written still removes what was there.
pub fn apply(edits: &[FieldEdit], map: &mut HeaderMap) -> usize {
    edits.iter().filter(|edit| apply_one(edit, map).is_none()).count()
}

fn apply_one(edit: &FieldEdit, map: &mut HeaderMap) -> Option<()> {
    match edit {
        FieldEdit::Append { name, value } => {
            map.append(field_name(name)?, field_value(value)?);
        }
        FieldEdit::Remove { name } => {
            map.remove(&**name);
        }
        FieldEdit::Set { name, value } => match field_value(value) {
            Some(value) => drop(map.insert(field_name(name)?, value)),
            None => {
                map.remove(&**name);
                return None;
            }
        },
    }
    Some(())
}

#[expect(clippy::ptr_arg, reason = "whether the text is static is what is asked")]
fn field_value(value: &Cow<'static, str>) -> Option<HeaderValue> {
    match value {
        // Is not copied; it panics at nothing that is let through here.
        Cow::Borrowed(text) if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) => {
            Some(HeaderValue::from_static(text))
        }
        text => HeaderValue::from_str(text).ok(),
    }
}

fn field_name(name: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(name.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of two lines after one edit, and how many edits could not be written.
    fn after(edit: FieldEdit) -> (Vec<String>, usize) {
        let mut map = HeaderMap::new();
        for (name, value) in [("cache-control", "public"), ("x-a", "1"), ("x-a", "2")] {
            map.append(name, value.parse().unwrap());
        }
        let unwritable = apply(&[edit], &mut map);
        let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
        let mut lines: Vec<String> =
            map.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect();
        lines.sort();
        (lines, unwritable)
    }

    #[test]
    fn an_edit_does_the_same_wherever_its_text_lies() {
        let rows: [(&str, &str, &[&str]); 4] = [
            ("cache-control", "no-store", &["cache-control: no-store", "x-a: 1", "x-a: 2"]),
            ("X-A", "3", &["cache-control: public", "x-a: 3"]),
            ("x-a", "", &["cache-control: public", "x-a: "]),
            ("x-b_c", "4", &["cache-control: public", "x-a: 1", "x-a: 2", "x-b_c: 4"]),
        ];
        for (name, value, lines) in rows {
            let lines = (lines.iter().map(ToString::to_string).collect(), 0);
            assert_eq!(after(FieldEdit::set(name, value)), lines);
            assert_eq!(after(FieldEdit::set(name.to_owned(), value.to_owned())), lines);
        }
        for value in [" ", "~", "a\tb", "ä", "\u{1f}", "\u{7f}", "\u{80}"] {
            assert_eq!(after(FieldEdit::set("x-a", value)), after(FieldEdit::set("x-a", value.to_owned())));
        }
        let removed = (vec!["cache-control: public".to_owned()], 0);
        assert_eq!(after(FieldEdit::remove("X-a")), removed);
        assert_eq!(after(FieldEdit::remove("x-a".to_owned())), removed);
        assert_eq!(
            after(FieldEdit::append("x-A", "3")).0,
            ["cache-control: public", "x-a: 1", "x-a: 2", "x-a: 3"]
        );
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_what_it_replaces_is_gone() {
        let without = (vec!["cache-control: public".to_owned()], 1);
        assert_eq!(after(FieldEdit::set("x-a", "a\nb")), without);
        assert_eq!(after(FieldEdit::set("x-a".to_owned(), "a\nb".to_owned())), without);
        let all = (["cache-control: public", "x-a: 1", "x-a: 2"].map(str::to_owned).to_vec(), 1);
        for name in ["", "a b", "a:b", "ä"] {
            assert_eq!(after(FieldEdit::set(name, "1")), all, "{name:?}");
            assert_eq!(after(FieldEdit::append(name.to_owned(), "1")), all, "{name:?}");
        }
    }
}
