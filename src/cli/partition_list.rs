//! Lists of partitions as `-p` takes them: `0,2-4`.

use thiserror::Error;

use super::error::CommandError;
use crate::model::limits::PARTITIONS_MAX;

/// Why a list of partitions could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PartitionListError {
    /// Neither a number nor a range.
    #[error("cannot read the partitions {0:?}; a list is 0,2-4")]
    Syntax(String),
    /// A range whose end is before its start.
    #[error("the partitions {0:?} run backwards")]
    Backwards(String),
    /// No topic has so many.
    #[error("no topic has a partition {0}: they end at {max}", max = PARTITIONS_MAX - 1)]
    Range(String),
}

impl From<PartitionListError> for CommandError {
    fn from(error: PartitionListError) -> Self {
        match error {
            PartitionListError::Range(_) => Self::failed(error),
            error => Self::usage(error),
        }
    }
}

/// Reads a list; sorted, without doubles, never empty.
pub fn parse_partitions(text: &str) -> Result<Vec<i32>, PartitionListError> {
    let mut partitions = Vec::new();
    for item in text.split(',') {
        let item = item.trim();
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let (first, last) = (parse_number(first, text)?, parse_number(last, text)?);
        if first > last {
            return Err(PartitionListError::Backwards(item.to_owned()));
        }
        partitions.extend(first..=last);
        partitions.sort_unstable();
        partitions.dedup();
    }
    Ok(partitions)
}

fn parse_number(number: &str, text: &str) -> Result<i32, PartitionListError> {
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PartitionListError::Syntax(text.to_owned()));
    }
    let parsed = number.parse().ok().filter(|&number| number < PARTITIONS_MAX);
    parsed.ok_or_else(|| PartitionListError::Range(number.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        for (text, expected) in [
            ("0", &[0][..]),
            ("0,2-4", &[0, 2, 3, 4]),
            ("4,2-3,2", &[2, 3, 4]),
            ("1, 0", &[0, 1]),
            ("7-7", &[7]),
        ] {
            assert_eq!(parse_partitions(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn mistakes() {
        for text in ["", ",", "1,", "a", "-1", "1-", "1-2-3", "+1"] {
            let expected = PartitionListError::Syntax(text.to_owned());
            assert_eq!(parse_partitions(text), Err(expected), "{text}");
        }
        assert!(matches!(parse_partitions("4-2"), Err(PartitionListError::Backwards(_))));
        for text in ["100000", "0-99999999999"] {
            assert!(matches!(parse_partitions(text), Err(PartitionListError::Range(_))));
        }
    }
}
