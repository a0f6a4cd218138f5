//! Each function over lists of values: what comes out, what taking a value out leaves, what two sessions make.

use super::*;
use crate::filter::Stack;
use crate::job::Serdes;
use crate::job::definition::Function;

fn setting() -> Setting<'static> {
    Setting { sides: &[], serdes: Serdes::default() }
}

fn named(function: Function) -> Aggregate {
    Aggregate { name: "it".to_owned(), function }
}

fn record(value: &str) -> Record<'_> {
    Record { key: Some(b"k"), value: Some(value.as_bytes()), timestamp: 7, ..Record::default() }
}

fn seen(aggregates: &[Aggregate], aggregate: Option<&[u8]>) -> String {
    let value = aggregate_value(aggregates, setting()).expect("compiles");
    let mut out = Value::default();
    value(&Record { value: aggregate, ..Record::default() }, &mut out).expect("is read");
    out.get().map_or("gone".to_owned(), |text| String::from_utf8_lossy(text).into_owned())
}

fn added(aggregator: &dyn Aggregator, values: &[&str]) -> stream::Result<Value> {
    let (mut old, mut new) = (Value::default(), Value::default());
    for value in values {
        aggregator.add(&record(value), old.get(), &mut new)?;
        std::mem::swap(&mut old, &mut new);
    }
    Ok(old)
}

