//! Matching: a backtracking machine that tries no choice twice at one position.
//!
//! Captures are the first that a backtracking matcher finds, as in ECMAScript. What follows from a
//! choice depends on nothing but the choice and the position (there are no back references), so a
//! choice that is reached again at the same position failed before, or is an empty turn of a loop.

use super::MOST_INSTRUCTIONS;
use super::expression::{Assertion, Class, Node, is_word};
use super::parse::Fault;

/// What a pattern was compiled to.
#[derive(Clone, Debug)]
pub(super) struct Program {
    instructions: Vec<Instruction>,
    choices: usize,
    captures: usize,
    /// What is looked ahead for; inner looks come before outer ones.
    looks: Vec<Vec<Instruction>>,
}

#[derive(Clone, Debug)]
enum Instruction {
    Assert(Assertion),
    /// In lower case, where there is one.
    Char(char),
    Class(Class),
    Jump(usize),
    Look {
        look: usize,
        negated: bool,
    },
    /// In lower case.
    NotAhead(Box<[char]>),
    /// Goes on at `first`; if that fails, at `second`.
    Choose {
        first: usize,
        second: usize,
        choice: usize,
    },
    Save(usize),
}

struct Compiler {
    program: Program,
    /// Counts nodes and instructions: repetitions of nothing must end as well.
    work: usize,
}

/// What to do when a try failed.
enum Retreat {
    Restore { slot: usize, value: Option<usize> },
    Try { instruction: usize, at: usize },
}

/// Compiles a node with the given number of captures.
pub(super) fn compile(node: &Node, captures: usize) -> Result<Program, Fault> {
    let program = Program { instructions: Vec::new(), choices: 0, captures, looks: Vec::new() };
    let mut compiler = Compiler { program, work: 0 };
    compiler.node(node)?;
    if compiler.work > MOST_INSTRUCTIONS { Err(Fault::TooLarge) } else { Ok(compiler.program) }
}

impl Compiler {
    fn node(&mut self, node: &Node) -> Result<(), Fault> {
        self.work += 1;
        if self.work > MOST_INSTRUCTIONS {
            return Err(Fault::TooLarge);
        }
        match node {
            Node::Alternate(branches) => self.alternate(branches)?,
            Node::Assert(assertion) => self.push(Instruction::Assert(*assertion)),
            Node::Capture(index, node) => {
                self.push(Instruction::Save(2 * index));
                self.node(node)?;
                self.push(Instruction::Save(2 * index + 1));
            }
            Node::Char(char) => self.push(Instruction::Char(char.to_ascii_lowercase())),
            Node::Class(class) => self.push(Instruction::Class(class.clone())),
            Node::Concat(nodes) => {
                for node in nodes {
                    self.node(node)?;
                }
            }
            Node::Look { node, negated } => self.look(node, *negated)?,
            Node::NotAhead(text) => {
                let text = text.iter().map(char::to_ascii_lowercase).collect();
                self.push(Instruction::NotAhead(text));
            }
            Node::Repeat { node, least, most, greedy } => self.repeat(node, *least, *most, *greedy)?,
        }
        Ok(())
    }

    fn alternate(&mut self, branches: &[Node]) -> Result<(), Fault> {
        let mut jumps = Vec::new();
        for (index, branch) in branches.iter().enumerate() {
            if index + 1 == branches.len() {
                self.node(branch)?;
                break;
            }
            let choose = self.choose();
            self.node(branch)?;
            jumps.push(self.here());
            self.push(Instruction::Jump(0));
            self.set_exit(choose, true);
        }
        let end = self.here();
        for jump in jumps {
            self.program.instructions[jump] = Instruction::Jump(end);
        }
        Ok(())
    }

    /// Compiles what is looked ahead for as a program of its own.
    fn look(&mut self, node: &Node, negated: bool) -> Result<(), Fault> {
        let (outer, choices) = (std::mem::take(&mut self.program.instructions), self.program.choices);
        self.node(node)?;
        let own = std::mem::replace(&mut self.program.instructions, outer);
        self.program.choices = choices;
        self.program.looks.push(own);
        self.push(Instruction::Look { look: self.program.looks.len() - 1, negated });
        Ok(())
    }

