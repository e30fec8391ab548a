//! One case: a configuration, a request, and how questions are answered.

use nostore_jose::Algorithm;
use nostore_message::{RequestHead, Scheme, Secret, UnixTime};
use nostore_session::{Accepts, Answer, Config, Need, OrganizationSync, TokenType};
use serde_json::json;

use super::choices::Choices;
use super::world::{HUSH, NOW, SITE, WORLD};

pub(crate) struct Case<'d> {
    pub(crate) config: Config,
    pub(crate) request: RequestHead<'static>,
    /// Whether the keys are there from the start.
    pub(crate) keys_known: bool,
    pub(crate) now: UnixTime,
    answers: Choices<'d>,
}

const COOKIES: [&str; 10] = [
    "__session",
    "__client_uat",
    "__clerk_db_jwt",
    "__refresh",
    "__clerk_handshake",
    "__clerk_handshake_nonce",
    "__clerk_redirect_count",
    "__nostore_hops",
    "__client",
    "theme",
];

const PARAMETERS: [&str; 10] = [
    "__clerk_handshake",
    "__clerk_handshake_nonce",
    "__clerk_db_jwt",
    "__clerk_synced",
    "__clerk_redirect_url",
    "__clerk_netlify_cache_bust",
    "__session",
    "__clerk_help",
    "%5F_clerk_db_jwt",
    "page",
];

const FIELDS: [&str; 9] = [
    "authorization",
    "Authorization",
    "sec-fetch-dest",
    "accept",
    "referer",
    "origin",
    "host",
    "x-forwarded-host",
    "cookie",
];

impl<'d> Case<'d> {
    pub(crate) fn new(mut choices: Choices<'d>) -> Self {
        let config = config(&mut choices);
        let request = request(&mut choices, &config);
        let keys_known = !choices.flag();
        let offset = *choices.pick(&[0, 0, 0, 1, -1, 30, 59, 65, 600, -600, 86_400]);
        let now = match choices.below(20) {
            19 => UnixTime::from_millis(i64::MAX),
            18 => UnixTime::from_millis(i64::MIN),
            millis => {
                UnixTime::from_millis((NOW + offset) * 1_000 + i64::try_from(millis).unwrap_or_default())
            }
        };
        Self { config, request, keys_known, now, answers: choices }
    }

