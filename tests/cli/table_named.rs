//! Tables with a name: made, brought up to date, shown; what they are made of, and what they send.

use crate::support::World;

const ORDERS: &str = concat!(
    r#"{"key":"1","value":"{\"shop\":\"a\",\"price\":3,\"at\":1000}","ts":1000}"#,
    "\n",
    r#"{"key":"2","value":"{\"shop\":\"b\",\"price\":2.5,\"at\":61000}","ts":61000}"#,
    "\n",
    r#"{"key":"3","value":"{\"shop\":\"a\",\"price\":4,\"at\":62000}","ts":62000}"#,
    "\n",
    r#"{"key":null,"value":"{\"shop\":null,\"price\":9,\"at\":62000}","ts":62000}"#,
    "\n",
);

fn orders() -> World {
    let world = World::new();
    world.topic("orders", 3, &[]);
    world.produce(&["orders", "-J"], ORDERS);
    world
}

fn create(world: &World, args: &[&str]) {
    world.runnel([&["table", "create"], args].concat()).stdout("").stderr("").run();
}

fn update(world: &World, args: &[&str]) {
    world.runnel([&["table", "update", "-q"], args].concat()).stdout("").stderr("").run();
}

/// Key and value of each row, parted by a space.
fn rows(world: &World, name: &str) -> Vec<String> {
    let text = world.runnel(["table", "show", name, "-J"]).stderr("").run().text();
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).expect("a row");
        let window = row.get("start").map(|start| format!(" {start}-{}", row["end"]));
        format!(
            "{}{} {}",
            row["key"].as_str().expect("a key"),
            window.unwrap_or_default(),
            row["value"]
        )
    };
    text.lines().map(row).collect()
}

fn made(world: &World, name: &str, args: &[&str]) -> Vec<String> {
    create(world, &[&[name], args].concat());
    update(world, &[name]);
    rows(world, name)
}

#[test]
fn aggregates_of_groups() {
    let world = orders();
    let by = ["--from", "orders", "--by", ".shop"];
    let of = |name, agg: &str| made(&world, name, &[&by[..], &["--agg", agg]].concat());
    assert_eq!(of("t1", "count"), ["a 2", "b 1"]);
    assert_eq!(of("t2", "sum(.price)"), ["a 7", "b 2.5"]);
    assert_eq!(of("t3", "avg(.price)"), ["a 3.5", "b 2.5"]);
    assert_eq!(of("t4", "max(.price)"), ["a 4", "b 2.5"]);
    assert_eq!(of("t5", "collect(.price)"), ["a [3,4]", "b [2.5]"]);
    assert_eq!(of("t6", "reduce(\"\"; . + ($value.price|tostring))"), ["a 34", "b 2.5"]);
    let two =
        [&by[..], &["--agg", "n=count", "--agg", "first(.at)", "--where", ".price > 2.6"]].concat();
    assert_eq!(made(&world, "t7", &two), ["a {\"n\":2,\"first\":1000}"]);
    let value = ["--from", "orders", "--value", ".price", "--by", "tostring", "--agg", "last(.)"];
    assert_eq!(made(&world, "t8", &value), ["2.5 2.5", "3 3", "4 4", "9 9"]);
    let said = world.runnel(["table", "update", "t1", "-v"]).run();
    said.says("summary: 0 records in");
    world
        .runnel(["table", "update", "t1", "--rebuild", "-v"])
        .run()
        .says("4 records in, 0 records out, 1 dropped");
    assert_eq!(rows(&world, "t1"), ["a 2", "b 1"]);
}

#[test]
fn windows_of_time() {
    let world = orders();
    let base = ["--from", "orders", "--by", ".shop", "--agg", "count"];
    let of = |name, args: &[&str]| made(&world, name, &[&base[..], args].concat());
    assert_eq!(
        of("w1", &["--window", "tumbling=1m"]),
        ["a 0-60000 1", "a 60000-120000 1", "b 60000-120000 1"]
    );
    let hopping = of("w2", &["--window", "hopping=2m/1m", "--where", ".shop == \"b\""]);
    assert_eq!(hopping, ["b 0-120000 1", "b 60000-180000 1"]);
    assert_eq!(of("w3", &["--window", "session=2m"]), ["a 1000-62000 2", "b 61000-61000 1"]);
    let sliding = of("w4", &["--window", "sliding=10s", "--where", ".shop == \"b\""]);
    assert_eq!(sliding, ["b 51000-61000 1"]);
    let late = ["--window", "tumbling=10s", "--ts-from", "if .at == 62000 then 5 else .at end"];
    create(&world, &[&["w5"], &base[..], &late].concat());
    world.runnel(["table", "update", "w5"]).run().says("1 dropped").says("late");
    let shown =
        world.runnel(["table", "show", "w1", "--window", "1970-01-01T00:01:00Z", "--csv"]).run();
    assert_eq!(
        shown.text(),
        "key,value,ts,start,end\na,1,62000,60000,120000\nb,1,61000,60000,120000\n"
    );
    world.runnel(["table", "show", "w1", "a", "--csv"]).run().says("");
}

