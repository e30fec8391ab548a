//! The fields that make a response safe for every cache.

use nostore_message::{FieldEdit, Intent, ResponseHead, Sensitivity};

use crate::intent::{author_intent, dialect_fields};
use crate::netlify_vary::NetlifyVary;
use crate::vary::Vary;

/// What every sensitive response carries, in this order, each in place of whatever was there.
/// `Vary: Cookie` is merged in besides.
pub const FIELD_SET: [(&str, &str); 9] = [
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

/// The `Cache-Control` of a response that is not sensitive, whose author was silent, to a request that
/// carried credentials: silence is not consent.
pub const SILENT_WITH_CREDENTIALS: &str = "private, no-cache";

/// What has to be known about a response to protect it.
#[derive(Clone, Copy, Debug)]
pub struct Protection<'a> {
    /// How sensitive the response is.
    pub sensitivity: Sensitivity,
    /// The `Netlify-Vary` that a sensitive response is to carry, on Netlify.
    pub netlify_vary: Option<&'a NetlifyVary>,
    /// Whether the request carried a session cookie or `Authorization`.
    pub credentials: bool,
}

/// Lists what has to change in `response`. Applied twice it changes nothing more.
///
/// A sensitive response gets the [`FIELD_SET`], `Vary: Cookie` merged into what is there, and exactly one
/// `Netlify-Vary` where one is given. A field of another dialect that the app had set (`Edge-Control`,
/// anything that ends in `-Cache-Control`) becomes `no-store`, because it might outrank the rest.
///
/// A public response is left as it is, but for [`SILENT_WITH_CREDENTIALS`].
#[must_use]
pub fn protect(protection: &Protection<'_>, response: &ResponseHead<'_>) -> Vec<FieldEdit> {
    if protection.sensitivity == Sensitivity::Public {
        let silent = protection.credentials && author_intent(response) == Intent::Silent;
        let edit = silent.then(|| FieldEdit::set("Cache-Control", SILENT_WITH_CREDENTIALS));
        return edit.into_iter().collect();
    }
    // With room for the two fields below, and one of a shell's.
    let mut edits = Vec::with_capacity(FIELD_SET.len() + 3);
    edits.extend(FIELD_SET.iter().map(|(name, value)| FieldEdit::set(*name, *value)));
    edits.extend(other_dialects(response));
    edits.push(vary(response));
    edits.extend(
        protection.netlify_vary.map(|instructions| FieldEdit::set("Netlify-Vary", instructions.to_string())),
    );
    edits
}

/// Closes the fields of dialects that are not in the set, where the app used them.
fn other_dialects(response: &ResponseHead<'_>) -> Vec<FieldEdit> {
    let fields = &response.fields;
    let edge_control = fields.contains("edge-control").then_some("edge-control");
    let mut names: Vec<String> =
        dialect_fields(fields).chain(edge_control).map(str::to_ascii_lowercase).collect();
    names.retain(|name| !FIELD_SET.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)));
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| FieldEdit::set(name, "no-store")).collect()
}

/// Merges `Cookie` into what the response varies on. One line even where nothing is missing, so that
/// protecting twice is the same as once to the byte.
fn vary(response: &ResponseHead<'_>) -> FieldEdit {
    let lines = response.fields.all("vary").map(|line| line.trim_matches([' ', '\t', ',']));
    let mut members: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    if !Vary::parse(members.iter().copied()).nominates("cookie") {
        members.push("Cookie");
    }
    FieldEdit::set("Vary", members.join(", "))
}
