//! The service against the session law: a browser, a site that asks the law, and the service.

use std::collections::BTreeMap;

use nostore_issuer::core::{Change, Mode, User};
use nostore_message::{Fields, RequestHead, Scheme, Secret, SetCookie, UnixTime};
use nostore_session::{Config, Decision, Facts, PublishableKey, Status, Step, authenticate};

use crate::world::{NOW, SITE, World};

/// A browser with its cookies by host name (cookies ignore ports).
struct Browser {
    world: World,
    config: Config,
    cookies: BTreeMap<(String, String), String>,
    /// When the cookies that have a `Max-Age` end.
    ends: BTreeMap<(String, String), UnixTime>,
    redirects: usize,
}

impl Browser {
    fn new(mode: Mode) -> Self {
        let world = World::new(mode);
        let key = PublishableKey::parse(world.issuer.publishable_key()).unwrap();
        let secret = Secret::new(world.issuer.secret_key().expose());
        let config = Config::new(key, secret).authorized_parties([SITE]);
        let config = match mode {
            Mode::Live => config.proxy_url("http://localhost:8081").unwrap(),
            Mode::Test => config,
        };
        Self { world, config, cookies: BTreeMap::new(), ends: BTreeMap::new(), redirects: 0 }
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
        let mut url = format!("{SITE}{path}");
        self.redirects = 0;
        loop {
            let next = if let Some(target) = url.strip_prefix(SITE) {
                let decision = self.ask_site(target);
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

    fn ask_site(&mut self, target: &str) -> Decision {
        let cookie = self.cookie_field("localhost");
        let fields = [("cookie", cookie.as_str()), ("sec-fetch-dest", "document")];
        let head = RequestHead {
            method: "GET".into(),
            scheme: Scheme::Http,
            authority: "localhost:8080".into(),
            target: target.to_owned().into(),
            fields: fields.into_iter().collect::<Fields<'_>>(),
        };
        let mut answers = Vec::new();
        let decision = loop {
            let facts = Facts { keys: None, answers: &answers, memo: None };
            match authenticate(&head, &self.config, &facts, self.world.now) {
                Step::Done(decision) => break decision,
                Step::Need(need) => {
                    let request = need.request(&self.config);
                    let path = request.url.strip_prefix(&format!("http://{}", self.world.authority)).unwrap();
                    let fields: Vec<_> =
                        request.fields.iter().map(|line| (&*line.name, &*line.value)).collect();
                    let (answer, _) = self.world.send(request.method, path, &fields, "");
                    answers.push(need.read(answer.status, Some("application/json"), answer.body.as_bytes()));
                }
            }
        };
        for edit in &decision.edits {
            if let nostore_message::FieldEdit::Append { name, value } = edit
                && name == "set-cookie"
            {
                self.store("localhost", value);
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
        answer.fields.first("location").unwrap().to_owned()
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
        let client = browser.world.issuer.state().clients().find(|client| client.session.is_some()).unwrap();
        let path = format!("/v1/sessions/{}/revoke", client.session.as_ref().unwrap().id);
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
    let (id, email) = ("user_long".to_owned(), "long@example.com".to_owned());
    let user = User { id, email, name: Some("n".repeat(300)), created_at: NOW };
    browser.world.issuer.apply(&[Change::PutUser(user)]);
    browser.submit("/sign-in", &[("email", "long@example.com")]);
    assert_eq!(browser.who().as_deref(), Some("long@example.com"));
}

#[test]
fn a_user_without_a_name_and_a_clock_that_goes_back_do_no_harm() {
    let mut browser = Browser::new(Mode::Live);
    let id = "user_x".to_owned();
    let user = User { id, email: "x@example.com".to_owned(), name: None, created_at: UnixTime::from_secs(0) };
    browser.world.issuer.apply(&[Change::PutUser(user)]);
    browser.submit("/sign-in", &[("email", "x@example.com")]);
    browser.world.now = NOW.plus_secs(-3_600);
    assert_eq!(browser.who().as_deref(), Some("x@example.com"));
}
