//! Differences that are the reference's result for another request.

use super::{How, Known};
use crate::case::Case;

pub(super) fn all() -> Vec<Known> {
    vec![
        Known {
            name: "counter-is-decimal",
            why: "9.4: numbers in cookies are strict decimal; anything else is 0",
            how: How::Request(|case| strict_number(case, "__clerk_redirect_count")),
        },
        Known {
            name: "client-uat-is-decimal",
            why: "9.4: numbers in cookies are strict decimal; anything else is 0",
            how: How::Request(|case| strict_number(case, "__client_uat")),
        },
    ]
}

/// Writes 0 for what is no decimal number in the cookies that start with `name`.
fn strict_number(case: &Case, name: &str) -> Option<Case> {
    change_cookies(case, |key, value| {
        let strict = value.is_empty() || value.bytes().all(|byte| byte.is_ascii_digit());
        (key.starts_with(name) && !strict).then(|| "0".to_owned())
    })
}

/// Changes cookies by name and value; `None` where none changes.
fn change_cookies(case: &Case, change: impl Fn(&str, &str) -> Option<String>) -> Option<Case> {
    let mut changed = case.clone();
    let mut any = false;
    for (_, line) in changed.request.headers.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case("cookie")) {
        let pairs: Vec<_> = line.split(';').map(|pair| {
            let Some((name, value)) = pair.split_once('=') else { return pair.to_owned() };
            match change(name.trim(), value.trim()) {
                Some(value) => {
                    any = true;
                    format!("{name}={value}")
                }
                None => pair.to_owned(),
            }
        }).collect();
        *line = pairs.join(";");
    }
    any.then_some(changed)
}
