//! What a record's timestamp means.

use std::fmt;
use std::str::FromStr;

/// Whose clock a record's timestamp is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TimestampType {
    /// The producer's, when it made the record.
    #[default]
    CreateTime,
    /// The log's, when it took the batch: one timestamp for all records of a batch.
    LogAppendTime,
}

impl TimestampType {
    /// As `message.timestamp.type` spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateTime => "CreateTime",
            Self::LogAppendTime => "LogAppendTime",
        }
    }
}

impl fmt::Display for TimestampType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text is neither `CreateTime` nor `LogAppendTime`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a timestamp type is CreateTime or LogAppendTime")]
pub struct UnknownTimestampType;

impl FromStr for TimestampType {
    type Err = UnknownTimestampType;

    fn from_str(name: &str) -> Result<Self, UnknownTimestampType> {
        match name {
            "CreateTime" => Ok(Self::CreateTime),
            "LogAppendTime" => Ok(Self::LogAppendTime),
            _ => Err(UnknownTimestampType),
        }
    }
}
