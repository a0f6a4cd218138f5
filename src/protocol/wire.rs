//! The types of which messages are made, and how each stands on the wire.
//!
//! A [`Reader`] is over one frame, which it takes apart: what a message keeps of it (records, bytes)
//! is a part of the frame's own memory, not a copy. What is made besides, arrays and strings, is
//! charged to a budget that follows from the size of the frame, since a count on the wire costs a
//! client few bytes and us many.
//!
//! | type | plain | flexible |
//! | --- | --- | --- |
//! | string | i16 length, -1 null | uvarint length + 1, 0 null |
//! | bytes, records | i32 length, -1 null | uvarint length + 1, 0 null |
//! | array | i32 count, -1 null | uvarint count + 1, 0 null |
//! | struct | its fields | its fields, then the tagged ones |
//! | nullable struct | i8: -1 null, 1 there | the same |
//! | tagged fields | – | uvarint count; each: uvarint tag, uvarint size, value |
//!
//! Source: KIP-482 for the flexible forms.

use bytes::{Bytes, BytesMut};

pub use super::reader::{DecodeError, Reader, Result};
use super::schema::Kind;
pub use super::writer::{Splice, Writer};
use crate::model::Uuid;

/// Bytes that a string has at most.
const STRING_BYTES_MAX: usize = i16::MAX as usize;

/// How wide a length is where it is not compact.
#[derive(Debug, Clone, Copy)]
pub(super) enum PlainLength {
    /// Of strings.
    I16,
    /// Of all else.
    I32,
}

/// A type that a field of a message can have.
pub trait Wire: Sized {
    /// What it is called in a schema.
    const KIND: Kind;

    /// Reads a value.
    ///
    /// # Errors
    /// Where the bytes are not one.
    fn read(reader: &mut Reader) -> Result<Self>;
    /// Writes a value.
    fn write(&self, writer: &mut Writer);
}

/// A type that may be null.
pub trait Nullable: Wire {
    /// Reads a value or null.
    ///
    /// # Errors
    /// Where the bytes are neither.
    fn read_nullable(reader: &mut Reader) -> Result<Option<Self>>;
    /// Writes a value or null.
    fn write_nullable(value: Option<&Self>, writer: &mut Writer);
}

impl<T: Nullable> Wire for Option<T> {
    const KIND: Kind = Kind::Nullable(&T::KIND);

    fn read(reader: &mut Reader) -> Result<Self> {
        T::read_nullable(reader)
    }

    fn write(&self, writer: &mut Writer) {
        T::write_nullable(self.as_ref(), writer);
    }
}

/// The two directions of a type whose nullable form holds the plain one.
macro_rules! by_nullable {
    () => {
        fn read(reader: &mut Reader) -> Result<Self> {
            Self::read_nullable(reader)?.ok_or(DecodeError::Null)
        }

        fn write(&self, writer: &mut Writer) {
            Self::write_nullable(Some(self), writer);
        }
    };
}

macro_rules! number {
    ($($type:ty: $kind:ident;)*) => {$(
        impl Wire for $type {
            const KIND: Kind = Kind::$kind;

            #[inline]
            fn read(reader: &mut Reader) -> Result<Self> {
                reader.array().map(Self::from_be_bytes)
            }

            #[inline]
            fn write(&self, writer: &mut Writer) {
                writer.put(&self.to_be_bytes());
            }
        }
    )*};
}

number! {
    i8: Int8;
    i16: Int16;
    u16: Uint16;
    i32: Int32;
    i64: Int64;
    f64: Float64;
}

impl Wire for bool {
    const KIND: Kind = Kind::Bool;

    fn read(reader: &mut Reader) -> Result<Self> {
        Ok(i8::read(reader)? != 0)
    }

    fn write(&self, writer: &mut Writer) {
        i8::from(*self).write(writer);
    }
}

impl Wire for Uuid {
    const KIND: Kind = Kind::Uuid;

    fn read(reader: &mut Reader) -> Result<Self> {
        reader.array().map(Self)
    }

