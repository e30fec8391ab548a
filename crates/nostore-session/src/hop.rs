//! The count of one navigation's redirects, in a cookie of our own.
//!
//! The protocol's counter lives two seconds, so hops that are slower never meet it. This one is believed for
//! [`LIFETIME_SECS`] after the last redirect and is deleted where a navigation ends at a page. It is sent
//! with every path, and of several the largest counts, so that nothing hides it.
//!
//! What happens at the identity service between two visits is counted beforehand, so the count is never less
//! than the redirects that were taken.
//!
//! The value is `<redirects>.<seconds since 1970>`: a count that some cookie store keeps for too long is
//! known by its age. A [`Mark`] behind it tells what happened on the way.

use nostore_message::{FieldEdit, RequestHead, ResponseHead, SetCookie, UnixTime};

use crate::context::is_navigation;
use crate::{Decision, name};

/// So many redirects a navigation may take (DESIGN section 5, statement 2).
pub(crate) const MAX_HOPS: u32 = 8;

/// To the identity service and back.
pub(crate) const HANDSHAKE_HOPS: u32 = 2;

/// To the URL without the handshake's result.
pub(crate) const CLEANING_HOPS: u32 = 1;

/// From the site's sign-in page to the identity service's, from there, where somebody is known, through a
/// handshake and back.
const SIGN_IN_PAGE_HOPS: u32 = 3;

/// To the site's sign-in page, and on.
const SIGN_IN_HOPS: u32 = 1 + SIGN_IN_PAGE_HOPS;

/// As far as the identity service's form, where it said that nobody is there.
const SIGN_IN_FORM_HOPS: u32 = 2;

/// To the primary site and back.
pub(crate) const SYNC_HOPS: u32 = 2;

/// Back to the satellite that asked.
pub(crate) const SYNC_ANSWER_HOPS: u32 = 1;

/// How long a count is believed, in seconds: four hops of seven seconds lie between two visits.
const LIFETIME_SECS: i64 = 30;

/// Whether a signed-out visitor may be sent to sign in.
///
/// The identity service sends somebody it knows straight back. Where this site then sees nobody again, one
/// would go to and fro for ever, so such turns count among the redirects of one navigation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SignInTurn {
    /// Send them there; the response carries these fields as well.
    Go(Vec<FieldEdit>),
    /// Do not: there were too many redirects. Say why.
    Stop,
}

/// What happened in a navigation, as far as its further way depends on it.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
enum Mark {
    /// Nothing of note.
    #[default]
    None,
    /// The identity service told this satellite that nobody is there, so the next way through the sign-in pages ends
    /// at a form.
    Nobody,
    /// The way through the site's sign-in page is counted already.
    SignIn,
    /// That way was taken. If it led back here, what the identity service says of nobody is not relied on again.
    Asked,
}

impl Mark {
    const ALL: [Self; 4] = [Self::None, Self::Nobody, Self::SignIn, Self::Asked];

    const fn end(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Nobody => ".n",
            Self::SignIn => ".s",
            Self::Asked => ".a",
        }
    }
}

/// A count, as a cookie tells it.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Count {
    pub(crate) hops: u32,
    mark: Mark,
}

impl Count {
    /// Adds redirects through the identity service or by the app.
    pub(crate) const fn and(self, hops: u32) -> Self {
        let mark = match self.mark {
            Mark::None | Mark::Nobody => Mark::None,
            Mark::SignIn | Mark::Asked => Mark::Asked,
        };
        Self { hops: self.hops.saturating_add(hops), mark }
    }

    /// Notes that the identity service said of this navigation that nobody is there.
    pub(crate) const fn with_nobody(self) -> Self {
        match self.mark {
            Mark::None => Self { mark: Mark::Nobody, ..self },
            _ => self,
        }
    }
}

/// Counts the redirects that led to this request, by the cookie that each of them set.
///
/// What is no count, and a count from more than half a minute ago or ahead of `now`, is 0.
#[must_use]
pub fn hops(request: &RequestHead<'_>, now: UnixTime) -> u32 {
    counted(request, now).hops
}

/// Decides whether the sender of `request`, whom `decision` found signed out, may be sent to the site's sign-in
/// page.
#[must_use]
pub fn sign_in_turn(request: &RequestHead<'_>, decision: &Decision, now: UnixTime) -> SignInTurn {
    let count = counted(request, now);
    let expected = if count.mark == Mark::Nobody { SIGN_IN_FORM_HOPS } else { SIGN_IN_HOPS };
    if decision.loop_stopped || count.hops.saturating_add(expected) > MAX_HOPS {
        return SignInTurn::Stop;
    }
    // Should it lead back here against expectation, all of it was taken.
    let hops = count.hops.saturating_add(SIGN_IN_HOPS);
    SignInTurn::Go(vec![set(Count { hops, mark: Mark::SignIn }, now)])
}

