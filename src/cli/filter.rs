//! `--key`, `--grep` and `--header`: which records count. Byte-exact; all that is given must match.

use regex::bytes::Regex;
use thiserror::Error;

use crate::record::Record;

/// Why a filter could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FilterError {
    /// The regular expression is wrong.
    #[error("cannot read the expression {0:?}: {1}")]
    Grep(String, String),
    /// A header without `=`.
    #[error("cannot read the header {0:?}; it is name=value")]
    Header(String),
}

/// A conjunction of conditions; the default one matches every record.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    key: Option<Vec<u8>>,
    grep: Option<Regex>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Filter {
    /// Only records with exactly this key.
    #[must_use]
    pub fn with_key(mut self, key: &[u8]) -> Self {
        self.key = Some(key.to_vec());
        self
    }

    /// Only records in whose value `pattern` is found; a null value has nothing to find.
    pub fn with_grep(mut self, pattern: &str) -> Result<Self, FilterError> {
        let regex = Regex::new(pattern)
            .map_err(|error| FilterError::Grep(pattern.to_owned(), regex_cause(&error)))?;
        self.grep = Some(regex);
        Ok(self)
    }

    /// Only records with the header `name=value`, parted at the first `=`, among their headers.
    pub fn with_header(mut self, text: &str) -> Result<Self, FilterError> {
        let (name, value) =
            text.split_once('=').ok_or_else(|| FilterError::Header(text.to_owned()))?;
        self.headers.push((name.into(), value.into()));
        Ok(self)
    }

    /// Whether every record matches.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.key.is_none() && self.grep.is_none() && self.headers.is_empty()
    }

    /// Whether a record matches.
    #[must_use]
    pub fn matches(&self, record: &Record<'_>) -> bool {
        self.matches_key_and_headers(record) && self.matches_value(record.value)
    }

    /// Whether all but the value matches.
    #[must_use]
    pub fn matches_key_and_headers(&self, record: &Record<'_>) -> bool {
        self.key.as_deref().is_none_or(|key| record.key == Some(key))
            && self.headers.iter().all(|(name, value)| {
                let found = |header: crate::record::Header<'_>| {
                    header.key == name && header.value == Some(value)
                };
                record.headers.iter().any(found)
            })
    }

    /// Whether the value matches.
    #[must_use]
    pub fn matches_value(&self, value: Option<&[u8]>) -> bool {
        let found = |regex: &Regex| value.is_some_and(|value| regex.is_match(value));
        self.grep.as_ref().is_none_or(found)
    }
}

/// What is wrong with a regular expression, in one line: the library draws it over several.
pub(super) fn regex_cause(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Header, Headers};

    #[test]
    fn all_conditions_must_hold() {
        let headers = [
            Header { key: b"h", value: Some(b"1") },
            Header { key: b"h", value: Some(b"a=b") },
            Header { key: b"n", value: None },
        ];
        let headers = Headers::List(&headers);
        let (key, value) = (Some(&b"k"[..]), Some(&b"line\xff 42"[..]));
        let record = Record { offset: 0, timestamp: 0, key, value, headers };
        let any = Filter::default;
        let grep = |pattern| any().with_grep(pattern).expect("an expression");
        let header = |text| any().with_header(text).expect("a header");
        for (filter, expected) in [
            (any(), true),
            (any().with_key(b"k"), true),
            (any().with_key(b"K"), false),
            (any().with_key(b""), false),
            (grep("4[0-9]$"), true),
            (grep("^42"), false),
            (header("h=1"), true),
            (header("h=a=b"), true),
            (header("n="), false),
            (header("h=2"), false),
            (header("h=1").with_header("h=a=b").expect("a header"), true),
            (header("h=1").with_key(b"x"), false),
        ] {
            assert_eq!(filter.matches(&record), expected, "{filter:?}");
        }
        let null = Record { key: None, value: None, ..record };
        assert!(!grep("").matches(&null));
        assert!(!any().with_key(b"").matches(&null));
    }

    #[test]
    fn mistakes() {
        assert!(matches!(Filter::default().with_grep("("), Err(FilterError::Grep(..))));
        assert!(matches!(Filter::default().with_header("h"), Err(FilterError::Header(_))));
    }
}
