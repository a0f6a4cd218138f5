//! What a job notes beside its state, numbers big-endian unless they are text:
//!
//! | note | bytes |
//! | --- | --- |
//! | `offsets` | for each partition of each input: place of the input, 4; id of the topic, 16; partition, 4; next offset, 8; epoch, 4 |
//! | `partitions` | where each is a task: how many partitions each input has, 4 |
//! | `number` | how often results were kept to be sent, as text; `:closed` behind it where windows were closed with the last |
//! | `outbox`, `outbox.1`, … | those that were kept last ([`super::outbox`]), in pieces; nothing where that commit had none |

use crate::model::{Offset, Uuid};

pub(in crate::job) const OFFSETS: &str = "offsets";
pub(super) const NUMBER: &str = "number";
pub(super) const PARTITIONS: &str = "partitions";
const ENTRY_BYTES: usize = 36;

/// What was kept to be sent last, and is noted with the offsets of the group once it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sent {
    /// Of the results.
    pub(super) number: u64,
    /// Whether windows were closed with them.
    pub(super) is_closed: bool,
}

const CLOSED: &str = ":closed";

impl Sent {
    pub(super) fn read(note: &str) -> Option<Self> {
        let (number, is_closed) = match note.strip_suffix(CLOSED) {
            Some(number) => (number, true),
            None => (note, false),
        };
        Some(Self { number: number.parse().ok()?, is_closed })
    }

    pub(super) fn write(self) -> String {
        format!("{}{}", self.number, if self.is_closed { CLOSED } else { "" })
    }
}

/// The name of a piece of the outbox.
pub(super) fn outbox_piece(number: usize) -> String {
    if number == 0 { "outbox".to_owned() } else { format!("outbox.{number}") }
}

/// How far a partition of an input was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::job) struct Taken {
    /// The place of the input: two may read one topic.
    pub(in crate::job) input: u32,
    pub(in crate::job) topic: Uuid,
    pub(in crate::job) partition: i32,
    /// Of the next record.
    pub(in crate::job) offset: Offset,
    pub(in crate::job) leader_epoch: i32,
}

/// Reads a note of offsets; `None` where it is none.
pub(in crate::job) fn read_offsets(note: &[u8]) -> Option<Vec<Taken>> {
    let (entries, rest) = note.as_chunks::<ENTRY_BYTES>();
    let entry = |bytes: &[u8; ENTRY_BYTES]| {
        let (input, rest) = bytes.split_first_chunk()?;
        let (topic, rest) = rest.split_first_chunk::<16>()?;
        let (partition, rest) = rest.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let leader_epoch = rest.first_chunk()?;
        Some(Taken {
            input: u32::from_be_bytes(*input),
            topic: Uuid(*topic),
            partition: i32::from_be_bytes(*partition),
            offset: Offset(i64::from_be_bytes(*offset)),
            leader_epoch: i32::from_be_bytes(*leader_epoch),
        })
    };
    rest.is_empty().then(|| entries.iter().map(entry).collect())?
}

/// Writes how many partitions each input has.
pub(super) fn write_partitions(counts: impl Iterator<Item = i32>) -> Vec<u8> {
    counts.flat_map(i32::to_be_bytes).collect()
}

pub(super) fn write_offsets(taken: &[Taken]) -> Vec<u8> {
    let mut note = Vec::with_capacity(taken.len() * ENTRY_BYTES);
    for it in taken {
        note.extend_from_slice(&it.input.to_be_bytes());
        note.extend_from_slice(&it.topic.0);
        note.extend_from_slice(&it.partition.to_be_bytes());
        note.extend_from_slice(&it.offset.0.to_be_bytes());
        note.extend_from_slice(&it.leader_epoch.to_be_bytes());
    }
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_read_as_it_was_written() {
        for (text, number, is_closed) in [("7", 7, false), ("0:closed", 0, true)] {
            let sent = Sent { number, is_closed };
            assert_eq!((sent.write().as_str(), Sent::read(text)), (text, Some(sent)));
        }
        for bad in ["", "x", "7:open", ":closed", "-1"] {
            assert_eq!(Sent::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn offsets_are_read_as_they_were_written() {
        let taken = |input, partition, offset| Taken {
            input,
            topic: Uuid([7; 16]),
            partition,
            offset: Offset(offset),
            leader_epoch: -1,
        };
        let offsets = vec![taken(0, 0, 5), taken(1, 70_000, i64::MAX)];
        let note = write_offsets(&offsets);
        assert_eq!(note.len(), 72);
        assert_eq!(read_offsets(&note), Some(offsets));
        assert_eq!(read_offsets(&[]), Some(Vec::new()));
        assert_eq!(read_offsets(&note[1..]), None);
    }
}