    fn write(&self, writer: &mut Writer) {
        writer.put(&self.0);
    }
}

impl Nullable for String {
    fn read_nullable(reader: &mut Reader) -> Result<Option<Self>> {
        match reader.length(PlainLength::I16)? {
            None => Ok(None),
            Some(len) if len > STRING_BYTES_MAX => Err(DecodeError::Length(len as i64)),
            Some(len) => reader.text(len).map(Some),
        }
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer) {
        // Nothing that was read is longer; a message of ours to a user might be.
        let value = value.map(|text| at_most(text, STRING_BYTES_MAX));
        writer.length(value.map(str::len), PlainLength::I16);
        writer.put(value.unwrap_or_default().as_bytes());
    }
}

/// The start of a text, whole characters.
pub(crate) fn at_most(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl Wire for String {
    const KIND: Kind = Kind::String;

    by_nullable!();
}

impl Nullable for Bytes {
    fn read_nullable(reader: &mut Reader) -> Result<Option<Self>> {
        match reader.length(PlainLength::I32)? {
            Some(len) => Ok(Some(reader.take(len)?.freeze())),
            None => Ok(None),
        }
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer) {
        writer.length(value.map(Self::len), PlainLength::I32);
        writer.put(value.map_or(&[], |bytes| bytes));
    }
}

impl Wire for Bytes {
    const KIND: Kind = Kind::Bytes;

    by_nullable!();
}

/// Record batches in a message, as opaque bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Records {
    /// A part of the frame that they came in: theirs alone, to be changed in place.
    Here(BytesMut),
    /// So many bytes that the sender puts into the message's gap: see [`Splice`].
    Elsewhere(usize),
}

impl Default for Records {
    fn default() -> Self {
        Self::Elsewhere(0)
    }
}

impl Records {
    /// How many bytes they are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Here(bytes) => bytes.len(),
            Self::Elsewhere(len) => *len,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Nullable for Records {
    fn read_nullable(reader: &mut Reader) -> Result<Option<Self>> {
        match reader.length(PlainLength::I32)? {
            Some(len) => Ok(Some(Self::Here(reader.take(len)?))),
            None => Ok(None),
        }
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer) {
        writer.length(value.map(Self::len), PlainLength::I32);
        match value {
            Some(Self::Here(bytes)) => writer.put(bytes),
            Some(Self::Elsewhere(len)) => writer.splice(*len),
            None => {}
        }
    }
}

impl Wire for Records {
    const KIND: Kind = Kind::Records;

    by_nullable!();
}

impl<T: Wire> Nullable for Vec<T> {
    fn read_nullable(reader: &mut Reader) -> Result<Option<Self>> {
        let Some(count) = reader.length(PlainLength::I32)? else {
            return Ok(None);
        };
        // No element is without a byte, so a count beyond the bytes left is wrong at once.
        reader.require(count)?;
        reader.charge(count.saturating_mul(size_of::<T>()))?;
        let mut elements = Self::with_capacity(count);
        for _ in 0..count {
            elements.push(T::read(reader)?);
        }
        Ok(Some(elements))
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer) {
        writer.length(value.map(Self::len), PlainLength::I32);
        for element in value.into_iter().flatten() {
            element.write(writer);
        }
    }
}

impl<T: Wire> Wire for Vec<T> {
    const KIND: Kind = Kind::Array(&T::KIND);

    by_nullable!();
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::{
        Bytes, BytesMut, DecodeError, Reader, Records, Splice, Uuid, Wire, Writer, at_most,
    };

    fn written(value: &impl Wire, flexible: bool) -> Vec<u8> {
        let mut writer = Writer::new(0, flexible);
        value.write(&mut writer);
        writer.finish().0.to_vec()
    }

    fn read<T: Wire>(bytes: &[u8], flexible: bool) -> super::Result<T> {
        let mut reader = Reader::new(BytesMut::from(bytes), 0, flexible);
        let value = T::read(&mut reader)?;
        reader.finish().map(|()| value)
    }

