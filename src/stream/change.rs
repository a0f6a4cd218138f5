//! A change of a group as the value of a record, for the topic that it goes through where another task has the group.
//!
//! | field | bytes |
//! | --- | --- |
//! | format, 1 | 1 |
//! | which values there are: bit 0 the new one, bit 1 the old one | 1 |
//! | length of the new value, big-endian | 4 |
//! | new value, then old value | the rest |

use super::program::Value;
use super::record::Record;

const FORMAT: u8 = 1;
const HAS_NEW: u8 = 1;
const HAS_OLD: u8 = 2;

/// Writes the new and the old value of a change.
pub fn encode_change(change: &Record<'_>, out: &mut Value) {
    out.clear();
    let (new, old) = (change.value.unwrap_or_default(), change.old.unwrap_or_default());
    let has = |value: Option<&[u8]>, bit| if value.is_some() { bit } else { 0 };
    let which = has(change.value, HAS_NEW) | has(change.old, HAS_OLD);
    let new_bytes = u32::try_from(new.len()).expect("a value has a 32-bit length");
    let out = out.write();
    out.extend_from_slice(&[FORMAT, which]);
    out.extend_from_slice(&new_bytes.to_be_bytes());
    out.extend_from_slice(new);
    out.extend_from_slice(old);
}

/// The change that a record's value was written for; `None` where that is none.
#[must_use]
pub fn decode_change<'a>(record: &Record<'a>) -> Option<Record<'a>> {
    let ([FORMAT, which], rest) = record.value?.split_first_chunk()? else { return None };
    let (new_bytes, rest) = rest.split_first_chunk()?;
    let (new, old) =
        rest.split_at_checked(usize::try_from(u32::from_be_bytes(*new_bytes)).ok()?)?;
    let there = |value, bit| if which & bit == 0 { None } else { Some(value) };
    let (value, before) = (there(new, HAS_NEW), there(old, HAS_OLD));
    let is_whole = which & !(HAS_NEW | HAS_OLD) == 0
        && (value.is_some() || new.is_empty())
        && (before.is_some() || old.is_empty());
    is_whole.then_some(Record { value, old: before, ..*record })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_the_wire(bytes: &[u8]) -> Record<'_> {
        Record { value: Some(bytes), ..Record::default() }
    }

    #[test]
    fn a_change_comes_back_and_other_bytes_are_none() {
        let values = [None, Some(&b""[..]), Some(&b"value"[..])];
        let mut out = Value::default();
        for value in values {
            for old in values {
                let change = Record { key: Some(b"k"), value, old, ..Record::default() };
                encode_change(&change, &mut out);
                let bytes = out.get().expect("bytes").to_vec();
                assert_eq!(
                    decode_change(&Record { key: Some(b"k"), ..on_the_wire(&bytes) }),
                    Some(change)
                );
                for cut in 0..6 {
                    assert_eq!(decode_change(&on_the_wire(&bytes[..cut])), None);
                }
            }
        }
        let change = Record { value: Some(b"new"), old: Some(b"o"), ..Record::default() };
        encode_change(&change, &mut out);
        assert_eq!(out.get(), Some(&b"\x01\x03\0\0\0\x03newo"[..]));
        for bad in
            [&b"\x02\x03\0\0\0\x03newo"[..], b"\x01\x07\0\0\0\x03newo", b"\x01\0\0\0\0\x03new"]
        {
            assert_eq!(decode_change(&on_the_wire(bad)), None);
        }
    }
}
