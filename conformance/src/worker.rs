//! Our side: decides one case with the real driver.
//!
//! # Invariants
//!
//! - Cases share a JWK Set, and the memory of verified tokens, only where they name the same identity service
//!   with the same keys; what else the service answers is asked for each case anew.
//! - A case that cannot be has the status `error` and stops nothing.

use std::collections::HashMap;

use nostore_message::{FieldEdit, Fields, RequestHead, ResponseHead, Secret, Sensitivity, UnixTime, apply};
use nostore_session::{Accepts, Config, Decision, OrganizationSync, PublishableKey, Status, TokenType};
use nostore_web::{Authenticator, Circumstances, Why, protect_response};
use serde_json::Value;

use crate::case::{Case, OneOrMany, Options, Outcome};
use crate::head::request_head;

/// How many configurations and how many identity services are remembered.
const MAX_REMEMBERED: usize = 4_096;

/// How much is remembered of verified tokens, for each identity service.
const MEMO_BYTES: u64 = 256 * 1_024;

/// Decides cases, one after the other.
pub struct Worker {
    root: Authenticator,
    services: HashMap<String, Authenticator>,
    configs: HashMap<String, Result<Config, String>>,
}

impl Worker {
    /// Makes a worker. It must run within a tokio runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// When the client for the identity service cannot be made.
    pub fn new() -> Result<Self, String> {
        let root = Authenticator::new().map_err(|error| error.to_string())?.token_memo_bytes(MEMO_BYTES);
        Ok(Self { root, services: HashMap::new(), configs: HashMap::new() })
    }

    /// Decides the case in a line of JSON.
    pub async fn decide_line(&mut self, line: &str) -> Outcome {
        match serde_json::from_str::<Case>(line) {
            Ok(case) => self.decide(&case).await,
            Err(error) => {
                let id = serde_json::from_str::<Value>(line).ok().and_then(|case| case.get("id").cloned());
                let error = format!("expected a case as one line of JSON: {error}");
                Outcome::failed(id.unwrap_or_default(), error)
            }
        }
    }

    /// Decides a case.
    pub async fn decide(&mut self, case: &Case) -> Outcome {
        match self.try_decide(case).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::failed(case.id.clone(), error),
        }
    }

    async fn try_decide(&mut self, case: &Case) -> Result<Outcome, String> {
        let head = request_head(&case.request).map_err(|error| error.to_string())?;
        let text = serde_json::to_string(&case.options).map_err(|error| error.to_string())?;
        forget_some(&mut self.configs);
        let config = self.configs.entry(text).or_insert_with(|| configure(&case.options)).clone()?;
        let now = time(case.now)?;
        forget_some(&mut self.services);
        let service = service(&case.options);
        let decided = if asks(&head) {
            self.root.beside().authenticate(&head, &config, now).await
        } else {
            let service = self.services.entry(service).or_insert_with(|| self.root.beside());
            service.authenticate(&head, &config, now).await
        };
        Ok(match decided {
            Ok(decision) => outcome(case, &config, &decision),
            Err(text) => Outcome::failed(case.id.clone(), text.trim_start_matches("500: ").trim()),
        })
    }
}

/// Names what cases must have in common to share a JWK Set.
fn service(options: &Options) -> String {
    let Options { publishable_key, secret_key, machine_secret_key, jwt_key, api_url, proxy_url, .. } =
        options;
    format!("{:?}", [api_url, secret_key, machine_secret_key, jwt_key, publishable_key, proxy_url])
}

/// Tells whether more may be asked than the JWK Set: an answer that one case got is no other's.
fn asks(head: &RequestHead<'_>) -> bool {
    let fields = ["cookie", "authorization"].into_iter().flat_map(|name| head.fields.all(name));
    let told =
        |text: &str| ["__refresh", "_nonce", "mt_", "oat_", "ak_"].iter().any(|sign| text.contains(sign));
    fields.chain([&*head.target]).any(told)
}

fn forget_some<V>(map: &mut HashMap<String, V>) {
    if map.len() >= MAX_REMEMBERED {
        map.clear();
    }
}