    /// The golden bytes of a value, plain and flexible.
    fn golden<T: Wire + PartialEq + Debug>(value: T, plain: &[u8], flexible: &[u8]) {
        for (bytes, is_flexible) in [(plain, false), (flexible, true)] {
            assert_eq!(written(&value, is_flexible), bytes, "{value:?}");
            assert_eq!(read::<T>(bytes, is_flexible).as_ref(), Ok(&value));
        }
    }

    #[test]
    fn numbers_are_big_endian() {
        golden(-2_i8, &[0xfe], &[0xfe]);
        golden(-2_i16, &[0xff, 0xfe], &[0xff, 0xfe]);
        golden(0xfffe_u16, &[0xff, 0xfe], &[0xff, 0xfe]);
        golden(0x0102_0304_i32, &[1, 2, 3, 4], &[1, 2, 3, 4]);
        golden(1_i64, &[0, 0, 0, 0, 0, 0, 0, 1], &[0, 0, 0, 0, 0, 0, 0, 1]);
        golden(1.5_f64, &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0], &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0]);
        golden(true, &[1], &[1]);
        assert_eq!(read(&[7], false), Ok(true), "any byte but 0");
        golden(Uuid([9; 16]), &[9; 16], &[9; 16]);
    }

    #[test]
    fn lengths_are_plain_or_compact() {
        golden("é".to_owned(), &[0, 2, 0xc3, 0xa9], &[3, 0xc3, 0xa9]);
        golden(None::<String>, &[0xff, 0xff], &[0]);
        golden(Some(String::new()), &[0, 0], &[1]);
        golden(Bytes::from_static(b"ab"), &[0, 0, 0, 2, b'a', b'b'], &[3, b'a', b'b']);
        golden(None::<Bytes>, &[0xff; 4], &[0]);
        golden(vec![1_i8, 2], &[0, 0, 0, 2, 1, 2], &[3, 1, 2]);
        golden(None::<Vec<i8>>, &[0xff; 4], &[0]);
        golden(
            Some(Records::Here(BytesMut::from("ab"))),
            &[0, 0, 0, 2, b'a', b'b'],
            &[3, b'a', b'b'],
        );
        golden(None::<Records>, &[0xff; 4], &[0]);
    }

    #[test]
    fn null_is_refused_where_it_cannot_be() {
        assert_eq!(read::<String>(&[0xff, 0xff], false), Err(DecodeError::Null));
        assert_eq!(read::<String>(&[0], true), Err(DecodeError::Null));
        assert_eq!(read::<Vec<i8>>(&[0xff; 4], false), Err(DecodeError::Null));
        assert_eq!(read::<Bytes>(&[0], true), Err(DecodeError::Null));
    }

    #[test]
    fn strings_are_utf8_and_below_32_kib() {
        assert_eq!(read::<String>(&[0, 1, 0xff], false), Err(DecodeError::Utf8));
        let long = [&[0x81, 0x80, 0x02][..], &[b'x'; 0x8000]].concat();
        assert_eq!(read::<String>(&long, true), Err(DecodeError::Length(0x8000)));
        for flexible in [false, true] {
            let cut = read::<String>(&written(&"é".repeat(20_000), flexible), flexible);
            assert_eq!(cut, Ok("é".repeat(16_383)), "whole characters");
        }
        assert_eq!(at_most("aé", 2), "a");
        assert_eq!(at_most("aé", 3), "aé");
    }

    #[test]
    fn records_elsewhere_leave_a_gap_that_the_length_counts() {
        let mut writer = Writer::new(0, true);
        Records::Elsewhere(300).write(&mut writer);
        7_i8.write(&mut writer);
        assert_eq!(writer.len(), 303);
        let (bytes, splices) = writer.finish();
        assert_eq!(bytes[..], [0xad, 0x02, 7]);
        assert_eq!(splices, [Splice { position: 2, len: 300 }]);
        golden(Records::Here(BytesMut::new()), &[0; 4], &[1]);
        assert_eq!(written(&Records::default(), false), [0; 4], "none is empty, not null");
    }
}
