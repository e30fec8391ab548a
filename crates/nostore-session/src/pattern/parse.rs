//! The syntax of patterns: literals, parameters, groups, modifiers.

use super::expression::{self, Node};
use super::program::{self, Program};
use super::{MOST_INSTRUCTIONS, Parameter, PathPattern, PatternError};

/// What a default parameter never takes, and what may follow the end.
const DELIMITERS: [char; 3] = ['/', '#', '?'];

/// A [`PatternError`] that does not name its pattern yet.
#[derive(Debug)]
pub(super) enum Fault {
    Syntax { position: usize, expected: &'static str, found: String },
    TooLarge,
    Unsupported { position: usize, found: &'static str },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Modifier {
    Once,
    OneOrMore,
    Optional,
    ZeroOrMore,
}

#[derive(Debug)]
enum Token {
    Char(char),
    Close,
    Escaped(char),
    /// The text in parentheses; it starts one character after the token.
    Expression(Vec<char>),
    Modifier(char),
    Name(String),
    Open,
}

enum Piece {
    Group(Group),
    Literal(Vec<char>),
}

/// A parameter or a group in braces.
struct Group {
    name: String,
    prefix: Vec<char>,
    suffix: Vec<char>,
    /// What is captured; nothing for a group without a parameter.
    captured: Option<Node>,
    modifier: Modifier,
    position: usize,
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    end: usize,
    pieces: Vec<Piece>,
    literal: Vec<char>,
    unnamed: usize,
}

/// Parses and compiles.
pub(super) fn pattern(text: &str) -> Result<PathPattern, Fault> {
    let chars: Vec<char> = text.chars().collect();
    let mut parser = Parser {
        tokens: tokens(&chars)?,
        at: 0,
        end: chars.len(),
        pieces: Vec::new(),
        literal: Vec::new(),
        unnamed: 0,
    };
    parser.run()?;
    let mut parameters = Vec::new();
    let mut nodes = Vec::new();
    for piece in parser.pieces {
        nodes.push(match piece {
            Piece::Group(group) => group.node(&mut parameters)?,
            Piece::Literal(text) => Node::text(&text),
        });
    }
    nodes.push(Node::one_of(&DELIMITERS).optional());
    let program: Program = program::compile(&Node::Concat(nodes), parameters.len())?;
    Ok(PathPattern { program, parameters })
}

impl Fault {
    pub(super) fn syntax(position: usize, expected: &'static str, found: impl Into<String>) -> Self {
        Self::Syntax { position, expected, found: found.into() }
    }

    pub(super) fn naming(self, pattern: &str) -> PatternError {
        let pattern = pattern.to_owned();
        match self {
            Self::Syntax { position, expected, found } => {
                PatternError::Syntax { pattern, position, expected, found }
            }
            Self::TooLarge => PatternError::TooLarge { pattern, most: MOST_INSTRUCTIONS },
            Self::Unsupported { position, found } => PatternError::Unsupported { pattern, position, found },
        }
    }
}

impl Parser {
    fn run(&mut self) -> Result<(), Fault> {
        while self.at < self.tokens.len() {
            let position = self.position();
            let char = self.take_char();
            let name = self.take_name();
            let taken = self.take_expression();
            let expression = taken.as_ref().map(|(start, text)| (*start, &**text));
            if name.is_some() || expression.is_some() {
                // A slash or dot right before a parameter belongs to it: `?` makes both optional.
                let prefix: Vec<char> = char.into_iter().filter(|char| matches!(char, '/' | '.')).collect();
                self.literal.extend(char.filter(|_| prefix.is_empty()));
                self.flush();
                self.push_group(position, (prefix, Vec::new()), name, expression)?;
            } else if let Some(char) = char.or_else(|| self.take_escaped()) {
                self.literal.push(char);
            } else {
                self.flush();
                self.braces(position)?;
            }
        }
        self.flush();
        Ok(())
    }

    /// Reads `{prefix:name(expression)suffix}`, of which every part may be missing.
    fn braces(&mut self, position: usize) -> Result<(), Fault> {
        if !self.take(|token| matches!(token, Token::Open)) {
            return Err(self.unexpected("text, a parameter or a group"));
        }
        let prefix = self.take_text();
        let name = self.take_name();
        let taken = self.take_expression();
        let expression = taken.as_ref().map(|(start, text)| (*start, &**text));
        let suffix = self.take_text();
        if !self.take(|token| matches!(token, Token::Close)) {
            return Err(self.unexpected("`}`"));
        }
        self.push_group(position, (prefix, suffix), name, expression)
    }

    fn push_group(
        &mut self,
        position: usize,
        (prefix, suffix): (Vec<char>, Vec<char>),
        name: Option<String>,
        expression: Option<(usize, &[char])>,
    ) -> Result<(), Fault> {
        let captured = match expression {
            Some((start, text)) => Some(expression::parse(text, start)?),
            None if name.is_some() => Some(self.default_parameter(position, &prefix)?),
            None => None,
        };
        let name = name.unwrap_or_else(|| {
            let number = self.unnamed;
            self.unnamed += usize::from(expression.is_some());
            number.to_string()
        });
        let modifier = self.take_modifier();
        self.pieces.push(Piece::Group(Group { name, prefix, suffix, captured, modifier, position }));
        Ok(())
    }

    /// Returns what a parameter without an expression takes: characters of its segment, as few as
    /// possible, and never the text that stands before the parameter.
    fn default_parameter(&self, position: usize, prefix: &[char]) -> Result<Node, Fault> {
        let before = match self.pieces.last() {
            _ if !prefix.is_empty() => prefix,
            Some(Piece::Literal(text)) => text,
            Some(Piece::Group(group)) => {
                let expected = "text between two parameters";
                return Err(Fault::syntax(position, expected, format!("none after `{}`", group.name)));
            }
            None => &[],
        };
        let char = Node::none_of(&DELIMITERS);
        let stops_anyway = before.iter().any(|char| DELIMITERS.contains(char));
        let step = if before.is_empty() || stops_anyway {
            char
        } else {
            Node::Concat(vec![Node::NotAhead(before.into()), char])
        };
        Ok(step.repeated(1, None, false))
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.pieces.push(Piece::Literal(std::mem::take(&mut self.literal)));
        }
    }

    fn position(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(position, _)| *position)
    }

