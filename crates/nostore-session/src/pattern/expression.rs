//! The expressions in parentheses, as ECMAScript writes them without the flag `u`.

use super::parse::Fault;

/// The deepest nesting of groups.
const MOST_DEPTH: usize = 32;
/// The largest count in a quantifier.
const MOST_COUNT: usize = 1_000;

/// What is to be matched.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Alternate(Vec<Node>),
    Assert(Assertion),
    Capture(usize, Box<Node>),
    Char(char),
    Class(Class),
    Concat(Vec<Node>),
    /// What the node matches follows, or does not; takes nothing.
    Look {
        node: Box<Node>,
        negated: bool,
    },
    /// The text does not follow; takes nothing.
    NotAhead(Box<[char]>),
    Repeat {
        node: Box<Node>,
        least: usize,
        most: Option<usize>,
        greedy: bool,
    },
}

/// Takes nothing and holds at some positions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Assertion {
    End,
    NotWordBoundary,
    Start,
    WordBoundary,
}

/// A set of characters.
#[derive(Clone, Debug)]
pub(super) struct Class {
    negated: bool,
    items: Vec<Item>,
}

#[derive(Clone, Copy, Debug)]
enum Item {
    Kind { kind: Kind, negated: bool },
    Range(char, char),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Digit,
    LineEnd,
    Space,
    Word,
}

struct Parser<'a> {
    chars: &'a [char],
    at: usize,
    /// Where the expression starts in its pattern.
    base: usize,
}

/// Parses an expression that starts at `base` in its pattern.
pub(super) fn parse(chars: &[char], base: usize) -> Result<Node, Fault> {
    let mut parser = Parser { chars, at: 0, base };
    let node = parser.alternation(0)?;
    if parser.at < chars.len() { Err(parser.syntax("an expression")) } else { Ok(node) }
}

impl Node {
    pub(super) fn text(text: &[char]) -> Self {
        Self::Concat(text.iter().copied().map(Self::Char).collect())
    }

    pub(super) fn one_of(chars: &[char]) -> Self {
        let items = chars.iter().map(|&char| Item::Range(char, char)).collect();
        Self::Class(Class { negated: false, items })
    }

    pub(super) fn none_of(chars: &[char]) -> Self {
        let items = chars.iter().map(|&char| Item::Range(char, char)).collect();
        Self::Class(Class { negated: true, items })
    }

    pub(super) fn repeated(self, least: usize, most: Option<usize>, greedy: bool) -> Self {
        Self::Repeat { node: Box::new(self), least, most, greedy }
    }

    pub(super) fn optional(self) -> Self {
        self.repeated(0, Some(1), true)
    }

    fn kind(kind: Kind, negated: bool) -> Self {
        Self::Class(Class { negated: false, items: vec![Item::Kind { kind, negated }] })
    }
}

impl Class {
    /// Tells whether a character is in the set, in either case.
    pub(super) fn contains(&self, char: char) -> bool {
        let (lower, upper) = (char.to_ascii_lowercase(), char.to_ascii_uppercase());
        let within = self.items.iter().any(|item| item.contains(lower) || item.contains(upper));
        within != self.negated
    }
}

impl Item {
    fn contains(self, char: char) -> bool {
        match self {
            Self::Kind { kind, negated } => kind.contains(char) != negated,
            Self::Range(first, last) => (first..=last).contains(&char),
        }
    }
}

impl Kind {
    fn contains(self, char: char) -> bool {
        match self {
            Self::Digit => char.is_ascii_digit(),
            Self::LineEnd => matches!(char, '\n' | '\r' | '\u{2028}' | '\u{2029}'),
            Self::Space => crate::claims::is_space(char),
            Self::Word => is_word(char),
        }
    }
}

/// Tells whether a character is one of `\w`.
pub(super) fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_'
}

