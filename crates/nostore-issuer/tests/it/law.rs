//! The service against the session law: a browser, a site that asks the law, and the service.

use std::collections::BTreeMap;

use nostore_issuer::core::{Change, MARGIN_SECS, Mode, User};
use nostore_message::{Fields, RequestHead, Scheme, Secret, SetCookie, UnixTime};
use nostore_session::{
    Accepts, Config, Decision, Facts, PublishableKey, Status, Step, TokenType, authenticate,
};

use crate::world::{NOW, SITE, World};

/// The second site, a satellite of the first.
const SATELLITE: &str = "http://127.0.0.1:8082";

/// A browser with its cookies by host name (cookies ignore ports).
struct Browser {
    world: World,
    /// How the site and its satellite ask the law.
    config: Config,
    satellite: Config,
    /// What the browser's script adds to its requests.
    authorization: Option<String>,
    cookies: BTreeMap<(String, String), String>,
    /// When the cookies that have a `Max-Age` end.
    ends: BTreeMap<(String, String), UnixTime>,
    redirects: usize,
}

impl Browser {
    fn new(mode: Mode) -> Self {
        let world = World::with_sites(mode, &[SITE, SATELLITE]);
        let key = PublishableKey::parse(world.issuer.publishable_key()).unwrap();
        let config = || {
            let secret = Secret::new(world.issuer.secret_key().expose());
            let config = Config::new(key.clone(), secret);
            match mode {
                Mode::Live => config.proxy_url("http://localhost:8081").unwrap(),
                Mode::Test => config,
            }
        };
        let satellite = config()
            .authorized_parties([SATELLITE])
            .satellite(true)
            .satellite_auto_sync(true)
            .domain("127.0.0.1:8082")
            .sign_in_url(&format!("{SITE}/sign-in"))
            .unwrap();
        let config = config().authorized_parties([SITE]);
        let (cookies, ends) = (BTreeMap::new(), BTreeMap::new());
        Self { world, config, satellite, authorization: None, cookies, ends, redirects: 0 }
    }

