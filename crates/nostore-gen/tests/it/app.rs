//! The app of the incidents: a framework stamps its pages as cacheable for a year, a middleware writes the session anew.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::wire::{answering, field};

/// The session of Alice, as its cookie has it.
pub(crate) const ALICE: &str = "cookie: theme=dark; __Secure-authjs.session-token=secret-of-alice\r\n";
/// The same in parts.
pub(crate) const ALICE_IN_PARTS: &str =
    "cookie: __Secure-authjs.session-token.0=secret-of-alice; __Secure-authjs.session-token.1=x\r\n";
/// Nobody, with a cookie that is no session.
pub(crate) const STRANGER: &str = "cookie: theme=dark\r\n";
/// A page that is the same for everybody.
pub(crate) const PUBLIC: &str = "/assets/tree.js";

/// A field of a response.
pub(crate) type Field = (String, String);

/// Changes the fields of an answer, as a platform does that goes by rules. It is given the head of the request.
pub(crate) type Rules = Arc<dyn Fn(&str, &mut Vec<Field>) + Send + Sync>;

/// No rules.
pub(crate) fn no_rules() -> Rules {
    Arc::new(|_, _| {})
}

/// Which of the incidents' habits the app has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// `s-maxage` on its pages.
    pub(crate) stamped: bool,
    /// `Set-Cookie` for whoever has a session.
    pub(crate) renews: bool,
}

/// Starts the app.
pub(crate) async fn app(habits: Habits, rules: Rules) -> SocketAddr {
    let copies = Arc::new(AtomicUsize::new(0));
    answering(move |head| {
        let copy = copies.fetch_add(1, Ordering::SeqCst);
        let (status, mut fields, body) = answer(head, habits, copy);
        rules(head, &mut fields);
        let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("HTTP/1.1 {status}\r\n{lines}content-length: {}\r\n\r\n{body}", body.len())
    })
    .await
}

fn answer(head: &str, habits: Habits, copy: usize) -> (&'static str, Vec<Field>, String) {
    let path = target(head).split('?').next().unwrap();
    let cookies = field(head, "cookie").unwrap_or_default();
    let session = cookies.split("; ").find(|pair| pair.contains("session-token"));
    let who = session.map_or("nobody", |_| "alice");
    let mut fields = Vec::new();
    let mut say = |name: &str, value: &str| fields.push((name.to_owned(), value.to_owned()));
    if path == PUBLIC {
        say("cache-control", "public, s-maxage=60");
        return ("200 OK", fields, format!("a tree, copy {copy}"));
    }
    if habits.stamped {
        say("cache-control", "s-maxage=31536000");
    }
    if path == "/dashboard" && session.is_none() {
        say("location", &format!("/login?state={copy}"));
        return ("302 Found", fields, String::new());
    }
    if path == "/login" && !head.contains("theme=dark") {
        say("set-cookie", "__Secure-authjs.session-token=secret-of-alice; Path=/");
    }
    if let Some(session) = session.filter(|_| habits.renews) {
        say("set-cookie", &format!("{session}; Path=/"));
    }
    ("200 OK", fields, format!("{who}, copy {copy}"))
}

/// The target of a request.
pub(crate) fn target(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}
