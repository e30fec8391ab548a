//! What the gate answers instead of the app.

use std::borrow::Cow;
use std::fmt;

use nostore_message::FieldEdit;

/// A whole response: adapters start from an empty head, apply the edits in order, and send it.
///
/// The edits hold everything, the field set of a sensitive response included. `Debug` leaves them out,
/// because locations and cookies hold tokens.
#[derive(Clone, Eq, PartialEq)]
#[must_use = "an answer protects nobody until it is sent"]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The fields, in order.
    pub edits: Vec<FieldEdit>,
    /// The content: plain text, or nothing.
    pub body: Cow<'static, str>,
}

impl Answer {
    /// Returns where the answer redirects to.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.edits.iter().rev().find_map(|edit| match edit {
            FieldEdit::Set { name, value } | FieldEdit::Append { name, value }
                if name.eq_ignore_ascii_case("location") =>
            {
                Some(&**value)
            }
            _ => None,
        })
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
