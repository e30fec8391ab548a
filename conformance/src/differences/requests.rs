//! Differences that are the reference's result for another request.

use nostore_session::PublishableKey;
use serde_json::{Value, json};
use url::Url;

use super::read::{Part, SESSIONS, Strictness, decoded, header, parts, strictness};
use super::tokens::{self, Place};
use super::{How, Known, Rewritten};
use crate::backend::Reply;
use crate::case::{Case, OneOrMany};
use crate::head::request_head;

/// A token that neither side can decode.
const UNDECODABLE: &str = "a.b.c";
/// A token with the wrong number of parts.
const PARTLESS: &str = "partless";

pub(super) fn all() -> Vec<Known> {
    [numbers(), public_url(), strict(), results()].into_iter().flatten().collect()
}

fn numbers() -> Vec<Known> {
    vec![
        Known {
            name: "counter-is-decimal",
            why: "9.4: numbers in cookies are strict decimal; anything else is 0",
            how: How::Request(|case| {
                change_cookies(case, |key, value| {
                    (key == COUNTER && !is_decimal(value)).then(|| "0".to_owned())
                })
            }),
        },
        Known {
            name: "counter-stops-at-three-or-more",
            why: "9.4: counter compared with `== 3`; we use `>= 3`",
            how: How::Request(|case| {
                // An empty one is 0 for both sides.
                let stops = |value: &str| {
                    !value.is_empty()
                        && is_decimal(value)
                        && value.parse().map_or(true, |count: u32| count > 3)
                };
                change_cookies(case, |key, value| (key == COUNTER && stops(value)).then(|| "3".to_owned()))
            }),
        },
        Known {
            name: "client-uat-is-decimal",
            why: "9.4: numbers in cookies are strict decimal; anything else is 0",
            how: How::Request(|case| {
                // Not `0`, which says of a family that it is signed out.
                change_cookies(case, |key, value| {
                    (key.starts_with("__client_uat") && !value.is_empty() && !is_decimal(value))
                        .then(|| "00".to_owned())
                })
            }),
        },
    ]
}

fn public_url() -> Vec<Known> {
    vec![
        Known {
            name: "public-url-is-joined-as-text",
            why: "9.4: `//path` + forwarded host gives a foreign redirect_url; we join as text and keep our own origin, and the `?` of an empty query",
            how: How::Request(|case| {
                resolved(case, |url, _| url.path().starts_with("//") || url.query() == Some(""))
            }),
        },
        Known {
            name: "forwarded-scheme-is-of-the-web",
            why: "a forwarded scheme other than http and https is none of a site's: it does not count",
            how: How::Request(|case| {
                resolved(case, |_, origin| !matches!(origin.scheme(), "http" | "https"))
            }),
        },
        Known {
            name: "own-host-is-known",
            why: "the identity service's host is the same in capitals, and beside a port, so a referrer with it is known",
            how: How::Request(known_referrer),
        },
        Known {
            name: "forwarded-port-is-one",
            why: "port 0 is no port: a forwarded host with it does not count",
            how: How::Request(|case| resolved(case, |_, origin| origin.port() == Some(0))),
        },
        Known {
            name: "forwarded-host-without-user",
            why: "a user name in a forwarded host is not copied into redirects",
            how: How::Request(|case| resolved(case, |_, origin| !origin.username().is_empty())),
        },
    ]
}

fn strict() -> Vec<Known> {
    vec![
        Known {
            name: "token-json-is-an-object",
            why: "9.4: null/array JSON header or payload throws; `token-invalid` for us, as is what is not UTF-8",
            how: How::Request(|case| strict_tokens(case, Strictness::Form, UNDECODABLE)),
        },
        Known {
            name: "token-without-padding",
            why: "9.4: strict unpadded base64url everywhere",
            how: How::Request(|case| strict_tokens(case, Strictness::Padding, UNDECODABLE)),
        },
        Known {
            name: "token-of-limited-length",
            why: "no cookie or field line that arrives holds more than 16 KiB: a longer token is not looked at",
            how: How::Request(|case| strict_tokens(case, Strictness::Length, PARTLESS)),
        },
    ]
}

