//! Text for people: control characters escaped, numbers readable, bars for shares.
//!
//! Sizes are decimal (1 MB is 1,000,000 bytes), as disks, `df -H` and cloud bills count.

/// Blocks by eighths of a column, from one eighth to a full one.
const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// Appends `bytes` so that a terminal only shows them: control characters, bidirectional
/// overrides and bytes that are not UTF-8 become escapes.
pub fn escape_for_terminal(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\t' | '\n' | '\r' => out.extend(character.escape_default()),
                '\0'..' ' | '\u{7f}' => push_hex(out, character as u8),
                _ if is_hidden_control(character) => out.extend(character.escape_unicode()),
                _ => out.push(character),
            }
        }
        for &byte in chunk.invalid() {
            push_hex(out, byte);
        }
    }
}

/// `12.4 MB`: three digits where there are so many, in decimal units.
#[must_use]
pub fn human_bytes(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut scaled = bytes as f64;
    let mut name = "B";
    for unit in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        scaled /= 1000.0;
        name = unit;
        // From here on rounding shows 1000, which is 1.0 of the next unit.
        if scaled < 999.5 {
            break;
        }
    }
    // 99.95 and more would round to four digits with a decimal.
    if scaled < 99.95 { format!("{scaled:.1} {name}") } else { format!("{scaled:.0} {name}") }
}

/// `1,234,567`.
#[must_use]
pub fn with_separators(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    if number < 0 {
        out.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A bar for a share between 0 and 1, at most `width` columns, in eighths of one. What is more
/// than nothing shows as something.
#[must_use]
pub fn bar(share: f64, width: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let eighths = if share > 0.0 && width > 0 { eighths.max(1) } else { eighths };
    let mut out: String = std::iter::repeat_n(EIGHTHS[7], eighths / 8).collect();
    if !eighths.is_multiple_of(8) {
        out.push(EIGHTHS[eighths % 8 - 1]);
    }
    out
}

/// C1 controls, line separators and what turns the direction of text.
const fn is_hidden_control(character: char) -> bool {
    matches!(character,
        '\u{80}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{61c}'
        | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn push_hex(out: &mut String, byte: u8) {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    out.extend(['\\', 'x', digit(byte >> 4), digit(byte & 15)]);
}

/// A count and what is counted, in the plural where it is not one: `1,234 records`.
#[must_use]
pub fn counted(count: i64, what: &str) -> String {
    format!("{} {what}{}", with_separators(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        for (bytes, expected) in [
            (&b"plain \\ \"text\""[..], "plain \\ \"text\""),
            (b"a\tb\r\n", "a\\tb\\r\\n"),
            (b"\x1b[31mred\x07\x00\x7f", "\\x1b[31mred\\x07\\x00\\x7f"),
            ("é😀".as_bytes(), "é😀"),
            (b"\xff\xc3", "\\xff\\xc3"),
            ("\u{9b}31m\u{202e}".as_bytes(), "\\u{9b}31m\\u{202e}"),
        ] {
            let mut out = String::new();
            escape_for_terminal(&mut out, bytes);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn sizes() {
        for (bytes, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (12_400_000, "12.4 MB"),
            (99_949, "99.9 kB"),
            (99_950, "100 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(human_bytes(bytes), expected);
        }
    }

    #[test]
    fn separators() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (-1_234_567, "-1,234,567"),
            (i64::MIN, "-9,223,372,036,854,775,808"),
        ] {
            assert_eq!(with_separators(number), expected);
        }
    }

    #[test]
    fn bars() {
        for (share, width, expected) in [
            (0.0, 8, ""),
            (1.0, 4, "████"),
            (0.5, 3, "█▌"),
            (0.000_1, 8, "▏"),
            (2.0, 2, "██"),
            (-1.0, 2, ""),
            (f64::NAN, 2, ""),
            (0.5, 0, ""),
        ] {
            assert_eq!(bar(share, width), expected, "{share}");
        }
    }
}
