//! A format turned into the steps that read it backwards.
//!
//! A token ends at the literal behind it, or is measured by a length before it. What has neither,
//! so that its end could only be guessed, is refused here, before anything is read.

use crate::cli::format::{Encoding, Format, FormatError, TimeStyle, Token};

/// A format to read by.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) ops: Vec<Op>,
    /// The last literal, where it surely ends a record: no token is measured and no other literal
    /// holds it. A record without one of its other literals ends here all the same.
    pub(super) record_end: Option<Vec<u8>>,
}

/// One step; `until` is the literal that ends it.
#[derive(Debug, PartialEq)]
pub(super) enum Op {
    Literal(Vec<u8>),
    /// Bytes, whose length was read before if `measured`.
    Text {
        slot: Slot,
        encoding: Encoding,
        measured: bool,
        until: Vec<u8>,
    },
    /// The length of a slot's bytes, -1 for null.
    Length(Slot),
    Timestamp,
    /// A time as text.
    Time {
        style: TimeStyle,
        until: Vec<u8>,
    },
    Partition,
    /// A number without a use here.
    Number,
    /// Text without a use here.
    Ignore {
        until: Vec<u8>,
    },
    HeaderList {
        until: Vec<u8>,
    },
    /// Goes to `exit` where the input goes on with `stop`, else reads one header.
    GroupBegin {
        exit: usize,
        stop: Vec<u8>,
    },
    /// One header is read; goes back to its `GroupBegin`.
    GroupEnd {
        begin: usize,
    },
}

/// What bytes are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Key = 0,
    Value = 1,
    HeaderKey = 2,
    HeaderValue = 3,
}

/// How many slots there are.
pub(super) const SLOTS: usize = 4;

impl Program {
    pub(super) fn compile(format: &Format) -> Result<Self, FormatError> {
        let mut ops = Vec::new();
        compile_tokens(&format.tokens, false, &mut ops)?;
        let only_literals = ops.iter().all(|op| matches!(op, Op::Literal(_)));
        if only_literals {
            return refuse("it has no token");
        }
        match ops.last() {
            Some(Op::Literal(_) | Op::Text { measured: true, .. }) => {}
            _ => return refuse("nothing ends its last token; add a literal such as \\n"),
        }
        for (what, found) in [
            ("%k", count(&ops, |op| matches!(op, Op::Text { slot: Slot::Key, .. }))),
            ("%s", count(&ops, |op| matches!(op, Op::Text { slot: Slot::Value, .. }))),
            ("%T", count(&ops, |op| matches!(op, Op::Timestamp | Op::Time { .. }))),
            ("%p", count(&ops, |op| matches!(op, Op::Partition))),
            ("%h", count(&ops, |op| matches!(op, Op::HeaderList { .. } | Op::GroupBegin { .. }))),
        ] {
            if found > 1 {
                return refuse(&format!("{what} stands in it twice"));
            }
        }
        let record_end = record_end(&ops);
        Ok(Self { ops, record_end })
    }

    /// What a token must not run past, looking for `until`.
    pub(super) fn guard(&self, until: &[u8]) -> Option<&[u8]> {
        self.record_end.as_deref().filter(|end| *end != until)
    }
}

fn count(ops: &[Op], is: impl Fn(&Op) -> bool) -> usize {
    ops.iter().filter(|op| is(op)).count()
}

fn refuse<T>(reason: &str) -> Result<T, FormatError> {
    Err(FormatError::Backwards(reason.to_owned()))
}

/// See [`Program::record_end`].
fn record_end(ops: &[Op]) -> Option<Vec<u8>> {
    let Some((Op::Literal(end), before)) = ops.split_last() else { return None };
    let unsure = before.iter().any(|op| match op {
        Op::Length(_) => true,
        Op::Literal(literal) => memchr::memmem::find(literal, end).is_some(),
        _ => false,
    });
    (!unsure).then(|| end.clone())
}

/// Compiles the tokens of a format, or those inside `%h{…}`.
fn compile_tokens(tokens: &[Token], in_header: bool, ops: &mut Vec<Op>) -> Result<(), FormatError> {
    let (key, value) = match in_header {
        true => (Slot::HeaderKey, Slot::HeaderValue),
        false => (Slot::Key, Slot::Value),
    };
    let mut scope = Scope { key, value, measured: [false; SLOTS] };
    for (index, token) in tokens.iter().enumerate() {
        let after = &tokens[index + 1..];
        match token {
            Token::HeaderEach(inner) => compile_group(token, inner, after, ops)?,
            _ => ops.push(scope.compile(token, after)?),
        }
    }
    Ok(())
}

