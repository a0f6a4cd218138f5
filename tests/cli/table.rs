//! `runnel table TOPIC` and `runnel get`: topics as tables.

use crate::support::World;

fn users() -> World {
    let world = World::new();
    world.topic("users", 3, &[]);
    let lines = concat!(
        r#"{"key":"ann","value":"1","ts":1000}"#,
        "\n",
        r#"{"key":"bob","value":"{\"a\": 2}","ts":1000}"#,
        "\n",
        r#"{"key":"cid","value":"a, \"b\"\nc","ts":1500}"#,
        "\n",
        r#"{"key":null,"value":"no row","ts":1500}"#,
        "\n",
        r#"{"key":"ann","value":"3","ts":2000}"#,
        "\n",
        r#"{"key":"cid","value":null,"ts":3000}"#,
        "\n",
    );
    world.produce(&["users", "-J"], lines);
    world
}

#[test]
fn the_latest_of_each_key_in_the_order_of_keys() {
    let world = users();
    let table = concat!(
        "KEY  TIME                 VALUE\n",
        "ann  1970-01-01 00:00:02  3\n",
        "bob  1970-01-01 00:00:01  {\"a\": 2}\n",
    );
    let runnel = |args: &[&str]| world.runnel(args).env("TZ", "UTC").stderr("");
    runnel(&["table", "users"]).stdout(table).run();
    runnel(&["table", "view", "users"]).stdout(table).run();
    let json = concat!(
        "{\"key\":\"ann\",\"value\":3,\"ts\":2000}\n",
        "{\"key\":\"bob\",\"value\":{\"a\":2},\"ts\":1000}\n",
    );
    runnel(&["table", "users", "-J"]).stdout(json).run();
    let csv = "key,value,ts\nann,3,2000\nbob,\"{\"\"a\"\": 2}\",1000\n";
    runnel(&["table", "users", "--csv"]).stdout(csv).run();
    runnel(&["table", "users", "--csv", "--prefix", "b"])
        .stdout("key,value,ts\nbob,\"{\"\"a\"\": 2}\",1000\n")
        .run();
    runnel(&["table", "users", "ann", "-J"])
        .stdout("{\"key\":\"ann\",\"value\":3,\"ts\":2000}\n")
        .run();
    runnel(&["table", "users", "cid"]).stdout("").run();
}

#[test]
fn as_it_was_at_a_time() {
    let world = users();
    let runnel = |args: &[&str]| world.runnel(args).stderr("");
    let csv = concat!(
        "key,value,ts\n",
        "ann,1,1000\n",
        "bob,\"{\"\"a\"\": 2}\",1000\n",
        "cid,\"a, \"\"b\"\"\nc\",1500\n",
    );
    let at = |ms: &str| format!("1970-01-01T00:00:0{ms}Z");
    runnel(&["table", "users", "--csv", "--at", &at("1.999")]).stdout(csv).run();
    runnel(&["get", "users", "ann", "--at", &at("1.999")]).stdout("1\n").run();
    runnel(&["get", "users", "ann", "--at", &at("2")]).stdout("3\n").run();
    runnel(&["get", "users", "ann", "--at", &at("0.999")]).stdout("").status(3).run();
    world.runnel(["table", "users", "--at", "noon"]).fails(2).says("--at");
}

#[test]
fn a_view_of_the_past_says_what_it_can_not_know() {
    let world = World::new();
    let configs =
        ["cleanup.policy=compact", "min.cleanable.dirty.ratio=0", "segment.bytes=1048576"];
    world.topic("c", 1, &configs);
    for _ in 0..4 {
        world.produce(&["c", "-K", "="], format!("k={}\n", "x".repeat(500_000)));
    }
    world.runnel(["log", "compact", "c"]).run();
    world.runnel(["table", "c", "--at", "now"]).run().says("compaction took older values");
    world.runnel(["table", "c"]).stderr("").run();
    world.topic("d", 2, &[]);
    world.produce(&["d", "-p", "0", "-K", "="], "a=1\na=2\na=3\n");
    world.runnel(["topic", "truncate", "d", "-p", "0", "--before", "2", "--yes"]).run();
    world.runnel(["table", "d", "--at", "now"]).run().says("first records of 1 partition were");
}

#[test]
fn get_prints_a_value_and_nothing_else() {
    let world = users();
    world.runnel(["get", "users", "ann"]).stdout("3\n").stderr("").run();
    world.runnel(["get", "users", "ann", "--raw"]).stdout("3").stderr("").run();
    world.runnel(["get", "users", "bob"]).stdout("{\"a\": 2}\n").run();
    let row = "{\"key\":\"bob\",\"value\":{\"a\":2},\"ts\":1000}\n";
    world.runnel(["get", "users", "bob", "-J"]).stdout(row).run();
    for absent in ["cid", "dan", ""] {
        world.runnel(["get", "users", absent]).stdout("").stderr("").status(3).run();
    }
    world.runnel(["get", "nothing", "k"]).fails(1).says("no topic named nothing");
    world.runnel(["table", "nothing"]).fails(1).says("no topic named nothing");
    world.runnel(["table"]).fails(2);
    let nowhere = World::new();
    nowhere.runnel(["get", "t", "k"]).fails(1);
    assert!(!nowhere.dir().exists(), "looking makes no directory");
}

/// Clients differ in where they put a key.
#[test]
fn a_key_counts_wherever_it_is() {
    let world = World::new();
    world.topic("t", 4, &[]);
    let line = |value: &str, ts: u32| format!("{{\"key\":\"k\",\"value\":{value},\"ts\":{ts}}}\n");
    world.produce(&["t", "-J", "-p", "3"], line("\"late\"", 5000));
    world.produce(&["t", "-J", "-p", "0"], line("\"early\"", 1000));
    world.runnel(["get", "t", "k"]).stdout("late\n").run();
    world.produce(&["t", "-J", "-p", "1"], line("null", 5000));
    world.runnel(["get", "t", "k"]).stdout("late\n").run();
    world.produce(&["t", "-J", "-p", "3"], line("\"back\"", 2000));
    world.runnel(["get", "t", "k"]).stdout("").status(3).run();
    world.runnel(["table", "t", "-J"]).stdout("").run();
}

#[test]
fn keys_and_values_are_decoded() {
    let world = World::new();
    world.topic("t", 1, &[]);
    let serdes = ["--key-serde", "int", "--value-serde", "double"];
    world.produce(&[&["t", "-K", "="], &serdes[..]].concat(), "7=1.5\n-1=2\n");
    let runnel = |args: &[&str]| world.runnel([args, &serdes[..]].concat());
    runnel(&["get", "t", "7"]).stdout("1.5\n").run();
    runnel(&["get", "t", "-1"]).stdout("2.0\n").run();
    runnel(&["get", "t", "x"]).fails(2).says("the key \"x\"");
    world.produce(&["t", "--key-serde", "int", "-K", "="], "9=no double\n");
    let said = runnel(&["table", "t", "-J"]).status(4).run();
    said.says("the value of a row");
    assert_eq!(said.text().lines().count(), 2, "the others are there");
}

#[test]
fn what_rows_hold_is_not_for_the_terminal() {
    let world = World::new();
    world.topic("t", 1, &[]);
    world.produce(&["t", "-K", "="], "k\x1b[2J=v\x07\n");
    let text = world.runnel(["table", "t"]).run().text();
    assert!(text.contains("k\\x1b[2J") && text.contains("v\\x07"), "{text}");
}
