//! What a message says of itself: the names, types and versions of its fields.
//!
//! It comes from the same declaration as the codecs. Tests hold it against Kafka's own schemas, and
//! make messages from it that other implementations must read. Nothing of it is in a binary that
//! does not ask.

use super::reader::{Reader, Result};
use super::wire::{Nullable, Wire};
use super::writer::Writer;

/// The type of a field.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// 0 or 1 in a byte.
    Bool,
    /// A signed byte.
    Int8,
    /// Two bytes, signed.
    Int16,
    /// Two bytes.
    Uint16,
    /// Four bytes, signed.
    Int32,
    /// Eight bytes, signed.
    Int64,
    /// Eight bytes, IEEE 754.
    Float64,
    /// Sixteen bytes.
    Uuid,
    /// Text.
    String,
    /// Bytes.
    Bytes,
    /// Record batches.
    Records,
    /// Any number of one type.
    Array(&'static Kind),
    /// Fields.
    Struct(&'static Struct),
    /// One that may be null; in which versions, its field says.
    Nullable(&'static Kind),
}

/// A message, or a struct within one.
#[derive(Debug)]
pub struct Struct {
    /// Its name.
    pub name: &'static str,
    /// Its fields in the order of the wire, those with a tag last.
    pub fields: &'static [Field],
}

/// A field of a message.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its tag, where it is a tagged one.
    pub tag: Option<u32>,
    /// Its type.
    pub kind: Kind,
    /// Whether it is on the wire in a version.
    pub is_in: fn(i16) -> bool,
    /// Whether a version allows null, of a type that may be null.
    pub may_be_null: fn(i16) -> bool,
}

impl Field {
    /// Its type apart from null, and whether it may be null in a version.
    #[must_use]
    pub fn kind_in(&self, version: i16) -> (Kind, bool) {
        match self.kind {
            Kind::Nullable(kind) => (*kind, (self.may_be_null)(version)),
            kind => (kind, false),
        }
    }
}

/// A declared message or struct.
pub trait Message: Wire {
    /// What it is made of.
    const SCHEMA: &'static Struct;
}

impl<T: Message> Nullable for T {
    fn read_nullable(reader: &mut Reader) -> Result<Option<Self>> {
        match i8::read(reader)? {
            ..0 => Ok(None),
            0.. => Self::read(reader).map(Some),
        }
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer) {
        match value {
            None => (-1_i8).write(writer),
            Some(value) => {
                1_i8.write(writer);
                value.write(writer);
            }
        }
    }
}
