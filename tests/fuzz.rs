//! The request path under mutated requests of real clients: no panic, and what is read is written and read again as
//! the same. From a seed, so that what was found is found again.
//!
//! `RUNNEL_FUZZ_ITERATIONS` says how many requests, `RUNNEL_FUZZ_SEED` which; `just fuzz` runs many.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

#[path = "support/frames.rs"]
mod frames;
#[path = "support/random.rs"]
mod random;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::BytesMut;
use runnel::protocol::{Reader, Writer, read_request};

use random::Random;

const ITERATIONS: u64 = 50_000;

/// What numbers in a message often are, and what breaks arithmetic.
const INTERESTING: [&[u8]; 12] = [
    &[0],
    &[1],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0xff, 0xff],
    &[0x7f, 0xff],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff],
    &[0x80, 0, 0, 0],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
];

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

/// A frame of the corpus, changed in a few places.
fn mutated(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut frame = random.pick(corpus).clone();
    for _ in 0..=random.below(4) {
        mutate(&mut frame, corpus, random);
    }
    frame
}

fn mutate(frame: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    if frame.is_empty() {
        return frame.push(random.next() as u8);
    }
    let at = random.below(frame.len());
    let end = at + random.below((frame.len() - at).min(16) + 1);
    match random.below(8) {
        0 => frame[at] ^= 1 << random.below(8),
        1 => frame[at] = random.next() as u8,
        2 => overwrite(frame, at, random.pick::<&[u8]>(&INTERESTING)),
        3 => drop(frame.drain(at..end)),
        4 => drop(frame.splice(at..at, frame[at..end].to_vec())),
        5 => frame.truncate(at),
        6 => {
            // The version: the same bytes, read by another's fields.
            let version = random.below(16) as u8;
            overwrite(frame, 2, &[0, version]);
        }
        _ => {
            let other = random.pick(corpus);
            let from = random.below(other.len());
            let to = from + random.below((other.len() - from).min(64) + 1);
            drop(frame.splice(at..end, other[from..to].to_vec()));
        }
    }
}

/// Writes over what is there, as far as it goes.
fn overwrite(frame: &mut [u8], at: usize, bytes: &[u8]) {
    for (place, byte) in frame.iter_mut().skip(at).zip(bytes) {
        *place = *byte;
    }
}
