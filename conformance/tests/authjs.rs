//! Sealed sessions and Auth.js: each side reads what the other has set, chunks and rotated secrets included.

use nostore_conformance::authjs::{Authjs, Jar, MAX_AGE, Recorded, claims, cookie_name, secrets, site};
use nostore_conformance::random::Random;
use nostore_message::{Clock as _, Intent, UnixTime};
use nostore_session::{Renewal, SealedClaims};
use nostore_web::SystemClock;
use serde_json::{Map, Value};

const RECORDED: &str = include_str!("../golden/authjs.jsonl");

const CASES: usize = 400;

/// The claims without those that sealing sets, which must be there.
fn without(mut claims: Map<String, Value>, set: &[&str]) -> Map<String, Value> {
    for name in set {
        assert!(claims.remove(*name).is_some(), "{name}");
    }
    claims
}

#[test]
fn auth_js_reads_what_we_seal() {
    let (mut authjs, mut random) = (Authjs::start().unwrap(), Random::new(1));
    let mut chunked = 0;
    for case in 0..CASES {
        let theirs = secrets(&mut random);
        // Ours seals with any of theirs: while a secret is rotated, the two sides differ.
        let first = *random.pick(&theirs);
        let given = claims(&mut random);
        let mut jar = Jar::default();
        let now = SystemClock.now();
        jar.seal(&site(&[first]).unwrap(), &SealedClaims::new(given.clone()), now, &mut random).unwrap();
        chunked += usize::from(jar.0.len() > 1);
        let opened = authjs.open(5, &theirs, &jar).unwrap();
        let opened = opened.unwrap_or_else(|| panic!("{case}: Auth.js finds no session in {jar:?}"));
        let opened = without(opened, &["iat", "exp", "jti", "sid", "nostore_start"]);
        assert_eq!(opened, given, "{case}");
    }
    assert!(chunked > CASES / 10, "expected chunks, found {chunked}");
}

#[test]
fn we_read_what_auth_js_seals() {
    let (mut authjs, mut random) = (Authjs::start().unwrap(), Random::new(2));
    let mut chunked = 0;
    for case in 0..CASES {
        let version = if random.percent(40) { 4 } else { 5 };
        let ours = secrets(&mut random);
        let place = random.below(ours.len());
        let given = claims(&mut random);
        let mut jar = Jar::default();
        authjs.seal(version, &[ours[place]], &given, &mut jar).unwrap();
        chunked += usize::from(jar.0.len() > 1);
        let (sessions, now) = (site(&ours).unwrap(), SystemClock.now());
        let opened = jar.open(&sessions, now).unwrap_or_else(|error| panic!("{case}: {error}: {jar:?}"));
        assert_eq!(opened.secret(), place, "{case}");
        assert_eq!(opened.ends_at().secs() - opened.issued_at().secs(), MAX_AGE);
        assert_eq!(without(opened.claims().clone(), &["iat", "exp", "jti"]), given, "{case}");
        let anew = version == 4 || place > 0;
        let renewal = sessions.renewal(&opened, now, Intent::Silent);
        assert_eq!(matches!(renewal, Renewal::Seal(_)), anew, "{case}: {renewal:?}");
    }
    assert!(chunked > CASES / 10, "expected chunks, found {chunked}");
}

/// Both sides of one site, in one browser: whoever set the session last, both read it, with no cookie left over.
#[test]
fn both_sides_take_turns() {
    let (mut authjs, mut random) = (Authjs::start().unwrap(), Random::new(3));
    for _ in 0..30 {
        let (secrets, mut jar) = (secrets(&mut random), Jar::default());
        let sessions = site(&secrets).unwrap();
        for _ in 0..6 {
            let given = claims(&mut random);
            let now = SystemClock.now();
            if random.percent(50) {
                authjs.seal(5, &secrets, &given, &mut jar).unwrap();
            } else {
                jar.seal(&sessions, &SealedClaims::new(given.clone()), now, &mut random).unwrap();
            }
            let ours = jar.open(&sessions, now).unwrap();
            assert!(ours.leftovers().is_empty(), "{:?}", ours.leftovers());
            let theirs = authjs.open(5, &secrets, &jar).unwrap().expect("a session");
            assert_eq!(*ours.claims(), theirs);
            assert_eq!(theirs["sub"], given["sub"]);
            // The start of a session that we began outlives a renewal by Auth.js.
            if let Some(start) = theirs.get("nostore_start") {
                authjs.seal(5, &secrets, &theirs, &mut jar).unwrap();
                let again = jar.open(&sessions, now).unwrap();
                assert_eq!(again.started_at().secs(), start.as_i64().unwrap());
                assert_eq!(again.sid(), ours.sid());
            }
        }
    }
}

#[test]
fn a_chunk_that_was_left_behind_signs_out_there_and_not_here() {
    let mut authjs = Authjs::start().unwrap();
    let secrets = ["nostore-test-secret-0123456789abcdef"];
    let mut jar = Jar::default();
    let given: Map<String, Value> = [("sub".to_owned(), "ada".into())].into_iter().collect();
    authjs.seal(5, &secrets, &given, &mut jar).unwrap();
    jar.0.push((format!("{}.1", cookie_name(5)), "stale".to_owned()));
    assert_eq!(authjs.open(5, &secrets, &jar).unwrap(), None);
    let opened = jar.open(&site(&secrets).unwrap(), SystemClock.now()).unwrap();
    assert_eq!((opened.sub(), opened.leftovers().len()), (Some("ada"), 1));
}

#[test]
fn what_neither_side_opens() {
    let (mut authjs, mut random) = (Authjs::start().unwrap(), Random::new(4));
    let [one, other] = ["nostore-test-secret-0123456789abcdef", "another-secret-0123456789abcdefghijk"];
    for _ in 0..20 {
        let (given, mut jar) = (claims(&mut random), Jar::default());
        jar.seal(&site(&[one]).unwrap(), &SealedClaims::new(given), SystemClock.now(), &mut random).unwrap();
        assert_eq!(authjs.open(5, &[other], &jar).unwrap(), None);
        let opened = jar.open(&site(&[other]).unwrap(), SystemClock.now());
        assert_eq!(opened.unwrap_err().code(), "sealed-does-not-open");
    }
}

/// Without Auth.js: what it once set is still read.
#[test]
fn recorded_sessions_are_opened() {
    let recorded: Vec<Recorded> =
        RECORDED.lines().map(|line| serde_json::from_str(line).expect("a recorded session")).collect();
    assert!(recorded.len() >= 30, "{}", recorded.len());
    assert!(
        recorded.iter().any(|case| case.version == 4) && recorded.iter().any(|case| case.jar.0.len() > 1)
    );
    for case in recorded {
        let secrets: Vec<&str> = case.secrets.iter().map(String::as_str).collect();
        let issued = UnixTime::from_secs(case.claims["iat"].as_i64().unwrap());
        let opened = case.jar.open(&site(&secrets).unwrap(), issued).unwrap();
        assert_eq!(*opened.claims(), case.claims);
        let over = UnixTime::from_secs(case.claims["exp"].as_i64().unwrap() + 15);
        let refused = case.jar.open(&site(&secrets).unwrap(), over).unwrap_err();
        assert_eq!(refused.code(), "sealed-expired");
    }
}