/// Decides whether the site's sign-in page may send its visitor on to the identity service's.
#[must_use]
pub fn sign_in_page_turn(request: &RequestHead<'_>, now: UnixTime) -> SignInTurn {
    let count = counted(request, now);
    // Where the way is counted already, it was decided where it began.
    let more = if count.mark == Mark::SignIn { 0 } else { SIGN_IN_PAGE_HOPS };
    let hops = count.hops.saturating_add(more);
    if more > 0 && hops > MAX_HOPS {
        return SignInTurn::Stop;
    }
    SignInTurn::Go(vec![set(Count { hops, mark: Mark::Asked }, now)])
}

/// Goes on counting with an app's own answer to a navigation, unless the answer counts already: a redirect is one
/// more, and anything else ends the navigation. To be asked where the answer depends on who is there; what
/// everybody gets stays as it is.
#[must_use]
pub fn count_answer(
    request: &RequestHead<'_>,
    response: &ResponseHead<'_>,
    now: UnixTime,
) -> Option<FieldEdit> {
    let told = response.fields.all("set-cookie").any(|line| SetCookie::parse(line).name == name::HOPS);
    if told || !is_navigation(request) {
        return None;
    }
    let count = counted(request, now);
    if response.is_redirect() {
        return Some(set(Count { hops: count.hops.saturating_add(1), ..count }, now));
    }
    (count.hops > 0).then(|| FieldEdit::append("set-cookie", SetCookie::deletion(name::HOPS).to_string()))
}

pub(crate) fn read(value: &str, now: UnixTime) -> Count {
    let marked = Mark::ALL.into_iter().rev().find_map(|mark| Some((value.strip_suffix(mark.end())?, mark)));
    let (value, mark) = marked.unwrap_or((value, Mark::None));
    let count = value.split_once('.').and_then(|(count, at)| Some((digits(count)?, digits(at)?)));
    // Two servers' clocks may differ a little.
    let believed = -LIFETIME_SECS..=LIFETIME_SECS;
    match count.filter(|(_, at)| believed.contains(&now.secs().saturating_sub(*at))) {
        Some((count, _)) => Count { hops: u32::try_from(count).unwrap_or(u32::MAX), mark },
        None => Count::default(),
    }
}

fn counted(request: &RequestHead<'_>, now: UnixTime) -> Count {
    let cookies = request.cookies();
    let counts = cookies.iter().filter(|(name, _)| *name == name::HOPS).map(|(_, value)| read(value, now));
    counts.max().unwrap_or_default()
}

/// Sets the count.
pub(crate) fn set(count: Count, now: UnixTime) -> FieldEdit {
    let (hops, end) = (count.hops, count.mark.end());
    let cookie = SetCookie::new(name::HOPS, format!("{hops}.{}{end}", now.secs()))
        .with("Path", "/")
        .with("Max-Age", LIFETIME_SECS.to_string())
        .with("SameSite", "Lax")
        .flag("HttpOnly");
    FieldEdit::append("set-cookie", cookie.to_string())
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_row_by_row() {
        let now = UnixTime::from_secs(1_000);
        let rows = [
            ("3.1000", 3, Mark::None),
            ("3.1000.s", 3, Mark::SignIn),
            ("3.1000.n", 3, Mark::Nobody),
            ("3.1000.a", 3, Mark::Asked),
            ("3.1000.x", 0, Mark::None),
            ("3.971", 3, Mark::None),
            ("3.970", 3, Mark::None),
            ("3.969", 0, Mark::None),
            ("3.1030", 3, Mark::None),
            ("3.1031", 0, Mark::None),
            ("99999999999999999999.1000", u32::MAX, Mark::None),
            ("3", 0, Mark::None),
            ("3.", 0, Mark::None),
            (".1000", 0, Mark::None),
            ("-3.1000", 0, Mark::None),
            ("+3.1000", 0, Mark::None),
            ("3.1000.1", 0, Mark::None),
            ("3.1000.s.s", 0, Mark::None),
            ("x.1000", 0, Mark::None),
            ("", 0, Mark::None),
        ];
        for (value, hops, mark) in rows {
            assert_eq!(read(value, now), Count { hops, mark }, "{value}");
        }
    }
}
