//! The formats: their names, which one a log has, and their readers.

use crate::access::Access;
use crate::cloudfront::CloudFront;
use crate::json::Json;
use crate::pattern::Pattern;
use crate::record::{Broken, Fields, Record};

/// How the lines of a log are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// CloudFront's standard log.
    CloudFront,
    /// Common and Combined.
    Combined,
    /// The event file of a site's own sign-in.
    Events,
    /// JSON, one object a line; also nginx's.
    Jsonl,
    /// As a pattern says.
    Pattern,
}

impl Format {
    /// The formats that can be named, with what they are for.
    pub const NAMED: [(&'static str, Self); 6] = [
        ("events", Self::Events),
        ("jsonl", Self::Jsonl),
        ("nginx-json", Self::Jsonl),
        ("combined", Self::Combined),
        ("common", Self::Combined),
        ("cloudfront", Self::CloudFront),
    ];

    /// Returns the name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CloudFront => "cloudfront",
            Self::Combined => "combined",
            Self::Events => "events",
            Self::Jsonl => "jsonl",
            Self::Pattern => "pattern",
        }
    }

    /// Tells the format by the first lines: the one that most of them have.
    #[must_use]
    pub fn detect(sample: &[u8], fields: &Fields) -> Option<Self> {
        let lines = || sample.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(50);
        if lines().next()?.starts_with(b"#Version:") || lines().any(|line| line.starts_with(b"#Fields:")) {
            return Some(Self::CloudFront);
        }
        let (mut json, mut access, mut cloudfront) =
            (Json::new(fields.clone()), Access::new(fields), CloudFront::new(fields));
        let mut counts = [(0, Self::Events), (0, Self::Jsonl), (0, Self::Combined), (0, Self::CloudFront)];
        for line in lines() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if let Ok(record) = json.parse(line) {
                let is_ours = !record.event.is_empty() && record.agent.is_empty();
                counts[usize::from(!is_ours)].0 += 1;
            }
            counts[2].0 += usize::from(access.parse(line).is_ok());
            counts[3].0 += usize::from(matches!(cloudfront.parse(line), Ok(Some(_))));
        }
        let (most, format) = counts.into_iter().rev().max_by_key(|(count, _)| *count)?;
        (most > 0).then_some(format)
    }
}

/// Reads lines of one format.
#[derive(Debug)]
pub struct Parser(Kind);

#[derive(Debug)]
enum Kind {
    Access(Access),
    CloudFront(CloudFront),
    Json(Json),
    Pattern(Pattern),
}

impl Parser {
    /// Makes a reader of a format.
    #[must_use]
    pub fn new(format: Format, fields: Fields) -> Self {
        Self(match format {
            Format::CloudFront => Kind::CloudFront(CloudFront::new(&fields)),
            Format::Combined => Kind::Access(Access::new(&fields)),
            Format::Events | Format::Jsonl | Format::Pattern => Kind::Json(Json::new(fields)),
        })
    }

    /// Makes a reader of what a pattern describes.
    #[must_use]
    pub const fn pattern(pattern: Pattern) -> Self {
        Self(Kind::Pattern(pattern))
    }

    /// Reads a line. An empty one, or one about the file, says nothing and is not broken.
    ///
    /// # Errors
    ///
    /// When the line is not of the format.
    pub fn parse<'a>(&'a mut self, line: &'a [u8]) -> Result<Option<Record<'a>>, Broken> {
        if line.is_empty() {
            return Ok(None);
        }
        match &mut self.0 {
            Kind::Access(access) => access.parse(line),
            Kind::CloudFront(cloudfront) => cloudfront.parse(line),
            Kind::Json(json) => json.parse(line).map(Some),
            Kind::Pattern(pattern) => pattern.parse(line).map(Some),
        }
    }
}
