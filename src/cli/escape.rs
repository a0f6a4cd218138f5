//! Backslash escapes as `-D`, `-K` and `--format` take them: `\t \n \r \0 \\ \xNN`.
//!
//! Anything else after a backslash is refused rather than kept, so that a typo never becomes data.

use thiserror::Error;

/// Why an escaped text could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EscapeError {
    /// The text ends in a lone backslash.
    #[error("a lone backslash at the end; write \\\\ for a backslash")]
    Lone,
    /// `\x` without two hexadecimal digits behind it.
    #[error("\\x takes two hexadecimal digits, as in \\x1f")]
    Hex,
    /// A letter that no escape has.
    #[error("unknown escape \\{0}; there are \\t \\n \\r \\0 \\\\ \\xNN")]
    Unknown(char),
    /// A delimiter of no bytes.
    #[error("a delimiter needs at least one byte")]
    Empty,
}

/// Reads the escapes of `text`.
pub fn unescape(text: &str) -> Result<Vec<u8>, EscapeError> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let (byte, after) = take_escape(&rest[at + 1..])?;
        out.push(byte);
        rest = after;
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

/// Reads the argument of `-D` or `-K`: escapes, and at least one byte.
pub fn parse_delimiter(text: &str) -> Result<Vec<u8>, EscapeError> {
    let bytes = unescape(text)?;
    if bytes.is_empty() { Err(EscapeError::Empty) } else { Ok(bytes) }
}

/// Reads one escape whose backslash is already taken; yields its byte and what follows it.
pub(super) fn take_escape(rest: &str) -> Result<(u8, &str), EscapeError> {
    let mut chars = rest.chars();
    let byte = match chars.next().ok_or(EscapeError::Lone)? {
        't' => b'\t',
        'n' => b'\n',
        'r' => b'\r',
        '0' => 0,
        '\\' => b'\\',
        'x' => {
            let digits = rest.get(1..3).ok_or(EscapeError::Hex)?;
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(EscapeError::Hex);
            }
            let byte = u8::from_str_radix(digits, 16).map_err(|_| EscapeError::Hex)?;
            return Ok((byte, &rest[3..]));
        }
        other => return Err(EscapeError::Unknown(other)),
    };
    Ok((byte, chars.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escape() {
        for (text, expected) in [
            ("", &b""[..]),
            ("plain", b"plain"),
            (r"\t\n\r\0\\", b"\t\n\r\0\\"),
            (r"a\x1fb\xFF", b"a\x1fb\xff"),
            (r"\\n", b"\\n"),
            ("é|", "é|".as_bytes()),
        ] {
            assert_eq!(unescape(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("a\\", EscapeError::Lone),
            (r"\x", EscapeError::Hex),
            (r"\x1", EscapeError::Hex),
            (r"\x+1", EscapeError::Hex),
            (r"\xé", EscapeError::Hex),
            (r"\q", EscapeError::Unknown('q')),
            (r"\é", EscapeError::Unknown('é')),
        ] {
            assert_eq!(unescape(text), Err(expected), "{text}");
        }
        assert_eq!(parse_delimiter(""), Err(EscapeError::Empty));
        assert_eq!(parse_delimiter(r"\r\n"), Ok(b"\r\n".to_vec()));
    }
}
