//! Rust source as plain text with the words of comments and literals blanked out, for the tests of the house's order.

use std::fs;
use std::path::{Path, PathBuf};

use super::root;

/// A file: its path from the project's root, and its text.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Every `.rs` file below these directories.
pub(crate) fn files(directories: &[&str]) -> Vec<Source> {
    let mut open: Vec<PathBuf> = directories.iter().map(|name| root().join(name)).collect();
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).expect("a directory").map(|e| e.expect("it").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(Source {
                path: relative(&path),
                text: fs::read_to_string(&path).expect("text"),
            });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned()
}

/// The text with comments, strings and characters replaced by spaces; lines stay where they are.
pub(crate) fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let length = literal(bytes, at);
        if length == 0 {
            out.push(bytes[at]);
            at += 1;
        } else {
            let blank = |byte: &u8| if *byte == b'\n' { b'\n' } else { b' ' };
            out.extend(bytes[at..at + length].iter().map(blank));
            at += length;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Bytes of the comment or literal that begins here, 0 where none does.
fn literal(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => quoted(rest, b'"'),
        [b'r', ..] | [b'b', b'r', ..] if !word => raw_string(rest),
        [b'\'', b'\\', ..] => quoted(rest, b'\''),
        [b'\'', ..] => {
            // A lifetime has no closing quote after its first character.
            let end = rest.iter().skip(2).take(4).position(|b| *b == b'\'').map_or(0, |n| n + 3);
            let one = std::str::from_utf8(&rest[..end]).is_ok_and(|s| s.chars().count() == 3);
            if one { end } else { 0 }
        }
        _ => 0,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn raw_string(rest: &[u8]) -> usize {
    let start = if rest[0] == b'b' { 2 } else { 1 };
    let hashes = rest[start..].iter().take_while(|b| **b == b'#').count();
    if rest.get(start + hashes) != Some(&b'"') {
        return 0;
    }
    let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let body = &rest[start + hashes + 1..];
    let length = body.windows(end.len()).position(|window| window == end);
    length.map_or(rest.len(), |length| start + hashes + 1 + length + end.len())
}

/// Code without its `#[cfg(test)]` items, lines kept.
pub(crate) fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(start) = out.find("#[cfg(test)]") {
        let end = item_end(&out[start..]) + start;
        let blank: String =
            out[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        out.replace_range(start..end, &blank);
    }
    out
}

/// Where the item ends that begins here: at its closing brace, or at `;` before any brace.
fn item_end(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// Where a word stands that is no part of a longer one: line numbers from 1.
pub(crate) fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let edge = |line: &str, at: usize| {
        let before = line[..at].chars().next_back().is_some_and(part);
        let after = line[at + word.len()..].chars().next().is_some_and(part);
        let begins = word.chars().next().is_some_and(part);
        let ends = word.chars().next_back().is_some_and(part);
        !(begins && before || ends && after)
    };
    let has = |line: &str| line.match_indices(word).any(|(at, _)| edge(line, at));
    code.lines().enumerate().filter(|(_, line)| has(line)).map(|(at, _)| at + 1).collect()
}
