//! Random messages, written by what a message says of itself: a third encoder, apart from the two that are compared.

use runnel::protocol::schema::{Field, Kind, Struct};

use crate::random::Random;

/// Which tagged fields a message gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tagged {
    /// None: then there is one way alone to write it.
    None,
    /// Some, perhaps with the value that it has when left out.
    Some,
}

/// Writes random messages of a version.
pub(crate) struct Generator<'r> {
    pub(crate) random: &'r mut Random,
    pub(crate) version: i16,
    pub(crate) flexible: bool,
    pub(crate) tagged: Tagged,
}

impl Generator<'_> {
    /// The body of a message.
    pub(crate) fn message(&mut self, schema: &Struct) -> Vec<u8> {
        let mut out = Vec::new();
        self.fields(schema, &mut out);
        out
    }

    fn fields(&mut self, schema: &Struct, out: &mut Vec<u8>) {
        let version = self.version;
        let is_in = |field: &&Field| (field.is_in)(version);
        for field in schema.fields.iter().filter(is_in).filter(|field| field.tag.is_none()) {
            let (kind, nullable) = field.kind_in(self.version);
            self.value(kind, nullable, out);
        }
        if self.flexible {
            self.tagged_fields(schema, out);
        }
    }

    fn tagged_fields(&mut self, schema: &Struct, out: &mut Vec<u8>) {
        let mut fields = Vec::new();
        for field in schema.fields {
            let Some(tag) = field.tag.filter(|_| (field.is_in)(self.version)) else { continue };
            if self.tagged == Tagged::Some && self.random.one_in(2) {
                let (kind, nullable) = field.kind_in(self.version);
                let mut value = Vec::new();
                self.value(kind, nullable, &mut value);
                fields.push((tag, value));
            }
        }
        fields.sort();
        varint(fields.len(), out);
        for (tag, value) in fields {
            varint(tag as usize, out);
            varint(value.len(), out);
            out.extend(value);
        }
    }

    fn value(&mut self, kind: Kind, nullable: bool, out: &mut Vec<u8>) {
        let is_null = nullable && self.random.one_in(3);
        match kind {
            Kind::Bool => out.push(self.random.below(2) as u8),
            Kind::Int8 => out.extend((self.number() as i8).to_be_bytes()),
            Kind::Int16 | Kind::Uint16 => out.extend((self.number() as i16).to_be_bytes()),
            Kind::Int32 => out.extend((self.number() as i32).to_be_bytes()),
            Kind::Int64 => out.extend(self.number().to_be_bytes()),
            Kind::Float64 => out.extend((self.number() as f64).to_be_bytes()),
            Kind::Uuid => {
                let byte = *self.random.pick(&[0, 1, 0x80, 0xff]);
                out.extend([byte; 16]);
            }
            Kind::String => {
                let text = (!is_null).then(|| self.text());
                self.length(text.as_ref().map(String::len), Width::I16, out);
                out.extend(text.unwrap_or_default().as_bytes());
            }
            Kind::Bytes | Kind::Records => {
                let bytes = (!is_null).then(|| self.text().into_bytes());
                self.length(bytes.as_ref().map(Vec::len), Width::I32, out);
                out.extend(bytes.unwrap_or_default());
            }
            Kind::Array(of) => {
                let count = (!is_null).then(|| self.random.below(4));
                self.length(count, Width::I32, out);
                (0..count.unwrap_or(0)).for_each(|_| self.value(*of, false, out));
            }
            Kind::Struct(_) if is_null => out.push(0xff),
            Kind::Struct(schema) => {
                out.extend(nullable.then_some(1));
                self.fields(schema, out);
            }
            Kind::Nullable(of) => self.value(*of, true, out),
        }
    }

    /// A number: often one that is some field's default, or the end of a range.
    fn number(&mut self) -> i64 {
        match self.random.below(8) {
            0..2 => 0,
            2..4 => -1,
            4 => i64::MAX,
            5 => i64::from(i32::MIN),
            6 => self.random.below(10) as i64,
            _ => self.random.next() as i64,
        }
    }

    /// A text: often empty, at times so long that its compact length takes two bytes.
    fn text(&mut self) -> String {
        let len = *self.random.pick(&[0, 0, 1, 3, 10, 200]);
        (0..len).map(|_| *self.random.pick(&['a', 'Z', '-', 'é', '€', '\0'])).collect()
    }

    fn length(&mut self, length: Option<usize>, width: Width, out: &mut Vec<u8>) {
        let plain = length.map_or(-1, |length| length as i32);
        match (self.flexible, width) {
            (true, _) => varint(length.map_or(0, |length| length + 1), out),
            (false, Width::I16) => out.extend((plain as i16).to_be_bytes()),
            (false, Width::I32) => out.extend(plain.to_be_bytes()),
        }
    }
}

enum Width {
    I16,
    I32,
}

fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