#[test]
fn final_results_come_when_a_window_is_closed() {
    let world = orders();
    let base = ["--from", "orders", "--by", ".shop", "--agg", "count", "--window", "tumbling=1m"];
    create(&world, &[&["f"], &base[..], &["--emit", "final", "--to", "out"]].concat());
    update(&world, &["f"]);
    assert_eq!(world.consume(&["out", "-K", " "]), "{\"key\":\"a\",\"start\":0,\"end\":60000} 1\n");
    update(&world, &["f", "--close"]);
    let lines = world.consume(&["out", "-K", " ", "-o", "1"]);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    create(&world, &[&["k"], &base[..], &["--key-serde", "windowed", "--to", "bytes"]].concat());
    update(&world, &["k"]);
    let keys = world.consume(&["bytes", "--format", "%k{hex}\\n", "-n", "1"]);
    assert_eq!(keys, "61000000000000ea60\n", "the key, and the start of the window");
}

#[test]
fn tables_of_tables() {
    let world = orders();
    create(&world, &["latest", "--from", "orders", "--latest"]);
    let by =
        ["--from", "latest", "--by", ".shop", "--agg", "n=count", "--agg", "total=sum(.price)"];
    assert_eq!(
        made(&world, "shops", &by),
        ["a {\"n\":2,\"total\":7}", "b {\"n\":1,\"total\":2.5}"]
    );
    // An order moves from one shop to another, one is gone.
    let change = concat!(
        r#"{"key":"1","value":"{\"shop\":\"b\",\"price\":3}","ts":70000}"#,
        "\n",
        r#"{"key":"3","value":null,"ts":70000}"#,
        "\n",
    );
    world.produce(&["orders", "-J"], change);
    update(&world, &["shops"]);
    assert_eq!(rows(&world, "shops"), ["a {\"n\":0,\"total\":0}", "b {\"n\":2,\"total\":5.5}"]);
    assert_eq!(
        made(&world, "busy", &["--from", "shops", "--where", ".n > 0", "--value", ".total"]),
        ["b 5.5"]
    );
    let to = ["--from", "orders", "--by", ".shop", "--agg", "count", "--to", "counts"];
    create(&world, &[&["sent"], &to[..]].concat());
    update(&world, &["sent"]);
    assert_eq!(made(&world, "of-topic", &["--from", "sent", "--where", ". > 1"]), ["a 2", "b 2"]);
    for (agg, says) in
        [("min(.n)", "min cannot take out"), ("reduce(0; 1)", "reduce cannot take out")]
    {
        let args = ["table", "create", "bad", "--from", "shops", "--by", ".x", "--agg", agg];
        world.runnel(args).fails(2).says(says);
    }
}

#[test]
fn tables_beside_each_other() {
    let world = World::new();
    for topic in ["users", "cities"] {
        world.topic(topic, 2, &[]);
    }
    world.produce(
        &["users", "-K", "="],
        "ann={\"city\":\"x\"}\nbob={\"city\":\"y\"}\ncid={\"city\":\"z\"}\n",
    );
    world.produce(&["cities", "-K", "="], "x=Xanten\ny=Ystad\nann=no city\n");
    let join = ["--from", "users", "--latest", "--join", "cities", "--value", "[.city, $cities]"];
    let of = |name, args: &[&str]| made(&world, name, &[&join[..], args].concat());
    assert_eq!(of("j1", &["--on", ".city"]), ["ann [\"x\",\"Xanten\"]", "bob [\"y\",\"Ystad\"]"]);
    let left = of("j2", &["--on", ".city", "--left"]);
    assert_eq!(left[2], "cid [\"z\",null]");
    assert_eq!(of("j3", &[]), ["ann [\"x\",\"no city\"]"]);
    assert_eq!(of("j4", &["--outer"]).len(), 5);
    world.produce(&["cities", "-K", "="], "z=Zwolle\n");
    for name in ["j1", "j2"] {
        update(&world, &[name]);
        assert_eq!(rows(&world, name)[2], "cid [\"z\",\"Zwolle\"]", "{name}");
    }
    let counts = ["--from", "j1", "--by", ".[1]", "--agg", "count"];
    assert_eq!(made(&world, "per-city", &counts), ["Xanten 1", "Ystad 1", "Zwolle 1"]);
}

