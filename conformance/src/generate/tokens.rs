//! Tokens that are right, and tokens that are wrong in one or two ways.

use serde_json::{Map, Value, json};

use super::draft::Draft;
use crate::token::{Signer, base64url};

const SESSION: &str = "cl_B7d4PD111AAA";
const TEMPLATE: &str = "cl_B7d4PD222AAA";
const MACHINE: &str = "cl_B7d4PD333AAA";
const IGNORED: &str = "cl_I7d4PD111III";

type Bend = fn(String) -> String;

/// A token while it is made.
struct Plan {
    signer: Signer,
    header: Map<String, Value>,
    payload: Map<String, Value>,
    /// What stands for the header or payload instead.
    raw_header: Option<&'static str>,
    raw_payload: Option<&'static str>,
    /// What happens to the text at last.
    bend: Option<Bend>,
}

/// Makes a session token as the identity service does.
pub(crate) fn valid(draft: &mut Draft<'_>) -> String {
    let plan = plan(draft);
    plan.make(draft)
}

/// Makes a session token that is usually right.
pub(crate) fn session(draft: &mut Draft<'_>) -> String {
    let mut plan = plan(draft);
    let tweaks = *draft.random.weighted(&[(55, 0), (35, 1), (10, 2)]);
    for _ in 0..tweaks {
        plan.tweak(draft);
    }
    plan.make(draft)
}

/// Makes a session token that is wrong in one way.
pub(crate) fn tweaked(draft: &mut Draft<'_>) -> String {
    let mut plan = plan(draft);
    plan.tweak(draft);
    plan.make(draft)
}

/// Makes a session token that has expired and may be wrong in another way.
pub(crate) fn expired(draft: &mut Draft<'_>) -> String {
    let mut plan = plan(draft);
    plan.shift(draft, -600);
    if draft.random.percent(20) {
        plan.tweak(draft);
    }
    plan.make(draft)
}

/// Makes a session token of somebody with an active organization.
pub(crate) fn member(draft: &mut Draft<'_>) -> String {
    let mut plan = plan(draft);
    plan.tweak_organization(draft);
    plan.make(draft)
}

/// Makes the token of a handshake.
pub(crate) fn handshake(draft: &mut Draft<'_>, directives: &Value) -> String {
    let mut plan = plan(draft);
    plan.payload = Map::from_iter([("handshake".to_owned(), directives.clone())]);
    match draft.random.below(12) {
        0 => plan.signer = Signer::B,
        1 => plan.set("kid", json!("kid-unknown")),
        2 => plan.tweak(draft),
        3 => drop(plan.payload.remove("handshake")),
        4 => plan.set("cat", json!(draft.random.pick(&[SESSION, TEMPLATE, MACHINE, IGNORED]))),
        5 => plan.shift(draft, -86_400 * 30),
        _ => {}
    }
    plan.make(draft)
}

/// Makes a token of a machine or an OAuth client.
pub(crate) fn machine(draft: &mut Draft<'_>) -> String {
    let mut plan = plan(draft);
    let oauth = draft.random.percent(40);
    plan.payload.remove("sid");
    if oauth {
        plan.set("typ", json!(draft.random.pick(&["at+jwt", "application/at+jwt"])));
        plan.claim("client_id", json!("client_1"));
        plan.claim("jti", json!("oat_1"));
        match draft.random.below(4) {
            0 => plan.claim("scp", json!(["read", "write"])),
            1 => plan.claim("scope", json!("read write")),
            _ => {}
        }
    } else {
        plan.claim("sub", json!("mch_1"));
        plan.claim("jti", json!("mt_1"));
        match draft.random.below(6) {
            0 => plan.claim("scopes", json!("mch_2 mch_3")),
            1 => plan.claim("aud", json!(["mch_2"])),
            2 => plan.claim("team", json!({"id": 7})),
            _ => {}
        }
        match draft.random.below(6) {
            0..3 => plan.set("cat", json!(MACHINE)),
            3 => plan.set("cat", json!(draft.random.pick(&[SESSION, TEMPLATE, IGNORED]))),
            _ => {}
        }
    }
    if draft.random.percent(35) {
        plan.tweak(draft);
    }
    plan.make(draft)
}

