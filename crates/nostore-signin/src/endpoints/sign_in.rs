//! The sign-in page, and the way to the provider.

use nostore_web::{Answer, Why};

use super::{Ask, AttemptCookie};
use crate::provider::{Begin, Begun};
use crate::vault::Purpose;
use crate::{draw, pages};

/// Shows the page. Who is signed in already is sent on.
pub(super) async fn show(ask: &Ask<'_>) -> Answer {
    let back = ask.back(ask.query("callbackUrl").as_deref());
    let auth = ask.exchange.peek(Why::Extractor("the sign-in page")).await;
    if auth.is_signed_in() {
        return ask.see_other(Vec::new(), back);
    }
    ask.html(200, Vec::new(), pages::sign_in(&ask.site.title, &ask.providers(), &back))
}

/// Begins a sign-in: one attempt, with a cookie of its own, so that several tabs do not meet.
pub(super) async fn begin(ask: &Ask<'_>) -> Answer {
    if let Err(answer) = ask.guard() {
        return answer;
    }
    let back = ask.back(ask.field("callbackUrl").as_deref());
    let wanted = ask.field("provider");
    let party = match &wanted {
        Some(issuer) => ask.site.party(issuer),
        None => ask.site.parties.first(),
    };
    let Some(party) = party else {
        let text = ("There is no such provider", "Choose one of these.");
        return ask.html(400, Vec::new(), pages::failed(&ask.site.title, &ask.providers(), &back, text));
    };
    let begin =
        Begin { return_path: back.clone(), select_account: ask.field("another").is_some(), login_hint: None };
    let Begun { location, attempt } = match party
        .begin(&begin, draw::octets(), ask.exchange.visit().now)
        .await
    {
        Ok(begun) => begun,
        Err(error) => {
            tracing::error!(error = error.code(), %error, "a sign-in cannot begin");
            let text = (
                "The provider does not answer",
                "Signing in is not possible at present. Try again in a moment.",
            );
            return ask.html(503, Vec::new(), pages::failed(&ask.site.title, &ask.providers(), &back, text));
        }
    };
    let sealed =
        serde_json::to_string(&attempt).ok().and_then(|text| ask.site.vault.seal(Purpose::Attempt, &text));
    let Some(sealed) = sealed else {
        return ask.say(
            500,
            "Not at present",
            "Signing in is not possible at present. Try again in a moment.",
        );
    };
    let mut edits = AttemptCookie::prune(ask);
    edits.push(AttemptCookie::set(ask.site, attempt.id(), &sealed));
    ask.see_other(edits, location)
}