fn results() -> Vec<Known> {
    vec![
        Known {
            name: "category-is-checked-in-results",
            why: "9.4: the category is checked everywhere, so in what a handshake or a refresh brings too",
            how: How::Request(brought_template),
        },
        Known {
            name: "subject-is-not-empty",
            why: "an empty `sub` would be one identity for many",
            how: How::Request(empty_subject),
        },
        Known {
            name: "key-name-is-no-property",
            why: "a kid such as `__proto__` names a key and nothing else; in the reference it finds a property of JavaScript's",
            how: How::Request(property_name),
        },
        Known {
            name: "prefix-makes-a-token-opaque",
            why: "`ak_`, `mt_` and `oat_` say what a token is, whatever follows; the reference takes `ak_a.b.c` for a machine's JWT",
            how: How::Request(dotted_opaque),
        },
        Known {
            name: "refresh-brings-cookies",
            why: "5.8: a refresh is answered with the object `cookies`; of an object that it does not know the reference takes the cookies too",
            how: How::Request(other_object),
        },
        Known {
            name: "no-pattern-matches-nothing",
            why: "an empty list of patterns matches every path in the reference; for us it is no list",
            how: How::Request(no_patterns),
        },
        Known {
            name: "empty-audience-is-one",
            why: "an empty text in a list of audiences is one that no token is for; without it the reference checks nothing",
            how: How::Request(empty_audience),
        },
    ]
}

const COUNTER: &str = "__clerk_redirect_count";

fn is_decimal(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit())
}

/// Leaves the referrer out where it is the identity service, whose key spells it in capitals or with a port.
fn known_referrer(case: &Case) -> Option<Rewritten> {
    let key = PublishableKey::parse(case.options.publishable_key.as_deref()?).ok()?;
    let host = key.frontend_api().split(':').next()?;
    let referrer = Url::parse(header(case, "referer")?).ok()?;
    if referrer.host_str()? == key.frontend_api() || !host.eq_ignore_ascii_case(referrer.host_str()?) {
        return None;
    }
    let mut changed = case.clone();
    changed.request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("referer"));
    Some(Rewritten { case: changed, stands_for: Vec::new() })
}

/// Asks for the URL that we take for the public one, without any forwarded field, where `applies` to the URL of
/// the request and the forwarded origin.
fn resolved(case: &Case, applies: fn(&Url, &Url) -> bool) -> Option<Rewritten> {
    let url = Url::parse(&case.request.url).ok()?;
    let first = |name| header(case, name).map(|value| value.trim().split(',').next().unwrap_or_default());
    let host = first("x-forwarded-host").or_else(|| header(case, "host"))?;
    let proto = first("x-forwarded-proto").unwrap_or(url.scheme());
    let origin = Url::parse(&format!("{proto}://{host}")).ok()?;
    if !applies(&url, &origin) {
        return None;
    }
    let head = request_head(&case.request).ok()?;
    let mut changed = case.clone();
    changed.request.url = head.url();
    let resolving = |name: &str| {
        ["x-forwarded-host", "x-forwarded-proto", "host"].iter().any(|own| name.eq_ignore_ascii_case(own))
    };
    changed.request.headers.retain(|(name, _)| !resolving(name));
    (changed != *case).then_some(Rewritten { case: changed, stands_for: Vec::new() })
}

/// Says of an answer whose object is none of the service's that it is a session, which brings no cookies.
fn other_object(case: &Case) -> Option<Rewritten> {
    change_cookies(case, |key, value| {
        let mut reply = Reply::decode(value).filter(|_| key.starts_with("__refresh_"))?;
        let mut told: Value = serde_json::from_str(&reply.body).ok()?;
        if told.get("object")?.as_str() == Some("cookies") {
            return None;
        }
        told["object"] = json!("session");
        reply.body = told.to_string();
        Some(reply.encode())
    })
}

/// Leaves empty lists of patterns out.
fn no_patterns(case: &Case) -> Option<Rewritten> {
    let mut changed = case.clone();
    let options = changed.options.organization_sync_options.as_mut()?;
    let some = |list: Option<Vec<String>>| list.filter(|list| !list.is_empty());
    options.organization_patterns = some(options.organization_patterns.take());
    options.personal_account_patterns = some(options.personal_account_patterns.take());
    (changed != *case).then_some(Rewritten { case: changed, stands_for: Vec::new() })
}

