//! The reading side: takes one frame apart, within a budget.

use bytes::{Buf as _, BytesMut};

use super::wire::PlainLength;
use crate::model::limits;

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
    /// A length or count below -1, or one that a string can't have.
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
    /// A tagged field whose value is not as long as it says.
    #[error("tagged field {0} has another size than it says")]
    TagSize(u32),
    /// An API, or a version of one, that is not served.
    #[error("API {api_key} version {api_version} is not served")]
    Version {
        /// The API's key.
        api_key: i16,
        /// The version.
        api_version: i16,
    },
}

/// What decoding gives.
pub type Result<T> = std::result::Result<T, DecodeError>;

/// Takes one frame apart.
#[derive(Debug)]
pub struct Reader {
    bytes: BytesMut,
    version: i16,
    flexible: bool,
    frame_bytes: usize,
    budget: usize,
    budget_max: usize,
}

impl Reader {
    /// A reader of a message of a version; of a frame whose header is to be read, 0 and not flexible.
    #[must_use]
    pub fn new(bytes: BytesMut, version: i16, flexible: bool) -> Self {
        let frame_bytes = bytes.len();
        let budget = (limits::DECODED_BYTES_MIN + frame_bytes.saturating_mul(8))
            .min(limits::DECODED_BYTES_MAX);
        Self { bytes, version, flexible, frame_bytes, budget, budget_max: budget }
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

    /// Bytes that were read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.frame_bytes - self.remaining()
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

    /// Makes sure that so many bytes follow.
    pub(super) fn require(&self, bytes: usize) -> Result<()> {
        match bytes.checked_sub(self.remaining()) {
            None | Some(0) => Ok(()),
            Some(missing) => Err(DecodeError::Short { missing }),
        }
    }

    /// Accounts for memory that is made besides the frame.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<()> {
        self.budget = self.budget.checked_sub(bytes).ok_or(DecodeError::Budget(self.budget_max))?;
        Ok(())
    }

    /// The next bytes, as a part of the frame.
    pub(super) fn take(&mut self, len: usize) -> Result<BytesMut> {
        self.require(len)?;
        Ok(self.bytes.split_to(len))
    }

    /// The next `N` bytes.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.require(N)?;
        let mut array = [0; N];
        self.bytes.copy_to_slice(&mut array);
        Ok(array)
    }

    /// The next bytes as text of its own.
    pub(super) fn text(&mut self, len: usize) -> Result<String> {
        self.require(len)?;
        self.charge(len)?;
        let text = std::str::from_utf8(&self.bytes[..len]).map_err(|_| DecodeError::Utf8)?;
        let text = text.to_owned();
        self.bytes.advance(len);
        Ok(text)
    }

    fn unsigned_varint(&mut self) -> Result<u32> {
        let mut value = 0_u32;
        for shift in (0..u32::BITS).step_by(7) {
            let [byte] = self.array()?;
            let bits = u32::from(byte & 0x7f);
            if bits.leading_zeros() < shift {
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
    pub(super) fn length(&mut self, plain: PlainLength) -> Result<Option<usize>> {
        let length = match (self.flexible, plain) {
            (true, _) => i64::from(self.unsigned_varint()?) - 1,
            (false, PlainLength::I16) => i64::from(i16::from_be_bytes(self.array()?)),
            (false, PlainLength::I32) => i64::from(i32::from_be_bytes(self.array()?)),
        };
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(DecodeError::Length(length)),
        }
    }

    /// Reads the tagged fields that end a struct: `known` gets each tag, and tells whether it read
    /// its value. As Kafka does, takes them in any order, and the last of those with one tag.
    ///
    /// # Errors
    /// Sizes that are not true, and what `known` says.
    pub fn tagged_fields(
        &mut self,
        mut known: impl FnMut(u32, &mut Self) -> Result<bool>,
    ) -> Result<()> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
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

#[cfg(test)]
mod tests {
    use super::super::wire::Wire as _;
    use super::{BytesMut, DecodeError, Reader, Result, limits};

    fn reader(bytes: &[u8], flexible: bool) -> Reader {
        Reader::new(BytesMut::from(bytes), 0, flexible)
    }

    fn varint(bytes: &[u8]) -> Result<u32> {
        reader(bytes, true).unsigned_varint()
    }

    #[test]
    fn varints_have_at_most_32_bits() {
        for (bytes, value) in [
            (&[0][..], 0),
            (&[0x7f], 127),
            (&[0x80, 1], 128),
            (&[0x80, 0], 0),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], u32::MAX),
        ] {
            assert_eq!(varint(bytes), Ok(value), "{bytes:02x?}");
        }
        assert_eq!(varint(&[0xff, 0xff, 0xff, 0xff, 0x1f]), Err(DecodeError::Varint));
        assert_eq!(varint(&[0x80, 0x80, 0x80, 0x80, 0x80, 0]), Err(DecodeError::Varint));
        assert_eq!(varint(&[0x80]), Err(DecodeError::Short { missing: 1 }));
    }

    #[test]
    fn a_count_beyond_the_bytes_is_wrong_before_anything_is_made() {
        let plain = Vec::<i64>::read(&mut reader(&[0x7f, 0xff, 0xff, 0xff], false));
        assert_eq!(plain, Err(DecodeError::Short { missing: 0x7fff_ffff }));
        let compact = Vec::<i64>::read(&mut reader(&[0xff, 0xff, 0xff, 0xff, 0x0f], true));
        assert_eq!(compact, Err(DecodeError::Short { missing: 0xffff_fffe }));
        let negative = Vec::<i64>::read(&mut reader(&[0xff, 0xff, 0xff, 0xfe], false));
        assert_eq!(negative, Err(DecodeError::Length(-2)));
    }

    #[test]
    fn what_a_frame_may_cost_is_bounded() {
        // Empty strings: a byte on the wire, the size of a `String` each in memory.
        let count = 1 << 20;
        let mut bytes = vec![1_u8; count];
        bytes.splice(..0, [0x81, 0x80, 0x40]);
        let max = limits::DECODED_BYTES_MIN + 8 * bytes.len();
        let strings = Vec::<String>::read(&mut reader(&bytes, true));
        assert_eq!(strings, Err(DecodeError::Budget(max)));
    }

    #[test]
    fn tagged_fields_are_read_skipped_and_measured() {
        let mut seen = Vec::new();
        let mut tags = |bytes: &[u8]| {
            let mut reader = reader(bytes, true);
            reader.tagged_fields(|tag, reader| {
                let known = tag == 1;
                if known {
                    seen.push(i16::read(reader)?);
                }
                Ok(known)
            })?;
            Ok(reader.remaining())
        };
        assert_eq!(tags(&[0]), Ok(0));
        assert_eq!(tags(&[2, 9, 3, 1, 2, 3, 1, 2, 0, 7, 5]), Ok(1), "in any order");
        assert_eq!(tags(&[1, 1, 1, 0, 7]), Err(DecodeError::TagSize(1)), "too short");
        assert_eq!(tags(&[1, 1, 3, 0, 7, 0]), Err(DecodeError::TagSize(1)), "too long");
        assert_eq!(tags(&[1, 9, 4, 0]), Err(DecodeError::Short { missing: 3 }));
        assert_eq!(seen, [7, 7, 7]);
    }
}