impl Parser<'_> {
    fn alternation(&mut self, depth: usize) -> Result<Node, Fault> {
        if depth > MOST_DEPTH {
            return Err(self.unsupported("group this deep"));
        }
        let mut branches = vec![self.sequence(depth)?];
        while self.take('|') {
            branches.push(self.sequence(depth)?);
        }
        Ok(if branches.len() > 1 { Node::Alternate(branches) } else { Node::Concat(branches) })
    }

    fn sequence(&mut self, depth: usize) -> Result<Node, Fault> {
        let mut nodes = Vec::new();
        while let Some(char) = self.peek() {
            if matches!(char, '|' | ')') {
                break;
            }
            let start = self.at;
            let atom = self.atom(depth)?;
            let after = self.at;
            let node = match self.quantifier()? {
                None => atom,
                Some(_) if matches!(atom, Node::Assert(_) | Node::Look { .. }) => {
                    self.at = after;
                    return Err(self.syntax("no quantifier after what takes nothing"));
                }
                Some((least, most)) => {
                    let greedy = !self.take('?');
                    atom.repeated(least, most, greedy)
                }
            };
            debug_assert!(self.at > start, "an atom takes at least one character");
            nodes.push(node);
        }
        Ok(Node::Concat(nodes))
    }

    fn atom(&mut self, depth: usize) -> Result<Node, Fault> {
        let before = self.at;
        if self.quantifier()?.is_some() {
            self.at = before;
            return Err(self.syntax("something to repeat before the quantifier"));
        }
        let Some(char) = self.next() else { return Err(self.syntax("an expression")) };
        Ok(match char {
            '.' => Node::kind(Kind::LineEnd, true),
            '^' => Node::Assert(Assertion::Start),
            '$' => Node::Assert(Assertion::End),
            '[' => Node::Class(self.class()?),
            '(' => self.group(depth)?,
            '\\' => self.escape()?,
            _ => Node::Char(char),
        })
    }

    /// Reads the rest of a group after its `(`.
    fn group(&mut self, depth: usize) -> Result<Node, Fault> {
        let kind = match self.chars.get(self.at..self.at + 2) {
            Some(['?', kind @ (':' | '=' | '!')]) => *kind,
            _ => return Err(self.unsupported("group other than `(?:...)`, `(?=...)` and `(?!...)`")),
        };
        self.at += 2;
        let inner = self.alternation(depth + 1)?;
        if !self.take(')') {
            return Err(self.syntax("`)`"));
        }
        let look = |negated| Node::Look { node: Box::new(inner.clone()), negated };
        Ok(match kind {
            '=' => look(false),
            '!' => look(true),
            _ => inner,
        })
    }

    /// Reads the rest of an escape after its backslash, outside a class.
    fn escape(&mut self) -> Result<Node, Fault> {
        if self.take('b') {
            return Ok(Node::Assert(Assertion::WordBoundary));
        }
        if self.take('B') {
            return Ok(Node::Assert(Assertion::NotWordBoundary));
        }
        Ok(match self.escaped()? {
            Item::Range(char, _) => Node::Char(char),
            Item::Kind { kind, negated } => Node::kind(kind, negated),
        })
    }

    /// Reads what means the same inside and outside a class.
    fn escaped(&mut self) -> Result<Item, Fault> {
        let Some(char) = self.next() else { return Err(self.syntax("a character after `\\`")) };
        let kind = |kind| Item::Kind { kind, negated: char.is_ascii_uppercase() };
        let single = |char| Ok(Item::Range(char, char));
        match char {
            'd' | 'D' => Ok(kind(Kind::Digit)),
            's' | 'S' => Ok(kind(Kind::Space)),
            'w' | 'W' => Ok(kind(Kind::Word)),
            'f' => single('\u{c}'),
            'n' => single('\n'),
            'r' => single('\r'),
            't' => single('\t'),
            'v' => single('\u{b}'),
            '0' if !self.peek().is_some_and(|next| next.is_ascii_digit()) => single('\0'),
            'x' => self.hexadecimal(2).and_then(single),
            'u' => self.hexadecimal(4).and_then(single),
            _ if char.is_ascii_digit() => {
                self.at -= 1;
                Err(self.unsupported("back reference"))
            }
            _ if char.is_ascii_alphabetic() => {
                self.at -= 1;
                Err(self.unsupported("escape of this letter"))
            }
            _ => single(char),
        }
    }

    fn hexadecimal(&mut self, digits: usize) -> Result<char, Fault> {
        let text: String = self.chars.iter().skip(self.at).take(digits).collect();
        let value =
            u32::from_str_radix(&text, 16).ok().filter(|_| text.len() == digits && !text.starts_with('+'));
        let Some(char) = value.and_then(char::from_u32) else {
            return Err(self.syntax("hexadecimal digits that name a character"));
        };
        self.at += digits;
        Ok(char)
    }

    /// Reads the rest of a class after its `[`.
    fn class(&mut self) -> Result<Class, Fault> {
        let negated = self.take('^');
        let mut items = Vec::new();
        while !self.take(']') {
            let first = self.class_item()?;
            let is_range =
                self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|char| *char != ']');
            if !is_range {
                items.push(first);
                continue;
            }
            let start = self.at;
            self.at += 1;
            let last = self.class_item()?;
            match (first, last) {
                (Item::Range(first, _), Item::Range(last, _)) if first <= last => {
                    items.push(Item::Range(first, last));
                }
                (Item::Range(..), Item::Range(..)) => {
                    self.at = start;
                    return Err(self.syntax("the ends of a range in their order"));
                }
                // Beside a kind of characters the hyphen is itself.
                _ => items.extend([first, Item::Range('-', '-'), last]),
            }
        }
        Ok(Class { negated, items })
    }

    fn class_item(&mut self) -> Result<Item, Fault> {
        match self.next() {
            None => Err(self.syntax("`]`")),
            Some('\\') if self.take('b') => Ok(Item::Range('\u{8}', '\u{8}')),
            Some('\\') => self.escaped(),
            Some(char) => Ok(Item::Range(char, char)),
        }
    }

    /// Reads a quantifier without its `?`. Braces that are none are left where they are.
    fn quantifier(&mut self) -> Result<Option<(usize, Option<usize>)>, Fault> {
        let start = self.at;
        Ok(match self.peek() {
            Some('*') => self.skip((0, None)),
            Some('+') => self.skip((1, None)),
            Some('?') => self.skip((0, Some(1))),
            Some('{') => {
                self.at += 1;
                let counts = self.counts()?;
                if counts.is_none() {
                    self.at = start;
                }
                counts
            }
            _ => None,
        })
    }

    fn skip<T>(&mut self, value: T) -> Option<T> {
        self.at += 1;
        Some(value)
    }

    /// Reads `n}`, `n,}` or `n,m}`.
    fn counts(&mut self) -> Result<Option<(usize, Option<usize>)>, Fault> {
        let start = self.at;
        let Some(least) = self.number() else { return Ok(None) };
        let most = if self.take(',') { self.number() } else { Some(least) };
        if !self.take('}') {
            return Ok(None);
        }
        if least.max(most.unwrap_or(0)) > MOST_COUNT {
            self.at = start;
            return Err(self.unsupported("count this large"));
        }
        if most.is_some_and(|most| most < least) {
            self.at = start;
            return Err(self.syntax("the counts of a quantifier in their order"));
        }
        Ok(Some((least, most)))
    }

    /// Reads a decimal number; what does not fit stays at the end of the range.
    fn number(&mut self) -> Option<usize> {
        let mut value = None;
        while let Some(digit) = self.peek().and_then(|char| char.to_digit(10)) {
            let higher = value.unwrap_or(0_usize).saturating_mul(10);
            value = Some(higher.saturating_add(digit as usize));
            self.at += 1;
        }
        value
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += 1;
        Some(char)
    }

    fn take(&mut self, wanted: char) -> bool {
        let taken = self.peek() == Some(wanted);
        self.at += usize::from(taken);
        taken
    }

    fn syntax(&self, expected: &'static str) -> Fault {
        let found =
            self.peek().map_or_else(|| "the end of the expression".to_owned(), |char| format!("`{char}`"));
        Fault::syntax(self.base + self.at, expected, found)
    }

    const fn unsupported(&self, found: &'static str) -> Fault {
        Fault::Unsupported { position: self.base + self.at, found }
    }
}