    /// Answers a question as the case has it.
    pub(crate) fn answer(&mut self, need: &Need) -> Answer {
        let choices = &mut self.answers;
        let json =
            Some(*choices.pick(&["application/json", "application/json", "application/json", "text/html"]));
        match choices.below(8) {
            0 => need.unreachable(),
            1 => need.read(
                *choices.pick(&[200, 204, 301, 401, 404, 429, 500]),
                json,
                choices.text().as_bytes(),
            ),
            2 => {
                let code = *choices.pick(&["clerk_key_invalid", "unexpected_error", "a b", "x\r\ny", ""]);
                let body = json!({"errors": [{"code": code, "message": code}]}).to_string();
                need.read(*choices.pick(&[400, 401, 404, 200, 500]), json, body.as_bytes())
            }
            3 => need.read(200, json, br#"{"keys":[],"directives":[],"object":"cookies","cookies":[]}"#),
            _ => need.read(200, json, body(choices, need).as_bytes()),
        }
    }
}

/// What a service in good health answers, more or less.
fn body(choices: &mut Choices<'_>, need: &Need) -> String {
    if matches!(need, Need::JwkSet { .. }) {
        return WORLD.set.to_json().to_string();
    }
    if let Need::OpaqueToken { .. } = need {
        let (revoked, subject) = (choices.flag(), *choices.pick(&["user_1", "mch_1", ""]));
        return json!({"object": "x", "id": "id_1", "subject": subject, "scopes": ["a"], "revoked": revoked,
            "expired": false, "expiration": null, "created_at": 1, "name": "n", "client_id": "c"})
        .to_string();
    }
    let mut lines = Vec::new();
    for _ in 0..choices.below(4) {
        let name = *choices.pick(&["__session", "__session_", "__client_uat", "__refresh", "a"]);
        lines.push(format!(
            "{name}={}{}",
            word(choices),
            *choices.pick(&["; Path=/", "", "; a=b\r\nx: y", " "])
        ));
    }
    json!({"object": "cookies", "directives": lines, "cookies": lines}).to_string()
}

fn config(choices: &mut Choices<'_>) -> Config {
    let secret = |text: &str| Secret::new(format!("{text}{HUSH}"));
    let key = choices.pick(&WORLD.keys).clone();
    let mut config = Config::new(key, secret(choices.pick(&["sk_test_", "sk_live_", "sk_"])));
    let bits = choices.byte();
    let kinds = [TokenType::Session, TokenType::M2mToken, TokenType::ApiKey, TokenType::OauthToken];
    config = config.accepts(match choices.below(8) {
        5 => Accepts::Any,
        6 => Accepts::OneOf(kinds.into_iter().filter(|_| choices.flag()).collect()),
        7 => Accepts::Only(*choices.pick(&kinds)),
        _ => Accepts::Only(TokenType::Session),
    });
    let proxy =
        *choices.pick(&["", "", "", "/__clerk", "https://proxy.example.com/clerk", "http://localhost:9/"]);
    let sign_in = *choices.pick(&["", "", "/sign-in", "https://primary.example.com/sign-in?x=1"]);
    let urls = [config.clone().proxy_url(proxy), config.clone().sign_in_url(sign_in)];
    config = match urls {
        [Ok(proxied), Ok(_)] => proxied.sign_in_url(sign_in).unwrap_or(config),
        [Ok(one), Err(_)] | [Err(_), Ok(one)] => one,
        [Err(_), Err(_)] => config,
    };
    config = config.satellite(bits & 3 == 3).satellite_auto_sync(bits & 4 != 0);
    if bits & 8 != 0 {
        config = config.domain(*choices.pick(&["app.example.com", "other.example"]));
    }
    if bits & 16 != 0 {
        config = config.machine_secret_key(secret("ak_")).authorized_parties([SITE]);
    }
    if bits & 32 != 0 {
        config = config.audience(["x"]).clock_skew_ms(i64::from(choices.byte()) * 1_000);
    }
    if bits & 64 != 0 {
        let sync = OrganizationSync::new(["/orgs/:slug", "/orgs/:slug/(.*)"], ["/me", "/me/(.*)"]);
        config = sync.map_or(config.clone(), |sync| config.organization_sync(sync));
    }
    if bits & 192 == 192 {
        config = config.clone().jwt_key(&WORLD.pem).unwrap_or(config);
    }
    if choices.below(8) == 7 {
        config = config.signature_algorithms([Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa]);
    }
    config
}

fn request(choices: &mut Choices<'_>, config: &Config) -> RequestHead<'static> {
    let method = *choices.pick(&["GET", "GET", "GET", "GET", "HEAD", "POST", "get", ""]);
    let hosts = [
        "app.example.com",
        "app.example.com",
        "app.example.com",
        "[::1]:8080",
        "a.example:443",
        "a@b",
        "",
        "a/b",
    ];
    let authority = *choices.pick(&hosts);
    let paths = [
        "/",
        "/orgs/one/x",
        "/me",
        "//evil.example/x",
        "*",
        "",
        "/%zz",
        "/a#b",
        "@evil.example",
        "https://evil.example/",
    ];
    let mut target = (*choices.pick(&paths)).to_owned();
    let mut separator = '?';
    for _ in 0..choices.below(5) {
        let (name, value) = (*choices.pick(&PARAMETERS), word(choices));
        target.push(separator);
        target.push_str(&format!("{name}={value}"));
        separator = '&';
    }
    let suffix = config.publishable_key().suffix();
    let cookie = |choices: &mut Choices<'_>| {
        let end = if choices.flag() { format!("_{suffix}") } else { String::new() };
        format!("{}{end}={}", choices.pick(&COOKIES), word(choices))
    };
    let cookies: Vec<String> = (0..choices.below(8)).map(|_| cookie(choices)).collect();
    let mut lines = vec![("cookie", cookies.join("; "))];
    if !choices.flag() {
        lines.push(("sec-fetch-dest", "document".to_owned()));
    }
    for _ in 0..choices.below(5) {
        let start = *choices.pick(&["", "Bearer ", "bearer "]);
        lines.push((*choices.pick(&FIELDS), format!("{start}{}", word(choices))));
    }
    let scheme = *choices.pick(&[Scheme::Https, Scheme::Http]);
    RequestHead {
        method: method.into(),
        scheme,
        authority: authority.into(),
        target: target.into(),
        fields: lines.iter().map(|(name, value)| (*name, value.as_str())).collect(),
    }
    .into_owned()
}

/// A value: mostly one that means something.
fn word(choices: &mut Choices<'_>) -> String {
    match choices.byte() {
        255 => choices.text().into_owned(),
        254 => choices.pick(&WORLD.words).chars().rev().collect(),
        253 => format!("{}.{}", choices.pick(&WORLD.words), choices.pick(&WORLD.words)),
        at => WORLD.words.get(usize::from(at) % WORLD.words.len()).cloned().unwrap_or_default(),
    }
}
