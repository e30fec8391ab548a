//! Signing out: here, at the provider too where the site wants that, and by the provider.

use nostore_message::FieldEdit;
use nostore_web::{Answer, Why};

use super::Ask;
use crate::events::{Event, Kind};
use crate::pages;

/// Asks. A link must not sign anybody out: others can put one anywhere.
pub(super) async fn ask(ask: &Ask<'_>) -> Answer {
    let auth = ask.exchange.peek(Why::Extractor("the sign-out page")).await;
    match auth.user_id() {
        Some(id) => {
            let who = auth.email().unwrap_or(id);
            ask.html(200, Vec::new(), pages::sign_out(&ask.site.title, who))
        }
        None => ask.say(200, "You are signed out", "Nobody is signed in here in this browser."),
    }
}

/// Signs out.
pub(super) async fn leave(ask: &Ask<'_>) -> Answer {
    if let Err(answer) = ask.guard() {
        return answer;
    }
    let location = at_provider(ask).await;
    let (_, edits) = ask.site.leave(ask.exchange.visit()).await;
    match location {
        Some(location) => ask.see_other(edits, location),
        None => ask.see_other(edits, "/auth/sign-out"),
    }
}

/// Where the visitor leaves the provider too, where the site wants that (RP-Initiated Logout 1.0).
async fn at_provider(ask: &Ask<'_>) -> Option<String> {
    let (site, visit) = (ask.site, ask.exchange.visit());
    if !site.leave_provider {
        return None;
    }
    let bearer = site.bearer(visit).ok()??;
    let (session, _) = site.registry.session(&bearer.person.id, &bearer.sid, visit.now).await.ok()??;
    let back = format!("{}/auth/sign-out", site.origin);
    let hint = site.id_token(&session);
    site.party(&session.issuer)?.end_session_url(hint.as_ref(), Some(&back), None, visit.now).await
}

/// Ends sessions that the provider says are over (Back-Channel Logout 1.0 sections 2.5 to 2.8).
pub(super) async fn back_channel(ask: &Ask<'_>) -> Answer {
    if let Err(answer) = ask.not_too_often() {
        return answer;
    }
    let bad = || ask.exchange.respond(400, Vec::new(), "400: expected a logout token\n");
    let (site, visit) = (ask.site, ask.exchange.visit());
    let Some(token) = ask.field("logout_token") else { return bad() };
    let mut accepted = None;
    for party in &site.parties {
        match party.read_logout_token(&token, visit.now).await {
            Ok(token) => accepted = Some(token),
            Err(error) => tracing::debug!(%error, "a logout token is not accepted"),
        }
    }
    let Some(token) = accepted else { return bad() };
    let sessions = match site.registry.sessions(None, visit.now).await {
        Ok(sessions) => sessions,
        Err(error) => return ask.store_failed(&error),
    };
    for (listed, session) in sessions {
        let same = session.issuer == token.issuer
            && token.subject.as_ref().is_none_or(|subject| *subject == session.subject)
            && (token.session.is_none() || token.session == session.provider_session);
        if !same {
            continue;
        }
        let until = site.remembered_until(visit.now);
        if let Err(error) = site.registry.end(&listed.person, &listed.sid, until, visit.now).await {
            return ask.store_failed(&error);
        }
        let event = Event { session: site.session_name(&listed.sid), reason: "provider", ..Event::default() };
        site.events.tell(Kind::SignOut, &event, visit.now);
    }
    ask.exchange.respond(200, vec![FieldEdit::set("content-length", "0")], "")
}
