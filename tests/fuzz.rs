//! The request path under mutated requests of real clients: no panic, and what is read is written and read again as
//! the same. From a seed, so that what was found is found again.
//!
//! `RUNNEL_FUZZ_ITERATIONS` says how many requests, `RUNNEL_FUZZ_SEED` which; `just fuzz` runs many.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

#[path = "support/frames.rs"]
mod frames;
#[path = "support/mutation.rs"]
mod mutation;
#[path = "support/random.rs"]
mod random;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::BytesMut;
use runnel::protocol::{Reader, Writer, read_request};

use mutation::mutated;
use random::Random;

const ITERATIONS: u64 = 50_000;

#[test]
fn mutated_requests_are_requests_or_errors() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let iterations = number("RUNNEL_FUZZ_ITERATIONS").unwrap_or(ITERATIONS);
    let seed = number("RUNNEL_FUZZ_SEED").unwrap_or(1);
    let corpus: Vec<Vec<u8>> = frames::exchanges().into_iter().map(|one| one.request).collect();
    let (mut read, mut refused) = (0_u64, 0_u64);
    for iteration in 0..iterations {
        let frame = mutated(&corpus, &mut Random::new(seed << 40 | iteration));
        match catch_unwind(AssertUnwindSafe(|| round_trip(&frame))) {
            Ok(true) => read += 1,
            Ok(false) => refused += 1,
            Err(_) => panic!("seed {seed}, iteration {iteration}: {frame:02x?}"),
        }
    }
    println!("{iterations} requests: {read} read, {refused} refused");
    let both = iterations < 1000 || read > iterations / 100 && refused > iterations / 100;
    assert!(both, "{read} read and {refused} refused: the mutations do not reach both");
}

/// A fuzzer that finds nothing proves nothing: this one finds a decoder that believes a count.
#[test]
fn a_decoder_that_believes_counts_is_found() {
    let corpus: Vec<Vec<u8>> = frames::exchanges().into_iter().map(|one| one.request).collect();
    let believes = |frame: &[u8]| {
        let count = frame.get(14..18).map(|count| u32::from_be_bytes(count.try_into().unwrap()));
        count.is_some_and(|count| count > 1 << 30)
    };
    let found = (0..ITERATIONS).any(|at| believes(&mutated(&corpus, &mut Random::new(at))));
    assert!(found);
}

/// Whether a frame is a request. What was read is written, and that is read and written the same again.
fn round_trip(frame: &[u8]) -> bool {
    let Some(first) = rewritten(frame) else { return false };
    let second = rewritten(&first).expect("what we write is a request");
    assert_eq!(first, second, "written the same again");
    true
}

fn rewritten(frame: &[u8]) -> Option<Vec<u8>> {
    let (header, request) = read_request(&mut Reader::new(BytesMut::from(frame), 0, false)).ok()?;
    let mut writer = Writer::new(0, false);
    header.write(request.api(), &mut writer);
    request.write(&mut writer);
    Some(writer.finish().0.to_vec())
}
