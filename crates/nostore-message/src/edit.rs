//! What a law wants changed in a head. Shells apply edits in order and decide nothing.

use std::borrow::Cow;

use crate::Fields;

/// One change to the field lines of a head.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FieldEdit {
    /// Adds a line, keeping those with the same name.
    Append {
        /// The field name.
        name: Cow<'static, str>,
        /// The field value.
        value: Cow<'static, str>,
    },
    /// Removes all lines with that name.
    Remove {
        /// The field name.
        name: Cow<'static, str>,
    },
    /// Replaces all lines with that name by one.
    Set {
        /// The field name.
        name: Cow<'static, str>,
        /// The field value.
        value: Cow<'static, str>,
    },
}

impl FieldEdit {
    /// Makes an [`FieldEdit::Append`].
    #[must_use]
    pub fn append(name: impl Into<Cow<'static, str>>, value: impl Into<Cow<'static, str>>) -> Self {
        Self::Append { name: name.into(), value: value.into() }
    }

    /// Makes a [`FieldEdit::Remove`].
    #[must_use]
    pub fn remove(name: impl Into<Cow<'static, str>>) -> Self {
        Self::Remove { name: name.into() }
    }

    /// Makes a [`FieldEdit::Set`].
    #[must_use]
    pub fn set(name: impl Into<Cow<'static, str>>, value: impl Into<Cow<'static, str>>) -> Self {
        Self::Set { name: name.into(), value: value.into() }
    }
}

/// Applies `edits` in order.
pub fn apply(edits: &[FieldEdit], fields: &mut Fields<'_>) {
    for edit in edits {
        match edit {
            FieldEdit::Append { name, value } => fields.append(name.clone(), value.clone()),
            FieldEdit::Remove { name } => fields.remove(name),
            FieldEdit::Set { name, value } => {
                fields.remove(name);
                fields.append(name.clone(), value.clone());
            }
        }
    }
}
