//! Numbers as JSON has them: whole ones of 64 bits exactly, all others as doubles.
//!
//! In a slot: nothing before the first; then `i` and 8 bytes, big-endian, or `d` and those of a double.

/// A number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Whole(i64),
    Real(f64),
}

impl Number {
    /// A number's text, or that of a JSON string which holds one; `None` where it is none.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        // A value that a program gives as it is comes as it was stored.
        let text = text.trim();
        let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let text = inner.unwrap_or(text);
        if let Ok(whole) = text.parse() {
            return Some(Self::Whole(whole));
        }
        // Rust reads more than JSON has: words, and signs.
        let is_json =
            text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
        text.parse().ok().filter(|real: &f64| is_json && real.is_finite()).map(Self::Real)
    }

    /// What a slot holds.
    pub(super) fn read(slot: &[u8]) -> Option<Self> {
        let (kind, bytes) = slot.split_first()?;
        let bytes = bytes.try_into().ok()?;
        match kind {
            b'i' => Some(Self::Whole(i64::from_be_bytes(bytes))),
            b'd' => Some(Self::Real(f64::from_be_bytes(bytes))),
            _ => None,
        }
    }

    pub(super) fn write(self, slot: &mut Vec<u8>) {
        match self {
            Self::Whole(whole) => {
                slot.push(b'i');
                slot.extend_from_slice(&whole.to_be_bytes());
            }
            Self::Real(real) => {
                slot.push(b'd');
                slot.extend_from_slice(&real.to_be_bytes());
            }
        }
    }

    pub(super) fn real(self) -> f64 {
        match self {
            // A double is what such a number is elsewhere in JSON.
            Self::Whole(whole) => whole as f64,
            Self::Real(real) => real,
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => {
                a.checked_add(b).map_or_else(|| Self::Real(self.real() + other.real()), Self::Whole)
            }
            _ => Self::Real(self.real() + other.real()),
        }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => {
                a.checked_sub(b).map_or_else(|| Self::Real(self.real() - other.real()), Self::Whole)
            }
            _ => Self::Real(self.real() - other.real()),
        }
    }

    /// Appends its text. What is beyond JSON's numbers is null.
    pub(super) fn write_text(self, out: &mut Vec<u8>) {
        match self {
            Self::Whole(whole) => {
                out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
            }
            Self::Real(real) if real.fract() == 0.0 && real.abs() < 1e15 => {
                out.extend_from_slice(itoa::Buffer::new().format(real as i64).as_bytes());
            }
            Self::Real(real) => {
                out.extend_from_slice(serde_json::Value::from(real).to_string().as_bytes());
            }
        }
    }
}
