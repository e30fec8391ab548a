//! Kinds of programs: a family and a system, such as `firefox/linux`. Two kinds on one system may be one device.

use std::collections::HashMap;

/// So many kinds are told apart; the others are one.
const MOST_KINDS: usize = 4_096;
/// So many octets of what a program says are looked at.
const MOST_READ: usize = 512;
/// So many octets of a kind's name are kept.
const MOST_NAME: usize = 40;

/// A kind of program: a number of [`Kinds`].
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Kind(pub(crate) u16);

/// The kinds of programs of a log.
#[derive(Debug)]
pub struct Kinds {
    names: Vec<String>,
    numbers: HashMap<String, u16>,
}

impl Default for Kinds {
    fn default() -> Self {
        let mut kinds = Self { names: Vec::new(), numbers: HashMap::new() };
        kinds.number("unknown".to_owned());
        kinds
    }
}

impl Kinds {
    /// Returns the kind that a log names.
    pub(crate) fn named(&mut self, name: &[u8]) -> Kind {
        // What is no kind may be an address, or a name of somebody: it is not kept.
        let is_kind = name.len() <= MOST_NAME
            && name.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'/' || *byte == b'-');
        let text = if is_kind { String::from_utf8_lossy(name).into_owned() } else { "other".to_owned() };
        Kind(self.number(text))
    }

    /// Returns the kind of what a program says of itself.
    pub(crate) fn of_agent(&mut self, agent: &[u8]) -> Kind {
        Kind(self.number(class(&agent[..agent.len().min(MOST_READ)])))
    }

    fn number(&mut self, name: String) -> u16 {
        if let Some(number) = self.numbers.get(&name) {
            return *number;
        }
        if self.names.len() >= MOST_KINDS {
            return 0;
        }
        let number = u16::try_from(self.names.len()).unwrap_or(0);
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }

    pub(crate) fn name(&self, kind: Kind) -> &str {
        self.names.get(usize::from(kind.0)).map_or("unknown", String::as_str)
    }

    /// Tells whether two kinds may be programs of one device: another browser or a window of an app on the same system,
    /// or a page asked for as desktops do.
    pub(crate) fn may_be_one_device(&self, one: Kind, other: Kind) -> bool {
        let system = |kind| self.name(kind).split_once('/').map(|(_, system)| system);
        match (system(one), system(other)) {
            (Some(one), Some(other)) => {
                one == other
                    || matches!(
                        (one, other),
                        ("android", "linux") | ("linux", "android") | ("ios", "macos") | ("macos", "ios")
                    )
            }
            // A tool says nothing of its system.
            _ => true,
        }
    }
}

fn class(agent: &[u8]) -> String {
    // CloudFront writes spaces as `%20`, some of them twice encoded.
    let agent = String::from_utf8_lossy(agent).replace("%2520", " ").replace("%20", " ");
    nostore_message::client_class(&agent.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_are_read_however_they_are_written() {
        for agent in [
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.5 Safari/605.1.15",
            "Mozilla/5.0%20(Macintosh;%20Intel%20Mac%20OS%20X%2010_15_7)%20Version/18.5%20Safari/605.1.15",
            "Mozilla/5.0%2520(Macintosh;%2520Intel%2520Mac%2520OS%2520X)%2520Version/1",
            "Mozilla/5.0+(Macintosh;+Intel+Mac+OS+X)+Version/1",
        ] {
            assert_eq!(class(agent.as_bytes()), "safari/macos", "{agent}");
        }
    }

    #[test]
    fn two_kinds_may_be_one_device() {
        let mut kinds = Kinds::default();
        let rows = [
            ("safari/ios", "facebook/ios", true),
            ("chrome/android", "chrome/linux", true),
            ("safari/macos", "safari/ios", true),
            ("chrome/windows", "curl", true),
            ("chrome/windows", "chrome/macos", false),
            ("safari/ios", "chrome/android", false),
        ];
        for (one, other, expected) in rows {
            let (one, other) = (kinds.named(one.as_bytes()), kinds.named(other.as_bytes()));
            assert_eq!(kinds.may_be_one_device(one, other), expected);
            assert_eq!(kinds.may_be_one_device(other, one), expected);
        }
    }

    #[test]
    fn kinds_without_end_are_one() {
        let mut kinds = Kinds::default();
        let name = |number: usize| {
            let letters =
                [number / 676, number / 26 % 26, number % 26].map(|digit| (b'a' + digit as u8) as char);
            format!("program-{}", letters.iter().collect::<String>())
        };
        for number in 0..MOST_KINDS * 2 {
            kinds.named(name(number).as_bytes());
        }
        assert_eq!(kinds.names.len(), MOST_KINDS);
        assert_eq!(kinds.named(b"another"), Kind(0));
        let early = kinds.named(name(1).as_bytes());
        assert_eq!(kinds.name(early), "program-aab");
    }

    #[test]
    fn what_is_no_kind_is_not_kept() {
        for name in [&b"bob@example.com"[..], b"203.0.113.7", b"Bob", b"", &[b'a'; 41], b"\x1b[2J"] {
            let mut kinds = Kinds::default();
            let kind = kinds.named(name);
            assert!(matches!(kinds.name(kind), "other" | ""), "{name:?}: {}", kinds.name(kind));
        }
    }
}