fn plan(draft: &mut Draft<'_>) -> Plan {
    let now = draft.secs();
    let header = json!({"alg": "RS256", "kid": "kid-a", "typ": "JWT"});
    let payload = json!({
        "iss": draft.issuer(), "sub": "user_1", "sid": "sess_1", "azp": format!("{}://{}", draft.scheme, draft.authority),
        "iat": now - 10, "nbf": now - 20, "exp": now + 50,
    });
    let mut plan = Plan {
        signer: Signer::A,
        header: header.as_object().cloned().unwrap_or_default(),
        payload: payload.as_object().cloned().unwrap_or_default(),
        raw_header: None,
        raw_payload: None,
        bend: None,
    };
    if draft.random.percent(40) {
        plan.set("cat", json!(SESSION));
    }
    plan
}

impl Plan {
    fn set(&mut self, name: &str, value: Value) {
        self.header.insert(name.to_owned(), value);
    }

    fn claim(&mut self, name: &str, value: Value) {
        self.payload.insert(name.to_owned(), value);
    }

    fn shift(&mut self, draft: &Draft<'_>, secs: i64) {
        let now = draft.secs() + secs;
        for (name, value) in [("iat", now - 10), ("nbf", now - 20), ("exp", now + 50)] {
            self.claim(name, json!(value));
        }
    }

    fn make(self, draft: &mut Draft<'_>) -> String {
        let text = |raw: Option<&str>, map: Map<String, Value>| {
            raw.map_or_else(|| Value::Object(map).to_string(), str::to_owned)
        };
        let (header, payload) = (text(self.raw_header, self.header), text(self.raw_payload, self.payload));
        let token = draft.mint.token(self.signer, &header, &payload);
        self.bend.map_or(token.clone(), |bend| bend(token))
    }

    fn tweak(&mut self, draft: &mut Draft<'_>) {
        match draft.random.below(10) {
            0..4 => self.tweak_times(draft),
            4 | 5 => self.tweak_claims(draft),
            6 => self.tweak_organization(draft),
            7 => self.tweak_header(draft),
            8 => self.tweak_key(draft),
            _ => self.tweak_form(draft),
        }
    }

    /// Sets a claim to one of the values in a JSON list.
    fn claim_of(&mut self, draft: &mut Draft<'_>, name: &str, list: &str) {
        let value = one_of(draft, list);
        self.claim(name, value);
    }

    /// Sets a parameter of the head to one of the values in a JSON list.
    fn set_of(&mut self, draft: &mut Draft<'_>, name: &str, list: &str) {
        let value = one_of(draft, list);
        self.set(name, value);
    }