#[test]
fn what_a_table_sends_is_sent_once() {
    let world = orders();
    let args = [
        "sales",
        "--from",
        "orders",
        "--by",
        ".shop",
        "--agg",
        "sum(.price)",
        "--to",
        "sales-topic",
    ];
    create(&world, &args);
    update(&world, &["sales"]);
    update(&world, &["sales"]);
    let all = || world.consume(&["sales-topic", "-K", " "]);
    let mut lines: Vec<_> = all().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["a 7", "b 2.5"]);
    world.produce(&["orders"], "{\"shop\":\"a\",\"price\":1}\n{\"shop\":\"a\",\"price\":1}\n");
    update(&world, &["sales"]);
    assert_eq!(all().lines().count(), 3, "two changes within one commit are one");
    update(&world, &["sales", "--commit-interval", "0"]);
    world.produce(&["orders"], "{\"shop\":\"a\",\"price\":1}\n{\"shop\":\"a\",\"price\":1}\n");
    update(&world, &["sales", "--commit-interval", "0"]);
    assert_eq!(
        world.consume(&["sales-topic", "-K", " ", "-n", "3"]),
        "a 9\na 10\na 11\n",
        "each change"
    );
    // What is kept is lost: it is made again, and nothing is sent again.
    std::fs::remove_dir_all(world.dir().join("state/jobs")).expect("is removed");
    update(&world, &["sales"]);
    assert_eq!(all().lines().count(), 5);
    assert_eq!(rows(&world, "sales"), ["a 11", "b 2.5"]);
    world.produce(&["orders"], "{\"shop\":\"b\",\"price\":1}\n");
    update(&world, &["sales"]);
    assert_eq!(world.consume(&["sales-topic", "-K", " ", "-n", "1"]), "b 3.5\n");
}

#[test]
fn records_that_fail_leave_nothing_half_done() {
    let world = orders();
    // The second aggregate fails when the first was added already; the record behind is not lost.
    world.produce(
        &["orders"],
        "{\"shop\":\"a\",\"price\":\"dear\"}\nno JSON\n{\"shop\":\"a\",\"price\":10}\n",
    );
    let args = [
        "t",
        "--from",
        "orders",
        "--by",
        ".shop",
        "--agg",
        "n=count",
        "--agg",
        "s=sum(.price)",
        "--to",
        "out",
    ];
    create(&world, &args);
    world.runnel(["table", "update", "t"]).fails(1).says("cannot process orders-").has_hint();
    assert_eq!(
        world.runnel(["table", "show", "t", "-J"]).run().text(),
        "",
        "nothing is kept of that run"
    );
    let said =
        world.runnel(["table", "update", "t", "--on-error", "dead-letter=dead"]).status(4).run();
    said.says("2 failed");
    assert_eq!(rows(&world, "t"), ["a {\"n\":3,\"s\":17}", "b {\"n\":1,\"s\":2.5}"]);
    let dead = world.consume(&["dead"]);
    assert_eq!(dead.lines().count(), 2, "{dead}");
    update(&world, &["t"]);
    assert_eq!(world.consume(&["dead"]).lines().count(), 2);
    let same = ["table", "update", "t", "--on-error", "dead-letter=orders"];
    world.runnel(same).fails(2).says("comes back");
}

/// What fails behind a table fails when the table's changes come out: the record is found all the same.
#[test]
fn records_that_fail_behind_a_table_are_found() {
    let world = orders();
    create(&world, &["latest", "--from", "orders", "--latest"]);
    create(&world, &["big", "--from", "latest", "--where", "(.price | length) > 0", "--to", "out"]);
    world.produce(&["orders", "-K", "="], "x={\"price\":true}\ny={\"price\":\"12\"}\n");
    let said = world.runnel(["table", "update", "big"]).fails(1);
    said.says("cannot process orders-").says("--where");
    let skip = ["table", "update", "big", "--on-error", "skip"];
    world.runnel(skip).status(4).run().says("1 failed");
    assert!(rows(&world, "big").contains(&"y {\"price\":\"12\"}".to_owned()));
    update(&world, &["big"]);
}

