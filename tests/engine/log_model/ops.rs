//! What happens to the log of the model, and how it is chosen.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use runnel::model::TopicConfig;
use runnel::record::Compression;

use crate::log_ground::Rec;

/// What happens. `by` is a process; fractions of 0 to 255 choose places.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Append {
        by: usize,
        records: Vec<Rec>,
        codec: Compression,
    },
    Sync {
        by: usize,
    },
    Reopen {
        by: usize,
    },
    /// A process dies some operations into an append; only the laboratory can do that.
    Kill {
        by: usize,
        records: Vec<Rec>,
        after: u64,
    },
    /// Reads from an offset on to the end.
    Read {
        by: usize,
        from: u8,
        bytes_max: usize,
    },
    /// Goes on where the process's last such reading ended.
    Follow {
        by: usize,
        chunks: usize,
        bytes_max: usize,
    },
    /// Takes a view, and reads it to its end at the next one.
    Hold {
        by: usize,
    },
    Search {
        by: usize,
        timestamp: i64,
    },
    Damage {
        segment: u8,
        suffix: &'static str,
        how: Damage,
    },
    DropControl,
    /// Deletes the records below an offset.
    Delete {
        by: usize,
        before: u8,
    },
    /// Takes out what is due by these configs.
    Retain {
        by: usize,
        bytes: i64,
        ms: i64,
    },
}

/// What becomes of an index file.
#[derive(Debug, Clone)]
pub(super) enum Damage {
    Overwrite { at: u8, bytes: Vec<u8> },
    Truncate { to: u8 },
    Extend { by: u64 },
    Delete,
}

fn timestamps() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 1000..1100_i64, 1 => Just(-1), 1 => 0..5000_i64]
}

fn records() -> impl Strategy<Value = Vec<Rec>> {
    let value = prop_oneof![8 => vec(any::<u8>(), 0..60), 1 => vec(any::<u8>(), 0..900)];
    let key = proptest::option::of(vec(any::<u8>(), 0..5));
    let record = (timestamps(), key, value).prop_map(|(timestamp, key, value)| Rec {
        timestamp,
        key,
        value,
    });
    vec(record, 1..4)
}

fn damages() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<u8>(), vec(any::<u8>(), 1..24))
            .prop_map(|(at, bytes)| Damage::Overwrite { at, bytes }),
        any::<u8>().prop_map(|to| Damage::Truncate { to }),
        (1..100_u64).prop_map(|by| Damage::Extend { by }),
        Just(Damage::Delete),
    ]
}

pub(super) fn ops() -> impl Strategy<Value = Op> {
    let by = || 0..3_usize;
    let bytes_max = || select(&[0_usize, 1, 61, 200, 700, 5000][..]);
    let codec = select(
        &[
            Compression::None,
            Compression::None,
            Compression::None,
            Compression::Snappy,
            Compression::Gzip,
        ][..],
    );
    prop_oneof![
        12 => (by(), records(), codec)
            .prop_map(|(by, records, codec)| Op::Append { by, records, codec }),
        2 => by().prop_map(|by| Op::Sync { by }),
        1 => by().prop_map(|by| Op::Reopen { by }),
        2 => (by(), records(), 0..24_u64)
            .prop_map(|(by, records, after)| Op::Kill { by, records, after }),
        2 => (by(), any::<u8>(), bytes_max())
            .prop_map(|(by, from, bytes_max)| Op::Read { by, from, bytes_max }),
        3 => (by(), 1..9_usize, bytes_max())
            .prop_map(|(by, chunks, bytes_max)| Op::Follow { by, chunks, bytes_max }),
        1 => by().prop_map(|by| Op::Hold { by }),
        3 => (by(), timestamps()).prop_map(|(by, timestamp)| Op::Search { by, timestamp }),
        2 => (any::<u8>(), select(&[".index", ".timeindex"][..]), damages())
            .prop_map(|(segment, suffix, how)| Op::Damage { segment, suffix, how }),
        1 => Just(Op::DropControl),
        1 => (by(), any::<u8>()).prop_map(|(by, before)| Op::Delete { by, before }),
        2 => (by(), select(&[-1, 0, 700, 2500, 9000][..]), select(&[-1, 0, 60, 900][..]))
            .prop_map(|(by, bytes, ms)| Op::Retain { by, bytes, ms }),
    ]
}

pub(super) fn configs() -> impl Strategy<Value = TopicConfig> {
    (
        1200..6000_i32,
        0..700_i32,
        select(&[30_i64, 90, i64::MAX][..]),
        select(&[16_i32, 64, 1000][..]),
    )
        .prop_map(|(segment_bytes, index_interval_bytes, segment_ms, segment_index_bytes)| {
            TopicConfig {
                segment_bytes,
                index_interval_bytes,
                segment_ms,
                segment_index_bytes: segment_index_bytes.max(24),
                ..TopicConfig::default()
            }
        })
}
