//! What happens to the mixed log, and how it is chosen.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use runnel::model::TopicConfig;
use runnel::model::config::CleanupPolicy;
use runnel::record::Outcome;

/// Keys of a batch's records; every fifth or so is a tombstone.
pub(super) type Keys = Vec<(u8, bool)>;

/// What happens. `by` is a process, `of` a producer.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Append {
        by: usize,
        of: Option<usize>,
        keys: Keys,
    },
    End {
        by: usize,
        of: usize,
        outcome: Outcome,
    },
    Care {
        by: usize,
        care: Care,
    },
    /// A process dies some operations into it.
    Kill {
        by: usize,
        care: Care,
        after: u64,
    },
    Reopen {
        by: usize,
    },
    DropControl,
    Pass {
        ms: i64,
    },
}

/// What is done to a log besides appending.
#[derive(Debug, Clone)]
pub(super) enum Care {
    Retain { bytes: i64, ms: i64 },
    Delete { up_to: u8 },
    Compact { is_forced: bool },
}

pub(super) fn ops() -> impl Strategy<Value = Op> {
    let (by, of) = (|| 0..3_usize, || 0..3_usize);
    let keys = || vec((0..8_u8, prop::bool::weighted(0.2)), 1..4);
    let outcome = prop_oneof![Just(Outcome::Abort), Just(Outcome::Commit)];
    let care = || {
        prop_oneof![
            3 => (select(&[-1, 0, 600, 2500][..]), select(&[-1, 0, 60, 400][..]))
                .prop_map(|(bytes, ms)| Care::Retain { bytes, ms }),
            1 => any::<u8>().prop_map(|up_to| Care::Delete { up_to }),
            3 => any::<bool>().prop_map(|is_forced| Care::Compact { is_forced }),
        ]
    };
    prop_oneof![
        8 => (by(), keys()).prop_map(|(by, keys)| Op::Append { by, of: None, keys }),
        8 => (by(), of(), keys()).prop_map(|(by, of, keys)| Op::Append { by, of: Some(of), keys }),
        6 => (by(), of(), outcome).prop_map(|(by, of, outcome)| Op::End { by, of, outcome }),
        4 => (by(), care()).prop_map(|(by, care)| Op::Care { by, care }),
        3 => (by(), care(), 0..40_u64).prop_map(|(by, care, after)| Op::Kill { by, care, after }),
        1 => by().prop_map(|by| Op::Reopen { by }),
        1 => Just(Op::DropControl),
        1 => (0..60_i64).prop_map(|ms| Op::Pass { ms }),
    ]
}

pub(super) fn configs() -> impl Strategy<Value = TopicConfig> {
    (300..1500_i32, 0..300_i32, select(&[30_i64, 1_000_000][..])).prop_map(
        |(segment_bytes, index_interval_bytes, delete_retention_ms)| TopicConfig {
            cleanup_policy: CleanupPolicy { delete: true, compact: true },
            segment_bytes,
            index_interval_bytes,
            delete_retention_ms,
            min_cleanable_dirty_ratio: 0.0,
            ..TopicConfig::default()
        },
    )
}
