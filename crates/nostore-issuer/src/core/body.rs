//! The JSON bodies of the Backend API, read member by member.

use serde_json::{Map, Value};

use super::ask::Ask;
use super::response::Response;

/// The members of a JSON object. Those that nobody asks for are ignored.
pub(super) struct Body(Map<String, Value>);

/// A refusal that says what was expected and found.
pub(super) type Refused = Box<Response>;

impl Body {
    /// Reads the body; none at all is an empty object.
    ///
    /// # Errors
    ///
    /// When it is no JSON object.
    pub(super) fn read(ask: &Ask<'_>) -> Result<Self, Refused> {
        if ask.body.is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(ask.body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(other) => {
                let message = format!("expected a JSON object, found {}", kind(&other));
                Err(Response::error(400, "request_body_invalid", &message).into())
            }
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let message =
                    format!("expected a JSON object, found a syntax error in line {line}, column {column}");
                Err(Response::error(400, "request_body_invalid", &message).into())
            }
        }
    }

    /// Returns a text that must be there.
    ///
    /// # Errors
    ///
    /// When there is none, or something else.
    pub(super) fn text(&self, name: &str) -> Result<&str, Refused> {
        self.optional(name)?.ok_or_else(|| missing(name, "a string"))
    }

    /// Returns a text that may be absent or `null`.
    ///
    /// # Errors
    ///
    /// When it is something else.
    pub(super) fn optional(&self, name: &str) -> Result<Option<&str>, Refused> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, "a string", kind(other))),
        }
    }

    /// Returns a list of texts; a text alone is a list of one, and none at all is empty.
    ///
    /// # Errors
    ///
    /// When it is something else.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<&str>, Refused> {
        let expected = "a list of strings";
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(items)) => {
                let text = |item: &Value| item.as_str().map(str::len);
                match items.iter().find(|item| text(item).is_none()) {
                    Some(other) => Err(wrong(name, expected, kind(other))),
                    None => Ok(items.iter().filter_map(Value::as_str).collect()),
                }
            }
            Some(other) => Err(wrong(name, expected, kind(other))),
        }
    }

    /// Returns a whole number within bounds that may be absent or `null`.
    ///
    /// # Errors
    ///
    /// When it is something else or lies outside.
    pub(super) fn number(&self, name: &str, from: i64, to: i64) -> Result<Option<i64>, Refused> {
        let expected = format!("a whole number from {from} to {to}");
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_i64() {
                Some(number) if (from..=to).contains(&number) => Ok(Some(number)),
                Some(number) => Err(wrong(name, &expected, &number.to_string())),
                None => Err(wrong(name, &expected, kind(value))),
            },
        }
    }
}

/// Says what kind of JSON value it is. The value itself may be a secret.
pub(super) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "a list",
        Value::Bool(_) => "true or false",
        Value::Null => "null",
        Value::Number(_) => "a number",
        Value::Object(_) => "an object",
        Value::String(_) => "a string",
    }
}

/// A member that must be there is not.
pub(super) fn missing(name: &str, expected: &str) -> Refused {
    let message = format!("expected {expected} as `{name}`, found none");
    Response::parameter_error("form_param_missing", name, &message).into()
}

/// A member is not what it must be.
pub(super) fn wrong(name: &str, expected: &str, found: &str) -> Refused {
    let message = format!("expected {expected} as `{name}`, found {found}");
    Response::parameter_error("form_param_format_invalid", name, &message).into()
}