    fn cookie_field(&self, host: &str) -> String {
        let mine = self.cookies.iter().filter(|((of, _), _)| of == host);
        let pairs: Vec<String> = mine.map(|((_, name), value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn store(&mut self, host: &str, line: &str) {
        assert!(line.split(';').next().unwrap().len() <= 4_096, "a browser drops what is larger");
        let cookie = SetCookie::parse(line);
        let key = (host.to_owned(), cookie.name.clone().into_owned());
        let gone = cookie.attribute("expires").is_some_and(|date| date.contains("1970"));
        let lasts = cookie.attribute("max-age").map(|secs| secs.parse::<i64>().unwrap());
        self.ends.remove(&key);
        if gone {
            self.cookies.remove(&key);
        } else {
            self.ends.extend(lasts.map(|secs| (key.clone(), self.world.now.plus_secs(secs))));
            self.cookies.insert(key, cookie.value.into_owned());
        }
    }

    /// Opens a page of the site and follows redirects to the decision that has none.
    fn open(&mut self, path: &str) -> Decision {
        self.open_url(&format!("{SITE}{path}"))
    }

    fn open_url(&mut self, url: &str) -> Decision {
        let mut url = url.to_owned();
        self.redirects = 0;
        loop {
            let site = [SITE, SATELLITE].into_iter().find(|site| url.starts_with(site));
            let next = if let Some(site) = site {
                let decision = self.ask_site(site, url.strip_prefix(site).unwrap());
                match decision.location().map(str::to_owned) {
                    Some(location) => location,
                    None => return decision,
                }
            } else {
                self.ask_service(&url)
            };
            url = next;
            self.redirects += 1;
            assert!(self.redirects <= 8, "a loop at {url}");
        }
    }

    fn ask_site(&mut self, site: &str, target: &str) -> Decision {
        let authority = site.strip_prefix("http://").unwrap();
        let host = authority.split(':').next().unwrap();
        let cookie = self.cookie_field(host);
        let mut fields = vec![("cookie", cookie.as_str()), ("sec-fetch-dest", "document")];
        fields.extend(self.authorization.as_deref().map(|value| ("authorization", value)));
        let head = RequestHead {
            method: "GET".into(),
            scheme: Scheme::Http,
            authority: authority.to_owned().into(),
            target: target.to_owned().into(),
            fields: fields.into_iter().collect::<Fields<'_>>(),
        };
        let config = if site == SITE { &self.config } else { &self.satellite };
        let mut answers = Vec::new();
        let decision = loop {
            let facts = Facts { keys: None, answers: &answers, memo: None };
            match authenticate(&head, config, &facts, self.world.now) {
                Step::Done(decision) => break decision,
                Step::Need(need) => {
                    let request = need.request(config);
                    let path = request.url.strip_prefix(&format!("http://{}", self.world.authority)).unwrap();
                    let fields: Vec<_> =
                        request.fields.iter().map(|line| (&*line.name, &*line.value)).collect();
                    let body = std::str::from_utf8(&request.body).unwrap();
                    let (answer, _) = self.world.send(request.method, path, &fields, body);
                    let kind = answer.fields.first("content-type");
                    answers.push(need.read(answer.status, kind, answer.body.as_bytes()));
                }
            }
        };
        for edit in &decision.edits {
            if let nostore_message::FieldEdit::Append { name, value } = edit
                && name == "set-cookie"
            {
                self.store(host, value);
            }
        }
        *decision
    }

    fn ask_service(&mut self, url: &str) -> String {
        let host = self.world.authority.split(':').next().unwrap().to_owned();
        let origin = format!("http://{}", self.world.authority);
        let target = url.strip_prefix(&origin).unwrap();
        let cookie = self.cookie_field(&host);
        let answer = self.world.get(target, &[("cookie", &cookie)]);
        assert_eq!(answer.status, 307, "{}", answer.body);
        for line in answer.fields.all("set-cookie") {
            self.store(&host, line);
        }
        let location = answer.fields.first("location").unwrap();
        if location.starts_with('/') { format!("{origin}{location}") } else { location.to_owned() }
    }

    /// Sends a form of the service; returns the status of the page that the way ends at.
    fn submit(&mut self, path: &str, form: &[(&str, &str)]) {
        let host = self.world.authority.split(':').next().unwrap().to_owned();
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        pairs.extend_pairs(form).append_pair("redirect_url", "http://localhost:8080/dashboard");
        if let Some(name) = self.cookies.get(&("localhost".to_owned(), "__clerk_db_jwt".to_owned())) {
            pairs.append_pair("__clerk_db_jwt", name);
        }
        let cookie = self.cookie_field(&host);
        let answer = self.world.post(path, &[("cookie", &cookie)], &pairs.finish());
        assert_eq!(answer.status, 303, "{}", answer.body);
        for line in answer.fields.all("set-cookie") {
            self.store(&host, line);
        }
        let location = format!("http://{}{}", self.world.authority, answer.fields.first("location").unwrap());
        let back = self.ask_service(&location);
        self.open(back.strip_prefix(SITE).unwrap());
    }

    fn who(&mut self) -> Option<String> {
        match self.open("/dashboard").status {
            Status::SignedIn(session) => session.email().map(str::to_owned),
            _ => None,
        }
    }

    fn later(&mut self, secs: i64) {
        let now = self.world.now.plus_secs(secs);
        self.world.now = now;
        self.cookies.retain(|key, _| self.ends.get(key).is_none_or(|end| *end > now));
    }
}

#[test]
fn r1_12_a_visitor_signs_in_stays_in_and_signs_out() {
    for mode in [Mode::Test, Mode::Live] {
        let mut browser = Browser::new(mode);
        assert_eq!(browser.who(), None, "{mode:?}");
        browser.submit("/sign-in", &[("email", "alice@example.com")]);
        assert!(browser.redirects <= 2, "{mode:?}: {} more redirects", browser.redirects);
        assert_eq!(browser.who().as_deref(), Some("alice@example.com"), "{mode:?}");
        assert_eq!(browser.redirects, 0, "{mode:?}");
        for secs in [49, 1, 10, 3_600, 86_400] {
            browser.later(secs);
            assert_eq!(browser.who().as_deref(), Some("alice@example.com"), "{mode:?}, {secs} s later");
        }
        browser.submit("/sign-in", &[("email", "bob@example.com")]);
        assert_eq!(browser.who().as_deref(), Some("bob@example.com"), "{mode:?}");
        browser.later(1);
        browser.submit("/sign-out", &[]);
        assert_eq!(browser.who(), None, "{mode:?}");
        browser.later(120);
        assert_eq!(browser.who(), None, "{mode:?}");
    }
}

#[test]
fn r1_12_two_browsers_are_two_visitors() {
    for mode in [Mode::Test, Mode::Live] {
        let mut browser = Browser::new(mode);
        browser.submit("/sign-in", &[("email", "alice@example.com")]);
        let alices = std::mem::take(&mut browser.cookies);
        assert_eq!(browser.who(), None, "{mode:?}");
        browser.submit("/sign-in", &[("email", "bob@example.com")]);
        assert_eq!(browser.who().as_deref(), Some("bob@example.com"), "{mode:?}");
        browser.cookies = alices;
        assert_eq!(browser.who().as_deref(), Some("alice@example.com"), "{mode:?}");
    }
}

/// A revocation by the site's server, from the second on at which the token is over.
#[test]
fn r1_12_a_revoked_session_does_not_come_back() {
    for mode in [Mode::Test, Mode::Live] {
        let mut browser = Browser::new(mode);
        browser.submit("/sign-in", &[("email", "alice@example.com")]);
        let path =
            format!("/v1/sessions/{}/revoke", browser.world.issuer.state().sessions().next().unwrap().id);
        let bearer = format!("Bearer {}", browser.world.issuer.secret_key().expose());
        let (answer, _) = browser.world.send("POST", &path, &[("authorization", &bearer)], "");
        assert_eq!(answer.status, 200);
        browser.later(120);
        assert_eq!(browser.who(), None, "{mode:?}");
    }
}

#[test]
fn r1_12_the_longest_address_still_gets_a_session() {
    for mode in [Mode::Test, Mode::Live] {
        let mut browser = Browser::new(mode);
        let label = "b".repeat(63);
        let email = format!("{}@{label}.{label}.{}", "a".repeat(64), "b".repeat(61));
        browser.submit("/sign-in", &[("email", &email)]);
        assert_eq!(browser.who().as_deref(), Some(email.as_str()), "{mode:?}");
    }
}

/// With live keys, a result too large for a cookie travels as a nonce.
#[test]
fn r1_12_the_longest_name_still_gets_a_session() {
    let mut browser = Browser::new(Mode::Live);
    let user = User::new("user_long", "long@example.com", NOW).named("n".repeat(300));
    browser.world.issuer.apply(&[Change::PutUser(user)]);
    browser.submit("/sign-in", &[("email", "long@example.com")]);
    assert_eq!(browser.who().as_deref(), Some("long@example.com"));
}

#[test]
fn a_user_without_a_name_and_a_clock_that_goes_back_do_no_harm() {
    let mut browser = Browser::new(Mode::Live);
    let user = User::new("user_x", "x@example.com", UnixTime::from_secs(0));
    browser.world.issuer.apply(&[Change::PutUser(user)]);
    browser.submit("/sign-in", &[("email", "x@example.com")]);
    browser.world.now = NOW.plus_secs(-3_600);
    assert_eq!(browser.who().as_deref(), Some("x@example.com"));
}

/// The token has run out: the site's server trades it, and the visitor sees no redirect.
#[test]
fn a_session_is_refreshed_without_a_redirect() {
    for mode in [Mode::Test, Mode::Live] {
        let mut browser = Browser::new(mode);
        browser.submit("/sign-in", &[("email", "alice@example.com")]);
        for secs in [61, 65, 3_600, 86_400] {
            browser.later(secs);
            assert_eq!(browser.who().as_deref(), Some("alice@example.com"), "{mode:?}, {secs} s later");
            assert_eq!(browser.redirects, 0, "{mode:?}, {secs} s later");
        }
        let id = browser.world.issuer.state().sessions().next().unwrap().id.clone();
        browser.world.backend("POST", &format!("/v1/sessions/{id}/revoke"), "");
        assert_eq!(browser.who().as_deref(), Some("alice@example.com"), "{mode:?}: a token lasts its minute");
        browser.later(66);
        assert_eq!(browser.who(), None, "{mode:?}: a revoked session is not refreshed");
        assert!(browser.redirects > 0, "{mode:?}");
    }
}

/// The key before is published on: its tokens are valid, and refreshed when they are over.
#[test]
fn a_rotated_key_signs_nobody_out() {
    for mode in [Mode::Test, Mode::Live] {
        for secs in [0, 30, 64, 65, 66, 3_600, 60 + MARGIN_SECS - 1] {
            let mut browser = Browser::new(mode);
            browser.submit("/sign-in", &[("email", "alice@example.com")]);
            assert_eq!(browser.world.backend("POST", "/v1/instance/rotate_key", "").0, 200);
            browser.later(secs);
            assert_eq!(browser.who().as_deref(), Some("alice@example.com"), "{mode:?}, {secs} s later");
            assert_eq!(browser.redirects, 0, "{mode:?}, {secs} s later");
        }
    }
}

/// A key that has leaked is dropped at once: its tokens count no more, and the sign-in page leads straight back.
#[test]
fn a_dropped_key_costs_a_visit_to_the_sign_in_page() {
    for mode in [Mode::Test, Mode::Live] {
        let mut browser = Browser::new(mode);
        browser.submit("/sign-in", &[("email", "alice@example.com")]);
        let body = r#"{"keep_previous_seconds":0}"#;
        assert_eq!(browser.world.backend("POST", "/v1/instance/rotate_key", body).0, 200);
        let decision = browser.open("/dashboard");
        assert_eq!(decision.reason.map(|reason| reason.code()), Some("jwk-kid-mismatch"), "{mode:?}");
        let page = match mode {
            Mode::Live => "http://localhost:8081/sign-in?",
            Mode::Test => "http://127.0.0.1:8081/sign-in?",
        };
        let name = browser.cookies.get(&("localhost".to_owned(), "__clerk_db_jwt".to_owned()));
        let name = name.map(|name| format!("&__clerk_db_jwt={name}")).unwrap_or_default();
        let decision = browser.open_url(&format!("{page}redirect_url={SITE}/dashboard{name}"));
        let Status::SignedIn(session) = decision.status else { panic!("{mode:?} {:?}", decision.reason) };
        assert_eq!(session.email(), Some("alice@example.com"), "{mode:?}");
    }
}

/// With test keys, a satellite learns through its primary site which browser it is (sections 4.2 and 5).
#[test]
fn a_satellite_signs_in_through_its_primary_site() {
    let mut browser = Browser::new(Mode::Test);
    browser.submit("/sign-in", &[("email", "alice@example.com")]);
    let decision = browser.open_url(&format!("{SATELLITE}/reports?a=1"));
    let Status::SignedIn(session) = decision.status else { panic!("{:?}", decision.reason) };
    assert_eq!((session.email(), session.claims().azp()), (Some("alice@example.com"), Some(SATELLITE)));
    browser.later(70);
    let decision = browser.open_url(&format!("{SATELLITE}/reports"));
    assert!(matches!(decision.status, Status::SignedIn(_)), "{:?}", decision.reason);
    assert_eq!(browser.redirects, 0, "it is refreshed like any other");
    assert_eq!(browser.who().as_deref(), Some("alice@example.com"), "and so is the primary site");

    let mut stranger = Browser::new(Mode::Test);
    let decision = stranger.open_url(&format!("{SATELLITE}/reports"));
    assert!(matches!(decision.status, Status::SignedOut), "{:?}", decision.reason);
}

#[test]
fn programs_are_known_by_their_tokens() {
    const SEED: &str = r#"{
        "machines": [{ "id": "mch_a", "secret_key": "ak_machine_0123456789" }],
        "api_keys": [{ "name": "ci", "secret": "ak_ci_0123456789", "subject": "user_alice" }],
        "m2m_tokens": [{ "name": "n", "token": "mt_nightly_0123456789", "subject": "mch_a" }],
        "oauth_tokens": [{ "name": "o", "access_token": "oat_app_0123456789", "client_id": "c", "subject": "user_bob" }]
    }"#;
    for (token, kind) in [
        ("ak_ci_0123456789", TokenType::ApiKey),
        ("mt_nightly_0123456789", TokenType::M2mToken),
        ("oat_app_0123456789", TokenType::OauthToken),
    ] {
        let mut browser = Browser::new(Mode::Test);
        browser.world.sow(SEED);
        browser.config = browser.config.accepts(Accepts::Any);
        if kind == TokenType::M2mToken {
            browser.config = browser.config.machine_secret_key(Secret::new("ak_machine_0123456789"));
        }
        browser.authorization = Some(format!("Bearer {token}"));
        let decision = browser.open("/");
        let Status::Machine(_) = decision.status else { panic!("{token}: {:?}", decision.reason) };
        assert_eq!(decision.token_type, Some(kind));
        browser.authorization = Some(format!("Bearer {token}x"));
        let decision = browser.open("/");
        assert_eq!(decision.reason.map(|reason| reason.code()), Some("token-invalid"), "{token}");
    }
}

/// One key signs both, but no site takes an ID Token for a session token.
#[test]
fn an_id_token_is_no_session() {
    for mode in [Mode::Test, Mode::Live] {
        let mut browser = Browser::new(mode);
        let (world, id_token) = crate::oidc::id_token(mode);
        browser.world = world;
        browser.authorization = Some(format!("Bearer {id_token}"));
        let decision = browser.open("/dashboard");
        assert!(!matches!(decision.status, Status::SignedIn(_)), "{mode:?}");
        assert_eq!(decision.reason.map(|reason| reason.code()), Some("token-type-mismatch"), "{mode:?}");
    }
}
