//! How long sessions live, and when they are sealed anew.

use nostore_message::{Intent, UnixTime};

use super::{Opened, SealedConfigError};

const DAY_SECS: i64 = 86_400;

/// How long sessions live.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lifetimes {
    idle_secs: i64,
    absolute_secs: i64,
    update_age_secs: i64,
}

impl Lifetimes {
    /// Sets, in seconds: how long a session lives unused, how long it lives altogether, and how old it becomes before it
    /// is renewed.
    ///
    /// Because a session is renewed only when it is that old, somebody who comes back after `idle_secs -
    /// update_age_secs` may find it gone.
    ///
    /// # Errors
    ///
    /// [`SealedConfigError::Lifetimes`] unless 0 <= `update_age_secs` < `idle_secs` <= `absolute_secs`.
    pub const fn new(
        idle_secs: i64,
        absolute_secs: i64,
        update_age_secs: i64,
    ) -> Result<Self, SealedConfigError> {
        if 0 <= update_age_secs && update_age_secs < idle_secs && idle_secs <= absolute_secs {
            Ok(Self { idle_secs, absolute_secs, update_age_secs })
        } else {
            Err(SealedConfigError::Lifetimes { update_age_secs, idle_secs, absolute_secs })
        }
    }

    /// Returns how long a session lives unused, in seconds.
    #[must_use]
    pub const fn idle_secs(&self) -> i64 {
        self.idle_secs
    }

    /// Returns how long a session lives altogether, in seconds.
    #[must_use]
    pub const fn absolute_secs(&self) -> i64 {
        self.absolute_secs
    }

    /// Returns how old a session becomes before it is renewed, in seconds.
    #[must_use]
    pub const fn update_age_secs(&self) -> i64 {
        self.update_age_secs
    }

    /// Returns until when a session lives that is sealed now, in seconds since 1970.
    pub(super) fn end_secs(&self, started_secs: i64, now_secs: i64) -> i64 {
        let idle = now_secs.saturating_add(self.idle_secs);
        idle.min(started_secs.saturating_add(self.absolute_secs))
    }
}

/// 30 days unused and renewed after a day, as with Auth.js; 90 days altogether.
impl Default for Lifetimes {
    fn default() -> Self {
        Self { idle_secs: 30 * DAY_SECS, absolute_secs: 90 * DAY_SECS, update_age_secs: DAY_SECS }
    }
}

/// Whether a session is to be sealed anew.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Renewal {
    /// No.
    Keep,
    /// Now: send the lines of [`SealedSessions::seal`](super::SealedSessions::seal) with this response.
    Seal(RenewalReason),
    /// With a later response: the author of this one has made it cacheable.
    Wait(RenewalReason),
}

/// Why a session is to be sealed anew.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RenewalReason {
    /// It is older than the update age.
    Age,
    /// It was found in another format, or in another cookie, than the site's own.
    Format,
    /// It was sealed with another secret than the first.
    Secret,
}

impl RenewalReason {
    /// Returns the stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Age => "renewal-age",
            Self::Format => "renewal-format",
            Self::Secret => "renewal-secret",
        }
    }
}

/// See [`SealedSessions::renewal`](super::SealedSessions::renewal).
pub(super) fn renewal(lifetimes: &Lifetimes, opened: &Opened, now: UnixTime, intent: Intent) -> Renewal {
    let now_secs = now.secs();
    if lifetimes.end_secs(opened.started_at().secs(), now_secs) <= now_secs {
        // Nothing is left to renew: it is open by what clocks may differ.
        return Renewal::Keep;
    }
    let reason = if opened.is_from_elsewhere() {
        RenewalReason::Format
    } else if opened.secret() > 0 {
        RenewalReason::Secret
    } else if is_due(lifetimes, opened, now_secs) {
        RenewalReason::Age
    } else {
        return Renewal::Keep;
    };
    match intent {
        Intent::Cacheable => Renewal::Wait(reason),
        Intent::Silent | Intent::Uncacheable => Renewal::Seal(reason),
    }
}

/// Tells whether a session is old enough, and would live longer for being sealed anew.
fn is_due(lifetimes: &Lifetimes, opened: &Opened, now_secs: i64) -> bool {
    let (issued, started, ends) =
        (opened.issued_at().secs(), opened.started_at().secs(), opened.ends_at().secs());
    let age = now_secs.saturating_sub(issued);
    age >= lifetimes.update_age_secs && lifetimes.end_secs(started, now_secs) > ends
}
