//! Sealed sessions, row by row: formats, names, secrets, chunks, times and renewal.

use std::fmt::Write as _;

use nostore_jose::{Encryption, EncryptionKey, ProtectedHeader, encrypt};
use nostore_message::{Cookies, FieldEdit, Intent, Scheme, Secret, UnixTime};
use nostore_session::{
    Lifetimes, MAX_SEALED_CHARS, Opened, Refused, Renewal, SealNonce, SealedClaims, SealedConfigError,
    SealedCookie, SealedFormat, SealedSessions, SealingSecrets, SecretsError, SetCookies, authjs_order,
};
use serde_json::{Map, Value, json};

pub(crate) const SECRET: &str = "nostore-test-secret-0123456789abcdef";
pub(crate) const OTHER: &str = "another-secret-0123456789abcdefghijk";
pub(crate) const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

/// The worked vectors: made with a fixed vector, by Auth.js 5 and by NextAuth 4.
const A: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwia2lkIjoiLThTdUlfWUx3NDJWUkJIaUw1QUZGNFBMMEoyN3JPaUJtU3R5azFpLU9hOFpwUmJISEVnSHJLaWZjM25fN1I2ajdoelpkQ0xkOVppcjVOWFh2bzlHRFEifQ..AAECAwQFBgcICQoLDA0ODw.SlCla0i08vNkygDCfLyx-G36wod7df_sjBDUSC4cJZGyJvfbeIsf1Pg6j-w38cpy88nCaayFNfMiWwqouFM33blj49upbqwO1sTNhe8L_ld-w87UkZjvDKvjYEBXb2OEVw0g4uv1jeZza2FIYgQaPyIDQNo-HoysB0amnq2f9Fbil5eeiYZqqpXwwXY_RIOenrw1hVTCmFv13Ica6K-Usw.II5MTTe3wEs7srVS_0E1pne29LJOvYWDB11BPznBYsw";
const B: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwia2lkIjoicFh6N0Rud1BROTI2ak1xLWRIRnA0b1hacGFFRXdyMmZNMERqNjI0Q1p1SXlmT1F4N2JobVZBYjZNZHk5eXl1LTduSGV2cXlWdzVCZFBrQ1V5aWdRM3cifQ..QV8d9mYzCxWvDHmUB1XWDw.MMhe5hBJkrmKn3Eu__EoPjoSF676GbjbkXhy_ObBT2SqJWTQtXPezZlONxtrxw5f7IO4eZNjKjqvIJL8NN9bKIxQMuNEzXExHQgpnkbCBHMs9X_P3gsjcy_3xUK68bnhvJ2rSCEEC5DNBhdDA2rEQUCAT_KOgx3KRhmV3wDykQuG10_FbYZorSmUYdgc6YNoLTHzEZ1v8sXxShi4rwEBrg.DTciiiRq-yHIpBXFT4x0zmypCwUk6Ksb5DOMITTmcEQ";
const C: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..LHnw4Oc40JRvCNAi.S9LHIrYC40lhSIAL8g3s8GJpv4fwyMVaEFfUYn0PSap36x48Ly575-_ziyzyLCcSTtins40apXOeFVQhLWcMrtBVud-DkpExmmvnWCnufwvcYLXYZ_ep6Tvs4ZVsfUEg_xveAKD8z0aWtQyeaVtMkjGOM67uDwSsABGQAQkA3_R3wJ14a_eIsdhkn8rxSj0.uv3ycrte6nJ2BNYPgJS5aw";

pub(crate) fn secrets(texts: &[&str]) -> SealingSecrets {
    SealingSecrets::new(texts.iter().map(|text| Secret::new(*text))).unwrap()
}

pub(crate) fn site(format: SealedFormat, texts: &[&str]) -> SealedSessions {
    let cookie = SealedCookie::new(format, Scheme::Https);
    SealedSessions::new(format, cookie, &secrets(texts)).unwrap()
}

pub(crate) fn at(secs: i64) -> UnixTime {
    UnixTime::from_secs(secs)
}

pub(crate) fn nonce(number: u8) -> SealNonce {
    SealNonce::new([number; 32])
}

