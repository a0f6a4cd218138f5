//! Programs over records: results, bounds, mistakes, and shortcuts beside the interpreter.

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::shortcut::{Outcome, Shortcut};
use super::*;
use crate::record::{Header, Headers};

fn program(text: &str) -> Program {
    Program::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Each result as text; null apart from the text `null`.
fn results(program: &Program, given: &Given<'_>) -> Result<Vec<Option<String>>, Failure> {
    let run = |stack: &Stack| {
        let mut results = Vec::new();
        let mut evaluator = Evaluator::new(program, stack);
        let run = evaluator.results(given, |result| {
            results.push(result.map(|it| String::from_utf8_lossy(it).into_owned()));
            ControlFlow::Continue(())
        });
        run.map(|()| results)
    };
    Stack::run(run).expect("a thread")
}

fn of_value(value: &[u8]) -> Given<'_> {
    Given { value: Some(value), ..Given::default() }
}

fn run(text: &str, value: &str) -> Result<Vec<Option<String>>, Failure> {
    results(&program(text), &of_value(value.as_bytes()))
}

fn holds(program: &Program, value: &[u8]) -> Result<bool, Failure> {
    let run = |stack: &Stack| Evaluator::new(program, stack).holds(&of_value(value));
    Stack::run(run).expect("a thread")
}

