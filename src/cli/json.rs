//! JSON text by hand where every record passes: strings written and read back, whitespace removed.
//!
//! Parsing and validation are serde_json's; what comes here as JSON has passed it. Functions append
//! to buffers of the caller's and allocate nothing else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr;

/// Bytes looked at in one go by [`plain_length`].
const WORD: usize = 8;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `text` as a JSON string, quotes included.
pub(super) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let plain = plain_length(rest);
        out.extend_from_slice(&rest[..plain]);
        let Some(&byte) = rest.get(plain) else { break };
        write_escape(out, byte);
        rest = &rest[plain + 1..];
    }
    out.push(b'"');
}

/// Appends `bytes` in base64, without quotes.
pub(super) fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + base64_length(bytes.len()), b'=');
    // The room is exact, so that this cannot fail.
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or(0);
    out.truncate(start + written);
}

/// Bytes of base64 text for `length` bytes, padding included.
pub(super) const fn base64_length(length: usize) -> usize {
    length.div_ceil(3).saturating_mul(4)
}

/// Appends the bytes that base64 `text` stands for; false, and `out` as it was, if it is none.
pub(super) fn read_base64(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let start = out.len();
    let good = STANDARD.decode_vec(text, out).is_ok();
    if !good {
        out.truncate(start);
    }
    good
}

/// Appends JSON without the whitespace outside its strings; all else is left untouched.
pub(super) fn write_compact(out: &mut Vec<u8>, json: &[u8]) {
    let mut rest = json;
    while let Some(quote) = memchr(b'"', rest) {
        write_unspaced(out, &rest[..quote]);
        let end = quote + 1 + string_length(&rest[quote + 1..]);
        out.extend_from_slice(&rest[quote..end]);
        rest = &rest[end..];
    }
    write_unspaced(out, rest);
}

/// Appends what the inside of a JSON string stands for; false if half a surrogate stands alone.
pub(super) fn write_unescaped(out: &mut Vec<u8>, inside: &[u8]) -> bool {
    let mut rest = inside;
    while let Some(at) = memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let Some((&letter, after)) = rest.split_first() else { return false };
        rest = after;
        let byte = match letter {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let Some(character) = take_unicode(&mut rest) else { return false };
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            other => other,
        };
        out.push(byte);
    }
    out.extend_from_slice(rest);
    true
}

/// How many bytes at the front need no escape.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<WORD>();
    for (index, word) in words.iter().enumerate() {
        let marks = escape_marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return index * WORD + marks.trailing_zeros() as usize / 8;
        }
    }
    let needs_escape = |&byte: &u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    bytes.len() - rest.len() + rest.iter().position(needs_escape).unwrap_or(rest.len())
}

/// The high bit of each byte that needs an escape; what is above the lowest such byte is not exact.
#[inline]
const fn escape_marks(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    (below_space | is_quote | is_backslash) & HIGH
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        8 => b'b',
        12 => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Bytes up to and with the quote that closes a string.
fn string_length(inside: &[u8]) -> usize {
    let mut at = 0;
    while let Some(next) = inside.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += next;
        if inside[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    inside.len()
}

fn write_unspaced(out: &mut Vec<u8>, json: &[u8]) {
    out.extend(json.iter().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')));
}

/// Takes the digits of `\uXXXX`, and the second half of a pair.
fn take_unicode(rest: &mut &[u8]) -> Option<char> {
    let first = take_hex4(rest)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first);
    }
    *rest = rest.strip_prefix(b"\\u")?;
    let second = take_hex4(rest)?;
    let low = second.checked_sub(0xdc00).filter(|&low| low < 0x400)?;
    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)
}

fn take_hex4(rest: &mut &[u8]) -> Option<u32> {
    let (digits, after) = rest.split_at_checked(4)?;
    *rest = after;
    digits.iter().try_fold(0, |sum, &digit| Some(sum << 4 | char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_written_as_the_library_does_and_read_back() {
        let long = format!("{}\u{1}tail", "x".repeat(100));
        let every: String = (0..=0x250_u32).filter_map(char::from_u32).collect();
        for text in [&every, "", "a", "\"\\\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}", "é😀", &long] {
            let mut out = Vec::new();
            write_string(&mut out, text);
            assert_eq!(out, serde_json::to_vec(text).expect("a string"));
            let mut back = Vec::new();
            assert!(write_unescaped(&mut back, &out[1..out.len() - 1]));
            assert_eq!(back, text.as_bytes());
        }
    }

    #[test]
    fn escapes_of_other_writers() {
        for (inside, expected) in [
            (&br"\/"[..], Some("/")),
            (br"\u00e9", Some("é")),
            (br"\ud83d\ude00", Some("😀")),
            (br"\uD83D\uDE00!", Some("😀!")),
            (br"\ud83d", None),
            (br"\ud83dx", None),
            (br"\ud83d\u0041", None),
            (br"\ude00", None),
        ] {
            let mut out = Vec::new();
            let good = write_unescaped(&mut out, inside);
            assert_eq!(good.then_some(&out[..]), expected.map(str::as_bytes));
        }
    }

    #[test]
    fn compact_keeps_strings_and_numbers() {
        for (json, expected) in [
            (r#" { "a b" : [ 1.50e+3 , "x \" y" ] } "#, r#"{"a b":[1.50e+3,"x \" y"]}"#),
            ("\t[\r\n]", "[]"),
            (r#""\\" "#, r#""\\""#),
        ] {
            let mut out = Vec::new();
            write_compact(&mut out, json.as_bytes());
            assert_eq!(out, expected.as_bytes());
        }
    }
}
