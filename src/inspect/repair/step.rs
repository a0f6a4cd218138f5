//! The steps of a repair, in words.

use std::fmt;

use super::super::problem::Problem;
use crate::model::{Offset, Uuid};

/// One thing that a repair does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// What a compaction or deletion left half way is finished or undone.
    FinishReplacements,
    /// Bytes go out of a segment.
    TakeOut {
        /// The file.
        path: String,
        /// Where they begin.
        position: u64,
        /// How many.
        bytes: u64,
        /// What is wrong with them.
        why: Problem,
    },
    /// A marker stands where a damaged one did.
    PutMarkerBack {
        /// The file.
        path: String,
        /// Its offset.
        offset: Offset,
        /// Whose transaction it ends.
        producer_id: i64,
        /// How.
        is_committed: bool,
    },
    /// A batch gets the base offset or leader epoch that it must have had.
    SetRight {
        /// The file.
        path: String,
        /// Where the batch begins.
        position: u64,
        /// Its base offset, if that was wrong.
        base_offset: Option<Offset>,
        /// Its leader epoch, if that was wrong.
        leader_epoch: Option<i32>,
    },
    /// A segment goes as a whole: nothing in it can be read.
    Remove {
        /// The file.
        path: String,
    },
    /// An empty batch stands for offsets that are lost.
    Fill {
        /// The first.
        from: Offset,
        /// The last.
        to: Offset,
    },
    /// A directory that is missing is made, without records.
    MakeDirectory {
        /// The directory.
        path: String,
        /// The offset that the log begins at.
        start: Offset,
    },
    /// Lines of a checkpoint that are of no known form go.
    DropLines {
        /// The file.
        path: String,
        /// How many.
        lines: usize,
    },
    /// A file is made anew from the log.
    Rebuild {
        /// The file.
        path: String,
    },
    /// A leader epoch begins at the end, so that readers can tell that records were lost.
    RaiseEpoch {
        /// The epoch.
        epoch: i32,
        /// Where it begins.
        from: Offset,
    },
    /// `partition.metadata` gets the topic's id.
    SetTopicId {
        /// The file.
        path: String,
        /// The id.
        id: Uuid,
    },
    /// A Kafka broker is to look through its logs when it starts.
    ForgetCleanShutdown {
        /// The file that says that it need not.
        path: String,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FinishReplacements => {
                f.write_str("finish what a compaction or deletion left half way")
            }
            Self::TakeOut { path, position, bytes, why } => {
                write!(f, "take {bytes} bytes at position {position} out of {path}: {why}")
            }
            Self::PutMarkerBack { path, offset, producer_id, is_committed } => {
                let how = if *is_committed { "commits" } else { "aborts" };
                write!(f, "put the marker at offset {offset} back into {path}: ")?;
                write!(f, "it {how} the transaction of producer {producer_id}")
            }
            Self::SetRight { path, position, base_offset, leader_epoch } => {
                write!(f, "set right the batch at position {position} of {path}:")?;
                if let Some(offset) = base_offset {
                    write!(f, " base offset {offset}")?;
                }
                if let Some(epoch) = leader_epoch {
                    write!(f, " leader epoch {epoch}")?;
                }
                Ok(())
            }
            Self::Remove { path } => write!(f, "remove {path}: nothing in it can be read"),
            Self::Fill { from, to } => {
                write!(f, "let an empty batch stand for offsets {from} to {to}, which are lost")
            }
            Self::MakeDirectory { path, start } => {
                write!(f, "make {path}, which is missing, to begin at offset {start}")
            }
            Self::DropLines { path, lines } => {
                write!(f, "drop {lines} line(s) of {path} that are of no known form")
            }
            Self::Rebuild { path } => write!(f, "make {path} anew from the log"),
            Self::RaiseEpoch { epoch, from } => {
                write!(f, "begin leader epoch {epoch} at offset {from}")
            }
            Self::SetTopicId { path, id } => write!(f, "write topic id {id} to {path}"),
            Self::ForgetCleanShutdown { path } => {
                write!(f, "remove {path}, so that a broker looks through its logs")
            }
        }
    }
}
