//! `runnel group`: where groups stand, how far behind, and how that is changed.

use std::fs;

use serde_json::Value;

use crate::support::World;
use crate::support::data::{fingerprint, unpack};

/// A world in which two groups have read a part of a topic of two partitions.
fn world() -> World {
    let world = World::new();
    world.topic("t", 2, &[]);
    let line = |number: u32| format!("{{\"ts\":{},\"value\":\"{number}\"}}\n", 1000 + number);
    for partition in ["0", "1"] {
        let lines: String = (0..10).map(line).collect();
        world.produce(&["t", "-J", "-p", partition], lines);
    }
    world.runnel(["consume", "t", "-g", "half", "-c", "15"]).run();
    world.runnel(["consume", "t", "-g", "all"]).run();
    world
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn committed(world: &World, group: &str) -> Vec<i64> {
    let said = world.runnel(["group", "lag", group, "-J"]).run();
    objects(&said.text()).iter().map(|it| it["committed"].as_i64().unwrap_or(-1)).collect()
}

#[test]
fn groups_are_listed() {
    let world = world();
    world.runnel(["group", "list"]).stdout("all\nhalf\n").stderr("").run();
    world.runnel(["group", "list", "h.*"]).stdout("half\n").run();
    let said = world.runnel(["group", "list", "-J", "all"]).run();
    let expected = r#"{"group":"all","type":"classic","protocol_type":"","members":0,"offsets":2}"#;
    assert_eq!(said.text(), format!("{expected}\n"));
}

#[test]
fn a_group_is_described() {
    let world = world();
    let said = world.runnel(["group", "describe", "half"]).stderr("").run().text();
    let mut lines = said.lines();
    let headline = lines.next().expect("a line");
    assert!(headline.starts_with("half  2 partitions, 5 records behind, "), "{headline}");
    let words: Vec<Vec<&str>> = lines.map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0].join(" "), "TOPIC PARTITION COMMITTED END LAG BEHIND READ BY");
    assert_eq!(words[1], ["t", "0", "10", "10", "0", "0ms"]);
    assert_eq!(words[2][..5], ["t", "1", "5", "10", "5"]);
    let said = world.runnel(["group", "describe", "half", "-J"]).run();
    let objects = objects(&said.text());
    assert_eq!(objects.len(), 2);
    assert_eq!(
        (&objects[1]["leader_epoch"], &objects[1]["owner"]),
        (&Value::from(0), &Value::Null)
    );
}

/// Its objects are a promise: names, order, and milliseconds since the first record not read.
#[test]
fn lag_in_records_and_milliseconds() {
    let world = world();
    let said = world.runnel(["group", "lag", "half", "-J"]).stderr("").run().text();
    let mut lines = said.lines();
    let full =
        r#"{"group":"half","topic":"t","partition":0,"committed":10,"end":10,"lag":0,"lag_ms":0}"#;
    assert_eq!(lines.next(), Some(full));
    let behind = lines.next().expect("a line");
    let start =
        r#"{"group":"half","topic":"t","partition":1,"committed":5,"end":10,"lag":5,"lag_ms":"#;
    assert!(behind.starts_with(start), "{behind}");
    let now_ms = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_millis();
    let lag_ms = objects(behind)[0]["lag_ms"].as_u64().expect("a number");
    // The record at 5 is of 1005.
    assert!((1..=now_ms - 1005).contains(&u128::from(lag_ms)), "{behind}");
}

#[test]
fn lag_beyond_a_limit_is_status_3() {
    let world = world();
    let lag = |group: &str, args: &[&str]| {
        world.runnel(["group", "lag", group]).args(args).run_any().status
    };
    assert_eq!(lag("half", &["--max-lag", "5"]), 0);
    assert_eq!(lag("half", &["--max-lag", "4"]), 3);
    assert_eq!(lag("half", &["--max-lag-ms", "1000"]), 3);
    assert_eq!(lag("half", &["--max-lag-ms", "9000000000000"]), 0);
    assert_eq!(lag("all", &["--max-lag", "0", "--max-lag-ms", "0"]), 0);
}

#[test]
fn groups_that_are_not_there() {
    let world = World::new();
    world.runnel(["group", "list"]).stdout("").stderr("").run();
    for command in ["describe", "lag", "delete"] {
        world.runnel(["group", command, "g"]).fails(1).says("no group named g").has_hint();
    }
    assert!(!world.dir().exists(), "asking makes no directory");
    world.topic("t", 1, &[]);
    for command in ["describe", "lag", "delete"] {
        world.runnel(["group", command, "g"]).fails(1).says("no group named g").has_hint();
    }
    world.runnel(["group", "describe", ""]).fails(2);
    world.runnel(["group", "set", "g", "none", "--to", "end"]).fails(1).says("none");
    world.runnel(["group", "set", "g", "t:1", "--to", "end"]).fails(1).says("partition 1");
    world.runnel(["group", "set", "g", "t:x", "--to", "end"]).fails(2);
    for to in ["", "x", "stored", "1:2"] {
        world.runnel(["group", "set", "g", "t", "--to", to]).fails(2).has_hint();
    }
}