#[test]
fn what_programs_give() {
    for (text, value, expected) in [
        (".", r#"{"a" : 1}"#, &[Some(r#"{"a" : 1}"#)][..]),
        (".", "no JSON", &[Some("no JSON")]),
        (".a", r#"{"a":"text"}"#, &[Some("text")]),
        (".a", r#"{"a":{"b": 1.10}}"#, &[Some(r#"{"b":1.10}"#)]),
        (".a", "{}", &[None]),
        (".a", r#"{"a":"null"}"#, &[Some("null")]),
        (".[]", "[1,null,\"x\"]", &[Some("1"), None, Some("x")]),
        ("empty", "1", &[]),
        ("{a, b: .c}", r#"{"c":[1], "a":null}"#, &[Some(r#"{"a":null,"b":[1]}"#)]),
        // Equal to the value: its bytes pass unchanged.
        ("{b: 1, a}", r#"{ "a": 1.0, "b":1 }"#, &[Some(r#"{ "a": 1.0, "b":1 }"#)]),
        ("{a, b}", r#"{"a":1,"b":2,"a":1}"#, &[Some(r#"{"a":1,"b":2,"a":1}"#)]),
        ("{a}", r#"{"a":1,"b":2}"#, &[Some(r#"{"a":1}"#)]),
        ("{a}", r#"{"a":1,"\u0061":2}"#, &[Some(r#"{"a":1,"\u0061":2}"#)]),
        ("{a: .a}", r#"{ "a": 1.0 }"#, &[Some(r#"{ "a": 1.0 }"#)]),
        ("ascii_upcase", "log line", &[Some("LOG LINE")]),
        ("capture(\"(?<n>[0-9]+)\").n | tonumber + 1", "id 41", &[Some("42")]),
        ("@base64d", "aGVsbG8=", &[Some("hello")]),
        ("fromjson.x", r#""{\"x\":7}""#, &[Some("7")]),
        (
            "[range(3)], [range(0;10;4)], [range(3;0;-1)]",
            "0",
            &[Some("[0,1,2]"), Some("[0,4,8]"), Some("[3,2,1]")],
        ),
        ("[limit(3; repeat(.))]", "1", &[Some("[1,1,1]")]),
        ("def f: if . > 9999 then . else . + 1 | f end; f", "0", &[Some("10000")]),
        ("tojson", r#"{"a":[1,2.50]}"#, &[Some(r#"{"a":[1,2.50]}"#)]),
    ] {
        let expected: Vec<_> = expected.iter().map(|it| it.map(str::to_owned)).collect();
        assert_eq!(run(text, value), Ok(expected), "{text} of {value}");
    }
    assert_eq!(results(&program(". == null"), &Given::default()), Ok(vec![Some("true".into())]));
    assert_eq!(results(&program("."), &Given::default()), Ok(vec![None]));
}

#[test]
fn what_is_bound() {
    let list = [
        Header { key: b"h", value: Some(b"1") },
        Header { key: b"h", value: Some(b"\xff2") },
        Header { key: b"n", value: None },
    ];
    let given = Given {
        topic: Some("orders"),
        partition: Some(3),
        offset: Some(1 << 60),
        timestamp: Some(-1),
        key: Some(b"42"),
        value: Some(b"{}"),
        headers: Headers::List(&list),
    };
    let text = "[$topic, $partition, $offset, $ts, $key, $headers.n, ($headers | has(\"n\"))]";
    let expected = r#"["orders",3,1152921504606846976,-1,"42",null,true]"#;
    assert_eq!(results(&program(text), &given), Ok(vec![Some(expected.into())]));
    assert_eq!(results(&program("$headers.h"), &given), Ok(vec![Some("\u{fffd}2".into())]));
    let unknown = results(&program("$key, $topic, $offset, $headers"), &Given::default());
    assert_eq!(unknown, Ok(vec![None, None, None, Some("{}".into())]));
    let forms = |key, value| {
        let text = "[($key | type), type]";
        let program = program(text);
        let given = Given { value: Some(b"7"), ..given };
        let one = |stack: &Stack| {
            let mut out = Vec::new();
            let mut evaluator = Evaluator::new(&program, stack).with_forms(key, value);
            evaluator.one(&given, &mut out).map(|it| it.map(<[u8]>::to_vec))
        };
        let one = Stack::run(one).expect("a thread").expect("one result");
        String::from_utf8(one.expect("no null")).expect("text")
    };
    assert_eq!(forms(Form::String, Form::Json), r#"["string","number"]"#);
    assert_eq!(forms(Form::Json, Form::String), r#"["number","string"]"#);
}

#[test]
fn one_result() {
    let one = |text: &str| {
        let program = program(text);
        let run = |stack: &Stack| {
            let mut out = b"left over".to_vec();
            let given = of_value(b"[1,2]");
            Evaluator::new(&program, stack).one(&given, &mut out).map(|it| it.map(<[u8]>::to_vec))
        };
        Stack::run(run).expect("a thread")
    };
    assert_eq!(one(".[0]"), Ok(Some(b"1".to_vec())));
    assert_eq!(one("null"), Ok(None));
    assert_eq!(one("empty"), Err(Failure::NoResult));
    assert_eq!(one(".[]"), Err(Failure::SeveralResults));
    assert_eq!(one("1, (2|error)"), Err(Failure::Program("2".into())));
}

#[test]
fn what_holds() {
    for (text, value, expected) in [
        (".a", r#"{"a":0}"#, true),
        (".a", r#"{"a":false}"#, false),
        (".a", "{}", false),
        ("empty", "1", false),
        (".[]", "[false,null,1]", true),
        (".[]", "[false,null]", false),
        ("true, error", "1", true),
        ("select(.a == 1)", r#"{"a":1}"#, true),
        ("select(.a == null)", "null", false),
        ("select(.a > 1) | .b", r#"{"a":2,"b":false}"#, false),
        ("select(.a == 1) | {b, c: .d}", r#"{"a":1}"#, true),
        (".level == \"error\" and .n >= 3", r#"{"level":"error","n":3}"#, true),
    ] {
        assert_eq!(holds(&program(text), value.as_bytes()), Ok(expected), "{text} of {value}");
    }
    assert!(holds(&program("select(.a == 1) | {b: .b.c}"), br#"{"a":1,"b":2}"#).is_err());
    let failed = holds(&program(".a == 1"), b"[]").expect_err("no object");
    assert!(failed.to_string().starts_with("cannot index [] with"), "{failed}");
}

#[test]
fn what_would_not_end_is_stopped() {
    for (text, expected) in [
        ("def f: f; f", Failure::Steps),
        ("[range(1e9)]", Failure::Steps),
        ("[range(0;1;0)]", Failure::Steps),
        ("last(range(1e12))", Failure::Steps),
        ("[repeat(1)]", Failure::Steps),
        ("until(false; .)", Failure::Steps),
        ("def f: 1 + f; f", Failure::Depth),
        ("def f: [f]; f", Failure::Depth),
        ("def f: 1, (f | .); last(f)", Failure::Steps),
        ("def f: (f | .), 1; f", Failure::Depth),
        ("reduce range(20000) as $i (0; [.])", Failure::ResultDepth),
    ] {
        assert_eq!(run(text, "0"), Err(expected), "{text}");
    }
    // As deep as steps allow, and then printed, compared and dropped.
    for text in ["tojson", ". == (. | [.])", "error"] {
        let (open, close) = ("[".repeat(100), "]".repeat(100));
        let text = format!("reduce range(3700) as $i (0; {open}.{close}) | {text} | 1");
        match run(&text, "0") {
            Ok(results) => assert_eq!(results.len(), 1, "{text}"),
            Err(Failure::Program(_) | Failure::Steps) => {}
            Err(other) => panic!("{text}: {other}"),
        }
    }
    // What a stopped program leaves is good for the next record.
    let program = program("if . == 0 then def f: f; f else . + 1 end");
    assert_eq!(results(&program, &of_value(b"0")), Err(Failure::Steps));
    assert_eq!(results(&program, &of_value(b"1")), Ok(vec![Some("2".into())]));
}

#[test]
fn deep_records() {
    let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
    assert_eq!(run("length", &nested(10_000)), Ok(vec![Some("1".into())]));
    let failed = run("length", &nested(10_001)).expect_err("too deep");
    assert_eq!(failed.to_string(), "JSON nested deeper than 10000 levels");
    assert!(run("length", &nested(100_000)).is_err());
    // Nothing closes these: they are no JSON, but nobody looks that far.
    assert!(run("length", &"[".repeat(100_000)).is_err());
    let quoted = format!("\"{}\"", nested(20_000));
    let failed = run("fromjson", &quoted).expect_err("too deep");
    assert!(failed.to_string().contains("nested deeper"), "{failed}");
}

#[test]
fn failures_are_told_in_a_line_of_bounded_length() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(100_000));
    let failed = run(".a.b", &long).expect_err("no index").to_string();
    assert!(failed.len() < 200 && failed.starts_with("cannot index \"xxx"), "{failed}");
    assert_eq!(run("error(\"no\")", "1"), Err(Failure::Program("no".into())));
    assert_eq!(run("error({a:1})", "1"), Err(Failure::Program("{\"a\":1}".into())));
}

#[test]
fn mistakes_point_at_the_place() {
    let mistake = |text: &str| match Program::new(text) {
        Err(CompileError::Mistake(mistake)) => mistake,
        other => panic!("{text}: {other:?}"),
    };
    for (text, message, line, column) in [
        ("", "expected a term, found the end", 1, 1),
        (".a |", "expected a term, found the end", 1, 5),
        (".a == \"x", "there is no closing quote to this", 1, 7),
        ("select(.a", "there is no closing parenthesis to this", 1, 7),
        (".a\n| selct(.b)", "there is no function selct/1", 2, 3),
        (".a == $val", "there is no variable $val", 1, 7),
        ("\"é\" | foo", "there is no function foo/0", 1, 7),
        (".a & .b", "unexpected", 1, 4),
        ("if . then 1", "expected an else or end, found the end", 1, 12),
        (".a)", "unexpected", 1, 3),
        ("now", "now is left out: what a program gives depends on the record alone", 1, 1),
        ("$ENV.HOME", "$ENV is left out: what a program gives depends on the record alone", 1, 1),
        (". | input", "input is left out: what a program gives depends on the record alone", 1, 5),
        ("include \"x\"; .", "there are no modules to load", 1, 10),
    ] {
        let found = mistake(text);
        assert_eq!((&*found.message, found.line, found.column), (message, line, column), "{text}");
    }
    assert_eq!(mistake("1 |\n.a | selct(.b) | 2").picture(), [".a | selct(.b) | 2", "     ^^^^^"]);
    let long = format!("{}| foo", ".a ".repeat(100));
    let [line, mark] = mistake(&long).picture();
    assert_eq!((line.chars().count() <= 72, mark.chars().count() <= 72), (true, true));
    for name in ["input", "inputs", "debug", "halt", "halt_error", "env", "localtime", "stderr"] {
        assert!(mistake(name).message.contains("left out"), "{name}");
    }
}

#[test]
fn hostile_programs_are_refused_or_run() {
    let deep = |open: &str, close: &str| {
        let levels = (16 << 10) / (open.len() + close.len()) - 1;
        format!("{}1{}", open.repeat(levels), close.repeat(levels))
    };
    for text in [
        deep("(", ")"),
        deep("[", "]"),
        deep("-", ""),
        deep("{a:", "}"),
        deep("1|", ""),
        deep("try ", ""),
        deep("\"\\(", ")\""),
        deep("if 1 then ", " end"),
        deep("def f: ", "; f"),
        deep(". as $x|", ""),
        deep(".a", ""),
        deep("1,", ""),
        deep(".[", "]"),
        deep("reduce 1 as $x(0;", ")"),
    ] {
        // It must end, and not the process.
        if let Ok(program) = Program::new(&text) {
            let _ = results(&program, &of_value(b"0"));
        }
    }
    assert!(Program::new(&" ".repeat((16 << 10) + 1)).is_err());
}

#[test]
fn which_programs_have_a_shortcut() {
    let of = |text: &str| program(text).shortcut;
    let result = |text: &str| of(text).result;
    assert_eq!(result(" . "), Outcome::Value);
    assert_eq!(result(".a.b"), Outcome::Path(vec!["a".into(), "b".into()]));
    assert_eq!(result(".\"a\\n\""), Outcome::Path(vec!["a\n".into()]));
    assert!(
        matches!(result("{a, \"b\\n\": .c.d}"), Outcome::Object(members) if members.len() == 2)
    );
    assert!(matches!(result(".a == 1"), Outcome::Truth(_)));
    assert!(matches!(result(".a == 1 and .b.c != \"x\" or .d < -2.5"), Outcome::Truth(_)));
    for (text, expected) in [
        ("select(.a == null)", Outcome::Value),
        ("select(.a == true) | .", Outcome::Value),
        ("select(.a == true) | .b", Outcome::Path(vec!["b".into()])),
        ("select(.a == true) | {a} | .a", Outcome::Unknown),
        ("select(.a == true) | .b | .c", Outcome::Unknown),
        ("select(.a == true) | keys", Outcome::Unknown),
    ] {
        let shortcut = of(text);
        assert!(shortcut.selects.is_some(), "{text}");
        assert_eq!(shortcut.result, expected, "{text}");
    }
    for text in [
        ".a?",
        ".[0]",
        ".a[]",
        ".a == .b",
        ".a | .b",
        "1 == .a",
        "not",
        ".a == 12345678901234567890",
        "def select(f): 1; select(.a == 1)",
        "def f: 1; .a == 1",
        "select(.a == 1), 2",
        ".a == \"\\(1)\"",
        "select(.a)",
        "{a: 1}",
        "{a, a: .b}",
        "{}",
        "{(.a): .b}",
    ] {
        assert_eq!(of(text), Shortcut::default(), "{text}");
    }
}

/// Values that are objects or nearly so, with few names, so that paths meet them.
fn values() -> impl Strategy<Value = Vec<u8>> {
    let scalar = prop_oneof![
        "-?(0|[1-9][0-9]{0,2})(\\.[0-9]{1,2})?([eE][+-]?[0-9])?",
        "\"[ab\u{e9}]{0,2}\"",
        r#""(\\u006[1-3]|\\n|a)""#,
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("-0".to_owned()),
        Just("-0.0".to_owned()),
        Just("12345678901234567890".to_owned()),
        Just("9007199254740993".to_owned()),
        Just("0.1".to_owned()),
        Just("[1]".to_owned()),
        Just("nul".to_owned()),
    ];
    let json = scalar.prop_recursive(3, 12, 4, |inner| {
        let key = prop_oneof![Just("a"), Just("b"), Just("c"), Just("\\u0061"), Just("")];
        let space = prop_oneof![Just(""), Just(" ")];
        let member = (key, space.clone(), inner);
        (prop::collection::vec(member, 0..5), space).prop_map(|(members, space)| {
            let members: Vec<_> = members
                .into_iter()
                .map(|(key, space, value)| format!("\"{key}\":{space}{value}"))
                .collect();
            format!("{{{}{space}}}", members.join(","))
        })
    });
    let tail = prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("}"), 1 => Just("x")];
    (json, tail).prop_map(|(json, tail)| (json + tail).into_bytes())
}

/// Programs that have a shortcut.
fn programs() -> impl Strategy<Value = String> {
    let path = prop_oneof![
        Just(".a"),
        Just(".b"),
        Just(".a.b"),
        Just(".a.b.c"),
        Just(".\"\""),
        Just(".\"a\""),
    ];
    let literal = prop_oneof![
        Just("null"),
        Just("true"),
        Just("false"),
        Just("0"),
        Just("1"),
        Just("-1"),
        Just("0.1"),
        Just("1e1"),
        Just("\"\""),
        Just("\"a\""),
        Just("\"\\u0061\""),
        Just("\"\u{e9}\""),
        Just("9007199254740993"),
    ];
    let operator =
        prop_oneof![Just("=="), Just("!="), Just("<"), Just("<="), Just(">"), Just(">=")];
    let compare = (path.clone(), operator, literal)
        .prop_map(|(path, operator, literal)| format!("{path} {operator} {literal}"));
    let condition = prop_oneof![
        compare.clone(),
        (compare.clone(), prop_oneof![Just("and"), Just("or")], compare)
            .prop_map(|(left, both, right)| format!("{left} {both} {right}")),
    ];
    prop_oneof![
        path.prop_map(str::to_owned),
        condition.clone(),
        condition.clone().prop_map(|it| format!("select({it})")),
        condition.clone().prop_map(|it| format!("select({it}) | .a, .b")),
        condition.clone().prop_map(|it| format!("select({it}) | .a.b")),
        condition.clone().prop_map(|it| format!("select({it}) | {{a, \"\": .b.c}}")),
        Just("{a}".to_owned()),
        Just("{a, b}".to_owned()),
        condition.prop_map(|it| format!("{{a, b: .b}}, {{a, c: ({it})}}, (.a | {it}), {{}}")),
        Just("{a, b: 1, c: .c}, {\"\": .\"\"}, {a: null}".to_owned()),
        Just(".".to_owned()),
    ]
}

proptest! {
    // A program is compiled for each; `PROPTEST_CASES` makes it long.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    /// A shortcut gives what the interpreter gives, or leaves it to it.
    #[test]
    fn shortcuts_give_what_the_interpreter_gives(
        text in programs(),
        values in prop::collection::vec(values(), 16),
    ) {
        let quick = program(&text);
        let mut slow = program(&text);
        (slow.shortcut, slow.members) = (Shortcut::default(), None);
        let run = |stack: &Stack| {
            for value in &values {
                let given = of_value(value);
                let both = [&quick, &slow].map(|program| {
                    let mut results = Vec::new();
                    let mut evaluator = Evaluator::new(program, stack);
                    let run = evaluator.results(&given, |it| {
                        results.push(it.map(<[u8]>::to_vec));
                        ControlFlow::Continue(())
                    });
                    (run, results, evaluator.holds(&given))
                });
                if both[0] != both[1] {
                    return Err(format!("{}: {both:?}", String::from_utf8_lossy(value)));
                }
            }
            Ok(())
        };
        let compared = Stack::run(run).expect("a thread");
        prop_assert!(compared.is_ok(), "{}: {:?}", text, compared);
    }

    #[test]
    fn any_program_compiles_or_is_refused(text in "[.a-c\"\\\\()|,$ 0-9\\[\\]{}:;=<>+é\n]{0,24}") {
        if let Err(CompileError::Mistake(mistake)) = Program::new(&text) {
            let lines = text.matches('\n').count() + 1;
            prop_assert!((1..=lines).contains(&mistake.line), "{:?}: {:?}", text, mistake);
            prop_assert!(mistake.picture()[1].contains('^'));
        }
    }
}
