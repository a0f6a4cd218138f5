//! Which partition a key belongs to, by the rule of Kafka's Java client.
//!
//! librdkafka's default partitioner (`consistent_random`, crc32) puts keys elsewhere; its
//! `murmur2` and `murmur2_random` agree with this one.

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;

/// The partition of a key, from 0 up to but not including `partitions`.
///
/// A topic has at least one partition; `partitions` below 1 counts as 1.
/// Source: Kafka's `BuiltInPartitioner.partitionForKey`.
#[must_use]
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & 0x7fff_ffff) % partitions.max(1)
}

/// The 32-bit murmur2 hash. Source: Kafka's `Utils.murmur2`.
#[must_use]
pub fn murmur2(data: &[u8]) -> i32 {
    let (words, tail) = data.as_chunks::<4>();
    // Java's lengths are 31 bits; a longer key cannot be stored.
    let mut hash = SEED ^ data.len() as u32;
    for word in words {
        hash = hash.wrapping_mul(MULTIPLIER) ^ mix(u32::from_le_bytes(*word));
    }
    if !tail.is_empty() {
        for (index, &byte) in tail.iter().enumerate() {
            hash ^= u32::from(byte) << (8 * index);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    (hash ^ (hash >> 15)) as i32
}

const fn mix(word: u32) -> u32 {
    let word = word.wrapping_mul(MULTIPLIER);
    (word ^ (word >> 24)).wrapping_mul(MULTIPLIER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javas_vectors() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
    }

    #[test]
    fn partitions_are_in_range() {
        for partitions in [i32::MIN, 0, 1, 2, 7, i32::MAX] {
            for key in ["", "21", "foobar", "abc"] {
                let partition = partition_for_key(key.as_bytes(), partitions);
                assert!((0..partitions.max(1)).contains(&partition), "{key} of {partitions}");
            }
        }
        assert_eq!(partition_for_key(b"abc", 10), 7);
    }
}
