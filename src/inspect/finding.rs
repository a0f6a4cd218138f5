//! What a verification tells.

use std::collections::BTreeMap;
use std::fmt;

pub use super::problem::Problem;
use crate::model::TopicPartition;

/// Findings of one severity that one file can have; the rest is counted in one more. A file of
/// nothing but faults must not fill the memory.
const FINDINGS_PER_FILE_MAX: u64 = 100;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing, and explained by how logs live: nothing that was acknowledged is lost.
    Note,
    /// Bytes that can't be what was written, or lead readers astray.
    Damage,
}

impl Severity {
    /// In one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Damage => "damage",
        }
    }
}

/// One thing found in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, as a person would type it.
    pub path: String,
    /// The byte in it at which what is meant begins.
    pub position: Option<u64>,
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub what: Problem,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{} at position {position}: {}", self.path, self.what),
            None => write!(f, "{}: {}", self.path, self.what),
        }
    }
}

/// What a verification found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which partition it was.
    pub partition: TopicPartition,
    /// Segments that were walked.
    pub segments: u64,
    /// Sound batches in them, those of markers too.
    pub batches: u64,
    /// Records in those, markers not counted.
    pub records: u64,
    /// Bytes of `.log` files that were walked.
    pub bytes: u64,
    /// What there is to tell: by segment in order, then what stands beside them.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether anything is damaged.
    #[must_use]
    pub fn has_damage(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Damage)
    }
}

/// Findings as they come.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    counts: BTreeMap<(String, Severity), u64>,
}

impl Findings {
    pub(super) fn damage(&mut self, path: &str, position: u64, what: Problem) {
        self.push(path, Some(position), Severity::Damage, what);
    }

    pub(super) fn note(&mut self, path: &str, position: u64, what: Problem) {
        self.push(path, Some(position), Severity::Note, what);
    }

    /// A finding about a file as a whole.
    pub(super) fn whole(&mut self, path: &str, severity: Severity, what: Problem) {
        self.push(path, None, severity, what);
    }

    fn push(&mut self, path: &str, position: Option<u64>, severity: Severity, what: Problem) {
        let count = self.counts.entry((path.to_owned(), severity)).or_default();
        *count += 1;
        if *count <= FINDINGS_PER_FILE_MAX {
            self.list.push(Finding { path: path.to_owned(), position, severity, what });
        }
    }

    pub(super) fn finish(self) -> Vec<Finding> {
        let Self { mut list, counts } = self;
        for ((path, severity), count) in counts {
            if count > FINDINGS_PER_FILE_MAX {
                let what = Problem::More(count - FINDINGS_PER_FILE_MAX);
                list.push(Finding { path, position: None, severity, what });
            }
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_nothing_but_faults_is_bounded() {
        let mut findings = Findings::default();
        for position in 0..1000 {
            findings.damage("a.index", position, Problem::NotRising);
        }
        findings.note("a.index", 5, Problem::EntriesPastEnd);
        let list = findings.finish();
        assert_eq!(list.len(), 102);
        assert_eq!(list[101].to_string(), "a.index: 900 more findings in this file");
        assert_eq!(list[101].severity, Severity::Damage);
    }
}
