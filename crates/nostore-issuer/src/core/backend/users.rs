//! Users: list, count, read, create, delete.

use serde_json::{Value, json};

use super::{deleted, no_such, page};
use crate::core::ask::Ask;
use crate::core::body::{Body, Refused, missing, wrong};
use crate::core::model::{SessionStatus, User};
use crate::core::resource::user_json;
use crate::core::response::{Outcome, Response};
use crate::core::sign_in::{MAX_USERS, is_address};
use crate::core::{Change, Issuer};

/// The longest name, in bytes.
const MAX_NAME: usize = 256;

impl Issuer {
    pub(super) fn list_users(&self, ask: &Ask<'_>) -> Result<Outcome, Refused> {
        let users: Vec<Value> = self.found_users(ask).into_iter().map(user_json).collect();
        page(ask, &users, false)
    }

    pub(super) fn count_users(&self, ask: &Ask<'_>) -> Outcome {
        let count = self.found_users(ask).len();
        Response::json(200, &json!({ "object": "total_count", "total_count": count })).noted("list").into()
    }

    /// Returns the users that `email_address`, `user_id` and `query` leave.
    fn found_users(&self, ask: &Ask<'_>) -> Vec<&User> {
        let emails = ask.query.all("email_address");
        let ids = ask.query.all("user_id");
        let part = ask.query.text("query").map(str::to_lowercase);
        let has_part = |user: &User| {
            let name = user.name.as_deref().unwrap_or_default().to_lowercase();
            part.as_deref().is_none_or(|part| name.contains(part) || user.email.contains(part))
        };
        let mut users = self.state.users();
        users.retain(|user| {
            let by_email = emails.iter().any(|email| email.eq_ignore_ascii_case(&user.email));
            (emails.is_empty() || by_email)
                && (ids.is_empty() || ids.contains(&user.id.as_str()))
                && has_part(user)
        });
        users
    }

    pub(super) fn read_user(&self, id: &str) -> Result<Outcome, Refused> {
        let user = self.state.user(id).ok_or_else(|| no_such("user"))?;
        Ok(Response::json(200, &user_json(user)).noted("user").into())
    }

    pub(super) fn create_user(&self, ask: &mut Ask<'_>) -> Result<Outcome, Refused> {
        let body = Body::read(ask)?;
        let emails = body.texts("email_address")?;
        let email = match emails.as_slice() {
            [] => return Err(missing("email_address", "a list of one address")),
            [email] => email.to_ascii_lowercase(),
            more => return Err(wrong("email_address", "one address", &format!("{}", more.len()))),
        };
        if !is_address(&email) {
            return Err(wrong("email_address", "an address such as carol@example.com", "something else"));
        }
        if self.state.user_by_email(&email).is_some() {
            let message = "expected an address that nobody has yet, found a taken one";
            return Err(Response::parameter_error("form_identifier_exists", "email_address", message).into());
        }
        if self.state.user_count() >= MAX_USERS {
            let message = format!("expected fewer than {MAX_USERS} users, found as many");
            return Err(Response::error(403, "user_quota_exceeded", &message).into());
        }
        let names = [body.optional("first_name")?, body.optional("last_name")?];
        let name: Vec<&str> = names.into_iter().flatten().filter(|name| !name.is_empty()).collect();
        let name = name.join(" ");
        if name.len() > MAX_NAME {
            return Err(wrong("first_name", &format!("at most {MAX_NAME} bytes of name"), "more"));
        }
        let mut user = User::new(ask.ids.id("user_"), email, ask.now);
        user.name = Some(name).filter(|name| !name.is_empty());
        let answer = Response::json(200, &user_json(&user)).noted("user created").by(&user);
        Ok(answer.changing(vec![Change::PutUser(user)]))
    }

    pub(super) fn delete_user(&self, ask: &Ask<'_>, id: &str) -> Result<Outcome, Refused> {
        let user = self.state.user(id).ok_or_else(|| no_such("user"))?;
        let mut changes = Vec::new();
        for client in self.state.clients() {
            if self.signed_in(client).is_some_and(|(_, other)| other.id == user.id) {
                changes.extend(self.signed_out(client, SessionStatus::Removed, ask.now).1);
            }
        }
        changes.push(Change::DropUser { id: user.id.clone() });
        Ok(deleted("user", id).by(user).changing(changes))
    }
}
