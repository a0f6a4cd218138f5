//! What keys and values hold: bytes as they are stored, and the text that stands for them outside.
//!
//! Decoding gives the text, encoding takes it back: what is decoded encodes to the same bytes,
//! but for the many NaNs, of which one is left. Null is no bytes, and never comes here.
//!
//! Source: the serializers of `org.apache.kafka.common.serialization`: numbers are big-endian,
//! a UUID is its text.

pub mod json;

use std::fmt;
use std::io::Write as _;
use std::str::FromStr;

use ::serde::{Deserialize, Serialize};

/// A form that keys or values have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Serde {
    /// Anything.
    #[default]
    Bytes,
    /// UTF-8.
    String,
    /// One JSON value.
    Json,
    /// Two bytes.
    Short,
    /// Four bytes.
    Int,
    /// Eight bytes.
    Long,
    /// Four bytes, IEEE 754.
    Float,
    /// Eight bytes, IEEE 754.
    Double,
    /// 36 characters.
    Uuid,
}

/// Bytes or a text that a serde does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SerdeError {
    /// Not as many bytes as there must be.
    #[error("expected the {expected} bytes of type {serde}, found {found}")]
    Length {
        /// What they were read as.
        serde: Serde,
        /// How many it takes.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Bytes or a text of another form.
    #[error("expected {}", .0.form())]
    Form(Serde),
    /// A number that the serde cannot hold.
    #[error("out of the range of type {0}")]
    Range(Serde),
    /// No JSON that can be read.
    #[error(transparent)]
    Json(#[from] json::Flaw),
}

impl Serde {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::Bytes,
        Self::String,
        Self::Json,
        Self::Short,
        Self::Int,
        Self::Long,
        Self::Float,
        Self::Double,
        Self::Uuid,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Json => "json",
            Self::Short => "short",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Uuid => "uuid",
        }
    }

    /// What a text of it looks like.
    const fn form(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::String => "text in UTF-8",
            Self::Json => "JSON",
            Self::Short => "a short: a whole number from -32768 to 32767",
            Self::Int => "an int: a whole number of 32 bits",
            Self::Long => "a long: a whole number of 64 bits",
            Self::Float => "a float: a number",
            Self::Double => "a double: a number",
            Self::Uuid => "a uuid: 8-4-4-4-12 hexadecimal digits",
        }
    }

    /// Whether decoding and encoding leave all bytes as they are and take any.
    #[must_use]
    pub const fn is_bytes(self) -> bool {
        matches!(self, Self::Bytes)
    }

    /// Whether its text is a string even where it looks like JSON.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::String | Self::Uuid)
    }

    /// The text of stored bytes: the bytes themselves, or in `scratch`, which is emptied first.
    ///
    /// # Errors
    /// [`SerdeError`] says what was expected.
    pub fn decode<'a>(
        self,
        bytes: &'a [u8],
        scratch: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], SerdeError> {
        scratch.clear();
        match self {
            Self::Bytes => return Ok(bytes),
            Self::String => {
                let text = std::str::from_utf8(bytes).map_err(|_| SerdeError::Form(self))?;
                return Ok(text.as_bytes());
            }
            Self::Json => return json::check(bytes).map(|()| bytes).map_err(SerdeError::from),
            Self::Uuid if is_uuid(bytes) => return Ok(bytes),
            Self::Uuid => return Err(SerdeError::Form(self)),
            Self::Short => write_integer(scratch, i16::from_be_bytes(self.exactly(bytes)?)),
            Self::Int => write_integer(scratch, i32::from_be_bytes(self.exactly(bytes)?)),
            Self::Long => write_integer(scratch, i64::from_be_bytes(self.exactly(bytes)?)),
            Self::Float => {
                let number = f32::from_be_bytes(self.exactly(bytes)?);
                write_float(scratch, number, f64::from(number));
            }
            Self::Double => {
                let number = f64::from_be_bytes(self.exactly(bytes)?);
                write_float(scratch, number, number);
            }
        }
        Ok(scratch)
    }

    /// The bytes to store for a text: the text itself, or in `scratch`, which is emptied first.
    ///
    /// # Errors
    /// [`SerdeError`] says what was expected.
    pub fn encode<'a>(
        self,
        text: &'a [u8],
        scratch: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], SerdeError> {
        match self {
            Self::Bytes | Self::String | Self::Json => return self.decode(text, scratch),
            Self::Uuid if !is_uuid(text) => return Err(SerdeError::Form(self)),
            Self::Uuid => {
                scratch.clear();
                scratch.extend(text.iter().map(u8::to_ascii_lowercase));
                return Ok(scratch);
            }
            _ => scratch.clear(),
        }
        let text = std::str::from_utf8(text).map_err(|_| SerdeError::Form(self))?.trim_ascii();
        match self {
            Self::Short => scratch.extend(self.whole::<i16>(text)?.to_be_bytes()),
            Self::Int => scratch.extend(self.whole::<i32>(text)?.to_be_bytes()),
            Self::Long => scratch.extend(self.whole::<i64>(text)?.to_be_bytes()),
            Self::Float => {
                let number: f32 = self.real(text)?;
                self.in_range(text, number.is_infinite())?;
                scratch.extend(number.to_be_bytes());
            }
            _ => {
                let number: f64 = self.real(text)?;
                self.in_range(text, number.is_infinite())?;
                scratch.extend(number.to_be_bytes());
            }
        }
        Ok(scratch)
    }

    fn exactly<const N: usize>(self, bytes: &[u8]) -> Result<[u8; N], SerdeError> {
        let found = bytes.len();
        bytes.try_into().map_err(|_| SerdeError::Length { serde: self, expected: N, found })
    }

    fn whole<N: FromStr<Err = std::num::ParseIntError>>(self, text: &str) -> Result<N, SerdeError> {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        text.parse().map_err(|error: N::Err| match error.kind() {
            NegOverflow | PosOverflow => SerdeError::Range(self),
            _ => SerdeError::Form(self),
        })
    }

    fn real<N: FromStr>(self, text: &str) -> Result<N, SerdeError> {
        text.parse().map_err(|_| SerdeError::Form(self))
    }

    /// Infinity is what was written, not what a large number became.
    fn in_range(self, text: &str, is_infinite: bool) -> Result<(), SerdeError> {
        let overflown = is_infinite && text.bytes().any(|byte| byte.is_ascii_digit());
        if overflown { Err(SerdeError::Range(self)) } else { Ok(()) }
    }
}