/// What keys and values are where tokens stand, and whether their lengths came before.
struct Scope {
    key: Slot,
    value: Slot,
    measured: [bool; SLOTS],
}

impl Scope {
    fn compile(&mut self, token: &Token, after: &[Token]) -> Result<Op, FormatError> {
        let until = || literal_after(token, after);
        Ok(match token {
            Token::Literal(bytes) => Op::Literal(bytes.clone()),
            Token::Key(encoding) => self.text(self.key, *encoding, token, after)?,
            Token::Value(encoding) => self.text(self.value, *encoding, token, after)?,
            Token::Timestamp(style @ (TimeStyle::Iso | TimeStyle::Strftime(_))) => {
                Op::Time { style: style.clone(), until: until()? }
            }
            Token::Topic => Op::Ignore { until: until()? },
            Token::HeaderList | Token::HeaderEach(_) => Op::HeaderList { until: until()? },
            _ => {
                number_ends(token, after)?;
                self.number(token, after)
            }
        })
    }

    fn text(
        &self,
        slot: Slot,
        encoding: Encoding,
        token: &Token,
        after: &[Token],
    ) -> Result<Op, FormatError> {
        let measured = self.measured[slot as usize];
        let until = if measured { Vec::new() } else { literal_after(token, after)? };
        Ok(Op::Text { slot, encoding, measured, until })
    }

    fn number(&mut self, token: &Token, after: &[Token]) -> Op {
        let measures = |is: fn(&Token) -> bool| after.iter().any(is);
        let slot = match token {
            Token::Timestamp(_) => return Op::Timestamp,
            Token::Partition => return Op::Partition,
            Token::KeyLength if measures(|token| matches!(token, Token::Key(_))) => self.key,
            Token::ValueLength if measures(|token| matches!(token, Token::Value(_))) => self.value,
            _ => return Op::Number,
        };
        self.measured[slot as usize] = true;
        Op::Length(slot)
    }
}

fn compile_group(
    token: &Token,
    inner: &[Token],
    after: &[Token],
    ops: &mut Vec<Op>,
) -> Result<(), FormatError> {
    let stop = literal_after(token, after)?;
    if let Some(Token::Literal(first)) = inner.first()
        && (first.starts_with(&stop) || stop.starts_with(first))
    {
        return refuse("a header in %h{…} begins as what follows the headers does");
    }
    let begin = ops.len();
    ops.push(Op::GroupBegin { exit: 0, stop: stop.clone() });
    compile_tokens(inner, true, ops)?;
    let body = &ops[begin + 1..];
    for (slot, name) in [(Slot::HeaderKey, "%k"), (Slot::HeaderValue, "%v")] {
        let found = count(body, |op| matches!(op, Op::Text { slot: of, .. } if *of == slot));
        if found > 1 {
            return refuse(&format!("{name} stands in %h{{…}} twice"));
        }
        if found == 0 && slot == Slot::HeaderKey {
            return refuse("%h{…} needs a %k");
        }
    }
    ops.push(Op::GroupEnd { begin });
    ops[begin] = Op::GroupBegin { exit: ops.len(), stop };
    Ok(())
}

/// The literal that ends a token.
fn literal_after(token: &Token, after: &[Token]) -> Result<Vec<u8>, FormatError> {
    match after.first() {
        Some(Token::Literal(bytes)) => Ok(bytes.clone()),
        Some(next) => refuse(&format!(
            "{} and {} touch; put a literal between them, or lengths (%K %S) before",
            name(token),
            name(next)
        )),
        None => refuse(&format!("nothing ends {}; add a literal such as \\n", name(token))),
    }
}

/// Whether digits end where they should: before a literal that is not one more digit.
fn number_ends(token: &Token, after: &[Token]) -> Result<(), FormatError> {
    match literal_after(token, after)?.first() {
        Some(b'0'..=b'9') => refuse(&format!("a digit follows {}", name(token))),
        _ => Ok(()),
    }
}

const fn name(token: &Token) -> &'static str {
    match token {
        Token::Literal(_) => "a literal",
        Token::Value(_) => "a value",
        Token::ValueLength => "the length of a value",
        Token::Key(_) => "a key",
        Token::KeyLength => "the length of a key",
        Token::HeaderList | Token::HeaderEach(_) => "%h",
        Token::Timestamp(_) => "%T",
        Token::Topic => "%t",
        Token::Partition => "%p",
        Token::Offset => "%o",
        Token::LeaderEpoch => "%e",
    }
}
