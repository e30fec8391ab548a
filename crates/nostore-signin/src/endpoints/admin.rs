//! The page of who may in: the list, and sessions. For admins, without scripts.

use nostore_session::Check;
use nostore_web::{Answer, Auth, Why};

use super::Ask;
use crate::events::{Event, Kind};
use crate::pages::{self, Admin};
use crate::people::{Role, Who};
use crate::store::StoreError;

/// What was done, as the page says it afterwards.
const DONE: [(&str, &str); 5] = [
    ("added", "Added. They can sign in now."),
    ("removed", "Removed. Their sessions are over."),
    ("ended", "That session is over."),
    ("all-ended", "All their sessions are over."),
    ("nothing", "There was nothing to do."),
];

/// Shows the page.
pub(super) async fn show(ask: &Ask<'_>) -> Answer {
    let auth = match admin(ask).await {
        Ok(auth) => auth,
        Err(answer) => return answer,
    };
    let done = ask.query("done");
    let note = DONE.iter().find(|(code, _)| done.as_deref() == Some(*code)).map(|(_, text)| (*text, false));
    page(ask, &auth, 200, note).await
}

/// Does what an admin wants.
pub(super) async fn act(ask: &Ask<'_>) -> Answer {
    if let Err(answer) = ask.guard() {
        return answer;
    }
    let auth = match admin(ask).await {
        Ok(auth) => auth,
        Err(answer) => return answer,
    };
    match done(ask, &auth).await {
        Ok(done) => ask.see_other(Vec::new(), format!("/admin/users?done={done}")),
        Err(Wrong::Asked(text)) => page(ask, &auth, 400, Some((&text, true))).await,
        Err(Wrong::Store(error)) => ask.store_failed(&error),
    }
}

/// Why something was not done.
enum Wrong {
    /// It is not to be done.
    Asked(String),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Wrong {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn admin(ask: &Ask<'_>) -> Result<Auth, Answer> {
    ask.exchange
        .require_check(Why::Extractor("the page of who may in"), &Check::role(Role::Admin.code()))
        .await
}

async fn done(ask: &Ask<'_>, auth: &Auth) -> Result<&'static str, Wrong> {
    let own = auth.user_id().unwrap_or_default();
    let wanted = ask.field("act").unwrap_or_default();
    let act = ACTS.iter().find(|(name, _)| *name == wanted);
    let Some((act, act_of)) = act else {
        return Err(Wrong::Asked("Expected one of the page's own buttons.".to_owned()));
    };
    let (about, done) = match act_of {
        Act::Add => add(ask, own).await?,
        Act::Remove => remove(ask, own).await?,
        Act::End => end(ask).await?,
        Act::EndAll => end_all(ask).await?,
    };
    let (site, now) = (ask.site, ask.exchange.visit().now);
    let session = site.session_name(auth.session_id().unwrap_or_default());
    let event = Event { session, person: own.to_owned(), act, about, ..site.event(ask.exchange.visit()) };
    if done != "nothing" {
        site.events.tell(Kind::Admin, &event, now);
    }
    Ok(done)
}

/// What an admin can do.
#[derive(Clone, Copy)]
enum Act {
    Add,
    End,
    EndAll,
    Remove,
}

const ACTS: [(&str, Act); 4] =
    [("add", Act::Add), ("remove", Act::Remove), ("end", Act::End), ("end-all", Act::EndAll)];

/// About whom something was done, and what the page says.
type Done = Result<(String, &'static str), Wrong>;

async fn add(ask: &Ask<'_>, own: &str) -> Done {
    let who = who(ask)?;
    let role = Role::parse(&ask.field("role").unwrap_or_default());
    let role = role.ok_or_else(|| Wrong::Asked("Expected the role member or admin.".to_owned()))?;
    if who.to_string() == own && role != Role::Admin {
        return Err(Wrong::Asked("You cannot take the role of admin from yourself.".to_owned()));
    }
    ask.site.registry.allow(&who, role, own, ask.exchange.visit().now).await?;
    Ok((who.to_string(), "added"))
}

async fn remove(ask: &Ask<'_>, own: &str) -> Done {
    let who = who(ask)?;
    if who.to_string() == own {
        return Err(Wrong::Asked("You cannot remove yourself. Ask another admin.".to_owned()));
    }
    ask.site.registry.remove(&who, ask.exchange.visit().now).await?;
    Ok((who.to_string(), "removed"))
}

async fn end(ask: &Ask<'_>) -> Done {
    let (person, sid) = (ask.field("person").unwrap_or_default(), ask.field("sid").unwrap_or_default());
    let (site, now) = (ask.site, ask.exchange.visit().now);
    let known = site.registry.sessions(Some(&person), now).await?;
    if !known.iter().any(|(listed, _)| listed.sid == sid) {
        return Ok((person, "nothing"));
    }
    site.registry.end(&person, &sid, site.remembered_until(now), now).await?;
    Ok((person, "ended"))
}

async fn end_all(ask: &Ask<'_>) -> Done {
    let person = ask.field("person").unwrap_or_default();
    let (registry, now) = (&ask.site.registry, ask.exchange.visit().now);
    if registry.sessions(Some(&person), now).await?.is_empty() {
        return Ok((person, "nothing"));
    }
    registry.end_all(&person, now).await?;
    Ok((person, "all-ended"))
}

fn who(ask: &Ask<'_>) -> Result<Who, Wrong> {
    Who::parse(&ask.field("who").unwrap_or_default()).map_err(|error| {
        let text = error.to_string();
        let capital = text.chars().take(1).flat_map(char::to_uppercase).chain(text.chars().skip(1));
        Wrong::Asked(capital.chain(['.']).collect())
    })
}

async fn page(ask: &Ask<'_>, auth: &Auth, status: u16, note: Option<(&str, bool)>) -> Answer {
    let (site, now) = (ask.site, ask.exchange.visit().now);
    let listed = site.registry.allowed(now).await;
    let sessions = site.registry.sessions(None, now).await;
    let (listed, sessions) = match (listed, sessions) {
        (Ok(listed), Ok(sessions)) => (listed, sessions),
        (Err(error), _) | (_, Err(error)) => return ask.store_failed(&error),
    };
    let sessions: Vec<_> = sessions.into_iter().map(|(listed, _)| listed).collect();
    let shown = Admin {
        site: &site.title,
        own: auth.user_id().unwrap_or_default(),
        listed: &listed,
        sessions: &sessions,
        sid: auth.session_id().unwrap_or_default(),
        now_secs: now.secs(),
        note,
    };
    ask.html(status, Vec::new(), pages::admin(&shown))
}
