//! `runnel topic`.

use crate::support::World;
use serde_json::Value;

#[test]
fn create_and_list() {
    let world = World::new();
    world.runnel(["topic", "create", "b", "a", "-p", "3"]).stdout("").run();
    world.runnel(["topic", "create", "c.d_e-9"]).run();
    world.runnel(["topic", "list"]).stdout("a\nb\nc.d_e-9\n").stderr("").run();
    for (topic, partitions) in [("a", 3), ("b", 3), ("c.d_e-9", 1)] {
        for partition in 0..partitions {
            assert!(world.partition(topic, partition).is_dir(), "{topic}-{partition}");
        }
        assert!(!world.partition(topic, partitions).exists());
    }
}

#[test]
fn create_twice() {
    let world = World::new();
    world.topic("t", 2, &[]);
    world.produce(&["t"], "kept\n");
    world.runnel(["topic", "create", "t"]).fails(1).says("t").has_hint();
    world.runnel(["topic", "create", "t", "--if-not-exists"]).stdout("").run();
    assert_eq!(world.consume(&["t"]), "kept\n");
}

#[test]
fn an_empty_directory_has_no_topics() {
    let world = World::new();
    world.runnel(["topic", "list"]).stdout("").stderr("").run();
    assert!(!world.dir().exists(), "listing makes no directory");
}

#[test]
fn the_directory_is_private_and_kafkas() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.produce(&["t"], "a\n");
    let mode = |path: &str| {
        let meta = std::fs::metadata(world.dir().join(path)).expect(path);
        meta.permissions().mode() & 0o777
    };
    assert_eq!(mode(""), 0o700);
    assert_eq!(mode("log/t-0/00000000000000000000.log"), 0o600);
    for name in ["meta.properties", "t-0/partition.metadata"] {
        assert!(world.dir().join("log").join(name).is_file(), "log/{name}");
    }
}

#[test]
fn dir_flag_environment_and_default() {
    let world = World::new();
    world.produce(&["here"], "a\n");
    let other = world.path("other");
    world.runnel(["produce", "there", "-q", "-d"]).args([&other]).stdin("b\n").run();
    world.runnel(["-d"]).args([&other]).args(["topic", "list"]).stdout("there\n").run();
    world.runnel(["topic", "list", "--dir"]).args([&other]).stdout("there\n").run();
    world.runnel(["topic", "list"]).stdout("here\n").run();
    let bare = world.runnel(["produce", "-q", "home"]).stdin("c\n").without_env("RUNNEL_DIR");
    bare.run();
    assert!(world.path("home/data/runnel/log/home-0").is_dir(), "$XDG_DATA_HOME/runnel");
}

#[test]
fn list_takes_a_pattern_and_hides_internal_topics() {
    let world = World::new();
    world.runnel(["topic", "create", "-q", "orders", "orders.eu", "payments"]).run();
    world.runnel(["topic", "list", "^orders.*"]).stdout("orders\norders.eu\n").run();
    world.runnel(["topic", "list", "^nothing"]).stdout("").run();
    let lines = world.runnel(["topic", "list", "-J"]).run().text();
    let names = lines.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("an object a line");
        line["topic"].as_str().expect("its name").to_owned()
    });
    assert_eq!(names.collect::<Vec<_>>(), ["orders", "orders.eu", "payments"]);
}

#[test]
fn describe_tells_offsets_and_records() {
    let world = World::new();
    world.topic("t", 2, &["retention.ms=-1"]);
    world.produce(&["t", "-p", "0"], "a\nb\nc\n");
    world.produce(&["t", "-p", "1"], "d\n");
    let text = world.runnel(["topic", "describe", "t"]).stderr("").run().text();
    assert!(text.contains('t') && text.contains("75"), "the share of partition 0: {text}");
    assert!(text.contains("retention.ms"), "what was configured: {text}");
    let lines = world.runnel(["topic", "describe", "t", "-J"]).stderr("").run().text();
    let lines: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect();
    assert_eq!(lines.len(), 2, "one object a partition: {lines:?}");
    for (line, (partition, records)) in lines.iter().zip([(0, 3), (1, 1)]) {
        assert_eq!(line["topic"], "t");
        assert_eq!(line["partition"], partition);
        assert_eq!(line["records"], records, "{line}");
        assert!(line["bytes"].as_u64().is_some_and(|bytes| bytes > 61), "{line}");
        assert_eq!(line["segments"], 1, "{line}");
    }
}

#[test]
fn alter_adds_partitions_and_changes_configs() {
    let world = World::new();
    world.topic("t", 1, &["retention.ms=1000"]);
    world
        .runnel(["topic", "alter", "t", "--partitions", "3", "-c", "max.message.bytes=2000"])
        .run();
    assert!(world.partition("t", 2).is_dir());
    let text = world.runnel(["topic", "describe", "t"]).run().text();
    assert!(text.contains("max.message.bytes") && text.contains("retention.ms"), "{text}");
    world.runnel(["topic", "alter", "t", "--unset", "retention.ms"]).run();
    let text = world.runnel(["topic", "describe", "t"]).run().text();
    assert!(!text.contains("retention.ms"), "{text}");
    let large = "x".repeat(5000);
    world.runnel(["produce", "t"]).stdin(format!("{large}\n")).status(4).run();
    world.runnel(["topic", "alter", "t", "--partitions", "2"]).fails(1);
    assert!(world.partition("t", 2).is_dir(), "partitions are never taken away");
}

#[test]
fn delete_removes_the_files_and_frees_the_name() {
    let world = World::new();
    world.produce(&["t"], "old\n");
    world.produce(&["u"], "kept\n");
    let said = world.runnel(["topic", "delete", "t"]).fails(2);
    said.says("--yes");
    assert_eq!(world.consume(&["t"]), "old\n", "not without --yes");
    world.runnel(["topic", "delete", "t", "--yes"]).stdout("").run();
    world.runnel(["topic", "list"]).stdout("u\n").run();
    assert!(!world.partition("t", 0).exists());
    world.produce(&["t"], "new\n");
    assert_eq!(world.consume(&["t"]), "new\n");
    assert_eq!(world.consume(&["u"]), "kept\n");
}
