//! The home page, the sign-in page and its form.

use nostore_message::Origin;

use super::ask::Ask;
use super::client::KnownBy;
use super::form::Form;
use super::redirect::RedirectUrl;
use super::response::{Outcome, Response};
use super::{Change, Client, Issuer, Mode, Session, SessionStatus, User};
use crate::pages;

/// The longest address, in bytes (RFC 5321 section 4.5.3.1.3, without the angle brackets).
const MAX_EMAIL: usize = 254;

/// The longest part before the `@`, in bytes (RFC 5321 section 4.5.3.1.1).
const MAX_LOCAL: usize = 64;

/// How many users the service keeps.
pub(super) const MAX_USERS: usize = 1_000;

/// Where a browser goes after the page, and how it is recognised there.
#[derive(Default)]
pub(super) struct Way {
    /// The checked address to return to.
    pub(super) back: Option<RedirectUrl>,
    /// The dev browser token, where it belongs to a known browser (test).
    pub(super) browser: Option<String>,
}

impl Way {
    /// Returns the hidden fields of a form that goes this way.
    pub(super) fn hidden(&self) -> Vec<(&'static str, &str)> {
        let back = self.back.as_ref().map(|url| ("redirect_url", url.as_str()));
        let browser = self.browser.as_deref().map(|token| ("__clerk_db_jwt", token));
        back.into_iter().chain(browser).collect()
    }

    /// Returns the path and query of the handshake that leads back, if there is an address.
    pub(super) fn handshake(&self) -> Option<String> {
        self.back.as_ref()?;
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.hidden()).append_pair("format", "nonce");
        Some(format!("/v1/client/handshake?{}", query.finish()))
    }
}

/// What was entered is no address that somebody can sign in with.
pub(super) struct NotAnAddress {
    /// What was entered, shortened.
    pub(super) shown: String,
    pub(super) problem: &'static str,
}

impl Issuer {
    /// Reads where the browser goes afterwards.
    ///
    /// # Errors
    ///
    /// The refusal, when the address is not one of the configured sites'.
    pub(super) fn way(&self, ask: &Ask<'_>, form: Option<&Form>) -> Result<Way, Box<Response>> {
        let text = form.unwrap_or(&ask.query).text("redirect_url");
        let back = text.map(|text| self.return_address(ask, text)).transpose();
        let back = back.map_err(|error| Box::new(self.refuse_return(&error)))?;
        let browser = match self.settings.mode {
            Mode::Live => None,
            Mode::Test => self.client(ask, form).map(|client| client.token.expose().to_owned()),
        };
        Ok(Way { back, browser })
    }

    /// Returns the sites, if the browser has to come from one of them first: with test keys it is known
    /// only by what its site sends along, and a sign-in without that would be nobody's.
    pub(super) fn only_from(&self, way: &Way) -> Option<&[Origin]> {
        let unknown = way.back.is_none() && way.browser.is_none();
        (self.settings.mode == Mode::Test && unknown).then_some(self.settings.allowed_origins.as_slice())
    }

    /// Answers `GET /`.
    pub(super) fn home_page(&self, ask: &Ask<'_>) -> Outcome {
        let user = self.current_user(ask);
        let way = Way { back: None, browser: self.way(ask, None).ok().and_then(|way| way.browser) };
        let home = pages::Home {
            origin: &self.settings.origin.to_string(),
            publishable_key: &self.publishable_key,
            users: self.state.user_count(),
            only_from: self.only_from(&way),
        };
        let mut response = Response::page(200, pages::home(&home, user, &way.hidden()));
        response.client = user.map(|user| user.email.clone());
        response.noted("home page").into()
    }

    /// Answers `GET /sign-in`: straight back with a session, else the page.
    pub(super) fn sign_in_page(&self, ask: &Ask<'_>) -> Outcome {
        let way = match self.way(ask, None) {
            Ok(way) => way,
            Err(refusal) => return (*refusal).into(),
        };
        match (self.current_user(ask), ask.query.text("switch")) {
            (Some(user), None) => {
                let response = match way.handshake() {
                    Some(location) => {
                        Response::redirect(307, location).noted("already signed in, straight back")
                    }
                    None => self.signed_in_page(user, &way).noted("already signed in"),
                };
                response.by(user).into()
            }
            _ => match self.only_from(&way) {
                Some(sites) => {
                    let html = pages::elsewhere("Sign in from the site", sites);
                    Response::page(200, html).noted("sign-in page, not from a site").into()
                }
                None => self.form_page(200, &way, "", None).noted("sign-in page").into(),
            },
        }
    }

    fn signed_in_page(&self, user: &User, way: &Way) -> Response {
        let unaware = match self.settings.mode {
            Mode::Live => &[],
            Mode::Test => self.settings.allowed_origins.as_slice(),
        };
        Response::page(200, pages::signed_in(user, &way.hidden(), unaware))
    }

    fn form_page(&self, status: u16, way: &Way, email: &str, problem: Option<&str>) -> Response {
        let site = way.back.as_ref().map(|url| url.origin().authority());
        let page = pages::SignIn {
            action: "/sign-in",
            cancel: false,
            users: &self.state.users(),
            site: site.as_deref(),
            hidden: &way.hidden(),
            email,
            problem,
        };
        Response::page(status, pages::sign_in(&page))
    }