    fn take(&mut self, wanted: impl FnOnce(&Token) -> bool) -> bool {
        let taken = self.tokens.get(self.at).is_some_and(|(_, token)| wanted(token));
        self.at += usize::from(taken);
        taken
    }

    fn take_map<T>(&mut self, read: impl FnOnce(usize, &Token) -> Option<T>) -> Option<T> {
        let found = self.tokens.get(self.at).and_then(|(position, token)| read(*position, token));
        self.at += usize::from(found.is_some());
        found
    }

    fn take_char(&mut self) -> Option<char> {
        self.take_map(|_, token| if let Token::Char(char) = token { Some(*char) } else { None })
    }

    fn take_escaped(&mut self) -> Option<char> {
        self.take_map(|_, token| if let Token::Escaped(char) = token { Some(*char) } else { None })
    }

    fn take_text(&mut self) -> Vec<char> {
        let mut text = Vec::new();
        while let Some(char) = self.take_char().or_else(|| self.take_escaped()) {
            text.push(char);
        }
        text
    }

    fn take_name(&mut self) -> Option<String> {
        self.take_map(|_, token| if let Token::Name(name) = token { Some(name.clone()) } else { None })
    }

    fn take_expression(&mut self) -> Option<(usize, Vec<char>)> {
        self.take_map(|position, token| match token {
            Token::Expression(text) => Some((position + 1, text.clone())),
            _ => None,
        })
    }

    fn take_modifier(&mut self) -> Modifier {
        let taken = self.take_map(|_, token| match token {
            Token::Modifier('*') => Some(Modifier::ZeroOrMore),
            Token::Modifier('+') => Some(Modifier::OneOrMore),
            Token::Modifier(_) => Some(Modifier::Optional),
            _ => None,
        });
        taken.unwrap_or(Modifier::Once)
    }

    fn unexpected(&self, expected: &'static str) -> Fault {
        let found = match self.tokens.get(self.at).map(|(_, token)| token) {
            None => "the end".to_owned(),
            Some(Token::Char(char) | Token::Escaped(char) | Token::Modifier(char)) => format!("`{char}`"),
            Some(Token::Close) => "`}`".to_owned(),
            Some(Token::Expression(_)) => "`(`".to_owned(),
            Some(Token::Name(name)) => format!("`:{name}`"),
            Some(Token::Open) => "`{`".to_owned(),
        };
        Fault::syntax(self.position(), expected, found)
    }
}

