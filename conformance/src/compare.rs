//! Compares two results.
//!
//! `Set-Cookie` lines are compared in order, all others as a multiset. The text of an error is each
//! side's own.

use serde_json::{Number, Value};

use crate::case::Outcome;

/// Names what differs; nothing where two results agree.
#[must_use]
pub fn differences(reference: &Outcome, ours: &Outcome) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |differs: bool, what: &str| {
        if differs {
            found.push(what.to_owned());
        }
    };
    note(reference.status != ours.status, "status");
    if reference.status == "error" && ours.status == "error" {
        return found;
    }
    note(reference.reason != ours.reason, "reason");
    note(reference.message != ours.message, "message");
    note(reference.token_type != ours.token_type, "tokenType");
    note(reference.claims.clone().map(plain) != ours.claims.clone().map(plain), "claims");
    let mut names: Vec<_> = reference.headers.iter().chain(&ours.headers).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        note(lines(reference, name) != lines(ours, name), name);
    }
    found
}

fn lines<'o>(outcome: &'o Outcome, name: &str) -> Vec<&'o str> {
    let mut found: Vec<_> =
        outcome.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect();
    if name != "set-cookie" {
        found.sort_unstable();
    }
    found
}

/// JSON has one kind of number.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            number.as_f64().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
        }
        Value::Array(list) => list.into_iter().map(plain).collect(),
        Value::Object(map) => map.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outcome() -> Outcome {
        let headers = [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("location", "/")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Outcome {
            status: "handshake".to_owned(),
            headers,
            claims: Some(json!({"exp": 1})),
            ..Outcome::default()
        }
    }

    #[test]
    fn lines_are_a_multiset_and_cookies_a_list() {
        let mut other = outcome();
        other.headers.rotate_left(2);
        assert_eq!(differences(&outcome(), &other), [""; 0]);
        other.headers.swap(1, 2);
        assert_eq!(differences(&outcome(), &other), ["set-cookie"]);
        other.headers.push(("location".to_owned(), "/".to_owned()));
        assert_eq!(differences(&outcome(), &other), ["location", "set-cookie"]);
    }

    #[test]
    fn numbers_are_compared_by_value_and_errors_by_status() {
        let mut other = outcome();
        other.claims = Some(json!({"exp": 1.0}));
        assert_eq!(differences(&outcome(), &other), [""; 0]);
        other.claims = Some(json!({"exp": 2}));
        other.reason = Some("x".to_owned());
        assert_eq!(differences(&outcome(), &other), ["reason", "claims"]);
        let failed = |text: &str| Outcome::failed(Value::Null, text);
        assert_eq!(differences(&failed("one"), &failed("other")), [""; 0]);
        assert_eq!(differences(&failed("one"), &outcome())[0], "status");
    }
}