/// Names the empty audiences of a list.
fn empty_audience(case: &Case) -> Option<Rewritten> {
    let mut changed = case.clone();
    let Some(OneOrMany::Many(list)) = &mut changed.options.audience else { return None };
    for audience in list.iter_mut().filter(|audience| audience.is_empty()) {
        "nobody's".clone_into(audience);
    }
    (changed != *case).then_some(Rewritten { case: changed, stands_for: Vec::new() })
}

/// Writes `stand_in` for every token that is none for us because of `why`.
fn strict_tokens(case: &Case, why: Strictness, stand_in: &str) -> Option<Rewritten> {
    let mut count = 0;
    tokens::change(case, |token, _| {
        (strictness(token) == Some(why)).then(|| {
            count += 1;
            format!("{stand_in}{count}")
        })
    })
}

/// Spoils the signature of a session token of another category in what a handshake or a refresh brings.
fn brought_template(case: &Case) -> Option<Rewritten> {
    tokens::change(case, |token, place| {
        let (Part::Object(head), Part::Object(_)) = parts(token).filter(|_| place == Place::Result)? else {
            return None;
        };
        let category = head.get("cat")?;
        if category.as_str().is_some_and(|category| SESSIONS.contains(&category)) {
            return None;
        }
        Some(format!("{}.AAAA", token.rsplit_once('.')?.0))
    })
}

/// Writes what has a prefix without dots, so that nobody takes it for a JWT.
fn dotted_opaque(case: &Case) -> Option<Rewritten> {
    let mut changed = case.clone();
    let place =
        changed.request.headers.iter().position(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
    let line = &mut changed.request.headers[place].1;
    let prefixed = |word: &str| ["ak_", "mt_", "oat_"].iter().any(|prefix| word.starts_with(prefix));
    let words =
        line.split(' ').map(|word| if prefixed(word) { word.replace('.', "-") } else { word.to_owned() });
    *line = words.collect::<Vec<_>>().join(" ");
    (changed != *case).then_some(Rewritten { case: changed, stands_for: Vec::new() })
}

/// Takes a name that JavaScript knows for the name of an unknown key.
fn property_name(case: &Case) -> Option<Rewritten> {
    tokens::change(case, |token, _| {
        let (Part::Object(head), Part::Object(_)) = parts(token)? else { return None };
        head.get("kid").filter(|kid| kid.as_str() == Some("__proto__"))?;
        tokens::resign(token, |head, _| drop(head.insert("kid".to_owned(), json!("kid-nobody"))))
    })
}

/// Takes an empty subject out of a session's token.
fn empty_subject(case: &Case) -> Option<Rewritten> {
    let mut rewritten = tokens::change(case, |token, _| {
        let (Part::Object(_), Part::Object(payload)) = parts(token)? else { return None };
        payload.get("sub").filter(|sub| sub.as_str() == Some(""))?;
        tokens::resign(token, |_, payload| drop(payload.remove("sub")))
    })?;
    let told = ("must be a string. Received undefined.", "must be a string. Received \\\"\\\".");
    rewritten.stands_for.push((told.0.to_owned(), told.1.to_owned()));
    Some(rewritten)
}

/// Changes cookies by name and decoded value; `None` where none changes.
fn change_cookies(case: &Case, change: impl Fn(&str, &str) -> Option<String>) -> Option<Rewritten> {
    let mut changed = case.clone();
    let mut any = false;
    for (_, line) in
        changed.request.headers.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case("cookie"))
    {
        let pairs: Vec<_> = line
            .split(';')
            .map(|pair| {
                let Some((name, value)) = pair.split_once('=') else { return pair.to_owned() };
                match change(name.trim(), &decoded(value.trim())) {
                    Some(value) => {
                        any = true;
                        format!("{name}={value}")
                    }
                    None => pair.to_owned(),
                }
            })
            .collect();
        *line = pairs.join(";");
    }
    any.then_some(Rewritten { case: changed, stands_for: Vec::new() })
}
