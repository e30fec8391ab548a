//! When the cookie is written, by whom, and when it is believed.
//!
//! The cookie says itself for which session and organization it was written last: a tab that nobody looks at does not
//! write another's over it.

use super::{Action, Clocks, Current, Keeper, Read, Who, current_of, knows_more};
use crate::cookie::{Attributes, Held};
use nostore_token::SessionToken;

impl Keeper {
    /// Looks at the page's cookies: takes what is news, and mends what is not as it should be.
    pub(super) fn look(&mut self, cookies: &str, clocks: Clocks) {
        let mut held = self.names.read(cookies);
        self.browser.clone_from(&held.browser);
        self.remove_ended(&mut held);
        self.follow(&held, clocks);
        self.place(held, clocks);
    }

    /// Takes the cookie's token where it is news, and writes the cookie where it should be another.
    pub(super) fn place(&mut self, mut held: Held, clocks: Clocks) {
        let Who::Somebody(current) = &self.who else { return };
        let key = current.key();
        let now = self.now(clocks);
        let own = self.entries.get(&key).and_then(|entry| entry.slot.peek(now)).map(std::sync::Arc::clone);
        let is_news = |token: &SessionToken| {
            self.is_for_current(token)
                && token.expires_ms() > now.wall_ms
                && own.as_ref().is_none_or(|own| knows_more(token, own))
        };
        if held.token().is_some_and(is_news) {
            if let Some(token) = held.take() {
                return self.hydrate(&key, token, clocks);
            }
        }
        self.write(&held, clocks);
    }

    /// Makes the tab another's where the site's server signed somebody else in.
    fn follow(&mut self, held: &Held, clocks: Clocks) {
        let Some(token) = held.token().filter(|token| self.may_follow(token)) else { return };
        let Some(found) = current_of(token) else { return };
        let now = self.now(clocks);
        if let Who::Somebody(current) = &self.who {
            let own = self.entries.get(&current.key()).and_then(|entry| entry.slot.peek(now));
            let later = own.is_none_or(|own| token.rank().issued > own.rank().issued);
            if *current == found || token.expires_ms() <= now.wall_ms || !later {
                return;
            }
        }
        self.become_somebody(found, clocks);
    }

    /// Keeps another session's tokens from now on. What was asked for before it was known whose is asked for now.
    pub(super) fn become_somebody(&mut self, current: Current, clocks: Clocks) {
        let now = self.now(clocks);
        for (key, entry) in self.entries.iter_mut() {
            if key.session() != current.session {
                entry.slot.clear(now);
            }
        }
        self.who = Who::Somebody(current);
        (self.doubt, self.blank, self.refuted) = (None, false, false);
        self.act(clocks);
        for (ticket, read) in std::mem::take(&mut self.unplaced) {
            self.read(ticket, read, clocks);
        }
    }

    /// Tells whether the page lets the cookie say whose tokens are kept.
    pub(super) fn may_follow(&self, token: &SessionToken) -> bool {
        let Some(session) = token.session() else { return false };
        let organization = token.organization().unwrap_or_default();
        self.options.session.as_deref().is_none_or(|pinned| pinned == session)
            && self.options.organization.as_deref().is_none_or(|pinned| pinned == organization)
            && !self.is_over(session)
    }

    fn is_for_current(&self, token: &SessionToken) -> bool {
        matches!(&self.who, Who::Somebody(current) if current.is_of(token))
    }

    /// Removes what belongs to a session that is over, under each name by itself.
    fn remove_ended(&mut self, held: &mut Held) {
        if !self.options.writes_cookie {
            return;
        }
        let over = |token: &mut SessionToken| {
            let taken_away = self.blank && self.is_for_current(token);
            taken_away || token.session().is_some_and(|session| self.is_over(session))
        };
        let gone = [held.suffixed.take_if(over).is_some(), held.plain.take_if(over).is_some()];
        let lines = self.names.remove(self.attributes());
        for (_, lines) in gone.into_iter().zip(lines).filter(|(gone, _)| *gone) {
            self.actions.extend(lines.into_iter().map(set_cookie));
        }
        held.any &= held.suffixed.is_some() || held.plain.is_some();
        if std::mem::take(&mut self.says_signed_out) && self.options.development && !held.nobody {
            let lines = self.names.signed_out(self.attributes());
            self.actions.extend(lines.into_iter().map(set_cookie));
        }
    }

    /// Writes the cookie where that is allowed, news, and not staler than what is there.
    fn write(&mut self, held: &Held, clocks: Clocks) {
        if !self.options.writes_cookie || self.doubt.is_some() {
            return;
        }
        let Some(token) = self.peek(&Read::default(), clocks).map(std::sync::Arc::clone) else { return };
        let same = held.suffixed.as_ref().is_some_and(|known| known.is(&token));
        if !self.is_for_current(&token) || same && held.plain.is_some() {
            return;
        }
        if held.nobody && !self.refuted {
            // The site's server signed somebody out: this tab is not to sign them in again.
            return self.make_sure(clocks);
        }
        let ours = held.token().filter(|known| self.is_for_current(known));
        let free = !held.any;
        if !(self.page.is_looked_at() || free || ours.is_some()) {
            return;
        }
        let now = self.now(clocks);
        let staler = |known: &SessionToken| known.expires_ms() > now.wall_ms && knows_more(known, &token);
        if !ours.is_some_and(staler) {
            let lines = self.names.write(token.expose(), self.attributes());
            self.actions.extend(lines.into_iter().map(set_cookie));
        }
    }

    /// Writes what is there once more, whatever the cookie holds.
    pub(super) fn rewrite(&mut self) {
        let may = self.options.writes_cookie && self.doubt.is_none() && self.page.is_looked_at();
        if may {
            self.actions.extend(
                self.names
                    .remove(Attributes { partitioned: true, ..self.attributes() })
                    .into_iter()
                    .flatten()
                    .map(set_cookie),
            );
        }
        self.actions.push(Action::ReadCookies);
    }

    const fn attributes(&self) -> Attributes {
        Attributes {
            framed: self.page.framed,
            secure: self.page.secure,
            partitioned: self.options.partitioned,
        }
    }
}

fn set_cookie(line: String) -> Action {
    Action::SetCookie(line.into())
}
