//! The keeper as its page talks to it: JSON in, JSON out.
//!
//! A text is `{"type": …, "clocks": [wall, steady], …}`; the answer `{"actions": […]}`, or `{"error": {"code", "message"}}`
//! where the text is not understood. Names are those of [`Input`] and [`Action`] in the spelling of scripts.

use std::sync::Arc;

use nostore_token::SessionToken;
use serde_json::{Map, Value, json};

use crate::keeper::{Action, Answer, Channel, Clocks, Event, Input, Keeper, Lost, Read};
use crate::options::Options;
use crate::page::Page;

/// A keeper that is made by the first text.
#[derive(Debug, Default)]
pub struct Machine(Option<Keeper>);

/// What was not understood.
struct Unread {
    code: &'static str,
    message: String,
}

impl Machine {
    /// One without a keeper.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// Takes a text and returns the answer.
    pub fn step(&mut self, text: &[u8]) -> String {
        let answered = match serde_json::from_slice::<Value>(text) {
            Ok(Value::Object(text)) => self.answer(&text),
            Ok(_) | Err(_) => Err(unread("a JSON object")),
        };
        let answer = answered
            .unwrap_or_else(|unread| json!({ "error": { "code": unread.code, "message": unread.message } }));
        answer.to_string()
    }

    fn answer(&mut self, text: &Map<String, Value>) -> Result<Value, Unread> {
        let clocks = clocks(text).ok_or_else(|| unread("`clocks` as two numbers"))?;
        let kind = string(text, "type").ok_or_else(|| unread("a text `type`"))?;
        if kind == "start" {
            let options = options(text)?;
            let mut keeper = Keeper::new(options, page(text));
            let actions = keeper.step(Input::Started { cookies: owned(text, "cookies").into() }, clocks);
            self.0 = Some(keeper);
            return Ok(said(&actions));
        }
        let keeper = self.0.as_mut().ok_or_else(|| unread("`start` first"))?;
        if kind == "peek" {
            let token = keeper.peek(&read(text), clocks);
            return Ok(json!({
                "token": token.map(|token| token.expose()),
                "session": keeper.session(),
            }));
        }
        let input = input(kind, text).ok_or_else(|| unread("a known `type` with its members"))?;
        Ok(said(&keeper.step(input, clocks)))
    }
}

fn unread(expected: &str) -> Unread {
    Unread { code: "wire", message: format!("expected {expected}, found something else") }
}

fn input(kind: &str, text: &Map<String, Value>) -> Option<Input> {
    Some(match kind {
        "read" => Input::Read { ticket: number(text, "ticket")?, read: read(text) },
        "cookies" => Input::Cookies(owned(text, "cookies").into()),
        "answered" => {
            let answer = Answer {
                status: u16::try_from(text.get("status")?.as_u64()?).ok()?,
                retry_after: string(text, "retryAfter").map(str::to_owned),
                date: string(text, "date").map(str::to_owned),
                body: owned(text, "body").into(),
            };
            Input::Answered { job: number(text, "job")?, answer }
        }
        "lost" => {
            let why = match string(text, "why")? {
                "offline" => Lost::Offline,
                "timeout" => Lost::TimedOut,
                _ => Lost::Network,
            };
            Input::Lost { job: number(text, "job")?, why }
        }
        "admitted" => Input::Admitted { job: number(text, "job")?, cookies: owned(text, "cookies").into() },
        "heard" => {
            let channel =
                if string(text, "channel")? == "signout" { Channel::SignOut } else { Channel::Tokens };
            Input::Heard { channel, text: owned(text, "text").into() }
        }
        "looked" => Input::Looked { page: page(text), cookies: owned(text, "cookies").into() },
        "woke" => Input::Woke,
        "signOut" => Input::SignOut { ticket: number(text, "ticket")? },
        "choose" => {
            Input::Choose { ticket: number(text, "ticket")?, organization: owned(text, "organization") }
        }
        "environment" => Input::Environment { partitioned: flag(text, "partitioned") },
        "hidden" => Input::Hidden,
        "stop" => Input::Stop,
        _ => return None,
    })
}

fn options(text: &Map<String, Value>) -> Result<Options, Unread> {
    let key = string(text, "publishableKey").unwrap_or_default();
    let options = Options::new(key, string(text, "frontendApi"))
        .map_err(|error| Unread { code: error.code(), message: error.to_string() })?;
    Ok(Options {
        session: string(text, "session").map(str::to_owned),
        organization: organization(text),
        writes_cookie: text.get("cookie").and_then(Value::as_bool).unwrap_or(true),
        partitioned: flag(text, "partitioned"),
        polls: text.get("poll").and_then(Value::as_bool).unwrap_or(true),
        locks: flag(text, "locks"),
        background_threshold_ms: text.get("backgroundRefreshThreshold").and_then(Value::as_i64),
        seed: text.get("seed").and_then(Value::as_u64).unwrap_or_default(),
        ..options
    })
}