impl Group {
    /// Returns what the group matches, and adds its parameter, if it has one.
    fn node(self, parameters: &mut Vec<Parameter>) -> Result<Node, Fault> {
        let Self { name, prefix, suffix, captured, modifier, position } = self;
        let bare = prefix.is_empty() && suffix.is_empty();
        let (prefix, suffix) = (Node::text(&prefix), Node::text(&suffix));
        let repeats = matches!(modifier, Modifier::OneOrMore | Modifier::ZeroOrMore);
        let Some(captured) = captured else {
            let text = Node::Concat(vec![prefix, suffix]);
            return Ok(match modifier {
                Modifier::Once => text,
                Modifier::OneOrMore => text.repeated(1, None, true),
                Modifier::Optional => text.optional(),
                Modifier::ZeroOrMore => text.repeated(0, None, true),
            });
        };
        if bare && repeats {
            let expected = "a repeated parameter to have text around it, as in `{/:name}*`";
            return Err(Fault::syntax(position, expected, "none"));
        }
        let inner = if repeats {
            let again = Node::Concat(vec![suffix.clone(), prefix.clone(), captured.clone()]);
            Node::Concat(vec![captured, again.repeated(0, None, true)])
        } else {
            captured
        };
        let optional = matches!(modifier, Modifier::Optional | Modifier::ZeroOrMore);
        let capture = Node::Capture(parameters.len(), Box::new(inner));
        parameters.push(Parameter { name, takes_part_if_empty: !(bare && optional) });
        let whole = Node::Concat(vec![prefix, capture, suffix]);
        Ok(if optional { whole.optional() } else { whole })
    }
}

/// Cuts a pattern into tokens.
fn tokens(chars: &[char]) -> Result<Vec<(usize, Token)>, Fault> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&char) = chars.get(at) {
        let start = at;
        at += 1;
        let token = match char {
            '*' | '+' | '?' => Token::Modifier(char),
            '{' => Token::Open,
            '}' => Token::Close,
            '\\' => {
                let escaped = chars.get(at);
                at += 1;
                let missing = || Fault::syntax(start + 1, "a character after `\\`", "the end");
                Token::Escaped(*escaped.ok_or_else(missing)?)
            }
            ':' => {
                let rest = chars.get(at..).unwrap_or_default();
                let is_name = |char: &&char| char.is_ascii_alphanumeric() || **char == '_';
                let name: String = rest.iter().take_while(is_name).collect();
                if name.is_empty() {
                    return Err(Fault::syntax(at, "the name of a parameter after `:`", found_at(chars, at)));
                }
                at += name.len();
                Token::Name(name)
            }
            '(' => {
                let text = parenthesised(chars, at)?;
                at += text.len() + 1;
                Token::Expression(text)
            }
            _ => Token::Char(char),
        };
        found.push((start, token));
    }
    Ok(found)
}

/// Returns the text from `start` to the parenthesis that closes the one before it.
fn parenthesised(chars: &[char], start: usize) -> Result<Vec<char>, Fault> {
    let mut text = Vec::new();
    let mut depth = 1_usize;
    let mut at = start;
    if chars.get(at) == Some(&'?') {
        return Err(Fault::syntax(at, "an expression that does not start with `?`", "`?`"));
    }
    while let Some(&char) = chars.get(at) {
        match char {
            '\\' => {
                text.push(char);
                at += 1;
                text.extend(chars.get(at));
                at += 1;
                continue;
            }
            ')' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            '(' => {
                depth += 1;
                if chars.get(at + 1) != Some(&'?') {
                    return Err(Fault::syntax(
                        at + 1,
                        "`?:` after `(`: groups in it do not capture",
                        found_at(chars, at + 1),
                    ));
                }
            }
            _ => {}
        }
        text.push(char);
        at += 1;
    }
    if at >= chars.len() {
        return Err(Fault::syntax(chars.len(), "`)`", "the end"));
    }
    if text.is_empty() {
        return Err(Fault::syntax(start, "an expression", "`)`"));
    }
    Ok(text)
}

fn found_at(chars: &[char], at: usize) -> String {
    chars.get(at).map_or_else(|| "the end".to_owned(), |char| format!("`{char}`"))
}
