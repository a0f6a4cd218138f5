//! Topic names and partitions.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::limits;

/// A topic's name: 1 to 249 characters of `[A-Za-z0-9._-]`, neither `.` nor `..`.
///
/// Cheap to clone. Source: Kafka's `org.apache.kafka.common.internals.Topic`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

/// Why a text is no topic name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopicName {
    /// Nothing at all.
    #[error("a topic name cannot be empty")]
    Empty,
    /// `.` and `..` are directories.
    #[error("a topic cannot be named {0:?}")]
    Dots(String),
    /// Longer than a directory name allows.
    #[error("a topic name has at most {max} characters, this one has {length}")]
    TooLong {
        /// Its characters.
        length: usize,
        /// How many it may have.
        max: usize,
    },
    /// A character outside the legal set.
    #[error("{found:?} cannot stand in a topic name: only letters, digits, '.', '_' and '-' can")]
    Character {
        /// The first offending character.
        found: char,
    },
}

impl TopicName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`InvalidTopicName`] says which rule it breaks.
    pub fn new(name: &str) -> Result<Self, InvalidTopicName> {
        if name.is_empty() {
            return Err(InvalidTopicName::Empty);
        }
        if name == "." || name == ".." {
            return Err(InvalidTopicName::Dots(name.to_owned()));
        }
        let legal = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if let Some(found) = name.chars().find(|c| !legal(c)) {
            return Err(InvalidTopicName::Character { found });
        }
        if name.len() > limits::TOPIC_NAME_MAX {
            return Err(InvalidTopicName::TooLong {
                length: name.len(),
                max: limits::TOPIC_NAME_MAX,
            });
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this topic belongs to Kafka itself; patterns skip such topics.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        matches!(
            self.as_str(),
            "__consumer_offsets"
                | "__transaction_state"
                | "__share_group_state"
                | "__cluster_metadata"
        )
    }

    /// Whether two names would be one in metrics, where `.` and `_` are the same.
    #[must_use]
    pub fn collides_with(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .bytes()
                .zip(other.bytes())
                .all(|(a, b)| a == b || matches!((a, b), (b'.' | b'_', b'.' | b'_')))
    }
}

impl std::ops::Deref for TopicName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl FromStr for TopicName {
    type Err = InvalidTopicName;

    fn from_str(name: &str) -> Result<Self, InvalidTopicName> {
        Self::new(name)
    }
}

impl serde::Serialize for TopicName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for TopicName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// One partition of one topic; its text form is the name of its directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition, from 0 up.
    pub partition: i32,
}

impl TopicPartition {
    /// A partition of a topic.
    #[must_use]
    pub const fn new(topic: TopicName, partition: i32) -> Self {
        Self { topic, partition }
    }

    /// Reads a directory name, `<topic>-<partition>`, split at the last `-`.
    #[must_use]
    pub fn from_directory_name(name: &str) -> Option<Self> {
        let (topic, partition) = name.rsplit_once('-')?;
        let digits = !partition.is_empty() && partition.bytes().all(|b| b.is_ascii_digit());
        let canonical = partition == "0" || !partition.starts_with('0');
        if !digits || !canonical {
            return None;
        }
        Some(Self::new(TopicName::new(topic).ok()?, partition.parse().ok()?))
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_rules_for_names() {
        for name in ["a", "A.b_c-9", "...", &"x".repeat(249)] {
            assert!(TopicName::new(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "a/b", "../x", "a b", "é", "a\0b", &"x".repeat(250)] {
            assert!(TopicName::new(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn dots_and_underscores_collide() {
        let name = |text| TopicName::new(text).expect("legal");
        assert!(name("a.b").collides_with(&name("a_b")));
        assert!(!name("a.b").collides_with(&name("a-b")));
    }

    #[test]
    fn directory_names_split_at_the_last_dash() {
        let tp = TopicPartition::from_directory_name("a-b-12").expect("legal");
        assert_eq!((tp.topic.as_str(), tp.partition), ("a-b", 12));
        assert_eq!(tp.to_string(), "a-b-12");
        for name in ["a", "-1", "a-", "a-x", "a-01", "a--1", "a-1.0af-delete", "a-99999999999"] {
            let parsed = TopicPartition::from_directory_name(name);
            assert!(parsed.is_none() || name == "a--1", "{name}: {parsed:?}");
        }
    }
}