#[test]
fn a_plan_is_shown_before_it_is_done() {
    let world = world();
    let plan =
        "TOPIC  PARTITION  FROM  TO\nt              0    10   0\nt              1     5   0\n";
    let set = ["group", "set", "half", "t", "--to", "beginning"];
    let said = world.runnel(set).stdout(plan).status(2).run();
    said.says("needs a yes").has_hint();
    assert_eq!(committed(&world, "half"), [10, 5], "nothing was done");
    world.runnel(set).args(["--yes"]).stdout(plan).stderr("").run();
    assert_eq!(committed(&world, "half"), [0, 0]);
    let said = world.runnel(["group", "set", "half", "t:1", "--to", "7", "--yes", "-J"]).run();
    let object = r#"{"group":"half","topic":"t","partition":1,"committed":0,"to":7}"#;
    assert_eq!(said.text(), format!("{object}\n"));
    assert_eq!(committed(&world, "half"), [0, 7]);
    assert_eq!(world.consume(&["t", "-g", "half", "--format", "%p:%o "]).trim_end(), {
        let first = (0..10).map(|offset| format!("0:{offset}"));
        let all = first.chain((7..10).map(|offset| format!("1:{offset}")));
        all.collect::<Vec<_>>().join(" ")
    });
}

#[test]
fn where_a_group_can_be_set() {
    let world = world();
    for (to, expected) in [
        ("beginning", [0, 0]),
        ("+3", [3, 3]),
        ("+100", [10, 10]),
        ("-4", [6, 6]),
        ("-100", [0, 0]),
        ("8", [8, 8]),
        ("80", [10, 10]),
        ("@1.005", [5, 5]),
        ("@now", [10, 10]),
        ("end", [10, 10]),
    ] {
        world.runnel(["group", "set", "half", "t", "--yes", "--to", to]).run();
        assert_eq!(committed(&world, "half"), expected, "{to}");
    }
    // One that is not there is made.
    world.runnel(["group", "set", "new", "t:1", "--yes", "--to", "+2"]).run();
    assert_eq!(committed(&world, "new"), [-1, 2]);
    assert_eq!(world.consume(&["t", "-g", "new"]).lines().count(), 18);
}

#[test]
fn a_deleted_group_begins_anew() {
    let world = world();
    let plan = "half forgets t-0 at 10\nhalf forgets t-1 at 5\n";
    let said = world.runnel(["group", "delete", "half"]).stdout(plan).status(2).run();
    said.says("needs a yes").has_hint();
    world.runnel(["group", "list"]).stdout("all\nhalf\n").run();
    world.runnel(["group", "delete", "half", "--yes"]).stdout(plan).stderr("").run();
    world.runnel(["group", "list"]).stdout("all\n").run();
    assert_eq!(world.consume(&["t", "-g", "half"]).lines().count(), 20);
    assert_eq!(world.consume(&["t", "-g", "all"]), "");
}

/// What a group has committed of a topic that is gone does not count for one of the same name.
#[test]
fn a_topic_made_anew_is_read_from_its_beginning() {
    let world = world();
    world.runnel(["topic", "delete", "t", "--yes"]).run();
    let said = world.runnel(["group", "describe", "all", "-J"]).run().text();
    assert_eq!(
        (&objects(&said)[0]["committed"], &objects(&said)[0]["end"]),
        (&10.into(), &Value::Null)
    );
    world.produce(&["t"], "new\n");
    assert_eq!(world.consume(&["t", "-g", "all"]), "new\n");
}

/// A broker's own groups, as it left them; nothing of it is touched by asking.
#[test]
fn kafkas_groups() {
    for kind in ["clean", "unclean"] {
        let world = World::new();
        let broker = unpack(&world, kind);
        fs::create_dir(world.dir()).expect("a directory");
        fs::rename(broker, world.dir().join("log")).expect("moves");
        let before = fingerprint(&world.dir());
        world.runnel(["group", "list"]).stdout("dump\ng1\ng2\n").stderr("").run();
        for (group, offset) in [("g1", 115), ("g2", 288)] {
            let said = world.runnel(["group", "describe", group, "-J"]).stderr("").run().text();
            let told = &objects(&said)[0];
            assert_eq!((&told["topic"], &told["partition"]), (&"codec-none".into(), &0.into()));
            assert_eq!(
                (&told["committed"], &told["lag"]),
                (&offset.into(), &(300 - offset).into())
            );
        }
        world.runnel(["group", "describe", "dump"]).run();
        assert!(fingerprint(&world.dir()) == before, "asking changed the broker's files");
        // And they go on from there.
        let read = world.consume(&["codec-none", "-g", "g2", "--format", "%o "]);
        let expected: Vec<String> = (288..300).map(|offset| offset.to_string()).collect();
        assert_eq!(read.trim_end(), expected.join(" "), "{kind}");
        assert_eq!(committed(&world, "g2"), [300]);
        assert_eq!(committed(&world, "g1"), [115]);
    }
}