impl fmt::Display for Serde {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Serde {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|serde| serde.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            format!("the serdes are {}", names.join(", "))
        })
    }
}

fn write_integer<I: itoa::Integer>(out: &mut Vec<u8>, integer: I) {
    out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
}

/// The shortest text that means this number and no other; Java's words where JSON has none.
fn write_float(out: &mut Vec<u8>, shown: impl fmt::Debug, number: f64) {
    let word: &[u8] = match number {
        f64::INFINITY => b"Infinity",
        f64::NEG_INFINITY => b"-Infinity",
        _ if number.is_nan() => b"NaN",
        _ => {
            // A vector takes all that is written to it.
            let _ = write!(out, "{shown:?}");
            return;
        }
    };
    out.extend_from_slice(word);
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(serde: Serde, bytes: &[u8]) -> Result<String, SerdeError> {
        let mut scratch = b"left over".to_vec();
        serde.decode(bytes, &mut scratch).map(|it| String::from_utf8_lossy(it).into_owned())
    }

    fn encoded(serde: Serde, text: &str) -> Result<Vec<u8>, SerdeError> {
        let mut scratch = b"left over".to_vec();
        serde.encode(text.as_bytes(), &mut scratch).map(<[u8]>::to_vec)
    }

    #[test]
    fn as_kafka_writes_them() {
        let uuid = "123e4567-e89b-12d3-a456-426614174000";
        for (serde, bytes, text) in [
            (Serde::Short, &b"\xff\xfe"[..], "-2"),
            (Serde::Int, b"\x00\x00\x01\x00", "256"),
            (Serde::Long, b"\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854775808"),
            (Serde::Float, b"\x3f\x80\x00\x00", "1.0"),
            (Serde::Float, b"\x3d\xcc\xcc\xcd", "0.1"),
            (Serde::Double, b"\x40\x09\x21\xfb\x54\x44\x2d\x18", "3.141592653589793"),
            (Serde::Double, b"\x7f\xf0\x00\x00\x00\x00\x00\x00", "Infinity"),
            (Serde::Double, b"\xff\xf0\x00\x00\x00\x00\x00\x00", "-Infinity"),
            (Serde::Double, b"\x7f\xf8\x00\x00\x00\x00\x00\x00", "NaN"),
            (Serde::Double, b"\x7e\x37\xe4\x3c\x88\x00\x75\x9c", "1e300"),
            (Serde::Uuid, uuid.as_bytes(), uuid),
            (Serde::Json, br#"{"a": 1}"#, r#"{"a": 1}"#),
            (Serde::String, "é".as_bytes(), "é"),
        ] {
            assert_eq!(decoded(serde, bytes).as_deref(), Ok(text), "{serde}");
            assert_eq!(encoded(serde, text).as_deref(), Ok(bytes), "{serde}");
        }
        assert_eq!(encoded(Serde::Uuid, &uuid.to_uppercase()).as_deref(), Ok(uuid.as_bytes()));
        assert_eq!(encoded(Serde::Double, "-1E+2").as_deref(), Ok(&(-100f64).to_be_bytes()[..]));
    }

    #[test]
    fn what_is_of_another_form() {
        for (serde, bytes, said) in [
            (Serde::Int, &b"123"[..], "expected the 4 bytes of type int, found 3"),
            (Serde::Long, b"", "expected the 8 bytes of type long, found 0"),
            (Serde::String, b"\xff", "expected text in UTF-8"),
            (Serde::Json, b"{", "not JSON"),
            (
                Serde::Uuid,
                b"123e4567e89b12d3a456426614174000",
                "expected a uuid: 8-4-4-4-12 hexadecimal digits",
            ),
        ] {
            let error = decoded(serde, bytes).expect_err("of another form");
            assert_eq!(error.to_string(), said);
        }
        for (serde, text, said) in [
            (Serde::Short, "32768", "out of the range of type short"),
            (Serde::Int, "1.0", "expected an int: a whole number of 32 bits"),
            (Serde::Long, "", "expected a long: a whole number of 64 bits"),
            (Serde::Float, "1e39", "out of the range of type float"),
            (Serde::Double, "1e999", "out of the range of type double"),
            (Serde::Double, "one", "expected a double: a number"),
            (Serde::Json, "[1", "not JSON"),
        ] {
            assert_eq!(encoded(serde, text).expect_err(text).to_string(), said);
        }
        assert!("integer".parse::<Serde>().expect_err("no serde").contains("short, int, long"));
    }

    proptest! {
        #[test]
        fn what_is_decoded_encodes_to_the_same_bytes(bytes: Vec<u8>, long: i64, number: f64) {
            let given = [
                bytes,
                long.to_be_bytes().to_vec(),
                number.to_be_bytes().to_vec(),
                (number as f32).to_be_bytes().to_vec(),
                long.to_be_bytes()[..2].to_vec(),
                long.to_string().into_bytes(),
            ];
            for serde in Serde::ALL {
                for bytes in &given {
                    let Ok(text) = decoded(serde, bytes) else { continue };
                    if serde.is_bytes() || text == "NaN" {
                        continue;
                    }
                    prop_assert_eq!(encoded(serde, &text), Ok(bytes.clone()), "{}", serde);
                }
            }
        }

        #[test]
        fn what_is_encoded_decodes_to_the_same_number(number: f64, long: i64) {
            for (serde, text) in [(Serde::Double, number.to_string()), (Serde::Long, long.to_string())] {
                let bytes = encoded(serde, &text).expect("a number");
                let back = decoded(serde, &bytes).expect("a number");
                prop_assert_eq!(back.parse::<f64>(), text.parse::<f64>());
            }
        }
    }
}
