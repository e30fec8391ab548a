//! Cases with what the reference said about them, for tests without the reference.
//!
//! A file is compressed JSON lines. The first is a list of the long words that occur, and what follows names them by
//! their place in it, because tokens repeat.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::case::{Case, Outcome};

/// Shorter words stand for themselves.
const LONG: usize = 60;
/// What surrounds the place of a word.
const MARK: char = '§';

/// A case with what the reference said.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Golden {
    /// The case.
    pub case: Case,
    /// What the reference said about it.
    pub reference: Outcome,
    /// What it said about other cases, by which a known difference is explained.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<(Case, Outcome)>,
}

/// Packs cases into the content of a file.
///
/// # Errors
///
/// When a case is no JSON.
pub fn pack(cases: &[Golden]) -> Result<Vec<u8>, String> {
    let (mut words, mut places, mut body) = (Vec::new(), HashMap::new(), String::new());
    for case in cases {
        let line = serde_json::to_string(case).map_err(|error| error.to_string())?;
        for piece in pieces(&line) {
            if piece.len() < LONG || !piece.starts_with(is_word) {
                body += piece;
                continue;
            }
            let place = *places.entry(piece.to_owned()).or_insert_with(|| {
                words.push(piece.to_owned());
                words.len() - 1
            });
            body += &format!("{MARK}{place}{MARK}");
        }
        body.push('\n');
    }
    let words = serde_json::to_string(&words).map_err(|error| error.to_string())?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(format!("{words}\n{body}").as_bytes());
    written.and_then(|()| encoder.finish()).map_err(|error| error.to_string())
}

/// Unpacks the content of a file.
///
/// # Errors
///
/// When it is none that [`pack`] has made.
pub fn unpack(bytes: &[u8]) -> Result<Vec<Golden>, String> {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let mut lines = text.lines();
    let words: Vec<String> =
        serde_json::from_str(lines.next().unwrap_or_default()).map_err(|error| error.to_string())?;
    let unpacked = lines.map(|line| {
        let mut whole = String::new();
        for (number, piece) in line.split(MARK).enumerate() {
            if number % 2 == 0 {
                whole += piece;
            } else {
                let word = piece.parse::<usize>().ok().and_then(|place| words.get(place));
                whole += word.ok_or_else(|| format!("expected the place of a word, found {piece:?}"))?;
            }
        }
        serde_json::from_str(&whole).map_err(|error| error.to_string())
    });
    unpacked.collect()
}

/// Cuts a text into words and what is between them.
fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let inside = rest.starts_with(is_word);
        let end = rest.find(|letter| is_word(letter) != inside).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(end);
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// Dots are between words, so that a token's parts are words.
fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let mut case = Case { now: 1.5, ..Case::default() };
        case.request.url = format!("https://app.example/{}?b={}", "a".repeat(80), "c".repeat(59));
        let golden = Golden {
            case: case.clone(),
            reference: Outcome::default(),
            others: vec![(case, Outcome::default())],
        };
        let packed = pack(&[golden.clone(), golden.clone()]).unwrap();
        assert_eq!(unpack(&packed).unwrap(), [golden.clone(), golden]);
        assert!(unpack(b"nothing").is_err());
    }
}
