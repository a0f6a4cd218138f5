//! The value of a record that was joined: the value itself, then what each table or stream beside it had for it.
//!
//! Each of them is its length, big-endian, in 4 bytes, all ones where it is null, and its bytes. How many there are is known
//! from the topology.

/// Sides that a record may have.
pub(in crate::job) const SIDES_MAX: usize = 16;

const NULL: u32 = u32::MAX;

/// A value and its sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tuple<'a> {
    pub(super) value: Option<&'a [u8]>,
    /// Those beyond the ones that there are, are null.
    pub(super) sides: [Option<&'a [u8]>; SIDES_MAX],
}

impl<'a> Tuple<'a> {
    /// A record's value, which has so many sides; `None` where the bytes are none of such a value.
    pub(super) fn read(bytes: Option<&'a [u8]>, sides: usize) -> Option<Self> {
        let mut tuple = Self::default();
        let Some(mut rest) = bytes else { return Some(tuple) };
        if sides == 0 {
            tuple.value = bytes;
            return Some(tuple);
        }
        tuple.value = take(&mut rest)?;
        for side in tuple.sides.get_mut(..sides)? {
            *side = take(&mut rest)?;
        }
        rest.is_empty().then_some(tuple)
    }
}

/// Writes a value that has so many sides with one more. A value that is missing has none.
pub(super) fn write_joined(
    left: Option<&[u8]>,
    sides: usize,
    right: Option<&[u8]>,
    out: &mut Vec<u8>,
) {
    match left {
        Some(tuple) if sides > 0 => out.extend_from_slice(tuple),
        left => {
            push(left, out);
            (0..sides).for_each(|_| push(None, out));
        }
    }
    push(right, out);
}

fn push(field: Option<&[u8]>, out: &mut Vec<u8>) {
    // No record's value is as long as this.
    let length = field.map_or(NULL, |field| u32::try_from(field.len()).unwrap_or(NULL));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(field.filter(|_| length != NULL).unwrap_or_default());
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (length, after) = rest.split_first_chunk()?;
    let length = u32::from_be_bytes(*length);
    if length == NULL {
        *rest = after;
        return Some(None);
    }
    let (field, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(Some(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_come_one_by_one_and_are_found_again() {
        let (mut one, mut two, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        write_joined(Some(b"v"), 0, None, &mut one);
        assert_eq!(one, b"\0\0\0\x01v\xff\xff\xff\xff");
        write_joined(Some(&one), 1, Some(b"side"), &mut two);
        let tuple = Tuple::read(Some(&two), 2).expect("a tuple");
        assert_eq!((tuple.value, tuple.sides[0]), (Some(&b"v"[..]), None));
        assert_eq!(tuple.sides[1], Some(&b"side"[..]));
        write_joined(None, 1, Some(b""), &mut gone);
        let tuple = Tuple::read(Some(&gone), 2).expect("a tuple");
        assert_eq!((tuple.value, tuple.sides[..2].to_vec()), (None, vec![None, Some(&b""[..])]));
        assert_eq!(Tuple::read(None, 2), Some(Tuple::default()));
        assert_eq!(Tuple::read(Some(b"plain"), 0).and_then(|it| it.value), Some(&b"plain"[..]));
    }

    #[test]
    fn other_bytes_are_none() {
        let mut bytes = Vec::new();
        write_joined(Some(b"value"), 0, Some(b"side"), &mut bytes);
        for cut in 0..bytes.len() {
            assert_eq!(Tuple::read(Some(&bytes[..cut]), 1), None);
        }
        bytes.push(0);
        assert_eq!(Tuple::read(Some(&bytes), 1), None);
        assert_eq!(Tuple::read(Some(b"\xff\xff\xff\xfe"), 1), None);
    }
}