    fn tweak_times(&mut self, draft: &mut Draft<'_>) {
        let now = draft.secs();
        let near = *draft.random.pick(&[-6_i64, -5, -4, -1, 0, 1, 4, 5, 6, 7, -60, -59, 59, 60, 61]);
        match draft.random.below(12) {
            0 | 1 => self.shift(draft, -600),
            2 => self.shift(draft, 600),
            3 => self.claim("exp", json!(now + near)),
            4 => self.claim("nbf", json!(now + near)),
            5 => self.claim("iat", json!(now + near)),
            6 => self.claim("iat", json!(now + 600)),
            7 => self.claim_of(draft, "exp", &format!(r#"["soon", null, 1e18, 0, -5, {now}.5, [], true]"#)),
            8 => drop(self.payload.remove("exp")),
            9 => self.claim_of(draft, "nbf", &format!(r#"["soon", null, 0, {}.5, {{}}, false]"#, now + 5)),
            10 => self.claim_of(draft, "iat", &format!(r#"["soon", null, 0, {}.5, {{}}, "1"]"#, now - 1)),
            _ => drop(self.payload.remove(*draft.random.pick(&["iat", "nbf"]))),
        }
    }

    fn tweak_claims(&mut self, draft: &mut Draft<'_>) {
        match draft.random.below(12) {
            0 => drop(self.payload.remove("iss")),
            1 => self.claim_of(draft, "iss", r#"["https://elsewhere.example", "", null, 7, {}]"#),
            2 => {
                let issuer = draft.issuer();
                let (plain, loud) = (issuer.replace("https:", "http:"), issuer.replace("https:", "HTTPS:"));
                let near = json!([[issuer], format!("{issuer}/"), plain, loud, draft.host]);
                self.claim_of(draft, "iss", &near.to_string());
            }
            3 => self.claim_of(draft, "sub", r#"["mch_1", "", null, 5, {"a": 1}, "ü\ud83d\ude00", "mch_"]"#),
            4 => drop(self.payload.remove("sub")),
            5 => {
                let own = r#"["https://elsewhere.example", "", null, ["https://app.acme.example"], "https://app.acme.example/"]"#;
                self.claim_of(draft, "azp", own);
            }
            6 => drop(self.payload.remove("azp")),
            7 | 8 => {
                let audiences =
                    r#"["api", "other", ["api", "x"], [], "", [1], null, {"api": 1}, ["api", 1]]"#;
                self.claim_of(draft, "aud", audiences);
            }
            9 => self.claim_of(draft, "sts", r#"["pending", "active", "lost", null, 1]"#),
            10 => drop(self.payload.remove("sid")),
            _ => self.claim_of(draft, "sid", r#"["", null, "sess ü", "sess%2F7"]"#),
        }
    }

    fn tweak_organization(&mut self, draft: &mut Draft<'_>) {
        let id = *draft.random.pick(&["org_1", "org_2"]);
        let slug = *draft.random.pick(&["acme", "globex"]);
        match draft.random.below(5) {
            0 | 1 => {
                self.claim("org_id", json!(id));
                self.claim("org_slug", json!(slug));
                self.claim("org_role", json!("org:admin"));
            }
            2 | 3 => {
                self.claim("v", json!(2));
                self.claim("fea", json!("o:dash,u:imp,ou:both"));
                let full = json!({"id": id, "slg": slug, "rol": "admin", "per": "read,write", "fpm": "3,1"});
                self.claim("o", full);
            }
            _ => {
                self.claim("v", json!(2));
                self.claim_of(draft, "fea", r#"["o:dash,imp", "", 7, null, "o:dash"]"#);
                let full = json!({"id": id, "slg": slug, "rol": "admin", "per": "read", "fpm": "9999999999999999999999"});
                let all = json!([full, {}, null, {"id": id, "per": "read", "fpm": "x"}, []]);
                self.claim_of(draft, "o", &all.to_string());
            }
        }
        if draft.random.percent(8) {
            self.claim("sts", json!("pending"));
        }
    }

    fn tweak_header(&mut self, draft: &mut Draft<'_>) {
        match draft.random.below(5) {
            0 => self.set("cat", json!(draft.random.pick(&[TEMPLATE, MACHINE, IGNORED, SESSION]))),
            1 => self.set_of(draft, "cat", r#"["cl_other", "", null, 1]"#),
            2 => self.set_of(
                draft,
                "typ",
                r#"["at+jwt", "application/at+jwt", "jwt", "JOSE", "", null, 1, ["JWT"]]"#,
            ),
            3 => drop(self.header.remove("typ")),
            _ => {
                let names =
                    r#"["HS256", "none", "ES256", "PS256", "", null, ["RS256"], "rs256", "RS384", "RS512"]"#;
                self.set_of(draft, "alg", names);
            }
        }
    }

    fn tweak_key(&mut self, draft: &mut Draft<'_>) {
        match draft.random.below(10) {
            0 => self.signer = *draft.random.pick(&[Signer::B, Signer::Nobody, Signer::Unsigned, Signer::Ec]),
            1 => self.set("kid", json!("kid-unknown")),
            2 => self.set_of(draft, "kid", r#"["", null, 7, "kid-a-bare", "__proto__", "kid-ü"]"#),
            3 => drop(self.header.remove("kid")),
            4 => (self.signer, _) = (Signer::B, self.set("kid", json!("kid-b"))),
            5 => (self.signer, _) = (Signer::B, self.set("kid", json!("kid-long"))),
            6 => {
                self.set("alg", json!(draft.random.pick(&["RS384", "RS512"])));
                self.set("kid", json!(draft.random.pick(&["kid-a", "kid-a-bare", "kid-a-512"])));
            }
            7 => {
                self.set("kid", json!("kid-ec"));
                if draft.random.percent(70) {
                    (self.signer, _) = (Signer::Ec, self.set("alg", json!("ES256")));
                }
            }
            8 => (self.signer, _) = (Signer::Hmac, self.set("alg", json!("HS256"))),
            _ => (self.signer, _) = (Signer::Unsigned, self.set("alg", json!("none"))),
        }
    }

    fn tweak_form(&mut self, draft: &mut Draft<'_>) {
        match draft.random.below(5) {
            0 => {
                self.raw_payload = Some(*draft.random.pick(&[
                    "null",
                    "[]",
                    "7",
                    "\"text\"",
                    "{",
                    "",
                    "{\"sub\":\"a\",\"sub\":\"b\"}",
                    "true",
                ]));
            }
            1 => {
                self.raw_header = Some(*draft.random.pick(&[
                    "null",
                    "[]",
                    "7",
                    "\"text\"",
                    "{",
                    "",
                    "{}",
                    " {\"alg\":\"RS256\",\"kid\":\"kid-a\"} ",
                ]));
            }
            _ => self.bend = Some(*draft.random.pick(BENDS)),
        }
    }
}

/// Picks one of the values in a JSON list.
fn one_of(draft: &mut Draft<'_>, list: &str) -> Value {
    let values: Vec<Value> = serde_json::from_str(list).unwrap_or_default();
    // A list that is none is a defect of this file, and the tests find it.
    if values.is_empty() { Value::Null } else { draft.random.pick(&values).clone() }
}

/// Ways in which the text of a token is no token, or hardly one.
const BENDS: &[Bend] = &[
    |token| format!("{token}=="),
    |token| format!("{token}="),
    |token| token.replacen('.', "=.", 1),
    |token| format!("{token}."),
    |token| format!("{token}.x"),
    |token| format!(".{token}"),
    |token| token.rsplit_once('.').map(|(front, _)| front.to_owned()).unwrap_or_default(),
    |token| token.rsplit_once('.').map(|(front, _)| format!("{front}.")).unwrap_or_default(),
    |token| token.rsplit_once('.').map(|(front, _)| format!("{front}.AB")).unwrap_or_default(),
    |token| token.rsplit_once('.').map(|(front, _)| format!("{front}.A")).unwrap_or_default(),
    |token| token.rsplit_once('.').map(|(front, _)| format!("{front}.!!")).unwrap_or_default(),
    |token| token.replace('.', ".."),
    |token| token.replacen('.', "%2E", 1),
    |token| format!("\"{token}\""),
    |token| format!("{token}%20"),
    |token| format!("{token}%"),
    |token| token.chars().take(40).collect(),
    |_| "garbage".to_owned(),
    |_| "e30.bnVsbA.YQ".to_owned(),
    |_| "e30.e30.YQ".to_owned(),
    |_| "bnVsbA.e30.YQ".to_owned(),
    |_| "...".to_owned(),
    |_| "..".to_owned(),
    |_| format!("{}.{}.YQ", base64url(b"{}"), base64url(&[b'{', b'"', 0xff, b'"', b':', b'1', b'}'])),
    |token| token + &"A".repeat(17_000),
    |token| token + &"A".repeat(17_000),
    |token| token + &"A".repeat(17_000),
];
