//! JSON as RFC 8259 has it, and nothing beside: the one notion of it that serdes and filters share.
//!
//! A [`Scanner`] walks a text once, without allocating but for what is nested deeply. Text is
//! checked to be UTF-8 as a whole first. Half a surrogate in an escape is no JSON: no text can be
//! made of it.

/// How deep arrays and objects may be nested, as jq has it.
pub const DEPTH_MAX: usize = 10_000;

/// Why a text cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is no JSON.
    #[error("not JSON")]
    NotJson,
    /// It may be JSON, nested deeper than [`DEPTH_MAX`].
    #[error("JSON nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
}

/// Whether a text is JSON: one value, with nothing around it but whitespace.
///
/// # Errors
/// [`Flaw`] says which of both.
pub fn check(bytes: &[u8]) -> Result<(), Flaw> {
    let mut scanner = Scanner::new(bytes).ok_or(Flaw::NotJson)?;
    scanner.skip_value(DEPTH_MAX)?;
    scanner.end()
}

/// What is no array and no object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// As it is written.
    Number(Number<'a>),
    /// As it is written.
    String(Text<'a>),
}

/// A number as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number<'a> {
    /// All of it.
    pub text: &'a str,
    /// Whether it has neither fraction nor exponent.
    pub is_integer: bool,
}

/// A string as it is written, quotes left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// What stands between the quotes.
    pub raw: &'a str,
    /// Whether there are escapes in it; all of them are sound.
    pub is_escaped: bool,
}

/// Walks a text.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// `None` where the bytes are not UTF-8, and so no JSON.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        Some(Self::of_text(std::str::from_utf8(bytes).ok()?))
    }

    /// Walks what is known to be UTF-8.
    #[must_use]
    pub const fn of_text(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Where the scanner is: bytes from the start.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.at
    }

    /// What was taken since `start`, which was a position of this scanner.
    #[must_use]
    pub fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    /// The first byte that is no whitespace, not taken yet.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Takes `byte` if it comes next.
    #[inline]
    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes `byte`, which must come next.
    #[inline]
    pub fn expect(&mut self, byte: u8) -> Result<(), Flaw> {
        if self.eat(byte) { Ok(()) } else { Err(Flaw::NotJson) }
    }

    /// The text must end here.
    pub fn end(&mut self) -> Result<(), Flaw> {
        if self.peek().is_none() { Ok(()) } else { Err(Flaw::NotJson) }
    }

    /// Takes a scalar, which must come next.
    pub fn scalar(&mut self) -> Result<Scalar<'a>, Flaw> {
        match self.peek() {
            Some(b'"') => self.string().map(Scalar::String),
            Some(b'n') => self.word("null", Scalar::Null),
            Some(b't') => self.word("true", Scalar::Bool(true)),
            Some(b'f') => self.word("false", Scalar::Bool(false)),
            Some(b'-' | b'0'..=b'9') => self.number().map(Scalar::Number),
            _ => Err(Flaw::NotJson),
        }
    }

    fn word(&mut self, word: &str, scalar: Scalar<'a>) -> Result<Scalar<'a>, Flaw> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(Flaw::NotJson);
        }
        self.at += word.len();
        Ok(scalar)
    }

    /// Takes a string, which must come next.
    #[inline]
    pub fn string(&mut self) -> Result<Text<'a>, Flaw> {
        self.expect(b'"')?;
        let (start, bytes) = (self.at, self.text.as_bytes());
        let mut is_escaped = false;
        loop {
            self.at += plain_bytes(&bytes[self.at..]);
            match bytes.get(self.at) {
                Some(b'"') => {
                    let raw = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(Text { raw, is_escaped });
                }
                Some(b'\\') => {
                    is_escaped = true;
                    let (_, length) = escape(&bytes[self.at..]).ok_or(Flaw::NotJson)?;
                    self.at += length;
                }
                _ => return Err(Flaw::NotJson),
            }
        }
    }

    fn number(&mut self) -> Result<Number<'a>, Flaw> {
        let (start, bytes) = (self.at, self.text.as_bytes());
        let digits = |at: usize| bytes[at..].iter().take_while(|it| it.is_ascii_digit()).count();
        let mut at = start + usize::from(bytes[start] == b'-');
        let whole = digits(at);
        if whole == 0 || (whole > 1 && bytes[at] == b'0') {
            return Err(Flaw::NotJson);
        }
        at += whole;
        let mut is_integer = true;
        if bytes.get(at) == Some(&b'.') {
            let fraction = digits(at + 1);
            if fraction == 0 {
                return Err(Flaw::NotJson);
            }
            at += 1 + fraction;
            is_integer = false;
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let exponent = digits(at + 1 + sign);
            if exponent == 0 {
                return Err(Flaw::NotJson);
            }
            at += 1 + sign + exponent;
            is_integer = false;
        }
        self.at = at;
        Ok(Number { text: &self.text[start..at], is_integer })
    }

    /// Takes a value of any kind, nested `levels` deep at most, checking all of it.
    pub fn skip_value(&mut self, levels: usize) -> Result<(), Flaw> {
        let mut open = Open::default();
        loop {
            let opened = match self.peek() {
                Some(b'{') => Some(true),
                Some(b'[') => Some(false),
                _ => None,
            };
            let mut complete = true;
            if let Some(is_object) = opened {
                self.at += 1;
                if open.depth == levels {
                    return Err(Flaw::TooDeep);
                }
                if !self.eat(closing(is_object)) {
                    open.push(is_object);
                    complete = false;
                    if is_object {
                        self.key()?;
                    }
                }
            } else {
                self.scalar()?;
            }
            while complete {
                let Some(is_object) = open.last() else { return Ok(()) };
                if self.eat(b',') {
                    if is_object {
                        self.key()?;
                    }
                    complete = false;
                } else {
                    self.expect(closing(is_object))?;
                    open.pop();
                }
            }
        }
    }

    fn key(&mut self) -> Result<(), Flaw> {
        if self.peek() != Some(b'"') {
            return Err(Flaw::NotJson);
        }
        self.string()?;
        self.expect(b':')
    }
}

