//! Names and paths as regular expressions that mean the same to PCRE and RE2, and survive every kind of quotes.

use crate::site::{PathPattern, Site};

/// Writes `text` so that it matches itself: every octet that is not a letter, a digit, `_`, `-` or `/` as `\xHH`. No quote
/// and no `$` is left for a configuration language to see.
pub(crate) fn literal(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_-/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Writes an expression that finds any form of any session cookie in a `Cookie` field.
pub(crate) fn any_session_cookie(site: &Site) -> String {
    let names: Vec<String> = site.session_cookies().map(literal).collect();
    format!("(^|[;,[:space:]])(__Secure-|__Host-)?({})(\\x2e[0-9]+)?=", names.join("|"))
}

/// Writes expressions for paths of sign-in: with what lies beneath the path itself is meant, too. `end` is what may follow a
/// path, such as `[?]`.
pub(crate) fn wide(patterns: &[PathPattern], end: &str) -> Vec<String> {
    let one = |pattern: &PathPattern| match pattern.beneath {
        true => format!("^{}(/|{end}$)", literal(&pattern.path)),
        false => format!("^{}/?({end}$)", literal(&pattern.path)),
    };
    patterns.iter().map(one).collect()
}

/// Writes expressions for public paths: no more than was said.
pub(crate) fn narrow(patterns: &[PathPattern], end: &str) -> Vec<String> {
    let one = |pattern: &PathPattern| match pattern.beneath {
        true => format!("^{}/", literal(&pattern.path)),
        false => format!("^{}({end}$)", literal(&pattern.path)),
    };
    patterns.iter().map(one).collect()
}