fn page(text: &Map<String, Value>) -> Page {
    let page = text.get("page").and_then(Value::as_object);
    let told = |name: &str| page.and_then(|page| page.get(name)?.as_bool());
    Page {
        focused: told("focused"),
        visible: told("visible"),
        framed: told("framed").unwrap_or(false),
        secure: told("secure").unwrap_or(false),
        offline: told("offline").unwrap_or(false),
    }
}

fn read(text: &Map<String, Value>) -> Read {
    Read {
        template: owned(text, "template"),
        organization: organization(text),
        skip_cache: flag(text, "skipCache"),
        refresh_if_stale: flag(text, "refreshIfStale"),
        background_threshold_ms: text.get("backgroundRefreshThreshold").and_then(Value::as_i64),
    }
}

/// Absent: the session's own. `null` and the empty text: the personal workspace.
fn organization(text: &Map<String, Value>) -> Option<String> {
    text.get("organization").map(|given| given.as_str().unwrap_or_default().to_owned())
}

fn clocks(text: &Map<String, Value>) -> Option<Clocks> {
    let clocks = text.get("clocks")?.as_array()?;
    let whole = |at: usize| clocks.get(at).and_then(Value::as_f64).filter(|ms| (0.0..9e15).contains(ms));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked: below 2^53, and not negative"
    )]
    Some(Clocks { wall_ms: whole(0)? as i64, steady_ms: whole(1)? as u64 })
}

fn string<'t>(text: &'t Map<String, Value>, name: &str) -> Option<&'t str> {
    text.get(name).and_then(Value::as_str)
}

fn owned(text: &Map<String, Value>, name: &str) -> String {
    string(text, name).unwrap_or_default().to_owned()
}

fn flag(text: &Map<String, Value>, name: &str) -> bool {
    text.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn number(text: &Map<String, Value>, name: &str) -> Option<u32> {
    text.get(name)?.as_u64().and_then(|number| u32::try_from(number).ok())
}

fn said(actions: &[Action]) -> Value {
    json!({ "actions": actions.iter().map(action).collect::<Vec<_>>() })
}

fn action(action: &Action) -> Value {
    match action {
        Action::ReadCookies => json!({ "do": "cookies" }),
        Action::SetCookie(line) => json!({ "do": "cookie", "line": &**line }),
        Action::Fetch { job, method, url, form, timeout_ms } => json!({
            "do": "fetch",
            "job": job,
            "method": method,
            "url": &**url,
            "form": form.as_deref(),
            "timeout": timeout_ms,
        }),
        Action::Abort(job) => json!({ "do": "abort", "job": job }),
        Action::Lock { job, name } => json!({ "do": "lock", "job": job, "name": name }),
        Action::Unlock(job) => json!({ "do": "unlock", "job": job }),
        Action::Listen { prefix } => json!({ "do": "listen", "prefix": prefix }),
        Action::Post { channel, text } => {
            json!({ "do": "post", "channel": channel_name(*channel), "text": &**text })
        }
        Action::Close => json!({ "do": "close" }),
        Action::Timer(after_ms) => json!({ "do": "timer", "after": after_ms }),
        Action::Settle { ticket, outcome: Ok(token) } => {
            json!({ "do": "settle", "ticket": ticket, "token": raw(token.as_ref()) })
        }
        Action::Settle { ticket, outcome: Err(problem) } => {
            let error = json!({ "code": problem.code(), "message": problem.to_string() });
            json!({ "do": "settle", "ticket": ticket, "error": error })
        }
        Action::Tell(event) => tell(event),
    }
}

fn tell(event: &Event) -> Value {
    match event {
        Event::Token(token) => json!({ "do": "tell", "event": "token", "token": token.expose() }),
        Event::Ended { session } => json!({ "do": "tell", "event": "ended", "session": session }),
        Event::Degraded(failure) => {
            let error = json!({ "code": failure.code(), "message": failure.to_string() });
            json!({ "do": "tell", "event": "degraded", "error": error })
        }
    }
}

fn raw(token: Option<&Arc<SessionToken>>) -> Option<&str> {
    token.map(|token| token.expose())
}

const fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Tokens => "tokens",
        Channel::SignOut => "signout",
    }
}
