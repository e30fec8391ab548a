//! Bytes as a row of choices. When they are used up, every choice is the first, which is the one where all is well.

/// What is left of the bytes.
pub(super) struct Choices<'d>(&'d [u8]);

impl<'d> Choices<'d> {
    pub(super) const fn new(bytes: &'d [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    /// Tells whether something is to go wrong: mostly not, or hardly any case would get far.
    pub(super) fn goes_wrong(&mut self) -> bool {
        self.byte() >= 0xc0
    }

    /// Takes one of the list, which is not empty.
    pub(super) fn pick<B: Clone>(&mut self, list: &[B]) -> B {
        list[self.below(list.len())].clone()
    }

    /// Takes the first of the list, unless something goes wrong.
    pub(super) fn pick_odd<B: Clone>(&mut self, list: &[B]) -> B {
        if self.goes_wrong() { self.pick(list) } else { list[0].clone() }
    }

    /// Takes the next bytes.
    pub(super) fn bytes(&mut self) -> &'d [u8] {
        let length = (4 * self.below(64)).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    pub(super) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}