const fn closing(is_object: bool) -> u8 {
    if is_object { b'}' } else { b']' }
}

/// Which arrays (0) and objects (1) are open: a bit each, the innermost lowest.
#[derive(Debug, Default)]
struct Open {
    bits: u64,
    outer: Vec<u64>,
    depth: usize,
}

impl Open {
    fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(is_object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.bits >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.bits = self.outer.pop().unwrap_or_default();
        }
    }

    const fn last(&self) -> Option<bool> {
        if self.depth == 0 { None } else { Some(self.bits & 1 == 1) }
    }
}

/// How many bytes stand before the first quote, backslash or control character.
#[inline]
fn plain_bytes(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // A byte below n, itself below 128, borrows into its highest bit. A false hit can only
        // stand behind a true one.
        let below = |value: u64, n: u64| value.wrapping_sub(ONES * n) & !value & HIGH;
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        let found = below(word, 0x20) | quote | backslash;
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    words.len() * 8 + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// The character that an escape means, and the bytes that it takes.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let plain = match bytes.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\x08',
        b'f' => '\x0c',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(bytes),
        _ => return None,
    };
    Some((plain, 2))
}

fn unicode_escape(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u32> {
        let digits = bytes.get(at..at + 4)?;
        digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
    };
    let first = unit(2)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, 6));
    }
    let second = unit(8).filter(|_| bytes[6..8] == *b"\\u")?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x10000 + ((first - 0xd800) << 10) + low)?, 12))
}