#[test]
fn what_comes_of_values() {
    let text = |text: &str| text.to_owned();
    let cases: Vec<(Function, &[&str], &str)> = vec![
        (Function::Count, &["1", "null", "no JSON"], "3"),
        (Function::Sum(text(".")), &["1", "2", "-5"], "-2"),
        (Function::Sum(text(".n")), &[r#"{"n":1}"#, r#"{"n":null}"#, "{}", r#"{"n":2.5}"#], "3.5"),
        (Function::Sum(text(".")), &["9223372036854775807", "1"], "9.223372036854776e+18"),
        (Function::Sum(text(".")), &["0.1", "0.2"], "0.30000000000000004"),
        (Function::Sum(text(".")), &["null"], "null"),
        (Function::Avg(text(".")), &["1", "2", "null"], "1.5"),
        (Function::Avg(text(".")), &["2", "4"], "3"),
        (Function::Avg(text(".")), &["null"], "null"),
        (Function::Min(text(".")), &["10", "9", "\"a\"", "null"], "9"),
        (Function::Max(text(".")), &["10", "9", "\"a\""], "a"),
        (Function::Max(text(".")), &["10", "9.5", "null"], "10"),
        (Function::First(text(".")), &["null", "1", "2"], "1"),
        (Function::Last(text(".")), &["1", "[2]", "null"], "[2]"),
        (Function::First(text(".")), &["text"], "text"),
        (
            Function::Collect(text(".")),
            &["1", "\"a b\"", "null", "x\ny"],
            r#"[1,"a b",null,"x\ny"]"#,
        ),
        (Function::Collect(text(".[]")), &["[1]"], "[1]"),
        (
            Function::Reduce { init: text("[]"), update: text(". + [$value.n]") },
            &[r#"{"n":1}"#, r#"{"n":"x"}"#],
            r#"[1,"x"]"#,
        ),
        (Function::Reduce { init: text("0"), update: text(". + $value") }, &["3", "4"], "7"),
        (Function::Reduce { init: text("1"), update: text("null") }, &["3"], "gone"),
    ];
    Stack::run(|_| {
        for (function, values, expected) in cases {
            let aggregates = [named(function)];
            let aggregator = aggregator(&aggregates, setting()).expect("compiles");
            let made = added(&*aggregator, values).expect("are added");
            assert_eq!(seen(&aggregates, made.get()), expected, "{:?} {values:?}", aggregates[0]);
        }
    })
    .expect("a thread");
}

#[test]
fn what_is_no_number_fails_before_anything_changes() {
    Stack::run(|_| {
        let aggregator = aggregator(&[named(Function::Sum(".".to_owned()))], setting());
        let failed = added(&*aggregator.expect("compiles"), &["1", "[]"]).expect_err("is none");
        assert!(failed.to_string().contains("--agg: \"[]\" is no number"), "{failed}");
        let mistake = Slot::new(&Function::Sum(".x =".to_owned()), setting()).err();
        assert_eq!(mistake.expect("no program").flag, "--agg");
    })
    .expect("a thread");
}

#[test]
fn what_is_taken_out_was_never_there() {
    let functions = [
        Function::Count,
        Function::Sum(".".to_owned()),
        Function::Avg(".".to_owned()),
        Function::Collect(".".to_owned()),
    ];
    Stack::run(|_| {
        let aggregates: Vec<_> = functions.into_iter().map(named).collect();
        let aggregator = aggregator(&aggregates, setting()).expect("compiles");
        let values = ["1", "5", "-7", "1", "null", "12"];
        for left_out in values {
            let all = added(&*aggregator, &values).expect("are added");
            let mut without = Value::default();
            let record = record(left_out);
            let all = all.get().expect("an aggregate");
            aggregator.subtract(&record, all, &mut without).expect("is taken out");
            let place = values.iter().position(|it| *it == left_out).expect("is there");
            let others: Vec<_> = [&values[..place], &values[place + 1..]].concat();
            let expected = added(&*aggregator, &others).expect("are added");
            assert_eq!(seen(&aggregates, without.get()), seen(&aggregates, expected.get()));
        }
        for function in [Function::Min(".".to_owned()), Function::Last(".".to_owned())] {
            let aggregator = super::aggregator(&[named(function)], setting()).expect("compiles");
            let one = added(&*aggregator, &["1"]).expect("is added");
            let one = one.get().expect("an aggregate");
            assert!(aggregator.subtract(&record("1"), one, &mut Value::default()).is_err());
        }
    })
    .expect("a thread");
}

#[test]
fn two_sessions_are_as_one_was() {
    let dot = || ".".to_owned();
    let functions = [
        Function::Count,
        Function::Sum(dot()),
        Function::Avg(dot()),
        Function::Min(dot()),
        Function::Max(dot()),
        Function::First(dot()),
        Function::Last(dot()),
        Function::Collect(dot()),
    ];
    Stack::run(|_| {
        let aggregates: Vec<_> = functions.into_iter().map(named).collect();
        let aggregator = aggregator(&aggregates, setting()).expect("compiles");
        let values = ["null", "3", "null", "2", "9", "null"];
        for cut in 1..values.len() {
            let (earlier, later) = values.split_at(cut);
            let [earlier, later, whole] =
                [earlier, later, &values].map(|part| added(&*aggregator, part).expect("are added"));
            let bytes = |value: &Value| value.get().expect("an aggregate").to_vec();
            let mut merged = Value::default();
            aggregator.merge(&bytes(&earlier), &bytes(&later), &mut merged).expect("are merged");
            assert_eq!(seen(&aggregates, merged.get()), seen(&aggregates, whole.get()), "{cut}");
        }
    })
    .expect("a thread");
}

#[test]
fn several_make_an_object_in_order_and_damage_is_told() {
    Stack::run(|_| {
        let one = |name: &str, function| Aggregate { name: name.to_owned(), function };
        let aggregates =
            [one("n", Function::Count), one("a \"b\"", Function::Last(".".to_owned()))];
        let aggregator = aggregator(&aggregates, setting()).expect("compiles");
        let made = added(&*aggregator, &["1", "{\"x\": 2}"]).expect("are added");
        assert_eq!(seen(&aggregates, made.get()), r#"{"n":2,"a \"b\"":{"x":2}}"#);
        let bytes = made.get().expect("an aggregate");
        for cut in 0..bytes.len() {
            let record = record("1");
            assert!(aggregator.add(&record, Some(&bytes[..cut]), &mut Value::default()).is_err());
        }
    })
    .expect("a thread");
}
