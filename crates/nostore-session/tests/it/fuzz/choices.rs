//! Bytes as a row of choices. When they are used up, every choice is the first.

use std::borrow::Cow;

use super::world::HUSH;

/// What is left of the bytes.
pub(crate) struct Choices<'d>(&'d [u8]);

impl<'d> Choices<'d> {
    pub(crate) const fn new(bytes: &'d [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    /// Takes one of the list, which is not empty.
    pub(crate) fn pick<'l, B>(&mut self, list: &'l [B]) -> &'l B {
        &list[self.below(list.len())]
    }

    /// Takes the next bytes as text, as a shell hands over bytes that are none. Nobody knows a secret, so a text with
    /// one is empty.
    pub(crate) fn text(&mut self) -> Cow<'d, str> {
        let length = self.below(48).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        let text = String::from_utf8_lossy(text);
        if text.contains(HUSH) { Cow::Borrowed("") } else { text }
    }
}
