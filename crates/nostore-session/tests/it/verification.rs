//! The checks of a session token, in their order and at their limits.

use std::fmt::Write as _;

use nostore_message::UnixTime;
use nostore_session::{Config, Decision, Instance, MAX_TOKEN_BYTES};
use serde_json::{Value, json};

use crate::kit::{
    NOW, SESSION_CATEGORY, Service, brief, claims, config, key_set, object, request, sign, signer, with,
};

const INSTANCE: Instance = Instance::Production;

/// Decides on a fetch with the token in the header: no redirect, so that the reason stands alone.
fn bearer(token: &str, config: &Config, now: UnixTime) -> Decision {
    let field = format!("Bearer {token}");
    let fields = [("sec-fetch-dest", "empty"), ("authorization", field.as_str())];
    let keys = std::sync::Arc::new(key_set());
    Service::default().decide(&request("POST", "/", &fields), config, now, Some(&keys)).0
}

fn session(changes: Value) -> String {
    let head = json!({"typ": "JWT", "cat": SESSION_CATEGORY});
    sign(signer('a'), head, with(claims(INSTANCE), changes))
}

#[test]
fn r1_12_times_before_at_and_after() {
    let config = config(INSTANCE);
    let (strict, negative) = (config.clone().clock_skew_ms(0), config.clone().clock_skew_ms(-9));
    let rows = [
        // name, claims, configuration, milliseconds after NOW
        ("exp: a millisecond before skew is used up", json!({"exp": NOW}), &config, 4_999),
        ("exp: skew used up", json!({"exp": NOW}), &config, 5_000),
        ("exp: a millisecond after", json!({"exp": NOW}), &config, 5_001),
        ("exp: no skew, a millisecond before", json!({"exp": NOW}), &strict, -1),
        ("exp: no skew, at", json!({"exp": NOW}), &strict, 0),
        ("exp: negative skew is none", json!({"exp": NOW}), &negative, -1),
        ("exp: half a second, before", json!({"exp": 1_700_000_000.5}), &strict, 499),
        ("exp: half a second, at", json!({"exp": 1_700_000_000.5}), &strict, 500),
        ("nbf: a millisecond before skew allows it", json!({"nbf": NOW + 5}), &config, -1),
        ("nbf: skew allows it", json!({"nbf": NOW + 5}), &config, 0),
        ("nbf: a millisecond after", json!({"nbf": NOW + 5}), &config, 1),
        ("nbf: no skew, at", json!({"nbf": NOW}), &strict, 0),
        ("nbf: no skew, a millisecond before", json!({"nbf": NOW}), &strict, -1),
        ("iat: a millisecond before skew allows it", json!({"iat": NOW + 5}), &config, -1),
        ("iat: skew allows it", json!({"iat": NOW + 5}), &config, 0),
        ("iat: a millisecond after", json!({"iat": NOW + 5}), &config, 1),
        ("iat: six seconds ahead", json!({"iat": NOW + 6}), &config, 0),
        ("exp before nbf before iat", json!({"exp": NOW - 9, "nbf": NOW + 99, "iat": NOW + 99}), &config, 0),
        ("nbf before iat", json!({"nbf": NOW + 99, "iat": NOW + 99}), &config, 0),
        ("no nbf, no iat", json!({"nbf": null, "iat": null}), &config, 0),
        ("the largest numbers", json!({"exp": u64::MAX, "nbf": i64::MIN, "iat": i64::MIN}), &config, 0),
        ("beyond dates", json!({"exp": 1e300}), &config, 0),
        ("far in the past", json!({"exp": -1e300}), &config, 0),
    ];
    let mut table = String::new();
    for (name, changes, config, after) in rows {
        let changes = with(json!({"iat": NOW - 60, "nbf": NOW - 60, "exp": NOW + 60}), changes);
        let token = session(with(json!({"iat": null, "nbf": null}), changes.clone()));
        let at = UnixTime::from_millis(NOW * 1_000 + after);
        writeln!(table, "{name:42} {}", brief(&bearer(&token, config, at))).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r1_12_claims_row_by_row() {
    let open = config(INSTANCE);
    let strict = open.clone().authorized_parties(["http://localhost:8080"]).audience(["a", "b"]);
    let rows = [
        ("no sub", json!({"sub": null})),
        ("sub a number", json!({"sub": 7})),
        ("sub empty", json!({"sub": ""})),
        ("exp absent", json!({"exp": null})),
        ("exp a text", json!({"exp": "1700000060"})),
        ("nbf a text", json!({"nbf": "1"})),
        ("iat a list", json!({"iat": []})),
        ("azp absent", json!({"azp": null})),
        ("azp another", json!({"azp": "https://evil.example"})),
        ("azp not ASCII", json!({"azp": "https://\u{e9}vil.example\r\nset-cookie: a=b"})),
        ("azp a list", json!({"azp": ["http://localhost:8080"]})),
        ("aud known", json!({"aud": "a"})),
        ("aud another", json!({"aud": "c"})),
        ("aud empty", json!({"aud": ""})),
        ("aud list that meets", json!({"aud": ["c", "b"]})),
        ("aud list that does not", json!({"aud": ["c", "d"]})),
        ("aud empty list", json!({"aud": []})),
        ("aud list of other things", json!({"aud": ["c", 7]})),
        ("aud a number", json!({"aud": 7})),
    ];
    let mut table = String::new();
    for (name, changes) in rows {
        let token = session(changes);
        let now = UnixTime::from_secs(NOW);
        let (open, strict) = (bearer(&token, &open, now), bearer(&token, &strict, now));
        writeln!(table, "{name:26} {}", brief(&open)).unwrap();
        let (open, strict_brief) = (brief(&open), brief(&strict));
        if open != strict_brief {
            writeln!(table, "{:26} with parties and audience: {strict_brief}", "").unwrap();
        }
        writeln!(table, "{:26} {}", "", strict.message).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r1_12_heads_row_by_row() {
    let (a, b) = (signer('a'), signer('b'));
    let config = config(INSTANCE);
    let good = || claims(INSTANCE);
    let head = || json!({"typ": "JWT", "cat": SESSION_CATEGORY});
    let forge = |header: Value| {
        // The signature stays that of another header: what is decided must not depend on it.
        let token = sign(a, head(), good());
        let rest = token.split_once('.').unwrap().1.to_owned();
        let header = serde_json::to_vec(&object(header)).unwrap();
        format!("{}.{rest}", base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, header))
    };
    let kid = a.kid();
    let rows = [
        ("session category", sign(a, head(), good())),
        ("no category", sign(a, json!({"typ": "JWT"}), good())),
        ("ignored category", sign(a, json!({"cat": "cl_I7d4PD111III"}), good())),
        ("unknown category", sign(a, json!({"cat": "cl_other"}), good())),
        ("category a number", sign(a, json!({"cat": 7}), good())),
        ("no typ", sign(a, json!({}), good())),
        ("typ jwt", sign(a, json!({"typ": "jwt"}), good())),
        ("typ null", forge(json!({"typ": null, "alg": "RS256", "kid": kid}))),
        ("alg none", forge(json!({"alg": "none", "kid": kid}))),
        ("alg HS256", forge(json!({"alg": "HS256", "kid": kid}))),
        ("alg ES256", forge(json!({"alg": "ES256", "kid": kid}))),
        ("alg absent", forge(json!({"kid": kid}))),
        ("alg RS512, key for RS256", forge(json!({"alg": "RS512", "kid": kid}))),
        ("critical", forge(json!({"alg": "RS256", "kid": kid, "crit": ["x"], "x": 1}))),
        ("kid absent", forge(json!({"alg": "RS256"}))),
        ("kid unknown", forge(json!({"alg": "RS256", "kid": "nobody"}))),
        ("kid of 257 bytes", forge(json!({"alg": "RS256", "kid": "k".repeat(257)}))),
        ("another header", forge(json!({"alg": "RS256", "kid": kid, "x": 1}))),
        ("another key under this kid", sign(b, head(), good())),
        ("expired and forged: the signature first", sign(b, head(), with(good(), json!({"exp": 1})))),
    ];
    let mut table = String::new();
    for (name, token) in rows {
        let decision = bearer(&token, &config, UnixTime::from_secs(NOW));
        let message = decision.message.replace(kid, "<A>");
        writeln!(table, "{name:40} {}\n{:40} {message}", brief(&decision), "").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_token_may_be_so_long_and_no_longer() {
    let config = config(INSTANCE);
    let of_length = |wanted: usize| {
        let mut token = session(json!({}));
        let mut padding = wanted.saturating_sub(token.len()) * 3 / 4;
        for _ in 0..8 {
            token = session(json!({"pad": "x".repeat(padding)}));
            match token.len().cmp(&wanted) {
                std::cmp::Ordering::Equal => break,
                std::cmp::Ordering::Less => padding += 1,
                std::cmp::Ordering::Greater => padding -= (token.len() - wanted).div_ceil(2),
            }
        }
        token
    };
    let (at, after) = (of_length(MAX_TOKEN_BYTES), of_length(MAX_TOKEN_BYTES + 1));
    assert_eq!((at.len(), after.len()), (MAX_TOKEN_BYTES, MAX_TOKEN_BYTES + 1));
    let now = UnixTime::from_secs(NOW);
    assert_eq!(brief(&bearer(&at, &config, now)), "signed-in user_1");
    assert_eq!(brief(&bearer(&after, &config, now)), "signed-out token-invalid");
}
