//! Reading and writing the types of which messages are made.
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

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::model::{Uuid, limits};

/// Why bytes are not the message that they were taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The frame ends within a field.
    #[error("the message ends {missing} bytes early")]
    Short {
        /// How many bytes are missing at least.
        missing: usize,
    },
    /// Bytes after the last field.
    #[error("{0} bytes follow the message")]
    Trailing(usize),
    /// A length or count below -1.
    #[error("length {0} is out of range")]
    Length(i64),
    /// Null where the field can't be.
    #[error("null for a field that cannot be")]
    Null,
    /// A variable-length integer of more than 32 bits.
    #[error("a variable-length integer has more than 32 bits")]
    Varint,
    /// A string that is not UTF-8.
    #[error("a string is not UTF-8")]
    Utf8,
    /// More elements than the frame may cause to be made.
    #[error("arrays and strings of more than the {0} bytes that this message may cost")]
    Budget(usize),
    /// The tagged fields are not in order, or one is there twice.
    #[error("tagged fields are not in order")]
    TagOrder,
    /// A tagged field whose value is not as long as it says.
    #[error("tagged field {0} has another size than it says")]
    TagSize(u32),
    /// A version that this message does not have.
    #[error("version {0} is not supported")]
    Version(i16),
}

/// What decoding gives.
pub type Result<T> = std::result::Result<T, DecodeError>;

/// Takes one frame apart.
#[derive(Debug)]
pub struct Reader {
    bytes: BytesMut,
    version: i16,
    flexible: bool,
    budget: usize,
    budget_max: usize,
}

impl Reader {
    /// A reader of a message of a version.
    #[must_use]
    pub fn new(bytes: BytesMut, version: i16, flexible: bool) -> Self {
        let budget = (limits::DECODED_BYTES_MIN + bytes.len().saturating_mul(8))
            .min(limits::DECODED_BYTES_MAX);
        Self { bytes, version, flexible, budget, budget_max: budget }
    }

    /// The version that fields are read by.
    #[must_use]
    pub const fn version(&self) -> i16 {
        self.version
    }

    /// Whether lengths are compact and structs end in tagged fields.
    #[must_use]
    pub const fn is_flexible(&self) -> bool {
        self.flexible
    }

    /// Goes on with the body whose header was read.
    pub const fn become_body(&mut self, version: i16, flexible: bool) {
        self.version = version;
        self.flexible = flexible;
    }

    /// Bytes that were not read yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// Refuses what follows the message.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`].
    pub fn finish(self) -> Result<()> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing(left)),
        }
    }

    fn require(&self, bytes: usize) -> Result<()> {
        match bytes.checked_sub(self.remaining()) {
            None | Some(0) => Ok(()),
            Some(missing) => Err(DecodeError::Short { missing }),
        }
    }

    fn charge(&mut self, bytes: usize) -> Result<()> {
        self.budget = self.budget.checked_sub(bytes).ok_or(DecodeError::Budget(self.budget_max))?;
        Ok(())
    }

    /// The next bytes, as a part of the frame.
    fn take(&mut self, len: usize) -> Result<BytesMut> {
        self.require(len)?;
        Ok(self.bytes.split_to(len))
    }

    fn unsigned_varint(&mut self) -> Result<u32> {
        let mut value = 0_u32;
        for shift in (0..35).step_by(7) {
            self.require(1)?;
            let byte = self.bytes.get_u8();
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                return Err(DecodeError::Varint);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::Varint)
    }

    /// A length or count; `None` is null.
    fn length(&mut self, plain: PlainLength) -> Result<Option<usize>> {
        if self.flexible {
            let length = self.unsigned_varint()?;
            return Ok(length.checked_sub(1).map(|length| length as usize));
        }
        let length = match plain {
            PlainLength::I16 => i64::from(i16::read(self)?),
            PlainLength::I32 => i64::from(i32::read(self)?),
        };
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(DecodeError::Length(length)),
        }
    }

    /// Reads the tagged fields that end a struct: `known` gets each tag, and tells whether it read
    /// its value.
    ///
    /// # Errors
    /// Tags out of order, sizes that are not true, and what `known` says.
    pub fn tagged_fields(
        &mut self,
        mut known: impl FnMut(u32, &mut Self) -> Result<bool>,
    ) -> Result<()> {
        if !self.flexible {
            return Ok(());
        }
        let count = self.unsigned_varint()?;
        let mut last = None;
        for _ in 0..count {
            let tag = self.unsigned_varint()?;
            if last.is_some_and(|last| last >= tag) {
                return Err(DecodeError::TagOrder);
            }
            last = Some(tag);
            let size = self.unsigned_varint()? as usize;
            self.require(size)?;
            let after = self.remaining() - size;
            if !known(tag, self)? {
                self.bytes.advance(size);
            }
            if self.remaining() != after {
                return Err(DecodeError::TagSize(tag));
            }
        }
        Ok(())
    }
}

/// Where a message is written. Records that stand elsewhere leave a gap: see [`Splice`].
#[derive(Debug)]
pub struct Writer {
    bytes: BytesMut,
    version: i16,
    flexible: bool,
    splices: Vec<Splice>,
}

/// A place in a written message where bytes from elsewhere go, a file's for one. Those bytes are
/// not in the message's own, but every length in the message counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Splice {
    /// How many of the message's own bytes come before.
    pub position: usize,
    /// How many bytes go there.
    pub len: usize,
}