fn time(secs: f64) -> Result<UnixTime, String> {
    let millis = (secs * 1_000.0).round();
    // Beyond this, milliseconds are no whole numbers of a JSON number any more.
    if !millis.is_finite() || millis.abs() >= 9_007_199_254_740_992.0 {
        return Err(format!("expected `now` in seconds since 1970, found {secs}"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number within the range, see above")]
    Ok(UnixTime::from_millis(millis as i64))
}

/// Makes the configuration that the options describe.
fn configure(options: &Options) -> Result<Config, String> {
    let mut config = instance(options)?;
    if let Some(url) = Options::text(options.proxy_url.as_ref()) {
        config = config.proxy_url(url).map_err(said)?;
    }
    if let Some(url) = Options::text(options.api_url.as_ref()) {
        config = config.api_url(url).map_err(said)?;
    }
    if let Some(url) = Options::text(options.sign_in_url.as_ref()) {
        config = config.sign_in_url(url).map_err(said)?;
    }
    if let Some(key) = Options::text(options.jwt_key.as_ref()) {
        config = config.jwt_key(&armoured(key)).map_err(said)?;
    }
    if let Some(key) = Options::text(options.machine_secret_key.as_ref()) {
        config = config.machine_secret_key(Secret::new(key));
    }
    if let Some(sync) = &options.organization_sync_options {
        let list = |patterns: &Option<Vec<String>>| patterns.clone().unwrap_or_default();
        let (organization, personal) =
            (list(&sync.organization_patterns), list(&sync.personal_account_patterns));
        let organization = organization.iter().map(String::as_str);
        let sync = OrganizationSync::new(organization, personal.iter().map(String::as_str)).map_err(said)?;
        config = config.organization_sync(sync);
    }
    if let Some(skew) = options.clock_skew_in_ms.filter(|skew| skew.is_finite()) {
        #[expect(clippy::cast_possible_truncation, reason = "what is beyond the range stays at its end")]
        let skew = skew as i64;
        config = config.clock_skew_ms(skew);
    }
    Ok(config
        .domain(options.domain.clone().unwrap_or_default())
        .satellite(options.is_satellite.unwrap_or_default())
        .satellite_auto_sync(options.satellite_auto_sync.unwrap_or_default())
        .authorized_parties(options.authorized_parties.iter().flatten())
        .audience(options.audience.iter().flat_map(OneOrMany::to_vec)))
}

/// Starts a configuration with its keys and the tokens that it accepts.
fn instance(options: &Options) -> Result<Config, String> {
    let secret = Secret::new(Options::text(options.secret_key.as_ref()).unwrap_or_default());
    let accepts = options.accepts_token.as_ref().map_or(Ok(Accepts::Only(TokenType::Session)), accepted)?;
    let by_machines = Options::text(options.machine_secret_key.as_ref()).is_some();
    if secret.is_empty() && !(by_machines && accepts == Accepts::Only(TokenType::M2mToken)) {
        return Err("expected a secret key, found none".to_owned());
    }
    if matches!(accepts, Accepts::Only(TokenType::ApiKey | TokenType::M2mToken)) {
        return Ok(Config::machines(secret).accepts(accepts));
    }
    let key = Options::text(options.publishable_key.as_ref()).unwrap_or_default();
    Ok(Config::new(PublishableKey::parse(key).map_err(said)?, secret).accepts(accepts))
}

/// Reads which tokens are accepted.
fn accepted(accepts: &OneOrMany) -> Result<Accepts, String> {
    let kind = |name: &String| {
        let found = TokenType::from_code(name);
        found.ok_or_else(|| format!("expected a kind of token such as session_token, found {name:?}"))
    };
    Ok(match accepts {
        OneOrMany::One(name) if name == "any" => Accepts::Any,
        OneOrMany::One(name) => Accepts::Only(kind(name)?),
        OneOrMany::Many(names) => Accepts::OneOf(names.iter().map(kind).collect::<Result<_, _>>()?),
    })
}

/// Puts the armour around a key that came without.
fn armoured(key: &str) -> String {
    if key.contains("-----BEGIN") {
        return key.to_owned();
    }
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", key.trim())
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn outcome(case: &Case, config: &Config, decision: &Decision) -> Outcome {
    if let Status::Error { message } = &decision.status {
        return Outcome::failed(case.id.clone(), message.clone());
    }
    let mut headers = lines(&[], &decision.edits);
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    Outcome {
        id: case.id.clone(),
        status: decision.status.code().to_owned(),
        reason: decision.reason.as_ref().map(|reason| reason.text().to_string()),
        message: Some(decision.message.clone()).filter(|message| !message.is_empty()),
        token_type: decision.token_type.map(|kind| kind.code().to_owned()),
        headers,
        claims: claims(decision),
        error: None,
        safety: safety(config, decision),
    }
}

/// A session's claims, or those that the identity service keeps for a machine.
fn claims(decision: &Decision) -> Option<Value> {
    match &decision.status {
        Status::SignedIn(session) => Some(Value::Object(session.claims().raw().clone())),
        Status::Machine(machine) => machine.claims().cloned().map(Value::Object),
        _ => None,
    }
}

/// The field lines that are there after `edits` and not because of `before`.
fn lines(before: &[FieldEdit], edits: &[FieldEdit]) -> Vec<(String, String)> {
    let mut fields = Fields::new();
    apply(before, &mut fields);
    let mut known: Vec<_> =
        fields.iter().map(|line| (line.name.to_string(), line.value.to_string())).collect();
    apply(edits, &mut fields);
    let mut found = Vec::new();
    for line in &fields {
        let pair = (line.name.to_ascii_lowercase(), line.value.to_string());
        match known.iter().position(|(name, value)| name.eq_ignore_ascii_case(&pair.0) && *value == pair.1) {
            Some(place) => drop(known.swap_remove(place)),
            None => found.push(pair),
        }
    }
    found
}

/// What we add: the law's own, and the fields that keep the response out of caches.
fn safety(config: &Config, decision: &Decision) -> Vec<(String, String)> {
    let mut edits = decision.safety.clone();
    let mut fields = Fields::new();
    apply(&decision.edits, &mut fields);
    apply(&edits, &mut fields);
    let redirects = decision.location().is_some();
    let why = Why::Gate;
    let sets_cookie = fields.contains("set-cookie");
    let level = if redirects || sets_cookie { Sensitivity::AuthFlow } else { Sensitivity::Personalized };
    let names = config.session_cookie_names();
    let circumstances = Circumstances {
        session_cookies: &names,
        level: Some((level, &why)),
        credentials: false,
        netlify_vary: None,
        dev: false,
    };
    let head = ResponseHead { status: if redirects { 307 } else { 200 }, fields };
    edits.extend(protect_response(&circumstances, &head).edits);
    lines(&decision.edits, &edits)
}
