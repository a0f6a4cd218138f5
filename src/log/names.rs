//! Names of the files of a partition directory.
//!
//! Source: Kafka's `org.apache.kafka.storage.internals.log.LogFileUtils`.

use crate::model::Offset;

/// Suffix of a segment's record batches.
pub const LOG: &str = ".log";
/// Suffix of a segment's offset index.
pub const INDEX: &str = ".index";
/// Suffix of a segment's time index.
pub const TIME_INDEX: &str = ".timeindex";
/// Suffix of a segment's index of aborted transactions.
pub const TXN_INDEX: &str = ".txnindex";
/// Suffix of a snapshot of the producers' state.
pub const SNAPSHOT: &str = ".snapshot";
/// Added to a file that is to be removed.
pub const DELETED: &str = ".deleted";
/// Added to a file that compaction is writing.
pub const CLEANED: &str = ".cleaned";
/// Added to a finished file that takes the place of older ones.
pub const SWAP: &str = ".swap";
/// Which topic the directory belongs to.
pub const PARTITION_METADATA: &str = "partition.metadata";
/// Where each leader epoch began.
pub const LEADER_EPOCHS: &str = "leader-epoch-checkpoint";

/// The name of a segment's file: its base offset in twenty digits, and a suffix.
#[must_use]
pub fn segment_file(base_offset: Offset, suffix: &str) -> String {
    format!("{:020}{suffix}", base_offset.0)
}

/// The base offset in the name of a file with this suffix; `None` for any other name.
#[must_use]
pub fn base_offset(name: &str, suffix: &str) -> Option<Offset> {
    let digits = name.strip_suffix(suffix)?;
    let all_digits = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    if all_digits { digits.parse().ok().map(Offset) } else { None }
}

/// The base offset in the name of a file that belongs to a segment; `None` for any other name.
#[must_use]
pub fn base_offset_of_segment(name: &str) -> Option<Offset> {
    [LOG, INDEX, TIME_INDEX, TXN_INDEX].iter().find_map(|suffix| base_offset(name, suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_twenty_digits() {
        let name = segment_file(Offset(1413), LOG);
        assert_eq!(name, "00000000000000001413.log");
        assert_eq!(base_offset(&name, LOG), Some(Offset(1413)));
        for other in [
            "1413.log",
            "0000000000000000141x.log",
            "00000000000000001413.log.deleted",
            "99999999999999999999.log",
        ] {
            assert_eq!(base_offset(other, LOG), None, "{other}");
        }
    }
}