impl Writer {
    /// A writer of a message of a version.
    #[must_use]
    pub fn new(version: i16, flexible: bool) -> Self {
        Self { bytes: BytesMut::with_capacity(256), version, flexible, splices: Vec::new() }
    }

    /// The version that fields are written by.
    #[must_use]
    pub const fn version(&self) -> i16 {
        self.version
    }

    /// Whether lengths are compact and structs end in tagged fields.
    #[must_use]
    pub const fn is_flexible(&self) -> bool {
        self.flexible
    }

    /// Goes on with the body whose header was written.
    pub const fn become_body(&mut self, version: i16, flexible: bool) {
        self.version = version;
        self.flexible = flexible;
    }

    /// What was written, and where in it other bytes go.
    #[must_use]
    pub fn finish(self) -> (BytesMut, Vec<Splice>) {
        (self.bytes, self.splices)
    }

    /// Bytes of the message so far, those included that go into its gaps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() + self.splices.iter().map(|splice| splice.len).sum::<usize>()
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins a field of four bytes that is known later.
    pub(super) fn reserve_i32(&mut self) -> usize {
        let at = self.bytes.len();
        self.bytes.put_i32(0);
        at
    }

    /// Fills it in.
    pub(super) fn set_i32(&mut self, at: usize, value: i32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }

    fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.put_u8(value as u8);
    }

    /// Writes a length or count; `None` is null.
    fn length(&mut self, length: Option<usize>, plain: PlainLength) {
        if self.flexible {
            let length = length.map_or(0, |length| u32::try_from(length + 1).unwrap_or(u32::MAX));
            return self.unsigned_varint(length);
        }
        let length = length.map_or(-1, |length| i32::try_from(length).unwrap_or(i32::MAX));
        match plain {
            PlainLength::I16 => self.bytes.put_i16(i16::try_from(length).unwrap_or(i16::MAX)),
            PlainLength::I32 => self.bytes.put_i32(length),
        }
    }

    /// Writes the count of a struct's tagged fields; each follows by [`Writer::tagged_field`].
    pub fn tagged_fields(&mut self, count: u32) {
        if self.flexible {
            self.unsigned_varint(count);
        }
    }

    /// Writes one tagged field. Records never stand in one.
    pub fn tagged_field(&mut self, tag: u32, value: &impl Wire) {
        let mut field = Self::new(self.version, self.flexible);
        value.write(&mut field);
        self.unsigned_varint(tag);
        self.unsigned_varint(u32::try_from(field.bytes.len()).unwrap_or(u32::MAX));
        self.bytes.put_slice(&field.bytes);
    }
}

/// How wide a length is where it is not compact.
#[derive(Debug, Clone, Copy)]
enum PlainLength {
    I16,
    I32,
}

/// A type that a field of a message can have.
pub trait Wire: Sized {
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

macro_rules! integer {
    ($($type:ty: $get:ident, $put:ident;)*) => {$(
        impl Wire for $type {
            #[inline]
            fn read(reader: &mut Reader) -> Result<Self> {
                reader.require(size_of::<$type>())?;
                Ok(reader.bytes.$get())
            }

            #[inline]
            fn write(&self, writer: &mut Writer) {
                writer.bytes.$put(*self);
            }
        }
    )*};
}

integer! {
    i8: get_i8, put_i8;
    i16: get_i16, put_i16;
    i32: get_i32, put_i32;
    i64: get_i64, put_i64;
    u16: get_u16, put_u16;
    f64: get_f64, put_f64;
}

impl Wire for bool {
    fn read(reader: &mut Reader) -> Result<Self> {
        Ok(i8::read(reader)? != 0)
    }

    fn write(&self, writer: &mut Writer) {
        i8::from(*self).write(writer);
    }
}

impl Wire for Uuid {
    fn read(reader: &mut Reader) -> Result<Self> {
        let mut id = [0; 16];
        reader.require(id.len())?;
        reader.bytes.copy_to_slice(&mut id);
        Ok(Self(id))
    }

    fn write(&self, writer: &mut Writer) {
        writer.bytes.put_slice(&self.0);
    }
}

impl Nullable for String {
    fn read_nullable(reader: &mut Reader) -> Result<Option<Self>> {
        let Some(len) = reader.length(PlainLength::I16)? else {
            return Ok(None);
        };
        reader.require(len)?;
        reader.charge(len)?;
        let text = std::str::from_utf8(&reader.bytes[..len]).map_err(|_| DecodeError::Utf8)?;
        let text = text.to_owned();
        reader.bytes.advance(len);
        Ok(Some(text))
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer) {
        // No string that we make or take is longer; a plain length could not say it.
        let value = value.map(|text| &text[..text.floor_char_boundary(i16::MAX as usize)]);
        writer.length(value.map(str::len), PlainLength::I16);
        writer.bytes.put_slice(value.unwrap_or_default().as_bytes());
    }
}

impl Wire for String {
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
        writer.bytes.put_slice(value.map_or(&[], |bytes| bytes));
    }
}

impl Wire for Bytes {
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
            Some(Self::Here(bytes)) => writer.bytes.put_slice(bytes),
            Some(Self::Elsewhere(len)) if *len > 0 => {
                writer.splices.push(Splice { position: writer.bytes.len(), len: *len });
            }
            _ => {}
        }
    }
}

impl Wire for Records {
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
    by_nullable!();
}
