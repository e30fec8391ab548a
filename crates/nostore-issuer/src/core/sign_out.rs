//! Ends the session of the browser that asks.

use super::ask::Ask;
use super::response::{Outcome, Response};
use super::{Issuer, SessionStatus};
use crate::pages;

impl Issuer {
    /// Answers `GET /sign-out`: a page that asks. A link of another site cannot sign anybody out.
    pub(super) fn sign_out_page(&self, ask: &Ask<'_>) -> Outcome {
        let way = match self.way(ask, None) {
            Ok(way) => way,
            Err(refusal) => return (*refusal).into(),
        };
        match self.current_user(ask) {
            Some(user) => {
                let html = pages::sign_out(user, "/sign-out", &way.hidden());
                Response::page(200, html).by(user).noted("sign-out page").into()
            }
            None => {
                let html = match self.only_from(&way) {
                    Some(sites) => pages::elsewhere("Sign out from the site", sites),
                    None => pages::signed_out(&way.hidden()),
                };
                Response::page(200, html).noted("nobody is signed in").into()
            }
        }
    }

    /// Answers `POST /sign-out`.
    pub(super) fn sign_out(&self, ask: &Ask<'_>) -> Outcome {
        let form = match self.form(ask) {
            Ok(form) => form,
            Err(refusal) => return (*refusal).into(),
        };
        let way = match self.way(ask, Some(&form)) {
            Ok(way) => way,
            Err(refusal) => return (*refusal).into(),
        };
        let after = match way.handshake() {
            Some(location) => Response::redirect(303, location),
            None => Response::page(200, pages::signed_out(&way.hidden())),
        };
        let Some(client) = self.client(ask, Some(&form)) else {
            return after.noted("nobody was signed in").into();
        };
        let user = self.signed_in(client).map(|(_, user)| user.email.clone());
        let (ended, changes) = self.signed_out(client, SessionStatus::Ended, ask.now);
        let mut response = self.with_client_cookies(after, &ended, ask);
        response.client = user.or_else(|| Some(ended.id.clone()));
        response.noted("signed out").changing(changes)
    }
}
