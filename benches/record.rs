//! Records a second through builder and reader: `cargo bench --bench record`.
#![allow(clippy::print_stdout, missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use runnel::record::{Batch, BatchBuilder, Compression, Decompressor, Frame, Headers, Record};

const BATCH_RECORDS: usize = 1000;
const ROUNDS: usize = 50;
const SLICES: usize = 60;

fn main() {
    let value: Vec<u8> = (0..100_u8).map(|i| b'a' + i % 23).collect();
    let keys: Vec<Vec<u8>> = (0..BATCH_RECORDS).map(|i| format!("{i:08}").into_bytes()).collect();
    for codec in Compression::ALL {
        let rounds = if codec == Compression::None { ROUNDS } else { ROUNDS / 10 };
        let mut builder = BatchBuilder::new(codec, None);
        let fill = |builder: &mut BatchBuilder| {
            builder.clear();
            for (index, key) in keys.iter().enumerate() {
                builder.push(&Record {
                    offset: 0,
                    timestamp: 1_700_000_000_000 + index as i64,
                    key: Some(key),
                    value: Some(&value),
                    headers: Headers::NONE,
                });
            }
        };
        fill(&mut builder);
        if codec == Compression::None {
            rate("push", rounds, || fill(black_box(&mut builder)));
        }
        rate(&format!("push, finish {codec}"), rounds, || {
            fill(black_box(&mut builder));
            black_box(builder.finish().expect("a batch"));
        });
        let bytes = builder.finish().expect("a batch").to_vec();
        let mut scratch = Decompressor::new(1 << 20);
        rate(&format!("records {codec}"), rounds, || {
            let Ok(Frame::Whole(batch)) = Batch::at_front(black_box(&bytes)) else { return };
            for record in batch.records(&mut scratch).expect("records") {
                black_box(record.expect("record"));
            }
        });
        rate(&format!("check, records {codec}"), rounds, || {
            let Ok(Frame::Whole(batch)) = Batch::at_front(black_box(&bytes)) else { return };
            batch.check().expect("sound");
            for record in batch.records(&mut scratch).expect("records") {
                black_box(record.expect("record"));
            }
        });
    }
}

/// Runs `work` in slices of `rounds` and prints the best slice's records a second, which a busy
/// machine disturbs least.
fn rate(name: &str, rounds: usize, mut work: impl FnMut()) {
    let slice = || {
        let start = Instant::now();
        for _ in 0..rounds {
            work();
        }
        start.elapsed()
    };
    let best = std::iter::repeat_with(slice).take(SLICES).min().unwrap_or_default();
    let millions = (rounds * BATCH_RECORDS) as f64 / best.as_secs_f64() / 1e6;
    println!("{name:<28} {millions:>8.1} M records/s");
}