    /// Answers `POST /sign-in`.
    pub(super) fn sign_in(&self, ask: &mut Ask<'_>) -> Outcome {
        let form = match self.form(ask) {
            Ok(form) => form,
            Err(refusal) => return (*refusal).into(),
        };
        let way = match self.way(ask, Some(&form)) {
            Ok(way) => way,
            Err(refusal) => return (*refusal).into(),
        };
        let (user, new) = match self.identified(ask, &form) {
            Ok(identified) => identified,
            Err(NotAnAddress { shown, problem }) => {
                return self.form_page(422, &way, &shown, Some(problem)).noted("address refused").into();
            }
        };
        let mut changes = Vec::new();
        if new {
            changes.push(Change::PutUser(user.clone()));
        }
        let known = self.client(ask, Some(&form)).cloned();
        let (client, more) = self.signed_in_client(ask, known, self.settings.mode.known_by(), &user);
        changes.extend(more);
        let note = if new { "signed in, new account" } else { "signed in" };
        self.after_sign_in(ask, way, &client, &user).noted(note).changing(changes)
    }

    /// Finds the user that a form names, or makes one of a new address and says so.
    ///
    /// # Errors
    ///
    /// When it names no address.
    pub(super) fn identified(&self, ask: &mut Ask<'_>, form: &Form) -> Result<(User, bool), NotAnAddress> {
        let given = form.text("email").or_else(|| form.text("account")).unwrap_or_default().trim();
        let email = self.check_email(given).map_err(|problem| {
            let shown = given.chars().take(MAX_EMAIL).collect();
            NotAnAddress { shown, problem }
        })?;
        Ok(match self.state.user_by_email(&email) {
            Some(user) => (user.clone(), false),
            None => (User::new(ask.ids.id("user_"), email, ask.now), true),
        })
    }

    /// Starts (or keeps) the user's session on the client that asks.
    ///
    /// A client that is known by a cookie gets a new token, so that a cookie that was planted before does
    /// not know the session. A dev browser keeps its token: the site holds it, too.
    pub(super) fn signed_in_client(
        &self,
        ask: &mut Ask<'_>,
        known: Option<Client>,
        known_by: KnownBy,
        user: &User,
    ) -> (Client, Vec<Change>) {
        let mut changes = Vec::new();
        let before = known.as_ref().and_then(|client| self.state.session_of(client));
        let kept = before.filter(|session| session.user_id == user.id).cloned();
        if let (Some(client), None) = (&known, &kept) {
            changes.extend(self.end_session(client, SessionStatus::Replaced, ask.now));
        }
        let mut client = match (known, known_by) {
            (Some(client), KnownBy::Url) => client,
            (known, _) => {
                // The browser's other sessions end with its name.
                let others = known.iter().flat_map(|old| self.state.sessions_of(old));
                let others = others.filter(|other| kept.as_ref().is_some_and(|kept| kept.id != other.id));
                let gone = |other: &Session| Session {
                    status: SessionStatus::Replaced,
                    updated_at: ask.now,
                    ..other.clone()
                };
                changes.extend(others.map(gone).map(Change::PutSession));
                changes.extend(known.map(|old| Change::DropClient { token: old.token }));
                Self::fresh_client(ask, known_by)
            }
        };
        let session = match kept {
            Some(kept) => Session { client_id: client.id.clone(), authenticated_at: ask.now, ..kept },
            None => self.start_session(ask, &mut client, user),
        };
        client.session_id = Some(session.id.clone());
        client.updated_at = ask.now;
        changes.push(Change::PutSession(session));
        changes.extend(self.keep(&client, ask.now));
        (client, changes)
    }

    fn after_sign_in(&self, ask: &Ask<'_>, mut way: Way, client: &Client, user: &User) -> Response {
        if self.settings.mode == Mode::Test {
            way.browser = Some(client.token.expose().to_owned());
        }
        let response = match way.handshake() {
            Some(location) => Response::redirect(303, location),
            None => self.signed_in_page(user, &way),
        };
        self.with_client_cookies(response, client, ask).by(user)
    }

    /// Adds the live cookies of a client that has changed. Site and service share their host name, so
    /// the site learns from `__client_uat` at once that somebody signed in or out.
    pub(super) fn with_client_cookies(&self, response: Response, client: &Client, ask: &Ask<'_>) -> Response {
        if self.settings.mode == Mode::Test {
            return response;
        }
        let updated = self.updated_cookies(self.updated_secs(client, ask.now));
        updated.iter().fold(response.cookie(&self.client_cookie(client)), Response::cookie)
    }

    /// Reads a form of the service's own pages.
    ///
    /// # Errors
    ///
    /// The refusal, when it came from another site's page or is no form.
    pub(super) fn form(&self, ask: &Ask<'_>) -> Result<Form, Box<Response>> {
        if ask.is_cross_site() {
            let text = "This form was sent from another site's page. Open the page here and send it again.";
            let page = Response::page(403, pages::message("Not from here", text, true));
            return Err(Box::new(page.noted("form of another site refused")));
        }
        if !ask.is_form() {
            let text = "Expected a form (application/x-www-form-urlencoded), found something else.";
            let page = Response::page(415, pages::message("Not a form", text, true));
            return Err(Box::new(page.noted("not a form")));
        }
        Ok(Form::parse(ask.body))
    }

    /// Checks an address and puts it into lower case.
    fn check_email(&self, text: &str) -> Result<String, &'static str> {
        if text.is_empty() {
            return Err("Enter an email address.");
        }
        let email = text.to_ascii_lowercase();
        if !is_address(&email) {
            return Err("That is not an email address. Expected one such as carol@example.com.");
        }
        if self.state.user_by_email(&email).is_none() && self.state.user_count() >= MAX_USERS {
            return Err("There are 1000 accounts here already. Pick one of them.");
        }
        Ok(email)
    }
}

/// Tells whether a text has the shape that HTML's `type=email` asks for, in ASCII.
pub(super) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let in_local = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    let in_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(in_label)
    };
    text.len() <= MAX_EMAIL
        && (1..=MAX_LOCAL).contains(&local.len())
        && local.bytes().all(in_local)
        && domain.split('.').all(is_label)
}
