//! What of the operator's configuration keeps the app's fields from counting.

use crate::profile::{Law, Profile, StatusClass};
use crate::verdict::period;

/// A part of the operator's configuration that beats what the app says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OperatorOverride {
    /// What it does.
    pub what: String,
    /// How the operator mends it, and what the app can do meanwhile.
    pub mend: String,
    /// Whether no field of the app's keeps a response out: the app cannot protect itself.
    pub is_total: bool,
}

impl Profile {
    /// Names what of the operator's configuration beats what the app says, whether or not a response suffers from it.
    #[must_use]
    pub fn operator_override(&self) -> Option<OperatorOverride> {
        let law = &self.law;
        let platform = law.words.platform;
        if let Some(Beaten { why, mend }) = beaten(law, StatusClass::Error) {
            return Some(OperatorOverride { what: format!("{platform}: {why}"), mend, is_total: true });
        }
        // Other platforms that do not go by Cache-Control are made that way.
        (law.accel_expires && !law.cache_control).then(|| OperatorOverride {
            what: format!(
                "{}. Of the app's fields only X-Accel-Expires counts for {platform}",
                law.words.silence
            ),
            mend: format!(
                "take Cache-Control, Expires and Set-Cookie out of proxy_ignore_headers; until then nothing but {} keeps a \
                 response out",
                law.words.refuse_with
            ),
            is_total: false,
        })
    }
}

/// What beats every field, for some responses.
pub(crate) struct Beaten {
    pub(crate) why: String,
    pub(crate) mend: String,
}

/// Finds what beats every field of a response whose status is of the given class.
pub(crate) fn beaten(law: &Law, class: StatusClass) -> Option<Beaten> {
    let of = |lifetime: &str, secs: i64, mend: &str| Beaten {
        why: format!("the {lifetime} of {} beats what the origin says", period(secs)),
        mend: format!("no field of the app's keeps it out: {mend}"),
    };
    if law.min_lifetime_secs > 0 {
        return Some(of(law.words.minimum, law.min_lifetime_secs, law.words.minimum_mend));
    }
    if law.is_deaf() {
        return Some(Beaten {
            why: "the operator's configuration takes every field from the origin".to_owned(),
            mend: "no field of the app's keeps it out: let the cache obey one of them in its configuration (nginx: take \
                   X-Accel-Expires out of proxy_ignore_headers, here accel-expires=obeyed)"
                .to_owned(),
        });
    }
    let error = class == StatusClass::Error && law.error_beats_directives;
    error.then(|| {
        let mend =
            "set the minimum lifetime for errors to 0 in the cache's configuration (here error-lifetime=0)";
        of("minimum lifetime for errors", law.error_lifetime_secs, mend)
    })
}