pub(crate) fn claims(value: Value) -> SealedClaims {
    SealedClaims::new(object(value))
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// What a browser sends of these cookies.
pub(crate) fn sent(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

/// What a browser keeps of a response: a value for each name, in place.
pub(crate) fn keep(jar: &mut Vec<(String, String)>, lines: &SetCookies) {
    for cookie in lines.cookies() {
        jar.retain(|(name, _)| *name != cookie.name);
        if cookie.attribute("expires") != Some("Thu, 01 Jan 1970 00:00:00 GMT") {
            jar.push((cookie.name.to_string(), cookie.value.to_string()));
        }
    }
}

pub(crate) fn open(sessions: &SealedSessions, jar: &[(String, String)], now: i64) -> Result<Opened, Refused> {
    let line = sent(jar);
    sessions.open(&Cookies::parse([line.as_str()]), at(now))
}

/// Signs somebody in, in a browser without cookies.
pub(crate) fn signed_in(
    sessions: &SealedSessions,
    sub: &str,
    fill: usize,
    now: i64,
) -> Vec<(String, String)> {
    let claims = claims(json!({"sub": sub, "fill": "x".repeat(fill)}));
    let mut jar = Vec::new();
    keep(&mut jar, &sessions.seal(&claims, &Cookies::default(), at(now), nonce(1)).unwrap());
    jar
}

fn outcome(opened: &Result<Opened, Refused>) -> String {
    match opened {
        Ok(opened) => format!("{} leftovers {:?}", opened.sub().unwrap_or("-"), opened.leftovers()),
        Err(refused) => format!("{} leftovers {:?}", refused.code(), refused.leftovers()),
    }
}

/// Names and lengths of lines, with their attributes.
fn shown(lines: &SetCookies) -> String {
    let mut text = String::new();
    for cookie in lines.cookies() {
        let line = cookie.to_string();
        let (_, attributes) = line.split_once("; ").unwrap();
        writeln!(text, "  {}=({}); {attributes}", cookie.name, cookie.value.len()).unwrap();
    }
    text
}

#[test]
fn the_worked_vectors_are_opened() {
    let old = SealedCookie::new(SealedFormat::AuthJsV4, Scheme::Http);
    let http = SealedCookie::new(SealedFormat::AuthJsV5, Scheme::Http);
    let sessions = site(SealedFormat::AuthJsV5, &[OTHER, SECRET])
        .also_opens(SealedFormat::AuthJsV5, http, &secrets(&[SECRET]))
        .unwrap()
        .also_opens(SealedFormat::AuthJsV4, old, &secrets(&[OTHER, SECRET]))
        .unwrap()
        .lifetimes(Lifetimes::new(4_000_000_000, 4_000_000_000, DAY).unwrap());
    let rows = [
        ("__Secure-authjs.session-token", A),
        ("authjs.session-token", B),
        ("next-auth.session-token", C),
        // Under another name no key fits.
        ("__Secure-authjs.session-token", B),
        ("authjs.session-token", A),
        ("__Secure-authjs.session-token", C),
        ("__Secure-next-auth.session-token", C),
    ];
    let mut table = String::new();
    for (name, token) in rows {
        let opened = open(&sessions, &[(name.to_owned(), token.to_owned())], NOW);
        let how = opened.as_ref().map(|opened| {
            let renewal = sessions.renewal(opened, at(NOW), Intent::Silent);
            format!("{} secret {} {:?} {renewal:?}", opened.format(), opened.secret(), opened.email())
        });
        writeln!(
            table,
            "{name:34} {}… {}",
            &token[25..31],
            how.unwrap_or_else(|refused| refused.code().to_owned())
        )
        .unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r3_9_a_list_of_secrets_row_by_row() {
    let [older, newer] = [SECRET, OTHER];
    let third = "a-third-secret-0123456789abcdefghijk";
    let rows = [
        ("the same", vec![older], vec![older]),
        ("a new first, before", vec![older], vec![newer, older]),
        ("a new first, after", vec![newer, older], vec![newer, older]),
        ("the old one dropped", vec![older], vec![newer]),
        ("the old one dropped, sealed anew", vec![newer, older], vec![newer]),
        ("three, the last", vec![older], vec![third, newer, older]),
        ("another order", vec![newer], vec![older, newer]),
    ];
    let mut table = String::new();
    for format in [SealedFormat::AuthJsV5, SealedFormat::Nostore] {
        for (name, sealed_with, opened_with) in &rows {
            let jar = signed_in(&site(format, sealed_with), "ada", 0, NOW);
            let sessions = site(format, opened_with);
            let opened = open(&sessions, &jar, NOW);
            let renewal = opened.as_ref().ok().map(|one| sessions.renewal(one, at(NOW), Intent::Silent));
            writeln!(table, "{format:9} {name:33} {} {renewal:?}", outcome(&opened)).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

/// Once it was sealed anew under the first secret, there is nothing more to do, and the old one can go.
#[test]
fn r3_9_rotation_converges() {
    for format in [SealedFormat::AuthJsV5, SealedFormat::Nostore] {
        let mut jar = signed_in(&site(format, &[SECRET]), "ada", 0, NOW);
        let sessions = site(format, &[OTHER, SECRET]);
        let opened = open(&sessions, &jar, NOW).unwrap();
        assert!(matches!(sessions.renewal(&opened, at(NOW), Intent::Silent), Renewal::Seal(_)));
        let line = sent(&jar);
        let cookies = Cookies::parse([line.as_str()]);
        let lines = sessions.seal(&opened.to_claims(), &cookies, at(NOW), nonce(2)).unwrap();
        keep(&mut jar, &lines);
        let again = open(&sessions, &jar, NOW).unwrap();
        assert_eq!(sessions.renewal(&again, at(NOW), Intent::Silent), Renewal::Keep);
        assert_eq!((again.sid(), again.started_at()), (opened.sid(), opened.started_at()));
        assert_ne!(again.claims()["jti"], opened.claims()["jti"]);
        assert_eq!(open(&site(format, &[OTHER]), &jar, NOW).unwrap().sub(), Some("ada"));
    }
}

#[test]
fn a_token_moves_neither_between_names_nor_formats() {
    let formats = [SealedFormat::AuthJsV5, SealedFormat::Nostore];
    let named = |format, name: &str| {
        let cookie = SealedCookie::new(format, Scheme::Https).named(name).unwrap();
        SealedSessions::new(format, cookie, &secrets(&[SECRET])).unwrap()
    };
    for from in formats {
        let token = signed_in(&named(from, "one"), "ada", 0, NOW)[0].1.clone();
        for to in formats {
            for name in ["one", "two"] {
                let opened = open(&named(to, name), &[(name.to_owned(), token.clone())], NOW);
                assert_eq!(opened.is_ok(), from == to && name == "one", "{from} {to} {name}");
            }
        }
    }
}

/// `now` is what is moved; a session was sealed at `NOW` and lives 100 s unused and 250 s altogether.
#[test]
fn times_before_at_and_after() {
    let lifetimes = Lifetimes::new(100, 250, 40).unwrap();
    let sessions = site(SealedFormat::AuthJsV5, &[SECRET]).lifetimes(lifetimes);
    // Sealed with longer lifetimes: those of whoever opens count.
    let longer = site(SealedFormat::AuthJsV5, &[SECRET]).lifetimes(Lifetimes::new(9_000, 9_000, 40).unwrap());
    let fresh = signed_in(&sessions, "ada", 0, NOW);
    let long = signed_in(&longer, "ada", 0, NOW);
    let renewed = |secs: i64| {
        let claims = SealedClaims::continued(object(json!({"sub": "ada", "nostore_start": NOW - secs})));
        vec![(
            "__Secure-authjs.session-token".to_owned(),
            sessions.seal_token(&claims, at(NOW), nonce(1)).unwrap(),
        )]
    };
    let rows = [
        ("fresh", &fresh, 0),
        ("clock 14 s behind", &fresh, -14),
        ("clock 15 s behind", &fresh, -15),
        ("clock 16 s behind", &fresh, -16),
        ("before the update age", &fresh, 39),
        ("at the update age", &fresh, 40),
        ("after the update age", &fresh, 41),
        ("before exp", &fresh, 99),
        ("at exp, within tolerance", &fresh, 100),
        ("before the tolerance ends", &fresh, 114),
        ("when the tolerance ends", &fresh, 115),
        ("after", &fresh, 116),
        ("idle by our lifetime, before", &long, 114),
        ("idle by our lifetime, at", &long, 115),
        ("200 s old, sealed now", &renewed(200), 0),
        ("200 s old, at the update age", &renewed(200), 40),
        ("200 s old, at its absolute end", &renewed(200), 50),
        ("200 s old, before the tolerance ends", &renewed(200), 64),
        ("200 s old, when the tolerance ends", &renewed(200), 65),
        ("200 s old, after", &renewed(200), 66),
        ("150 s old, before it matters", &renewed(149), 40),
    ];
    let mut table = String::new();
    for (name, jar, secs) in rows {
        let now = NOW + secs;
        let opened = open(&sessions, jar, now);
        let told = match &opened {
            Ok(opened) => {
                let ends = opened.ends_at().secs() - NOW;
                format!("ends {ends:4} {:?}", sessions.renewal(opened, at(now), Intent::Silent))
            }
            Err(refused) => format!("{}: {refused}", refused.code()),
        };
        writeln!(table, "{name:37} {secs:4}: {told}").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_session_ends_absolutely_however_often_it_is_renewed() {
    let lifetimes = Lifetimes::new(100, 250, 0).unwrap();
    for format in [SealedFormat::AuthJsV5, SealedFormat::Nostore] {
        let sessions = site(format, &[SECRET]).lifetimes(lifetimes);
        let mut jar = signed_in(&sessions, "ada", 0, NOW);
        let mut last = NOW;
        for secs in 1..400 {
            let now = NOW + secs;
            let Ok(opened) = open(&sessions, &jar, now) else { break };
            last = now;
            if let Renewal::Seal(_) = sessions.renewal(&opened, at(now), Intent::Silent) {
                let lines =
                    sessions.seal(&opened.to_claims(), &Cookies::default(), at(now), nonce(2)).unwrap();
                keep(&mut jar, &lines);
            }
        }
        assert_eq!(last, NOW + 250 + 14, "{format}: the tolerance of 15 s on top, and no more");
        let over = open(&sessions, &jar, NOW + 265).unwrap_err();
        assert_eq!(over.code(), "sealed-lifetime-over");
        let claims = SealedClaims::continued(object(json!({"nostore_start": NOW})));
        let error = sessions.seal_token(&claims, at(NOW + 250), nonce(3)).unwrap_err();
        assert_eq!(error.code(), "seal-lifetime-over");
        assert!(sessions.seal_token(&claims, at(NOW + 249), nonce(3)).is_ok());
    }
}

#[test]
fn a_renewal_waits_while_the_author_wants_the_response_stored() {
    let lifetimes = Lifetimes::new(100, 250, 40).unwrap();
    let jar = signed_in(&site(SealedFormat::Nostore, &[SECRET]).lifetimes(lifetimes), "ada", 0, NOW);
    let mut table = String::new();
    for (name, texts, secs) in
        [("young", vec![SECRET], 39), ("old", vec![SECRET], 40), ("another secret", vec![OTHER, SECRET], 0)]
    {
        let sessions = site(SealedFormat::Nostore, &texts).lifetimes(lifetimes);
        let opened = open(&sessions, &jar, NOW + secs).unwrap();
        for intent in [Intent::Cacheable, Intent::Silent, Intent::Uncacheable] {
            let renewal = sessions.renewal(&opened, at(NOW + secs), intent);
            writeln!(table, "{name:15} {:12} {renewal:?}", intent.code()).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

/// Seals what only somebody with the secret can seal: Auth.js, or an app that was changed.
fn sealed_by_hand(secret: &str, encryption: Encryption, kid: Option<&str>, content: &str) -> String {
    let name = "__Secure-authjs.session-token";
    let info = format!("Auth.js Generated Encryption Key ({name})");
    let key = EncryptionKey::derive(encryption, secret.as_bytes(), name.as_bytes(), info.as_bytes()).unwrap();
    let kid = kid.map(|kid| if kid == "its own" { key.thumbprint() } else { kid });
    let parameters: Vec<(&str, &str)> = kid.iter().map(|kid| ("kid", *kid)).collect();
    let header = ProtectedHeader::new(encryption, &parameters);
    encrypt(&header, &key, &vec![5; encryption.vector_octets()], content.as_bytes()).unwrap()
}

#[test]
fn which_secret_a_token_asks_for() {
    let content = json!({"sub": "ada", "iat": NOW, "exp": NOW + 100}).to_string();
    let sessions = site(SealedFormat::AuthJsV5, &[OTHER, SECRET]);
    let (first, second) = (OTHER, SECRET);
    let foreign = "a-third-secret-0123456789abcdefghijk";
    let mut table = String::new();
    for encryption in Encryption::ALL {
        for (name, secret, kid) in [
            ("the first, named", first, Some("its own")),
            ("the second, named", second, Some("its own")),
            ("the first, unnamed", first, None),
            ("the second, unnamed", second, None),
            ("the second, by another name", second, Some("another")),
            ("the second, by an empty name", second, Some("")),
            ("a third, named", foreign, Some("its own")),
            ("a third, unnamed", foreign, None),
        ] {
            let opened = sessions.open_token(&sealed_by_hand(secret, encryption, kid, &content), at(NOW));
            let told =
                opened.map_or_else(|refused| refused.code().to_owned(), |one| format!("{}", one.secret()));
            writeln!(table, "{:13} {name:29} {told}", encryption.name()).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn claims_row_by_row() {
    let sealed =
        |value: &Value| sealed_by_hand(SECRET, Encryption::A256CbcHs512, Some("its own"), &value.to_string());
    let (iat, exp) = (NOW, NOW + 100);
    let rows = [
        ("as usual", json!({"sub": "ada", "iat": iat, "exp": exp})),
        ("no sub", json!({"iat": iat, "exp": exp})),
        ("empty sub", json!({"sub": "", "iat": iat, "exp": exp})),
        ("sub a number", json!({"sub": 1, "iat": iat, "exp": exp})),
        ("with a fraction", json!({"sub": "ada", "iat": 1_799_999_999.5, "exp": 1_800_000_100.5})),
        ("no exp", json!({"sub": "ada", "iat": iat})),
        ("exp null", json!({"sub": "ada", "iat": iat, "exp": null})),
        ("exp a text", json!({"sub": "ada", "iat": iat, "exp": "1800000100"})),
        ("exp far away", json!({"sub": "ada", "iat": iat, "exp": 1e300})),
        ("no iat", json!({"sub": "ada", "exp": exp})),
        ("iat far behind", json!({"sub": "ada", "iat": -1e300, "exp": exp})),
        ("iat 15 s ahead", json!({"sub": "ada", "iat": iat + 15, "exp": exp})),
        ("iat 16 s ahead", json!({"sub": "ada", "iat": iat + 16, "exp": exp})),
        ("nbf now", json!({"sub": "ada", "iat": iat, "exp": exp, "nbf": iat})),
        ("nbf 15 s ahead", json!({"sub": "ada", "iat": iat, "exp": exp, "nbf": iat + 15})),
        ("nbf 16 s ahead", json!({"sub": "ada", "iat": iat, "exp": exp, "nbf": iat + 16})),
        ("nbf a text", json!({"sub": "ada", "iat": iat, "exp": exp, "nbf": "soon"})),
        ("began before", json!({"sub": "ada", "iat": iat, "exp": exp, "nostore_start": iat - DAY})),
        (
            "began after it was sealed",
            json!({"sub": "ada", "iat": iat, "exp": exp, "nostore_start": iat + 9}),
        ),
        (
            "began too long ago",
            json!({"sub": "ada", "iat": iat, "exp": exp, "nostore_start": iat - 91 * DAY}),
        ),
        ("began whenever", json!({"sub": "ada", "iat": iat, "exp": exp, "nostore_start": "then"})),
        ("an array", json!([1])),
        ("a text", json!("ada")),
    ];
    let sessions = site(SealedFormat::AuthJsV5, &[SECRET]);
    let mut table = String::new();
    for (name, value) in rows {
        let told = match sessions.open_token(&sealed(&value), at(NOW)) {
            Ok(opened) => {
                let [start, issued, ends] =
                    [opened.started_at(), opened.issued_at(), opened.ends_at()].map(|time| time.secs() - NOW);
                format!("{:?} began {start} sealed {issued} ends {ends}", opened.sub())
            }
            Err(refused) => format!("{}: {refused}", refused.code()),
        };
        writeln!(table, "{name:26} {told}").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_is_sealed_and_what_is_kept() {
    let sessions = site(SealedFormat::AuthJsV5, &[SECRET]);
    let given = json!({"sub": "ada", "iat": 1, "exp": 2, "jti": "x", "nostore_start": 3, "name": "Ådå 🦀"});
    let token = sessions.seal_token(&claims(given.clone()), at(NOW), nonce(9)).unwrap();
    let opened = sessions.open_token(&token, at(NOW)).unwrap();
    let expected = json!({
        "sub": "ada", "name": "Ådå 🦀", "iat": NOW, "exp": NOW + 30 * DAY, "nostore_start": NOW,
        "jti": "09090909-0909-4909-8909-090909090909", "sid": "09090909-0909-4909-8909-090909090909",
    });
    assert_eq!(Value::Object(opened.claims().clone()), expected);
    let own = claims(given).with_sid("s1").with_version(7).with("role", "admin");
    let opened =
        sessions.open_token(&sessions.seal_token(&own, at(NOW), nonce(9)).unwrap(), at(NOW)).unwrap();
    assert_eq!((opened.sid(), opened.version()), (Some("s1"), Some(7)));
    assert_eq!(opened.claims()["role"], "admin");
    // Sealed a day later with a new nonce, the session is the same one.
    let later = sessions.seal_token(&opened.to_claims(), at(NOW + DAY), nonce(4)).unwrap();
    let later = sessions.open_token(&later, at(NOW + DAY)).unwrap();
    assert_eq!((later.sid(), later.version(), later.started_at()), (Some("s1"), Some(7), at(NOW)));
    assert_eq!(later.issued_at(), at(NOW + DAY));
}

#[test]
fn lines_row_by_row() {
    let mut table = String::new();
    let authjs = site(SealedFormat::AuthJsV5, &[SECRET]);
    let http = SealedSessions::new(
        SealedFormat::AuthJsV5,
        SealedCookie::new(SealedFormat::AuthJsV5, Scheme::Http),
        &secrets(&[SECRET]),
    )
    .unwrap();
    let shared = SealedCookie::new(SealedFormat::Nostore, Scheme::Https).named("__Secure-shared").unwrap();
    let shared = SealedSessions::new(
        SealedFormat::Nostore,
        shared.domain("example.com").unwrap(),
        &secrets(&[SECRET]),
    )
    .unwrap();
    let old = "__Secure-authjs.session-token=x; __Secure-authjs.session-token.1=x; __Secure-authjs.session-token.7=x; \
               __Secure-authjs.session-token.07=x; __Secure-authjs.session-token.x=x; theme=dark";
    for (name, sessions, fill, before) in [
        ("Auth.js on https", &authjs, 0, ""),
        ("Auth.js on http", &http, 0, ""),
        ("ours", &site(SealedFormat::Nostore, &[SECRET]), 0, ""),
        ("ours, for a domain", &shared, 0, ""),
        ("small after large", &authjs, 0, old),
        ("large after small", &authjs, 5_000, old),
    ] {
        let claims = claims(json!({"sub": "ada", "fill": "x".repeat(fill)}));
        let lines = sessions.seal(&claims, &Cookies::parse([before]), at(NOW), nonce(1)).unwrap();
        write!(table, "{name}\n{}", shown(&lines)).unwrap();
        assert!(lines.cookies().iter().all(|cookie| cookie.to_string().len() <= 4_096));
    }
    write!(table, "signed out\n{}", shown(&authjs.clear(&Cookies::parse([old])))).unwrap();
    write!(table, "signed out, without a cookie\n{}", shown(&authjs.clear(&Cookies::default()))).unwrap();
    insta::assert_snapshot!(table);
    let lines = authjs.clear(&Cookies::default());
    let edits: Vec<FieldEdit> = lines.edits().collect();
    assert_eq!(edits, [FieldEdit::append("set-cookie", lines.cookies()[0].to_string())]);
}

/// Where the value is cut: before, at and after each limit.
#[test]
fn chunks_row_by_row() {
    let sessions = site(SealedFormat::Nostore, &[SECRET]);
    let sealed = |fill: usize| {
        let claims = claims(json!({"sub": "ada", "fill": "x".repeat(fill)}));
        sessions.seal(&claims, &Cookies::default(), at(NOW), nonce(1))
    };
    // The first length that takes one cookie more.
    let mut table = String::new();
    let mut count = 1;
    for fill in 2_000..14_000 {
        match sealed(fill) {
            Ok(lines) if lines.cookies().len() == count => {}
            Ok(lines) => {
                count = lines.cookies().len();
                for lines in [sealed(fill - 1).unwrap(), lines] {
                    let lengths: Vec<_> = lines.cookies().iter().map(|cookie| cookie.value.len()).collect();
                    writeln!(table, "{lengths:?} of {}", lengths.iter().sum::<usize>()).unwrap();
                }
            }
            Err(error) => {
                let before = sealed(fill - 1).unwrap();
                let chars: usize = before.cookies().iter().map(|cookie| cookie.value.len()).sum();
                assert!(chars <= MAX_SEALED_CHARS);
                writeln!(table, "{chars} are sealed\n{}: {error}", error.code()).unwrap();
                break;
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_is_left_over_row_by_row() {
    let sessions = site(SealedFormat::AuthJsV5, &[SECRET]);
    let name = "__Secure-authjs.session-token";
    let small = signed_in(&sessions, "small", 0, NOW)[0].1.clone();
    let newer = signed_in(&sessions, "newer", 0, NOW + 1)[0].1.clone();
    let large = signed_in(&sessions, "large", 6_000, NOW);
    let newer_large = signed_in(&sessions, "newer large", 6_000, NOW + 1);
    let [l0, l1, l2] = [0, 1, 2].map(|at| large[at].1.clone());
    let [n0, n1, n2] = [0, 1, 2].map(|at| newer_large[at].1.clone());
    let whole = |value: &str| (name.to_owned(), value.to_owned());
    let chunk = |at: usize, value: &str| (format!("{name}.{at}"), value.to_owned());
    let junk = |suffix: &str| (format!("{name}{suffix}"), "junk".to_owned());
    let foreign = signed_in(&site(SealedFormat::AuthJsV5, &[OTHER]), "eve", 0, NOW)[0].1.clone();
    let all = [chunk(0, &l0), chunk(1, &l1), chunk(2, &l2)];
    let and = |one: &[(String, String)], more: &[(String, String)]| [one, more].concat();
    let rows = [
        ("none", vec![("theme".to_owned(), "dark".to_owned())]),
        ("whole", vec![whole(&small)]),
        ("whole and a chunk", vec![whole(&small), chunk(1, &l1)]),
        ("whole and chunk 0", vec![chunk(0, &l0), whole(&small)]),
        ("chunks", all.to_vec()),
        ("chunks in another order", all.iter().rev().cloned().collect()),
        ("chunks and one more", and(&all, &[chunk(3, &l1)])),
        ("chunks and all that may be", and(&all, &[3, 4, 5, 6, 7].map(|at| chunk(at, "junk")))),
        ("chunks and a far one", and(&all, &[chunk(9, "junk"), chunk(500, "junk")])),
        ("chunks and an empty one", and(&all, &[chunk(3, ""), chunk(4, "junk")])),
        ("chunks and an empty whole", and(&all, &[whole("")])),
        ("chunks and junk as the whole", and(&all, &[whole("junk")])),
        (
            "names that are none",
            and(&all, &[junk(".x"), junk(".01"), junk("s"), junk(".0.1"), junk(".1000")]),
        ),
        ("a chunk is missing", vec![chunk(0, &l0), chunk(2, &l2)]),
        ("chunks of two sessions", vec![chunk(0, &l0), chunk(1, &n1), chunk(2, &l2)]),
        ("both, of one second", and(&all, &[whole(&small)])),
        ("both, the whole newer", and(&all, &[whole(&newer)])),
        ("both, the chunks newer", vec![whole(&small), chunk(0, &n0), chunk(1, &n1), chunk(2, &n2)]),
        ("the whole twice, the second opens", vec![whole("junk"), whole(&small)]),
        ("the whole twice, the second is newer", vec![whole(&small), whole(&newer)]),
        ("the whole five times, the fifth opens", and(&[(); 4].map(|()| whole("junk")), &[whole(&small)])),
        ("chunks twice, junk first", and(&[0, 1, 2].map(|at| chunk(at, "junk")), &all)),
        ("chunks twice, junk last", and(&all, &[0, 1, 2].map(|at| chunk(at, "junk")))),
        ("sealed with another secret", vec![whole(&foreign)]),
        ("far too long", vec![whole(&format!("{small}{}", "A".repeat(40_000)))]),
    ];
    let mut table = String::new();
    for (what, jar) in rows {
        let told = outcome(&open(&sessions, &jar, NOW + 1)).replace("__Secure-authjs.session-token", "NAME");
        writeln!(table, "{what:38} {told}").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn another_format_is_taken_over_and_left_behind() {
    let old = |format| SealedCookie::new(format, Scheme::Https);
    let sessions = site(SealedFormat::Nostore, &[SECRET])
        .also_opens(SealedFormat::AuthJsV5, old(SealedFormat::AuthJsV5), &secrets(&[OTHER]))
        .unwrap();
    let mut jar = signed_in(&site(SealedFormat::AuthJsV5, &[OTHER]), "ada", 5_000, NOW);
    let opened = open(&sessions, &jar, NOW).unwrap();
    assert_eq!((opened.format(), opened.sub()), (SealedFormat::AuthJsV5, Some("ada")));
    assert!(opened.leftovers().is_empty(), "until it is sealed anew, all of it is needed");
    assert!(matches!(sessions.renewal(&opened, at(NOW), Intent::Cacheable), Renewal::Wait(_)));
    let line = sent(&jar);
    let cookies = Cookies::parse([line.as_str()]);
    keep(&mut jar, &sessions.seal(&opened.to_claims(), &cookies, at(NOW), nonce(2)).unwrap());
    let names: Vec<&str> = jar.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["__Host-nostore.session.0", "__Host-nostore.session.1"]);
    let opened = open(&sessions, &jar, NOW).unwrap();
    assert_eq!(sessions.renewal(&opened, at(NOW), Intent::Silent), Renewal::Keep);
    let both: Vec<&str> = sessions.cookie_names().collect();
    assert_eq!(both, ["__Host-nostore.session", "__Secure-authjs.session-token"]);
}

#[test]
fn configurations_that_are_refused() {
    let mut table = String::new();
    let mut row = |name: &str, error: Option<SealedConfigError>| {
        let told = error.map_or_else(|| "taken".to_owned(), |error| format!("{}: {error}", error.code()));
        writeln!(table, "{name:24} {told}").unwrap();
    };
    let cookie = |scheme| SealedCookie::new(SealedFormat::Nostore, scheme);
    for name in [
        "sid",
        "a.b",
        "__Secure-x",
        "__Host-x",
        "__host-x",
        "",
        "a b",
        "a;b",
        "ä",
        "a=b",
        "x.0",
        "x.01",
        "x.1000",
    ] {
        row(&format!("https {name}"), cookie(Scheme::Https).named(name).err());
    }
    row("https, 64 characters", cookie(Scheme::Https).named(&"x".repeat(64)).err());
    row("https, 65 characters", cookie(Scheme::Https).named(&"x".repeat(65)).err());
    for name in ["sid", "__Secure-x", "__SECURE-x", "__Host-x"] {
        row(&format!("http {name}"), cookie(Scheme::Http).named(name).err());
    }
    row("__Host- with a domain", cookie(Scheme::Https).domain("example.com").err());
    let plain = || cookie(Scheme::Https).named("sid").unwrap();
    for domain in ["example.com", "", ".example.com", "example..com", "a b", "a;b", "https://a"] {
        row(&format!("domain {domain}"), plain().domain(domain).err());
    }
    row("__Host- after a domain", plain().domain("example.com").unwrap().named("__Host-x").err());
    let v4 = SealedCookie::new(SealedFormat::AuthJsV4, Scheme::Https);
    row("to seal in version 4", SealedSessions::new(SealedFormat::AuthJsV4, v4, &secrets(&[SECRET])).err());
    for (idle, absolute, update) in
        [(10, 10, 9), (10, 9, 1), (10, 10, 10), (10, 20, -1), (0, 0, 0), (1, 1, 0)]
    {
        row(&format!("{idle} {absolute} {update}"), Lifetimes::new(idle, absolute, update).err());
    }
    insta::assert_snapshot!(table);
}

#[test]
fn secrets_that_are_refused_and_never_shown() {
    let mut table = String::new();
    let long = |length: usize| "s".repeat(length);
    let rows = [
        ("none", vec![]),
        ("31 octets", vec![long(31)]),
        ("32 octets", vec![long(32)]),
        ("33 octets", vec![long(33)]),
        ("16 characters of two octets", vec!["ß".repeat(16)]),
        ("the second is short", vec![long(32), long(3)]),
        ("the second is empty", vec![long(32), String::new()]),
        ("sixteen", vec![long(32); 16]),
        ("seventeen", vec![long(32); 17]),
    ];
    for (name, texts) in rows {
        let list = || texts.iter().map(|text| Secret::new(text.as_str()));
        let told = |made: Result<SealingSecrets, SecretsError>| match made {
            Ok(secrets) => {
                assert!(!format!("{secrets:?}").contains("ss"));
                "taken".to_owned()
            }
            Err(error) => format!("{}: {error}", error.code()),
        };
        let strict = told(SealingSecrets::new(list()));
        let danger = told(SealingSecrets::danger_of_any_length(list()));
        writeln!(table, "{name:28} {strict}\n{:28} {danger}", "  of any length").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn authjs_takes_the_highest_number_first() {
    let secret = |text: &str| Some(Secret::new(text));
    let order = |unnumbered, numbered| {
        authjs_order(unnumbered, numbered).map(|secret| secret.expose().to_owned()).collect::<Vec<_>>()
    };
    let all = [secret("one"), secret("two"), secret("three")];
    assert_eq!(order(secret("zero"), all), ["three", "two", "one", "zero"]);
    assert_eq!(order(secret("zero"), [None, secret("two"), None]), ["two", "zero"]);
    assert_eq!(order(None, [secret("one"), None, secret("")]), ["one"]);
    assert!(order(None, [None, None, None]).is_empty());
}

#[test]
fn nothing_shows_claims_or_secrets() {
    let sessions = site(SealedFormat::AuthJsV5, &[SECRET]);
    let claims = claims(json!({"sub": "hush"}));
    let lines = sessions.seal(&claims, &Cookies::default(), at(NOW), nonce(1)).unwrap();
    let token = lines.cookies()[0].value.to_string();
    let opened = sessions.open_token(&token, at(NOW)).unwrap();
    let shown = format!("{sessions:?} {claims:?} {lines:?} {opened:?} {:?}", nonce(1));
    for hidden in ["hush", "nostore-test-secret", &token[token.len() - 20..], "1, 1"] {
        assert!(!shown.contains(hidden), "{hidden}: {shown}");
    }
}
