//! What things are called in Redis.

use nostore_signin::store::Kind;

/// All names of a store. They are of one slot of a cluster: what is in braces decides.
#[derive(Debug)]
pub(super) struct Names {
    /// In braces.
    prefix: String,
}

impl Names {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: format!("{{{prefix}}}") }
    }

    /// Where a record is.
    pub(super) fn record(&self, kind: Kind, name: &str) -> String {
        format!("{}:{}:{name}", self.prefix, kind.code())
    }

    /// Where the names of a kind are.
    pub(super) fn listed(&self, kind: Kind) -> String {
        format!("{}/names:{}", self.prefix, kind.code())
    }

    /// Where it is said what ends.
    pub(super) fn ends(&self) -> String {
        format!("{}/ends", self.prefix)
    }

    /// Where the version is.
    pub(super) fn version(&self) -> String {
        format!("{}/version", self.prefix)
    }

    /// All that a change touches, in the order of the scripts.
    pub(super) fn of_change(&self, kind: Kind, name: &str) -> [String; 4] {
        [self.record(kind, name), self.listed(kind), self.ends(), self.version()]
    }
}

/// What a record that ends is called among those that do.
pub(super) fn ending(kind: Kind, name: &str) -> String {
    format!("{}:{name}", kind.code())
}

/// Which record that is.
pub(super) fn ended(ending: &str) -> Option<(Kind, &str)> {
    let (code, name) = ending.split_once(':')?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.code() == code)?;
    Some((kind, name))
}
