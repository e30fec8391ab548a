//! The client: read, create, destroy; the development browser.

use nostore_message::Origin;
use serde_json::{Value, json};

use super::wrapped;
use crate::core::ask::Ask;
use crate::core::body::Refused;
use crate::core::model::SessionStatus;
use crate::core::response::{Outcome, Response};
use crate::core::{Change, Issuer, Mode};

impl Issuer {
    /// Answers `GET /v1/client`: `null` where a live browser is not known yet.
    pub(super) fn read_client(&self, ask: &Ask<'_>, site: Option<&Origin>) -> Result<Outcome, Refused> {
        let client = match (self.asking_client(ask), self.settings.mode) {
            (Ok(client), _) => client,
            (Err(_), Mode::Live) => return Ok(wrapped(&Value::Null, None).noted("no client").into()),
            (Err(refusal), Mode::Test) => return Err(refusal),
        };
        let response = wrapped(&self.own_client_json(client, ask, site), None).noted("client");
        Ok(self.record(response, client).into())
    }

    /// Answers `PUT /v1/client` and `POST /v1/client`: the one that is there, or a new one.
    pub(super) fn create_client(&self, ask: &mut Ask<'_>, site: Option<&Origin>) -> Outcome {
        if let Some(client) = self.client(ask, None) {
            let response = wrapped(&self.own_client_json(client, ask, site), None).noted("client");
            return self.record(self.with_client_cookies(response, client, ask), client).into();
        }
        if self.settings.mode == Mode::Test {
            // Here the browser comes first: its token is the client's.
            let refused = self.asking_client(ask).err();
            return refused.map_or_else(|| Response::not_found(ask).into(), |refused| (*refused).into());
        }
        let client = Self::fresh_client(ask, self.settings.mode.known_by());
        let response = wrapped(&self.own_client_json(&client, ask, site), None).noted("client created");
        let response = self.record(self.with_client_cookies(response, &client, ask), &client);
        response.changing(self.keep(&client, ask.now))
    }

    /// Answers `DELETE /v1/client`: ends its session and forgets it. A development browser keeps its name, which
    /// the site holds, too.
    pub(super) fn destroy_client(&self, ask: &Ask<'_>) -> Result<Outcome, Refused> {
        let client = self.asking_client(ask)?;
        let (ended, mut changes) = self.signed_out(client, SessionStatus::Removed, ask.now);
        if self.settings.mode == Mode::Live {
            changes.retain(|change| !matches!(change, Change::PutClient(_)));
            changes.push(Change::DropClient { token: client.token.clone() });
        }
        let answer = self.client_json(&ended, |_| None);
        let response = self.without_client_cookies(wrapped(&answer, None)).noted("client removed");
        Ok(self.record(response, client).changing(changes))
    }

    /// Answers `DELETE /v1/client/sessions`.
    pub(super) fn end_all(&self, ask: &Ask<'_>) -> Result<Outcome, Refused> {
        let client = self.asking_client(ask)?;
        let (ended, changes) = self.signed_out(client, SessionStatus::Ended, ask.now);
        let response = wrapped(&self.client_json(&ended, |_| None), None).noted("signed out of all sessions");
        let response = self.with_client_cookies(response, &ended, ask);
        Ok(self.record(response, client).changing(changes))
    }

    /// Answers `POST /v1/dev_browser`.
    pub(super) fn create_dev_browser(&self, ask: &mut Ask<'_>) -> Result<Outcome, Refused> {
        if self.settings.mode == Mode::Live {
            let message =
                "expected a development instance (test keys), found a production instance (live keys)";
            return Err(Response::error(400, "instance_type_invalid", message).into());
        }
        let client = Self::fresh_client(ask, self.settings.mode.known_by());
        let response = Response::json(200, &json!({ "id": client.token.expose() })).noted("new browser");
        Ok(self.record(response, &client).changing(self.keep(&client, ask.now)))
    }
}
