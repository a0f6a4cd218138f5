//! Which members of the value a program looks at. Where that can be told from the program, only those
//! are made values of; the rest of the record is checked to be JSON and left.
//!
//! It can be told where each use of the value is a plain `.name`: in `select(.level == "error") |
//! {user, app}` and `.user as $u | [.items[] | .n + $u]`, not in `map(.+1)`, `keys` or `.`.

use std::collections::BTreeSet;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Pattern, Term};
use jaq_core::path::{Part, Path};

type Names = BTreeSet<String>;

/// The members that a program looks at, of a value that is an object; `None` where it may look at
/// any.
pub(super) fn members(program: &str) -> Option<Names> {
    let term = jaq_core::load::parse(program, |parser| parser.term())?;
    let mut names = Names::new();
    looks_at(&term, &mut names)?;
    Some(names)
}

/// Adds what a term looks at whose input is the value.
fn looks_at(term: &Term<&str>, names: &mut Names) -> Option<()> {
    let mut all = |terms: &[&Term<&str>]| terms.iter().try_for_each(|it| looks_at(it, names));
    match term {
        Term::Num(_) | Term::Var(_) | Term::Break(_) | Term::Arr(None) => Some(()),
        Term::Str(_, parts) => {
            let parts: Vec<_> = parts.iter().filter_map(interpolated).collect();
            all(&parts)
        }
        Term::Arr(Some(inner)) | Term::Neg(inner) | Term::Label(_, inner) => all(&[inner]),
        Term::Obj(entries) => entries.iter().try_for_each(|(key, value)| entry(key, value, names)),
        Term::BinOp(left, operator, right) => match operator {
            // What is behind has its results for input, unless they are the value again.
            BinaryOp::Pipe(None) => match selected(left) {
                Some(condition) => all(&[condition, right]),
                None => all(&[left]),
            },
            BinaryOp::Pipe(Some(Pattern::Var(_)))
            | BinaryOp::Comma
            | BinaryOp::Alt
            | BinaryOp::Or
            | BinaryOp::And
            | BinaryOp::Math(_)
            | BinaryOp::Cmp(_) => all(&[left, right]),
            _ => None,
        },
        Term::IfThenElse(branches, Some(otherwise)) => {
            let branches = branches.iter().flat_map(|(condition, then)| [condition, then]);
            let mut terms: Vec<_> = branches.collect();
            terms.push(otherwise);
            all(&terms)
        }
        Term::TryCatch(tried, _) => all(&[tried]),
        // What is done for each has another input.
        Term::Fold(_, over, Pattern::Var(_), arguments) => all(&[over, arguments.first()?]),
        Term::Call(name, arguments) => match (*name, &arguments[..]) {
            ("true" | "false" | "null" | "empty", []) => Some(()),
            ("any" | "all", [generator, _]) => all(&[generator]),
            ("first" | "last" | "isempty" | "error", [only]) => all(&[only]),
            _ => None,
        },
        Term::Path(of, Path(parts)) => {
            let mut parts = parts.iter().map(|(part, _)| part);
            if matches!(**of, Term::Id) {
                let Part::Index(Term::Str(None, name)) = parts.next()? else { return None };
                names.insert(plain(name)?);
            } else {
                looks_at(of, names)?;
            }
            parts.try_for_each(|part| match part {
                Part::Index(index) => looks_at(index, names),
                Part::Range(from, to) => {
                    [from, to].into_iter().flatten().try_for_each(|it| looks_at(it, names))
                }
            })
        }
        _ => None,
    }
}

/// `{name}`, `{name: term}`, `{(term): term}`.
fn entry(key: &Term<&str>, value: &Option<Term<&str>>, names: &mut Names) -> Option<()> {
    match (key, value) {
        (Term::Var(_), None) => Some(()),
        (Term::Str(None, name), None) => {
            names.insert(plain(name)?);
            Some(())
        }
        (_, None) => None,
        (key, Some(value)) => {
            looks_at(key, names)?;
            looks_at(value, names)
        }
    }
}

/// What `select(…)` selects by.
pub(super) fn selected<'t, 's>(term: &'t Term<&'s str>) -> Option<&'t Term<&'s str>> {
    match term {
        Term::Call("select", arguments) => match &arguments[..] {
            [condition] => Some(condition),
            _ => None,
        },
        _ => None,
    }
}

fn interpolated<'t, 's>(part: &'t StrPart<&'s str, Term<&'s str>>) -> Option<&'t Term<&'s str>> {
    match part {
        StrPart::Term(term) => Some(term),
        _ => None,
    }
}

/// A string without anything to calculate in it.
pub(super) fn plain(parts: &[StrPart<&str, Term<&str>>]) -> Option<String> {
    let mut text = String::new();
    for part in parts {
        match part {
            StrPart::Str(part) => text.push_str(part),
            StrPart::Char(character) => text.push(*character),
            StrPart::Term(_) => return None,
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_look_at() {
        for (program, expected) in [
            (".a", "a"),
            (".a.b[0], .c?[1:2]", "a c"),
            ("{a, b: .c.d, \"e\": 1, (.f): 2, $key}", "a c f"),
            ("select(.level == \"error\") | {user, app}", "app level user"),
            (".a | keys | map(. + 1)", "a"),
            ("[.a[] | select(.x > 1) | .y]", "a"),
            ("if .a then .b elif .c then .d else empty end", "a b c d"),
            ("\"\\(.a) and \\(.b | ascii_upcase)\"", "a b"),
            ("reduce .a[] as $x (.b; . + $x.c)", "a b"),
            (".a as $x | .b + $x - -.c // 1", "a b c"),
            ("try .a.b catch .", "a"),
            ("any(.a[]; . == 1) and .b", "a b"),
            (".a[.b]", "a b"),
            ("$key, 1, \"x\", null", ""),
        ] {
            let names = members(program).map(|names| Vec::from_iter(names).join(" "));
            assert_eq!(names.as_deref(), Some(expected), "{program}");
        }
        for program in [
            ".",
            "..",
            ".[]",
            ".[0]",
            "keys",
            "map(.a)",
            ".a = 1",
            ".a |= 2",
            "del(.a)",
            "[.]",
            "select(.a)",
            "select(.a == 1), .b",
            ".[.a]",
            "def f: .a; f",
            ". as $x | $x.a",
            "if .a then .b end",
            "{(.|tojson): 1}",
            "recurse(.a)",
            "with_entries(.)",
            ". as {a: $b} | $b",
            "reduce .a[] as [$x] (0; .)",
        ] {
            assert_eq!(members(program), None, "{program}");
        }
    }
}
