//! Heads in short, and what is asserted about them.

use std::sync::Arc;

use nostore_message::{Fields, RequestHead, ResponseHead, Scheme, apply};
use nostore_web::{Answer, Begin, Exchange, Routes, Sessions};

/// DESIGN section 5, spelt out once more so that nobody changes it by accident.
pub(crate) const EXPECTED: [(&str, &str); 9] = [
    ("Cache-Control", "no-store, no-cache, must-revalidate, max-age=0, private"),
    ("Pragma", "no-cache"),
    ("Expires", "0"),
    ("CDN-Cache-Control", "no-store"),
    ("Netlify-CDN-Cache-Control", "no-store"),
    ("Vercel-CDN-Cache-Control", "no-store"),
    ("Cloudflare-CDN-Cache-Control", "no-store"),
    ("Surrogate-Control", "no-store"),
    ("X-Accel-Expires", "0"),
];

pub(crate) const PAGE: [(&str, &str); 1] = [("accept", "text/html,*/*")];

pub(crate) fn request<'a>(target: &'a str, fields: &[(&'a str, &'a str)]) -> RequestHead<'a> {
    RequestHead {
        method: "GET".into(),
        scheme: Scheme::Http,
        authority: "localhost:8080".into(),
        target: target.into(),
        fields: fields.iter().copied().collect(),
    }
}

pub(crate) fn response(status: u16, fields: &[(&'static str, &'static str)]) -> ResponseHead<'static> {
    ResponseHead { status, fields: fields.iter().copied().collect() }
}

pub(crate) fn head_of(answer: &Answer) -> ResponseHead<'static> {
    let mut fields = Fields::new();
    apply(&answer.edits, &mut fields);
    ResponseHead { status: answer.status, fields: fields.into_owned() }
}

pub(crate) fn finished(
    sessions: &Sessions,
    exchange: &Exchange,
    response: &ResponseHead<'_>,
) -> Fields<'static> {
    let mut fields = response.fields.clone();
    let edits = sessions.finish(exchange, response);
    apply(&edits, &mut fields);
    fields.into_owned()
}

#[track_caller]
pub(crate) fn assert_field_set(fields: &Fields<'_>) {
    for (name, value) in EXPECTED {
        assert_eq!(fields.all(name).collect::<Vec<_>>(), [value], "{name}");
    }
    let vary = fields.combined("vary").unwrap_or_default().to_ascii_lowercase();
    assert_eq!(vary.matches("cookie").count() + vary.matches('*').count(), 1, "Vary: {vary}");
}

pub(crate) async fn answered(sessions: &Sessions, head: RequestHead<'_>) -> Answer {
    match sessions.begin(head).await {
        Begin::Answer(answer) => answer,
        Begin::Continue(_) => panic!("expected an answer"),
    }
}

pub(crate) async fn passed(sessions: &Sessions, head: RequestHead<'_>) -> Arc<Exchange> {
    match sessions.begin(head).await {
        Begin::Answer(answer) => panic!("expected to pass, found {answer:?}"),
        Begin::Continue(exchange) => exchange,
    }
}

pub(crate) fn guarded() -> Routes {
    Routes::new().protected("/dashboard").protected("/admin/*").public("/about")
}
