//! The OpenID Provider: a relying party made by hand, over the core.

mod flow;
mod kept;
mod lifetimes;
mod logout;
mod refusals;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use nostore_issuer::core::{Mode, RelyingParty, Response};
use nostore_message::Secret;
use serde_json::Value;

use crate::world::{World, cookies, parameter, show};

const CALLBACK: &str = "http://localhost:8080/auth/callback";
const AFTER: &str = "http://localhost:8080/bye?x=1";
const NOTICE: &str = "http://localhost:8080/auth/logout";
const SECRET: &str = "hush:hush&%=+";

/// A verifier and its digest: those of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What a relying party asks for, unless a test says otherwise.
const USUAL: [(&str, &str); 8] = [
    ("client_id", "site"),
    ("redirect_uri", CALLBACK),
    ("response_type", "code"),
    ("scope", "openid email profile offline_access"),
    ("state", "st&te"),
    ("nonce", "n0nce"),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
];

type Pairs<'a> = [(&'a str, &'a str)];

/// A browser, the provider and two relying parties: `site`, which has a secret, and `app`, which has none.
struct Stage {
    world: World,
    cookie: String,
}

fn encoded(pairs: &Pairs<'_>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The usual parameters, some of them replaced, without those that are given as empty.
fn with(usual: &Pairs<'_>, changed: &Pairs<'_>) -> String {
    let given = |name: &str| changed.iter().find(|(key, _)| *key == name);
    let kept = usual.iter().map(|pair| given(pair.0).unwrap_or(pair));
    let new = changed.iter().filter(|(name, _)| !usual.iter().any(|(key, _)| key == name));
    let pairs: Vec<_> = kept.chain(new).filter(|(_, value)| !value.is_empty()).copied().collect();
    encoded(&pairs)
}

impl Stage {
    fn new(mode: Mode) -> Self {
        let mut world = World::new(mode);
        let site = RelyingParty::new("site")
            .named("The <Site>")
            .with_secret(Secret::new(SECRET))
            .with_redirect_uri(CALLBACK)
            .with_redirect_uri("http://localhost:8080/other?a=b")
            .with_post_logout_redirect_uri(AFTER)
            .with_backchannel_logout_uri(NOTICE);
        let app = RelyingParty::new("app").with_redirect_uri(CALLBACK);
        let changes = world.issuer.register(&[site, app]).unwrap();
        world.issuer.apply(&changes);
        Self { world, cookie: String::new() }
    }

    /// Remembers the cookies of an answer.
    fn kept(&mut self, answer: Response) -> Response {
        for (name, value) in cookies(&answer) {
            if matches!(name.as_str(), "__client" | "__nostore_browser") {
                self.cookie = format!("{name}={value}");
            }
        }
        assert_eq!(answer.fields.first("cache-control"), Some("no-store"), "{}", show(&answer));
        answer
    }

    fn get(&mut self, target: &str) -> Response {
        let cookie = self.cookie.clone();
        let answer = self.world.get(target, &[("cookie", &cookie)]);
        self.kept(answer)
    }

    fn post(&mut self, target: &str, form: &str) -> Response {
        let cookie = self.cookie.clone();
        let answer = self.world.post(target, &[("cookie", &cookie)], form);
        self.kept(answer)
    }

    /// Asks for authorization.
    fn authorize(&mut self, changed: &Pairs<'_>) -> Response {
        self.get(&format!("/oauth/authorize?{}", with(&USUAL, changed)))
    }

    /// Fills in the sign-in page.
    fn sign_in(&mut self, changed: &Pairs<'_>) -> Response {
        let usual: Vec<_> = USUAL.into_iter().chain([("email", "alice@example.com")]).collect();
        self.post("/oauth/sign-in", &with(&usual, changed))
    }

    /// Signs Alice in; returns the code.
    fn code(&mut self, changed: &Pairs<'_>) -> String {
        code_of(&self.sign_in(changed))
    }

    /// Asks the token endpoint as `site`, unless the parameters name somebody else.
    fn token(&mut self, usual: &Pairs<'_>, changed: &Pairs<'_>) -> (u16, Value) {
        let form = with(usual, changed);
        let basic = basic("site", SECRET);
        let own = form.contains("client_id=");
        let fields: &Pairs<'_> = if own { &[] } else { &[("authorization", &basic)] };
        let answer = self.world.post("/oauth/token", fields, &form);
        assert_eq!(answer.fields.first("cache-control"), Some("no-store"));
        assert_eq!(answer.fields.first("pragma"), Some("no-cache"));
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }

    /// Redeems a code.
    fn redeem(&mut self, code: &str, changed: &Pairs<'_>) -> (u16, Value) {
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.token(&usual, changed)
    }

    /// Uses a refresh token.
    fn refresh(&mut self, token: &str, changed: &Pairs<'_>) -> (u16, Value) {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)], changed)
    }

    /// Signs Alice in and redeems the code.
    fn tokens(&mut self, changed: &Pairs<'_>) -> Value {
        let code = self.code(changed);
        let (status, tokens) = self.redeem(&code, &[]);
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    /// Asks who an access token is for.
    fn user_info(&mut self, token: &str) -> Response {
        let bearer = format!("Bearer {token}");
        self.world.get("/oauth/userinfo", &[("authorization", &bearer)])
    }
}

/// Returns an ID Token, and the service that issued it.
pub(crate) fn id_token(mode: Mode) -> (World, String) {
    let mut stage = Stage::new(mode);
    let tokens = stage.tokens(&[]);
    (stage.world, text(&tokens, "id_token").to_owned())
}

fn basic(client_id: &str, secret: &str) -> String {
    let half = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", half(client_id), half(secret))))
}

fn location(answer: &Response) -> &str {
    answer.fields.first("location").unwrap_or_else(|| panic!("no redirect: {}", show(answer)))
}

fn code_of(answer: &Response) -> String {
    parameter(location(answer), "code").unwrap_or_else(|| panic!("no code: {}", show(answer)))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}"))
}