    fn repeat(&mut self, node: &Node, least: usize, most: Option<usize>, greedy: bool) -> Result<(), Fault> {
        for _ in 0..least {
            self.node(node)?;
        }
        let Some(most) = most else {
            let choose = self.choose();
            self.node(node)?;
            self.push(Instruction::Jump(choose));
            self.set_exit(choose, greedy);
            return Ok(());
        };
        let mut choices = Vec::new();
        for _ in least..most {
            choices.push(self.choose());
            self.node(node)?;
        }
        for choose in choices {
            self.set_exit(choose, greedy);
        }
        Ok(())
    }

    /// Adds a choice between what follows and an exit that is not known yet.
    fn choose(&mut self) -> usize {
        let at = self.here();
        let choice = self.program.choices;
        self.program.choices += 1;
        self.push(Instruction::Choose { first: at + 1, second: at + 1, choice });
        at
    }

    /// Lets a choice exit to what comes next; greedy choices prefer not to.
    fn set_exit(&mut self, at: usize, greedy: bool) {
        let exit = self.here();
        if let Instruction::Choose { first, second, .. } = &mut self.program.instructions[at] {
            *(if greedy { second } else { first }) = exit;
        }
    }

    fn here(&self) -> usize {
        self.program.instructions.len()
    }

    fn push(&mut self, instruction: Instruction) {
        self.work += 1;
        self.program.instructions.push(instruction);
    }
}

impl Program {
    /// Matches a whole path; returns what was captured, by index.
    pub(super) fn run<'a>(&self, path: &'a str) -> Option<Vec<Option<&'a str>>> {
        let mut run = Run {
            program: self,
            path,
            slots: Vec::new(),
            retreats: Vec::new(),
            seen: Vec::new(),
            looks: vec![None; self.looks.len()],
        };
        let (mut next, mut start) = (0, 0);
        while !run.reaches_end(next, start) {
            (next, start) = loop {
                match run.retreats.pop()? {
                    Retreat::Restore { slot, value } => run.slots[slot] = value,
                    Retreat::Try { instruction, at } => break (instruction, at),
                }
            };
        }
        run.slots.resize(2 * self.captures, None);
        let capture = |ends: &[Option<usize>]| path.get(ends[0]?..ends[1]?);
        Some(run.slots.chunks(2).map(capture).collect())
    }
}

/// One path on its way through a program.
struct Run<'p, 'a> {
    program: &'p Program,
    path: &'a str,
    /// The ends of each capture, made when the first is met.
    slots: Vec<Option<usize>>,
    retreats: Vec<Retreat>,
    /// One bit for each choice and position, made when the first choice is met.
    seen: Vec<u64>,
    /// For each look and position whether it succeeds, made when the look is met.
    looks: Vec<Option<Vec<bool>>>,
}

impl Run<'_, '_> {
    /// Follows the instructions until one does not hold, or until the program and the path end.
    fn reaches_end(&mut self, mut next: usize, mut at: usize) -> bool {
        let program = self.program;
        while let Some(instruction) = program.instructions.get(next) {
            next += 1;
            match instruction {
                Instruction::Assert(assertion) if self.holds(*assertion, at) => {}
                Instruction::Char(char) if self.char(at).is_some_and(|c| c.to_ascii_lowercase() == *char) => {
                    at += char.len_utf8();
                }
                Instruction::Class(class) => match self.char(at).filter(|char| class.contains(*char)) {
                    Some(char) => at += char.len_utf8(),
                    None => return false,
                },
                Instruction::Jump(target) => next = *target,
                Instruction::Look { look, negated } => {
                    if self.succeeds(*look, at) == *negated {
                        return false;
                    }
                }
                Instruction::NotAhead(text) if !self.is_ahead(text, at) => {}
                Instruction::Choose { first, second, choice } => {
                    if self.met(*choice, at) {
                        return false;
                    }
                    self.retreats.push(Retreat::Try { instruction: *second, at });
                    next = *first;
                }
                Instruction::Save(slot) => {
                    self.slots.resize(2 * program.captures, None);
                    let value = self.slots[*slot].replace(at);
                    self.retreats.push(Retreat::Restore { slot: *slot, value });
                }
                Instruction::Assert(_) | Instruction::Char(_) | Instruction::NotAhead(_) => return false,
            }
        }
        at == self.path.len()
    }

