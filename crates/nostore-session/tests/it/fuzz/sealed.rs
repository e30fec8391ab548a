//! Sealed sessions: what opens was sealed, and what was sealed opens, whatever else a browser sends.

use std::sync::LazyLock;

use nostore_jose::{Encryption, EncryptionKey, ProtectedHeader, encrypt};
use nostore_message::{Cookies, Intent, Scheme, Secret, UnixTime};
use nostore_session::{
    Lifetimes, Opened, RefusedReason, Renewal, SealError, SealNonce, SealedClaims, SealedCookie,
    SealedFormat, SealedSessions, SealingSecrets, SetCookies,
};
use serde_json::{Map, Value, json};

use super::choices::Choices;

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;
const NEW: &str = "the new secret, of more than thirty-two octets";
const OLD: &str = "the old secret, of more than thirty-two octets";
const FOREIGN: &str = "a foreign secret, of more than thirty-two octets";
/// What a browser keeps of a cookie: of name and value (RFC 6265bis, "Storage Model"), and of older browsers of all of it.
const MOST_OCTETS: usize = 4_096;
/// Where sealing cuts.
const CHUNK: usize = 3_936;
/// How far clocks may differ.
const TOLERANCE: i128 = 15;

/// A site and how it is set up.
struct Site {
    sessions: SealedSessions,
    lifetimes: Lifetimes,
    secrets: &'static [&'static str],
    sources: Vec<(SealedFormat, SealedCookie)>,
    /// Whether its cookie has the usual name and no domain.
    usual: bool,
}

/// A session that somebody has sealed at some time.
struct Known {
    format: SealedFormat,
    name: String,
    secret: &'static str,
    token: String,
    claims: Map<String, Value>,
}

struct World {
    sites: Vec<Site>,
    known: Vec<Known>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| World { sites: sites(), known: known() });

/// What a browser sends: names and values, in order.
type Pairs = Vec<(String, String)>;

/// Cookies of sessions, in every state of disorder.
///
/// # Panics
///
/// Where something opens that was not sealed for that site, something sealed does not open, or a cookie is too long.
pub fn sealed(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let site = choices.pick(&WORLD.sites);
    let now = now(&mut choices);
    let pairs: Pairs = (0..choices.below(12)).map(|_| pair(&mut choices, site)).collect();
    sound(site, &pairs, now, &mut choices);
    complete(site, pairs, &mut choices);
    by_hand(site, now, &mut choices);
}

fn now(choices: &mut Choices<'_>) -> UnixTime {
    match choices.byte() {
        255 => UnixTime::from_millis(i64::MAX),
        254 => UnixTime::from_millis(i64::MIN),
        at => {
            let offsets = [0, 0, 0, 14, 15, 16, -14, -16, 115, 116, 30 * DAY, 31 * DAY, 90 * DAY, -DAY];
            UnixTime::from_secs(NOW + offsets[usize::from(at) % offsets.len()])
        }
    }
}

/// A cookie that belongs to a session, or nearly.
fn pair(choices: &mut Choices<'_>, site: &Site) -> (String, String) {
    let any = choices.below(4) == 3;
    let (format, cookie) = choices.pick(&site.sources);
    let own: Vec<&Known> = WORLD.known.iter().filter(|one| any || one.is_for(*format, cookie)).collect();
    let one = *choices.pick(&own);
    let token = &one.token;
    let at = choices.below(token.len().div_ceil(CHUNK) + 1);
    let whole = token.len() <= CHUNK;
    let (own_suffix, value) = match choices.below(16) {
        0 => (String::new(), token.clone()),
        1 => (String::new(), String::new()),
        2 => (".0".to_owned(), choices.text().into_owned()),
        3 => (format!(".{at}"), "x".repeat(40 * usize::from(choices.byte()))),
        // Cut elsewhere than sealing cuts, or changed.
        4 => (format!(".{at}"), token[..token.len() * choices.below(256) / 256].to_owned()),
        5 => (format!(".{at}"), token[token.len() * choices.below(256) / 256..].to_owned()),
        6 => (String::new(), changed(token, choices)),
        _ if whole => (String::new(), token.clone()),
        _ => (format!(".{at}"), token.chars().skip(at * CHUNK).take(CHUNK).collect()),
    };
    let strange = ["", ".", ".00", ".x", ".1.2", "s", ".999", ".4294967296", ".8", ".0", ".1", ".7"];
    let suffix = match choices.below(24) {
        at if at < strange.len() => strange[at].to_owned(),
        _ => own_suffix,
    };
    (format!("{}{suffix}", cookie.name()), value)
}

