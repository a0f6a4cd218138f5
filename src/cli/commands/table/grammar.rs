//! The small grammars of `table create`: aggregates, windows, when changes come out.

use crate::cli::job::milliseconds;
use crate::job::{Aggregate, Emit, Function, WindowKind};

/// An aggregate, as clap keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AggregateArg(pub(super) Aggregate);

/// A window, as clap keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WindowArg(pub(super) WindowKind);

/// When changes come out, as clap keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EmitArg(pub(super) Emit);

const AGGREGATES: &str = "it is count, sum(JQ), min(JQ), max(JQ), avg(JQ), first(JQ), last(JQ), collect(JQ) or \
                          reduce(INIT; UPDATE), with NAME= before it where it is to have a name";

/// Reads `[NAME=]FUNCTION`.
pub(super) fn parse_aggregate(text: &str) -> Result<AggregateArg, String> {
    // A program may hold any sign: a name stands before the first parenthesis.
    let head = text.split_once('(').map_or(text, |(head, _)| head);
    let (name, function) = match head.split_once('=') {
        Some((name, _)) if name.trim().is_empty() => return Err(AGGREGATES.to_owned()),
        Some((name, _)) => (name.trim(), &text[name.len() + 1..]),
        None => ("", text),
    };
    let function = function.trim();
    let (word, program) = match function.split_once('(') {
        None => (function, None),
        Some((word, rest)) => (word.trim(), Some(rest.strip_suffix(')').ok_or(AGGREGATES)?.trim())),
    };
    let of = |make: fn(String) -> Function| {
        let program = program.filter(|program| !program.is_empty());
        program.map(|program| make(program.to_owned())).ok_or(AGGREGATES)
    };
    let function = match word {
        "count" if program.is_none_or(str::is_empty) => Function::Count,
        "sum" => of(Function::Sum)?,
        "min" => of(Function::Min)?,
        "max" => of(Function::Max)?,
        "avg" => of(Function::Avg)?,
        "first" => of(Function::First)?,
        "last" => of(Function::Last)?,
        "collect" => of(Function::Collect)?,
        "reduce" => {
            let (init, update) = program.and_then(split_programs).ok_or(AGGREGATES)?;
            Function::Reduce { init: init.to_owned(), update: update.to_owned() }
        }
        _ => return Err(AGGREGATES.to_owned()),
    };
    let name = if name.is_empty() { word } else { name };
    Ok(AggregateArg(Aggregate { name: name.to_owned(), function }))
}

/// Two programs, parted by a semicolon that is in no string and no brackets.
fn split_programs(text: &str) -> Option<(&str, &str)> {
    let (mut depth, mut in_string, mut is_escaped) = (0_i64, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b';' if depth == 0 => {
                let (init, update) = (text[..at].trim(), text[at + 1..].trim());
                return (!init.is_empty() && !update.is_empty()).then_some((init, update));
            }
            _ => {}
        }
    }
    None
}

/// Reads `KIND=DURATION`, and of hopping ones `=SIZE/ADVANCE`.
pub(super) fn parse_window(text: &str) -> Result<WindowArg, String> {
    let wrong = || {
        "it is tumbling=SIZE, hopping=SIZE/ADVANCE, sliding=DIFFERENCE or session=GAP".to_owned()
    };
    let (kind, span) = text.split_once('=').ok_or_else(wrong)?;
    Ok(WindowArg(match kind {
        "tumbling" => WindowKind::Tumbling { size_ms: milliseconds(span)? },
        "hopping" => {
            let (size, advance) = span.split_once('/').ok_or_else(wrong)?;
            let (size_ms, advance_ms) = (milliseconds(size)?, milliseconds(advance)?);
            WindowKind::Hopping { size_ms, advance_ms }
        }
        "sliding" => WindowKind::Sliding { difference_ms: milliseconds(span)? },
        "session" => WindowKind::Session { gap_ms: milliseconds(span)? },
        _ => return Err(wrong()),
    }))
}

/// Reads `change`, `final` or `every=DURATION`.
pub(super) fn parse_emit(text: &str) -> Result<EmitArg, String> {
    match text {
        "change" => Ok(EmitArg(Emit::Change)),
        "final" => Ok(EmitArg(Emit::Final)),
        _ => match text.strip_prefix("every=").map(milliseconds).transpose()? {
            Some(every) => Ok(EmitArg(Emit::Every(every.unsigned_abs()))),
            None => Err("it is change, final or every=DURATION".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aggregates() {
        let text = |text: &str| text.to_owned();
        for (typed, name, function) in [
            ("count", "count", Function::Count),
            ("n = count()", "n", Function::Count),
            ("sum(.a)", "sum", Function::Sum(text(".a"))),
            ("total=sum(.a == 1)", "total", Function::Sum(text(".a == 1"))),
            (
                "max(if .a == (1) then 2 else 3 end)",
                "max",
                Function::Max(text("if .a == (1) then 2 else 3 end")),
            ),
            (
                "x=reduce({a: \";\"}; f(1; 2))",
                "x",
                Function::Reduce { init: text("{a: \";\"}"), update: text("f(1; 2)") },
            ),
        ] {
            let expected = Aggregate { name: text(name), function };
            assert_eq!(parse_aggregate(typed), Ok(AggregateArg(expected)), "{typed}");
        }
        for bad in
            ["", "sum", "sum()", "count(.a)", "median(.a)", "reduce(0)", "reduce(; .)", "sum(.a"]
        {
            assert!(parse_aggregate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn windows() {
        let hopping = WindowKind::Hopping { size_ms: 300_000, advance_ms: 60_000 };
        assert_eq!(parse_window("hopping=5m/1m"), Ok(WindowArg(hopping)));
        assert_eq!(
            parse_window("session=1m30s"),
            Ok(WindowArg(WindowKind::Session { gap_ms: 90_000 }))
        );
        for bad in ["", "tumbling", "tumbling=", "hopping=5m", "round=5m", "sliding=x"] {
            assert!(parse_window(bad).is_err(), "{bad}");
        }
    }
}