#[test]
fn names_are_of_one_thing() {
    let world = orders();
    let args = ["table", "create", "t", "--from", "orders", "--agg", "count"];
    world.runnel(args).run();
    world.runnel(args).fails(1).says("t is there already");
    world.runnel([&args[..], &["--if-not-exists"]].concat()).stderr("").run();
    let other = [&args[..], &["--if-not-exists", "--by", ".shop"]].concat();
    world.runnel(other).fails(1).says("another one");
    world.runnel(["topic", "create", "t"]).fails(1).says("t is there already");
    world.runnel(["produce", "t"]).stdin("x\n").fails(1).says("t is there already");
    let taken = ["table", "create", "orders", "--from", "orders", "--agg", "count"];
    world.runnel(taken).fails(1).says("orders is a topic").has_hint();
    world.runnel([&args[..], &["--to", "t"]].concat()).fails(2).says("results cannot go to t");
    world.runnel(["table", "list"]).stdout("t\n").run();
    world.runnel(["table", "show", "t"]).stdout("").run().says("never updated");
    world.runnel(["table", "describe", "t"]).run().says("");
    world.runnel(["table", "update", "nothing"]).fails(1).says("no table or stream named nothing");
    world.runnel(["table", "drop", "t"]).fails(2).says("--yes");
    update(&world, &["t"]);
    world.runnel(["get", "t", "1"]).stdout("1\n").run();
    world.runnel(["table", "t", "1", "-J"]).run().says("");
    for args in [&["get", "t", "1"][..], &["table", "t"], &["table", "t", "1"]] {
        world.runnel([args, &["--at", "now"]].concat()).fails(2).says("keeps no past");
    }
    world.runnel(["table", "show", "t", "--nonsense"]).fails(2);
    world.runnel(["table", "drop", "t", "--yes"]).stderr("").run();
    world.runnel(["get", "t", "1"]).fails(1);
    let left = std::fs::read_dir(world.dir().join("state/jobs")).expect("is listed").count();
    assert_eq!(left, 0, "nothing is left of its state");
    world.runnel(["group", "list"]).stdout("").run();
    world.topic("t", 1, &[]);
}

#[test]
fn mistakes_are_found_before_anything_is_made() {
    let world = orders();
    let fails = |args: &[&str], status, says: &str| {
        let args = [&["table", "create", "t", "--from", "orders"], args].concat();
        world.runnel(args).stdout("").fails(status).says(says);
    };
    fails(&[], 2, "--agg or --latest");
    fails(&["--agg", "median(.x)"], 2, "it is count");
    fails(&["--agg", "sum(.x =)"], 2, "cannot compile --agg");
    fails(&["--agg", "count", "--by", ".x ="], 2, "cannot compile --by");
    fails(&["--agg", "count", "--agg", "count"], 2, "two aggregates are called count");
    fails(&["--agg", "count", "--emit", "final"], 2, "nothing is ever final");
    fails(&["--agg", "count", "--window", "tumbling=0s"], 2, "a window of 0 ms");
    fails(&["--agg", "count", "--grace", "1s"], 2, "--window");
    fails(&["--agg", "reduce(0; 1)", "--window", "session=1s"], 2, "cannot be made one");
    fails(&["--latest", "--window", "tumbling=1s"], 2, "windows are for streams");
    fails(&["--latest", "--by", ".x"], 2, "need an aggregate");
    fails(&["--agg", "=count"], 2, "it is count");
    fails(&["--agg", "count", "--key-serde", "windowed"], 2, "with a --window");
    fails(&["--agg", "count", "--window", "session=9999999999d"], 2, "too long");
    fails(&["--latest", "--join", "orders="], 2, "no name for programs");
    fails(&["--latest", "--join", "nothing"], 1, "no topic named nothing");
    fails(&["--latest", "--join", "orders=key"], 2, "$key would be two things");
    fails(&["--latest", "--join", "orders", "--on", ".x", "--outer"], 2, "inner or left");
    world.runnel(["table", "list"]).stdout("").run();
}

/// In a terminal of twelve lines.
const IN_A_TERMINAL: [&str; 7] = [
    "python3",
    "-c",
    "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))",
    "sh",
    "-c",
    "stty rows 12 cols 60; exec \"$@\"",
    "sh",
];

#[test]
fn a_live_view_shows_what_changes() {
    let world = orders();
    made(&world, "t", &["--from", "orders", "--by", ".item", "--agg", "count"]);
    world.runnel(["table", "show", "t", "-f"]).fails(2).says("for a terminal").has_hint();
    world.runnel(["table", "show", "t", "-f", "-J"]).fails(2);
    let mut live = world.runnel(["table", "show", "t", "-f"]).under(IN_A_TERMINAL).spawn();
    while !live.line().contains("VALUE") {}
    let lines: String = (0..30).map(|n| format!("{{\"item\":\"item {n:02}\"}}\n")).collect();
    world.produce(&["orders"], lines);
    update(&world, &["t"]);
    let mut line = live.line();
    while !line.contains("item 01") {
        line = live.line();
    }
    assert!(!line.contains("item 2"), "{line}");
    // A page further.
    live.feed(b" ");
    while !live.line().contains("item 12") {}
    live.feed(b"q");
    let said = live.wait();
    assert_eq!(said.status, 0, "{said}");
    let text = said.text();
    let end = &text[text.len() - 20..];
    assert!(end.contains("\x1b[?1049l") && end.contains("\x1b[?25h"), "{end:?}");
}