fn changed(token: &str, choices: &mut Choices<'_>) -> String {
    let (at, octet) = (choices.below(256) * 256 + choices.below(256), b"AB.-_=09az"[choices.below(10)]);
    let mut octets = token.as_bytes().to_vec();
    let at = at % octets.len();
    octets[at] = octet;
    String::from_utf8(octets).unwrap()
}

fn line(pairs: &Pairs) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

/// Whatever opens was sealed by a secret of the site, under that name, in that format, and is in the request as a whole.
fn sound(site: &Site, pairs: &Pairs, now: UnixTime, choices: &mut Choices<'_>) {
    let text = line(pairs);
    let strange = choices.text();
    let cookies = Cookies::parse([&*strange, &*text]);
    let of_site = |name: &String| site.sources.iter().any(|(_, cookie)| name.starts_with(cookie.name()));
    let sent: Pairs = cookies.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let opened = match site.sessions.open(&cookies, now) {
        Ok(opened) => opened,
        Err(refused) => {
            assert!(refused.leftovers().iter().all(of_site), "{:?}", refused.leftovers());
            let none = sent.iter().all(|(name, _)| !of_site(name));
            assert!(!none || refused.reason() == RefusedReason::Absent, "{refused}");
            within(site, &site.sessions.clear(&cookies));
            return;
        }
    };
    assert!(opened.leftovers().iter().all(of_site), "{:?}", opened.leftovers());
    let one = WORLD.known.iter().find(|one| one.claims == *opened.claims());
    let one = one.expect("a session that nobody has sealed");
    assert_eq!(opened.format(), one.format);
    let secret = site.secrets.iter().position(|secret| *secret == one.secret);
    assert_eq!(secret, Some(opened.secret()), "a secret of another site opened a session");
    assert!(site.sources.iter().any(|(format, cookie)| one.is_for(*format, cookie)), "another site's cookie");
    let stands = |(_, cookie): &(SealedFormat, SealedCookie)| carries(&sent, cookie.name(), &one.token);
    assert!(site.sources.iter().any(stands), "the session is not in the request");
    in_time(&opened, &site.lifetimes, now);
    renewed(site, &opened, sent, now);
}

/// Tells whether a token stands in the cookies: whole, or as chunks that follow each other.
fn carries(sent: &Pairs, name: &str, token: &str) -> bool {
    fn chunks(sent: &Pairs, name: &str, at: usize, rest: &str) -> bool {
        let chunk = format!("{name}.{at}");
        let mut values = sent.iter().filter(|(found, value)| *found == chunk && !value.is_empty());
        values.any(|(_, value)| {
            rest.strip_prefix(value.as_str())
                .is_some_and(|rest| rest.is_empty() || chunks(sent, name, at + 1, rest))
        })
    }
    sent.iter().any(|(found, value)| found == name && value == token) || chunks(sent, name, 0, token)
}

/// The times of a session that opened, worked out anew and without an end of numbers.
fn in_time(opened: &Opened, lifetimes: &Lifetimes, now: UnixTime) {
    let claim =
        |name: &str| opened.claims().get(name).and_then(Value::as_f64).map(|secs| secs.floor() as i128);
    let (now, issued) = (i128::from(now.secs()), claim("iat").unwrap());
    let started = claim("nostore_start").unwrap_or(issued).min(issued);
    let last = started + i128::from(lifetimes.absolute_secs());
    let ends = claim("exp").unwrap().min(issued + i128::from(lifetimes.idle_secs())).min(last);
    assert!(now < ends + TOLERANCE, "over for {} s", now - ends);
    assert!(issued <= now + TOLERANCE, "begins in {} s", issued - now);
}

