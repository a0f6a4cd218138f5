//! Frames changed in a few places: what a fuzzer sends.

use super::random::Random;

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

/// A frame of the corpus, changed in a few places.
pub(crate) fn mutated(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
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
