//! jq programs and serdes on the command line: `consume --where`, `produce --key-from` and `--ts-from`,
//! `--key-serde` and `--value-serde`.

use rustix::process::Signal;

use crate::support::World;

const LINES: &str = concat!(
    r#"{"level":"error","user":"u1","n":1}"#,
    "\n",
    r#"{"level":"info","user":"u2","n":2}"#,
    "\n",
    r#"{"level":"error","user":"u3","n":3.50}"#,
    "\n",
    r#"{"level":"\u0065rror","user":"u1","n":4}"#,
    "\n",
);

fn lines() -> World {
    let world = World::new();
    world.topic("t", 1, &[]);
    world.produce(&["t", "--key-from", ".user", "-H", "h=1"], LINES);
    world
}

/// The numbers of the lines that these arguments give.
fn numbers(world: &World, args: &[&str]) -> String {
    let text = world.consume(&[&["t"], args].concat());
    let number =
        |line: &str| LINES.lines().position(|it| it == line).map(|it| (it + 1).to_string());
    text.lines().map(|line| number(line).expect("a line as it was")).collect::<Vec<_>>().join(" ")
}

#[test]
fn where_keeps_records_as_they_are() {
    let world = lines();
    for (args, expected) in [
        (vec!["--where", r#".level == "error""#], "1 3 4"),
        (vec!["--where", r#"select(.level == "error") | {n}"#], "1 3 4"),
        (vec!["--where", ".n > 2"], "3 4"),
        (vec!["--where", ".missing"], ""),
        (vec!["--where", "empty"], ""),
        (vec!["--where", "false, null, .n == 2"], "2"),
        (vec!["--where", "$key == \"u1\" and $headers.h == \"1\""], "1 4"),
        (
            vec!["--where", "$topic == \"t\" and $partition == 0 and $offset >= 2 and $ts > 0"],
            "3 4",
        ),
        (vec!["--where", ".level == \"error\"", "--key", "u1"], "1 4"),
        (vec!["--where", ".level == \"error\"", "--grep", "u3"], "3"),
        (vec!["--where", ".level == \"error\"", "-n", "2"], "3 4"),
        (vec!["--where", ".level == \"error\"", "-c", "1"], "1"),
        (vec!["--where", ".level == \"error\"", "--order", "time", "-o", "1"], "3 4"),
    ] {
        assert_eq!(numbers(&world, &args), expected, "{args:?}");
    }
    let status = |args: &[&str], status| {
        let args = [&["consume", "t", "--where", ".n < 3"], args].concat();
        world.runnel(args).status(status).run();
    };
    status(&["--require", "2"], 0);
    status(&["--require", "3"], 3);
}

#[test]
fn what_a_filter_skipped_is_committed() {
    let world = lines();
    let consume = ["consume", "t", "-g", "g", "--where", ".n == 1"];
    world
        .runnel(consume)
        .stdout("{\"level\":\"error\",\"user\":\"u1\",\"n\":1}\n")
        .stderr("")
        .run();
    world.runnel(consume).stdout("").stderr("").run();
    let lag = world.runnel(["group", "lag", "g"]).run();
    let row: Vec<_> =
        lag.text().lines().last().expect("a row").split_whitespace().map(str::to_owned).collect();
    assert_eq!(row[..5], ["t", "0", "4", "4", "0"], "committed, end, lag");
}

#[test]
fn a_mistake_is_pointed_at() {
    let world = World::new();
    let said = "error: cannot compile --where: there is no closing quote to this, at line 1, column 11\n\
                \u{20} .level == \"error\n\
                \u{20}           ^\n";
    world
        .runnel(["consume", "t", "--where", ".level == \"error"])
        .status(2)
        .stdout("")
        .stderr(said)
        .run();
    let said = "error: cannot compile --key-from: there is no function usr/0, at line 2, column 3\n\
                \u{20} | usr\n\
                \u{20}   ^^^\n";
    world.runnel(["produce", "t", "--key-from", ".a\n| usr"]).status(2).stderr(said).run();
    let said = "error: cannot compile --ts-from: now is left out: what a program gives depends on the record alone, \
                at line 1, column 1\n  now\n  ^^^\n";
    world.runnel(["produce", "t", "--ts-from", "now"]).status(2).stderr(said).run();
    let topics = world.runnel(["topic", "list"]).run();
    assert_eq!(topics.text(), "", "nothing was made");
}

#[test]
fn records_that_a_program_fails_for_are_told_of_once() {
    let world = World::new();
    world.produce(&["t"], "{\"a\":1}\nplain\n[1]\n\"b\"\n{\"a\":1,\"b\":2}\n");
    let said = "error: record 1 of t-0: --where: cannot index \"plain\" with \"a\"\n\
                error: 2 more records failed\n";
    let printed = "{\"a\":1}\n{\"a\":1,\"b\":2}\n";
    let consume = ["consume", "t", "--where", ".a == 1"];
    world.runnel(consume).status(4).stdout(printed).stderr(said).run();
    world.runnel(consume.into_iter().chain(["-o", "3:"])).status(4).run();
    world.runnel(consume.into_iter().chain(["-n", "1"])).stderr("").run();
    let never = ["consume", "t", "--where", "def f: f; f", "-c", "1", "-o", ":1"];
    let said = "error: record 0 of t-0: --where: the program took more than 400000 steps\n";
    world.runnel(never).status(4).stdout("").stderr(said).run();
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    world.produce(&["deep"], deep);
    let said = "error: record 0 of deep-0: --where: JSON nested deeper than 10000 levels\n";
    world.runnel(["consume", "deep", "--where", ".a"]).status(4).stdout("").stderr(said).run();
}

#[test]
fn keys_and_times_from_values() {
    let world = World::new();
    let lines = "{\"id\":7,\"at\":\"2026-01-01T10:00:00Z\"}\n{\"id\":null,\"at\":1767261600}\nplain\n{\"at\":[]}\n";
    let said = "error: record 3: --ts-from: cannot index \"plain\" with \"at\"\n\
                error: record 4: --ts-from: the program gave \"[]\", which is no time\n";
    world.topic("t", 1, &["retention.ms=-1"]);
    let produce = ["produce", "t", "--key-from", ".id", "--ts-from", ".at"];
    world.runnel(produce).stdin(lines).status(4).stderr(said).run();
    let text = world.consume(&["t", "--format", "%k %T\\n", "--null-marker", "null"]);
    assert_eq!(text, "7 1767261600000\nnull 1767261600000\n");
    let several = world.runnel(["produce", "t", "--key-from", ".[]"]).stdin("[1,2]\n[]\n[3]\n");
    let said = "error: record 1: --key-from: the program gave more than one result\n\
                error: record 2: --key-from: the program gave no result\n";
    several.status(4).stderr(said).run();
    world.produce(&["k", "-K", ":", "--key-from", "$key + \"-\" + ."], "a:b\n");
    assert_eq!(world.consume(&["k", "--format", "%k\\n"]), "a-b\n");
    for clash in [["-k", "x"], ["--ts", "now"]] {
        let args = [&["produce", "t", "--key-from", ".", "--ts-from", "."][..], &clash].concat();
        world.runnel(args).status(2).run();
    }
}

#[test]
fn serdes_of_kafka() {
    let world = World::new();
    let produce = ["n", "-K", " ", "--key-serde", "long", "--value-serde", "double"];
    world.produce(&produce, "1 0.5\n-2 1e300\n");
    assert_eq!(
        world.consume(&["n", "--format", "%k{hex} %s{hex}\\n"]),
        "0000000000000001 3fe0000000000000\nfffffffffffffffe 7e37e43c8800759c\n"
    );
    let serdes = ["--key-serde", "long", "--value-serde", "double"];
    let consume = |args: &[&str]| world.consume(&[&["n"], &serdes[..], args].concat());
    assert_eq!(consume(&["-K", " "]), "1 0.5\n-2 1e300\n");
    assert_eq!(consume(&["--key", "-2"]), "1e300\n");
    assert_eq!(consume(&["--grep", "^0"]), "0.5\n");
    assert_eq!(consume(&["--where", ". < 1 and $key == 1"]), "0.5\n");
    assert!(consume(&["--json-value"]).contains("\"key\":\"1\",\"value\":0.5,"));
    let said = "error: record 0 of n-0: value: expected the 4 bytes of type int, found 8\n\
                error: 1 more record failed\n";
    world.runnel(["consume", "n", "--value-serde", "int"]).status(4).stdout("").stderr(said).run();
    let said = "error: record 2: value: expected an int: a whole number of 32 bits\n\
                error: record 3: value: out of the range of type int\n";
    let bad = world.runnel(["produce", "i", "--value-serde", "int"]).stdin("1\nx\n2147483648\n");
    bad.status(4).stderr(said).run();
    let said = "error: cannot read the key \"x\": expected a long: a whole number of 64 bits\n";
    let key = ["consume", "n", "--key", "x", "--key-serde", "long"];
    world.runnel(key).status(2).stderr(said).run();
    world.runnel(["consume", "n", "--value-serde", "number"]).status(2).run();
}

#[test]
fn what_consume_decodes_produce_encodes() {
    let world = World::new();
    let serdes = ["--key-serde", "uuid", "--value-serde", "short"];
    world.produce(
        &[&["a", "-K", " "], &serdes[..]].concat(),
        "123E4567-e89b-12d3-a456-426614174000 -7\n",
    );
    let text = world.consume(&[&["a", "-J"], &serdes[..]].concat());
    world.produce(&[&["b", "-J"], &serdes[..]].concat(), text);
    let stored = |topic| world.consume(&[topic, "--format", "%k %s{hex}\\n"]);
    assert_eq!(stored("a"), "123e4567-e89b-12d3-a456-426614174000 fff9\n");
    assert_eq!(stored("b"), stored("a"));
}

/// Each record takes its time, and the signal is not left waiting for all of them.
#[test]
fn a_slow_program_is_interrupted_between_records() {
    let world = World::new();
    // The first is more than is gathered before it is written.
    world.produce(&["t"], "x".repeat(300_000) + "\n" + &"0\n".repeat(10_000));
    let program = "if length > 1 then . else def f: f; f end";
    let mut command = world.runnel(["consume", "t", "--where", program]).spawn();
    assert_eq!(command.line().len(), 300_000);
    command.signal(Signal::INT);
    assert_eq!(command.wait().status, 130);
}