/// A renewal is nobody else's, waits for pages that no cache stores, and leaves nothing behind.
fn renewed(site: &Site, opened: &Opened, sent: Pairs, now: UnixTime) {
    let renewal = site.sessions.renewal(opened, now, Intent::Cacheable);
    assert!(!matches!(renewal, Renewal::Seal(_)), "a cacheable page would lose its caching");
    let text = line(&sent);
    let cookies = Cookies::parse([&*text]);
    let lines = match site.sessions.seal(&opened.to_claims(), &cookies, now, SealNonce::new([9; 32])) {
        Ok(lines) => lines,
        Err(SealError::LifetimeOver | SealError::TooLong { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    within(site, &lines);
    let mut jar = sent;
    keep(&mut jar, &lines);
    let text = line(&jar);
    let again = site.sessions.open(&Cookies::parse([&*text]), now).expect("a renewed session");
    assert!(again.leftovers().is_empty(), "{:?}", again.leftovers());
    assert!(again.started_at() <= now && again.started_at() == opened.started_at().min(now));
    assert_eq!(lasting(again.into_claims()), lasting(opened.claims().clone()));
}

/// The claims that a renewal does not change. One that had no session id gets one.
fn lasting(mut claims: Map<String, Value>) -> Map<String, Value> {
    for name in ["iat", "exp", "jti", "sid", "nostore_start"] {
        claims.remove(name);
    }
    claims
}

fn within(site: &Site, lines: &SetCookies) {
    for cookie in lines.cookies() {
        let (both, all) = (cookie.name.len() + cookie.value.len(), cookie.to_string().len());
        assert!(both <= MOST_OCTETS, "{}: {both} octets", cookie.name);
        assert!(!site.usual || all <= MOST_OCTETS, "{}: {all} octets with its attributes", cookie.name);
    }
}

/// What a browser keeps of a response.
fn keep(jar: &mut Pairs, lines: &SetCookies) {
    for cookie in lines.cookies() {
        jar.retain(|(name, _)| *name != cookie.name);
        if cookie.attribute("expires") != Some("Thu, 01 Jan 1970 00:00:00 GMT") {
            jar.push((cookie.name.to_string(), cookie.value.to_string()));
        }
    }
}

/// A session that was sealed last opens to the same claims, whatever else is sent. Others with its names, set for other
/// paths or domains, stand all before it or all behind it.
fn complete(site: &Site, mut pairs: Pairs, choices: &mut Choices<'_>) {
    let mut claims = Map::new();
    for _ in 0..choices.below(4) {
        claims.insert(choices.text().into_owned(), choices.text().into());
    }
    claims.extend(object(json!({"sub": "present", "fill": "y".repeat(60 * usize::from(choices.byte()))})));
    for name in ["iat", "exp", "jti", "sid", "nbf", "nostore_start"] {
        claims.remove(name);
    }
    let now = UnixTime::from_secs(NOW + 1);
    let sealed = SealedClaims::new(claims.clone());
    let lines = match site.sessions.seal(&sealed, &Cookies::default(), now, SealNonce::new([8; 32])) {
        Ok(lines) => lines,
        Err(SealError::TooLong { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    within(site, &lines);
    let mut jar = Pairs::new();
    keep(&mut jar, &lines);
    let is_written = |name: &String| jar.iter().any(|(written, _)| written == name);
    let (mut same, mut others): (Pairs, Pairs) = pairs.drain(..).partition(|(name, _)| is_written(name));
    // More than four of one name are not looked at.
    same.truncate(if choices.flag() { 3 } else { 0 });
    let before = choices.flag();
    let behind = others.split_off(choices.below(others.len() + 1));
    let (front, back) = if before { (same, Pairs::new()) } else { (Pairs::new(), same) };
    let sent: Pairs = [others, front, jar, behind, back].concat();
    let text = line(&sent);
    let opened = site.sessions.open(&Cookies::parse([&*text]), now);
    let opened = opened.unwrap_or_else(|refused| panic!("what was sealed does not open: {refused}: {text}"));
    assert_eq!(lasting(opened.claims().clone()), claims);
    assert_eq!((opened.secret(), opened.format()), (0, site.sources[0].0));
}

/// Content that only somebody with the secret can seal: what opens is a JSON object with times, and nothing is added.
fn by_hand(site: &Site, now: UnixTime, choices: &mut Choices<'_>) {
    let times = ["1800000000", "1799999999.5", "1e300", "-1e300", "\"1800000000\"", "null", "1800000100"];
    let mut members = Vec::new();
    for name in ["iat", "exp", "nbf", "nostore_start", "sub", "sid", "iat"] {
        if choices.below(3) > 0 {
            members.push(format!("\"{name}\":{}", choices.pick(&times)));
        }
    }
    let content = match choices.below(3) {
        0 => choices.text().into_owned(),
        _ => format!("{{{}}}", members.join(",")),
    };
    let Some((format, cookie)) = site.sources.iter().find(|(format, _)| *format != SealedFormat::Nostore)
    else {
        return;
    };
    let token = authjs(*format, cookie.name(), NEW, content.as_bytes(), 3);
    let Ok(opened) = site.sessions.open_token(&token, now) else { return };
    let expected: Map<String, Value> = serde_json::from_str(&content).expect("a session that is no JSON");
    assert_eq!(*opened.claims(), expected);
    in_time(&opened, &site.lifetimes, now);
}

impl Known {
    /// Tells whether a site with that source is to open it. The oldest format has one key for all names.
    fn is_for(&self, format: SealedFormat, cookie: &SealedCookie) -> bool {
        self.format == format && (format == SealedFormat::AuthJsV4 || self.name == cookie.name())
    }
}

fn secrets(texts: &[&str]) -> SealingSecrets {
    SealingSecrets::new(texts.iter().map(|text| Secret::new(*text))).unwrap()
}

/// The cookies that sites have, each in a format.
fn cookies() -> Vec<(SealedFormat, SealedCookie)> {
    let usual = |format| SealedCookie::new(format, Scheme::Https);
    let named = |format, name: &str, domain: &str| usual(format).named(name).unwrap().domain(domain).unwrap();
    let domain = ["a-long-label-of-a-domain"; 8].join(".");
    vec![
        (SealedFormat::AuthJsV5, usual(SealedFormat::AuthJsV5)),
        (SealedFormat::Nostore, usual(SealedFormat::Nostore)),
        (SealedFormat::AuthJsV4, usual(SealedFormat::AuthJsV4)),
        (SealedFormat::AuthJsV5, named(SealedFormat::AuthJsV5, "s", "example.com")),
        (SealedFormat::Nostore, named(SealedFormat::Nostore, "s", "example.com")),
        (SealedFormat::Nostore, named(SealedFormat::Nostore, &"n".repeat(64), &domain)),
    ]
}

fn sites() -> Vec<Site> {
    let (both, new): (&[&str], &[&str]) = (&[NEW, OLD], &[NEW]);
    let short = Lifetimes::new(100, 250, 40).unwrap();
    let all = cookies();
    let site = |places: &[usize], secrets: &'static [&'static str], lifetimes: Lifetimes| {
        let sources: Vec<_> = places.iter().map(|at| all[*at].clone()).collect();
        let (format, cookie) = sources[0].clone();
        let list = self::secrets(secrets);
        let mut sessions = SealedSessions::new(format, cookie, &list).unwrap();
        for (format, cookie) in &sources[1..] {
            sessions = sessions.also_opens(*format, cookie.clone(), &list).unwrap();
        }
        let sessions = sessions.lifetimes(lifetimes);
        Site { sessions, lifetimes, secrets, sources, usual: places[0] < 3 }
    };
    vec![
        site(&[0], both, Lifetimes::default()),
        site(&[1, 0, 2], both, Lifetimes::default()),
        site(&[3, 4, 2], both, short),
        site(&[5], new, short),
        site(&[1], new, Lifetimes::default()),
    ]
}

/// Sessions of every format, name, secret, length and age; no two have the same claims.
fn known() -> Vec<Known> {
    let mut known = Vec::new();
    let mut number = 0_u8;
    for (format, cookie) in cookies() {
        for secret in [NEW, OLD, FOREIGN] {
            for (fill, age) in [(0, 0), (0, 60), (4_000, 10), (9_000, 5), (4_000, DAY + 1), (0, 40 * DAY)] {
                number += 1;
                known.push(seal(format, &cookie, secret, number, fill, NOW - age));
            }
        }
    }
    known
}

fn seal(
    format: SealedFormat,
    cookie: &SealedCookie,
    secret: &'static str,
    number: u8,
    fill: usize,
    now: i64,
) -> Known {
    let claims = object(json!({"sub": format!("person {number}"), "fill": "x".repeat(fill)}));
    let name = cookie.name().to_owned();
    if format == SealedFormat::AuthJsV4 {
        let times = object(json!({"iat": now, "exp": now + 30 * DAY, "jti": format!("id {number}")}));
        let claims: Map<String, Value> = claims.into_iter().chain(times).collect();
        let token = authjs(format, &name, secret, json!(claims).to_string().as_bytes(), number);
        return Known { format, name, secret, token, claims };
    }
    let sessions = SealedSessions::new(format, cookie.clone(), &secrets(&[secret])).unwrap();
    let now = UnixTime::from_secs(now);
    let token = sessions.seal_token(&SealedClaims::new(claims), now, SealNonce::new([number; 32])).unwrap();
    let claims = sessions.open_token(&token, now).unwrap().into_claims();
    Known { format, name, secret, token, claims }
}

/// Seals as Auth.js does.
fn authjs(format: SealedFormat, name: &str, secret: &str, content: &[u8], number: u8) -> String {
    let version_4 = format == SealedFormat::AuthJsV4;
    let (encryption, salt, info) = if version_4 {
        (Encryption::A256Gcm, "", "NextAuth.js Generated Encryption Key".to_owned())
    } else {
        (Encryption::A256CbcHs512, name, format!("Auth.js Generated Encryption Key ({name})"))
    };
    let key = EncryptionKey::derive(encryption, secret.as_bytes(), salt.as_bytes(), info.as_bytes()).unwrap();
    let kid = [("kid", key.thumbprint())];
    let header = ProtectedHeader::new(encryption, if version_4 { &[] } else { &kid });
    encrypt(&header, &key, &vec![number; encryption.vector_octets()], content).unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}