impl Text<'_> {
    /// Appends what the string means.
    pub fn unescape(&self, out: &mut Vec<u8>) {
        let mut rest = self.raw.as_bytes();
        while let Some(at) = memchr::memchr(b'\\', rest) {
            let (plain, escaped) = rest.split_at(at);
            out.extend_from_slice(plain);
            // The scanner found each of them sound.
            let (meant, length) = escape(escaped).unwrap_or(('\\', 1));
            out.extend_from_slice(meant.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &escaped[length..];
        }
        out.extend_from_slice(rest);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Another reader of the same grammar, which knows no depth beyond 128 and no number beyond
    /// 64 bits.
    fn oracle(bytes: &[u8]) -> bool {
        match serde_json::from_slice::<serde_json::Value>(bytes) {
            Ok(_) => true,
            Err(error) if error.to_string().contains("out of range") => {
                serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
            }
            Err(_) => false,
        }
    }

    #[test]
    fn what_is_json_and_what_is_not() {
        for good in [
            "0",
            "-0",
            "1.5e+3",
            "1E9",
            "\"\"",
            r#""\ud83d\ude00\/""#,
            " [ ] ",
            "{}",
            "null",
            r#"{"a":[1,{"b":[]},"x"],"a":2}"#,
            "\t[1 , 2]\r\n",
            "\"\u{7f}\u{e9}\"",
        ] {
            assert_eq!(check(good.as_bytes()), Ok(()), "{good}");
            assert!(oracle(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            " ",
            "01",
            "+1",
            ".5",
            "1.",
            "1e",
            "-",
            "NaN",
            "Infinity",
            "nul",
            "nulll",
            "'a'",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "{1:2}",
            "[",
            "]",
            "{\"a\"}",
            "1 2",
            "# 1",
            "b\"a\"",
            "\"\u{1}\"",
            r#""\x""#,
            r#""\u12""#,
            r#""\ud83d""#,
            r#""\ude00""#,
            r#""\ud83dx""#,
            "[1 2]",
            "{\"a\":1]",
            "[1}",
            "\"a",
            "\u{feff}1",
        ] {
            assert_eq!(check(bad.as_bytes()), Err(Flaw::NotJson), "{bad}");
            assert!(!oracle(bad.as_bytes()), "{bad}");
        }
        assert_eq!(check(b"\"\xff\""), Err(Flaw::NotJson));
    }

    #[test]
    fn depth() {
        let nested = |levels: usize| {
            let half = levels / 2;
            format!("{}1{}", "[{\"a\":".repeat(half), "}]".repeat(half))
        };
        for levels in [2, 62, 64, 66, 126, 128, 130, 500, DEPTH_MAX] {
            assert_eq!(check(nested(levels).as_bytes()), Ok(()), "{levels}");
        }
        assert_eq!(check(nested(DEPTH_MAX + 2).as_bytes()), Err(Flaw::TooDeep));
        assert_eq!(check("[".repeat(1_000_000).as_bytes()), Err(Flaw::TooDeep));
        assert_eq!(check(nested(200).replace("}]", "]}").as_bytes()), Err(Flaw::NotJson));
    }

    proptest! {
        /// Bytes that look like JSON, and often are.
        #[test]
        fn as_another_reader_has_it(text in r#"([\[\]{},:]|"[a-z\\"u0-9éd]{0,6}"|-?[0-9]{1,3}|[.eE+]|true|null| ){0,12}"#) {
            prop_assert_eq!(check(text.as_bytes()).is_ok(), oracle(text.as_bytes()));
        }

        #[test]
        fn strings_mean_what_another_reader_has(text in r#""(\\u[0-9a-fA-F]{4}|\\["\\/bfnrt]|[ -~é☃😀\x00-\x21]){0,24}""#) {
            let expected = serde_json::from_str::<String>(&text).ok();
            let mut scanner = Scanner::new(text.as_bytes()).expect("text");
            let found = scanner.string().and_then(|it| scanner.end().map(|()| it)).ok().map(|it| {
                let mut out = Vec::new();
                it.unescape(&mut out);
                String::from_utf8(out).expect("text")
            });
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            prop_assert_eq!(check(&bytes).is_ok(), oracle(&bytes));
        }
    }
}
