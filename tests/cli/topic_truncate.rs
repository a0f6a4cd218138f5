//! `runnel topic truncate`: the plan first, the deed only after a yes.

use crate::support::World;

fn filled() -> World {
    let world = World::new();
    world.topic("t", 3, &[]);
    world.produce(&["t", "-p", "0", "--ts", "1000"], "a\nb\nc\n");
    world.produce(&["t", "-p", "0", "--ts", "2000"], "d\n");
    world.produce(&["t", "-p", "1", "--ts", "1000"], "e\nf\n");
    world
}

#[test]
fn the_plan_comes_first_and_needs_a_yes() {
    let world = filled();
    let plan = "t-0: from offset 0 to 4: 4 records\nt-1: from offset 0 to 2: 2 records\n";
    let said = world.runnel(["topic", "truncate", "t", "--before", "end"]).stdout(plan);
    let said = said.status(2).run();
    said.has_error().has_hint().says("--yes");
    assert_eq!(world.consume(&["t"]), "a\nb\nc\nd\ne\nf\n", "not without --yes");
    world.runnel(["topic", "truncate", "t", "--before", "end", "-y"]).stdout(plan).stderr("").run();
    assert_eq!(world.consume(&["t"]), "");
    // Nothing is left to delete, and nobody is asked.
    world.runnel(["topic", "truncate", "t", "--before", "end"]).stdout("").stderr("").run();
    let bytes = std::fs::read_dir(world.partition("t", 0)).expect("lists").flatten().map(|file| {
        let is_log = file.path().extension().is_some_and(|extension| extension == "log");
        if is_log { file.metadata().expect("is there").len() } else { 0 }
    });
    assert_eq!(bytes.sum::<u64>(), 0, "the disk has its space back");
    world.produce(&["t", "-p", "0"], "new\n");
    assert_eq!(world.consume(&["t", "--format", "%o %s\\n"]), "4 new\n");
    world.runnel(["log", "verify"]).run();
}

#[test]
fn by_offset_time_and_count() {
    for (before, expected, left) in [
        ("2", "t-0: from offset 0 to 2: 2 records\n", "c\nd\n"),
        ("@2000", "t-0: from offset 0 to 3: 3 records\n", "d\n"),
        ("@1970-01-01T00:16:40Z", "", "a\nb\nc\nd\n"),
        ("@now", "t-0: from offset 0 to 4: 4 records\n", ""),
        ("-1", "t-0: from offset 0 to 3: 3 records\n", "d\n"),
        ("0", "", "a\nb\nc\nd\n"),
    ] {
        let world = filled();
        let args = ["topic", "truncate", "t", "-p", "0", "--before", before, "--yes"];
        world.runnel(args).stdout(expected).stderr("").run();
        assert_eq!(world.consume(&["t", "-p", "0"]), left, "{before}");
        assert_eq!(world.consume(&["t", "-p", "1"]), "e\nf\n");
    }
    let world = filled();
    let line = "{\"from\":0,\"partition\":1,\"records\":1,\"to\":1,\"topic\":\"t\"}\n";
    world.runnel(["topic", "truncate", "t", "-p", "1-2", "--before", "-1", "-J", "-y"]).run();
    assert_eq!(world.consume(&["t", "-p", "1"]), "f\n");
    let again = filled();
    let said =
        again.runnel(["topic", "truncate", "t", "-p", "1", "--before", "1", "-J", "-y"]).run();
    let object = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("an object");
    assert_eq!(object(&said.text()), object(line));
}

#[test]
fn what_is_refused() {
    let world = filled();
    let said = world.runnel(["topic", "truncate", "t", "--before", "3", "--yes"]).fails(1);
    said.says("cannot truncate t-1: offset 3 is out of range: the log has 0 to 2").has_hint();
    assert_eq!(world.consume(&["t"]).lines().count(), 6, "nothing went of any partition");
    for before in ["beginning", "stored", "+1", "x", "1:2"] {
        world.runnel(["topic", "truncate", "t", "--before", before, "--yes"]).fails(2).has_hint();
    }
    world.runnel(["topic", "truncate", "t", "--yes"]).fails(2);
    world.runnel(["topic", "truncate", "nothing", "--before", "end", "--yes"]).fails(1);
    world.runnel(["topic", "truncate", "t", "-p", "3", "--before", "end", "--yes"]).fails(1);
    world.runnel(["topic", "create", "c", "-c", "cleanup.policy=compact"]).run();
    let said = world.runnel(["topic", "truncate", "c", "--before", "end", "--yes"]).fails(1);
    said.says("records of topic c are not deleted by offset: its cleanup.policy is compact alone");
    let bare = World::new();
    bare.runnel(["topic", "truncate", "t", "--before", "end", "--yes"]).fails(1);
    assert!(!bare.dir().exists(), "it makes no directory");
}