    /// Notes a choice at a position, and tells whether it was noted before.
    fn met(&mut self, choice: usize, at: usize) -> bool {
        let positions = self.path.len() + 1;
        if self.seen.is_empty() {
            self.seen = vec![0; (self.program.choices * positions).div_ceil(64)];
        }
        let index = choice * positions + at;
        let (word, bit) = (&mut self.seen[index / 64], 1_u64 << (index % 64));
        let met = *word & bit != 0;
        *word |= bit;
        met
    }

    /// Tells whether what a look is for follows at a position.
    fn succeeds(&mut self, look: usize, at: usize) -> bool {
        let table = match self.looks[look].take() {
            Some(table) => table,
            None => self.look_everywhere(&self.program.looks[look]),
        };
        let found = table.get(at).copied().unwrap_or_default();
        self.looks[look] = Some(table);
        found
    }

    /// Returns for each position whether the instructions reach their end from there: from the
    /// last position to the first, because what takes a character depends on the position after it.
    fn look_everywhere(&mut self, instructions: &[Instruction]) -> Vec<bool> {
        let mut table = vec![false; self.path.len() + 1];
        let mut after = vec![false; instructions.len() + 1];
        let path = self.path;
        let positions = path.char_indices().map(|(at, char)| (at, Some(char)));
        for (at, char) in std::iter::once((path.len(), None)).chain(positions.rev()) {
            let mut here = vec![false; instructions.len() + 1];
            here[instructions.len()] = true;
            // Only jumps lead back, so that this ends after as many turns as loops are nested.
            loop {
                let mut changed = false;
                for (index, instruction) in instructions.iter().enumerate().rev() {
                    let reached = match instruction {
                        Instruction::Assert(assertion) => self.holds(*assertion, at) && here[index + 1],
                        Instruction::Char(wanted) => {
                            char.is_some_and(|char| char.to_ascii_lowercase() == *wanted) && after[index + 1]
                        }
                        Instruction::Class(class) => {
                            char.is_some_and(|char| class.contains(char)) && after[index + 1]
                        }
                        Instruction::Jump(target) => here[*target],
                        Instruction::Look { look, negated } => {
                            here[index + 1] && self.succeeds(*look, at) != *negated
                        }
                        Instruction::NotAhead(text) => here[index + 1] && !self.is_ahead(text, at),
                        Instruction::Choose { first, second, .. } => here[*first] || here[*second],
                        Instruction::Save(_) => here[index + 1],
                    };
                    changed |= reached != here[index];
                    here[index] = reached;
                }
                if !changed {
                    break;
                }
            }
            table[at] = here[0];
            after = here;
        }
        table
    }

    fn holds(&self, assertion: Assertion, at: usize) -> bool {
        let before = self.path.get(..at).and_then(|text| text.chars().next_back());
        let boundary = before.is_some_and(is_word) != self.char(at).is_some_and(is_word);
        match assertion {
            Assertion::End => at == self.path.len(),
            Assertion::NotWordBoundary => !boundary,
            Assertion::Start => at == 0,
            Assertion::WordBoundary => boundary,
        }
    }

    fn is_ahead(&self, text: &[char], at: usize) -> bool {
        let mut rest = self.path.get(at..).unwrap_or_default().chars();
        text.iter().all(|wanted| rest.next().is_some_and(|char| char.to_ascii_lowercase() == *wanted))
    }

    fn char(&self, at: usize) -> Option<char> {
        self.path.get(at..)?.chars().next()
    }
}
