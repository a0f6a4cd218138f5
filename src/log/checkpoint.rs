//! Kafka's checkpoint files: text, replaced in one step.
//!
//! ```text
//! 0                       version
//! 2                       how many lines follow
//! orders 0 1413           one entry a line
//! orders 1 0
//! ```
//! Source: Kafka's `org.apache.kafka.server.common.CheckpointFile`.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::partition::guard;
use crate::model::{Offset, TopicName, TopicPartition, limits};
use crate::storage::{self, Storage};

/// Everything below the offset is durable.
pub const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
/// The log start offsets that lie above the first segment's base offset.
pub const LOG_STARTS: &str = "log-start-offset-checkpoint";
/// Up to where replicas agreed; of no meaning where there is one.
pub const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
/// Compaction has seen everything below the offset.
pub const CLEANER_OFFSETS: &str = "cleaner-offset-checkpoint";
/// The files of a log directory that hold an offset for each partition.
pub const OF_OFFSETS: [&str; 4] = [RECOVERY_POINTS, LOG_STARTS, HIGH_WATERMARKS, CLEANER_OFFSETS];

/// The text of a checkpoint; `None` where there is no file, or none of text.
pub(super) fn read_text(storage: &dyn Storage, path: &str) -> storage::Result<Option<String>> {
    match storage::read_text(storage, path, limits::TEXT_FILE_BYTES_MAX) {
        Err(error) if error.is_malformed() => Ok(None),
        text => text,
    }
}

/// The lines of a checkpoint; `None` where its form is not kept.
pub(super) fn parse_lines(text: &str) -> Option<Vec<&str>> {
    let mut lines = text.lines();
    if lines.next()?.trim() != "0" {
        return None;
    }
    let count: usize = lines.next()?.trim().parse().ok()?;
    let entries: Vec<_> = lines.filter(|line| !line.trim().is_empty()).collect();
    (entries.len() == count).then_some(entries)
}

/// The text of a checkpoint of these lines.
pub(super) fn format_lines(lines: &[String]) -> String {
    let mut text = format!("0\n{}\n", lines.len());
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Offsets by partition, as a checkpoint file holds them.
pub type Offsets = BTreeMap<TopicPartition, Offset>;

/// Recovery points that are to be written as one: a stop closes thousands of logs, and each would
/// rewrite the file of all.
#[derive(Debug, Default)]
pub struct Deferred(Mutex<Option<Offsets>>);

impl Deferred {
    /// From now on they are gathered.
    pub fn begin(&self) {
        guard(&self.0).get_or_insert_default();
    }

    /// Takes one in; `false` if it is to be written now.
    pub(super) fn defer(&self, partition: &TopicPartition, offset: Offset) -> bool {
        let mut gathered = guard(&self.0);
        let taken = gathered.as_mut().map(|gathered| gathered.insert(partition.clone(), offset));
        taken.is_some()
    }

    /// Ends the gathering; gives what is to be written.
    #[must_use]
    pub fn end(&self) -> Offsets {
        guard(&self.0).take().unwrap_or_default()
    }
}

/// Reads a checkpoint of offsets. A missing or malformed one is empty, as for Kafka: what it
/// would have saved is then found out from the log.
///
/// # Errors
/// As the file system says.
pub fn read_offsets(storage: &dyn Storage, path: &str) -> storage::Result<Offsets> {
    Ok(read_text(storage, path)?.and_then(|text| parse_offsets(&text)).unwrap_or_default())
}

fn parse_offsets(text: &str) -> Option<Offsets> {
    parse_lines(text)?.into_iter().map(parse_offset).collect()
}

/// The partition and the offset of a line; `None` where its form is not kept.
#[must_use]
pub fn parse_offset(line: &str) -> Option<(TopicPartition, Offset)> {
    let mut words = line.split_whitespace();
    let topic = TopicName::new(words.next()?).ok()?;
    let partition = words.next()?.parse().ok().filter(|partition| *partition >= 0)?;
    let offset = words.next()?.parse().ok().filter(|offset| *offset >= 0)?;
    let complete = words.next().is_none();
    complete.then_some((TopicPartition::new(topic, partition), Offset(offset)))
}

/// Replaces a checkpoint of offsets.
///
/// # Errors
/// As the file system says; the old one then stands.
pub fn write_offsets(storage: &dyn Storage, path: &str, offsets: &Offsets) -> storage::Result<()> {
    let lines: Vec<_> = offsets
        .iter()
        .map(|(tp, offset)| format!("{} {} {offset}", tp.topic, tp.partition))
        .collect();
    storage::replace_file(storage, path, format_lines(&lines).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_form_and_nothing_else() {
        let offsets = parse_offsets("0\n2\norders 0 1413\na-b 12 0\n").expect("well-formed");
        let expected = [("a-b", 12, 0), ("orders", 0, 1413)];
        let found: Vec<_> =
            offsets.iter().map(|(tp, o)| (tp.topic.as_str(), tp.partition, o.0)).collect();
        assert_eq!(found, expected);
        for text in [
            "",
            "1\n0\n",
            "0\n1\n",
            "0\n1\na 0\n",
            "0\n1\na 0 x\n",
            "0\n1\na 0 -1\n",
            "0\n9999999999999\n",
        ] {
            assert!(parse_offsets(text).is_none(), "{text:?}");
        }
    }
}
