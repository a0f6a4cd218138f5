//! The writing side. Records that stand elsewhere leave a gap: see [`Splice`].

use bytes::{BufMut as _, BytesMut};

use super::wire::{PlainLength, Wire};

/// Where a message is written.
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
    /// A writer of a message of a version; of a header, 0 and not flexible.
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
        self.bytes[at..at + size_of::<i32>()].copy_from_slice(&value.to_be_bytes());
    }

    /// Writes bytes as they are.
    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes.put_slice(bytes);
    }

    /// Leaves a gap for bytes from elsewhere.
    pub(super) fn splice(&mut self, len: usize) {
        if len > 0 {
            self.splices.push(Splice { position: self.bytes.len(), len });
        }
    }

    fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.put_u8(value as u8);
    }

    /// Writes a length or count; `None` is null. What is written stays below 2 GiB, and strings
    /// below 32 KiB: a larger length would say less than follows.
    pub(super) fn length(&mut self, length: Option<usize>, plain: PlainLength) {
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
        self.unsigned_varint(tag);
        let start = self.bytes.len();
        value.write(self);
        let end = self.bytes.len();
        // How long the size itself is, is known only now: it is written behind the value and turned
        // to its front.
        self.unsigned_varint(u32::try_from(end - start).unwrap_or(u32::MAX));
        let size_len = self.bytes.len() - end;
        self.bytes[start..].rotate_right(size_len);
    }
}

#[cfg(test)]
mod tests {
    use super::{Splice, Writer};

    fn written(work: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::new(0, true);
        work(&mut writer);
        writer.finish().0.to_vec()
    }

    #[test]
    fn varints_have_no_byte_too_many() {
        assert_eq!(written(|writer| writer.unsigned_varint(0)), [0]);
        assert_eq!(written(|writer| writer.unsigned_varint(127)), [0x7f]);
        assert_eq!(written(|writer| writer.unsigned_varint(128)), [0x80, 1]);
        let largest = [0xff, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(written(|writer| writer.unsigned_varint(u32::MAX)), largest);
    }

    #[test]
    fn a_tagged_field_says_its_size_first() {
        let field = |value: &str| written(|writer| writer.tagged_field(3, &value.to_owned()));
        assert_eq!(field("ab"), [3, 3, 3, b'a', b'b']);
        let long = field(&"x".repeat(200));
        assert_eq!(long[..6], [3, 0xca, 1, 0xc9, 1, b'x'], "a size of two bytes");
        assert_eq!(long.len(), 3 + 202);
    }

    #[test]
    fn gaps_count_and_empty_ones_are_none() {
        let mut writer = Writer::new(0, false);
        writer.put(&[1, 2]);
        writer.splice(0);
        writer.splice(10);
        writer.put(&[3]);
        assert_eq!(writer.len(), 13);
        let (bytes, splices) = writer.finish();
        assert_eq!(
            (&bytes[..], &splices[..]),
            (&[1, 2, 3][..], &[Splice { position: 2, len: 10 }][..])
        );
    }
}
