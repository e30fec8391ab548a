//! What the Frontend API says of a browser: its sessions, what is active in each, and their tokens.

use serde_json::Value;

/// A session as the service tells of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionView {
    pub(crate) id: String,
    /// The organization that is active in it; empty: the personal workspace.
    pub(crate) organization: String,
    pub(crate) token: TokenView,
}

/// What is said of a session's token.
#[derive(Clone, Debug, Default)]
pub(crate) enum TokenView {
    /// Nothing.
    #[default]
    Silent,
    /// That there is none.
    None,
    /// This is it.
    Raw(String),
}

/// A browser.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientView {
    pub(crate) sessions: Vec<SessionView>,
    last_active: Option<String>,
}

impl ClientView {
    /// Reads an answer of `GET /v1/client`; `null` is a browser without sessions. `None`: it says something else.
    pub(crate) fn answered(body: &[u8]) -> Option<Self> {
        let answer: Value = serde_json::from_slice(body).ok()?;
        match answer.get("response")? {
            Value::Null => Some(Self::default()),
            client => Self::of(client),
        }
    }

    /// Reads a client.
    pub(crate) fn of(client: &Value) -> Option<Self> {
        let sessions = client.get("sessions")?.as_array()?;
        let last_active = client.get("last_active_session_id").and_then(Value::as_str).map(str::to_owned);
        Some(Self { sessions: sessions.iter().filter_map(SessionView::of).collect(), last_active })
    }

    /// Finds a session that goes on.
    pub(crate) fn session(&self, id: &str) -> Option<&SessionView> {
        self.sessions.iter().find(|session| session.id == id)
    }

    /// Returns the session that is active.
    pub(crate) fn active(&self) -> Option<&SessionView> {
        self.session(self.last_active.as_deref()?)
    }
}

impl SessionView {
    /// Reads a session. `None`: it is none, or does not go on.
    pub(crate) fn of(session: &Value) -> Option<Self> {
        let text = |name: &str| session.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if text("status").is_some_and(|status| !matches!(status, "active" | "pending")) {
            return None;
        }
        let token = match session.get("last_active_token") {
            None => TokenView::Silent,
            Some(token) => {
                let raw = token.get("jwt").and_then(Value::as_str).filter(|raw| !raw.is_empty());
                raw.map_or(TokenView::None, |raw| TokenView::Raw(raw.to_owned()))
            }
        };
        let organization = text("last_active_organization_id").unwrap_or_default().to_owned();
        Some(Self { id: text("id")?.to_owned(), organization, token })
    }
}
