//! `runnel consume --cursor-file`: progress in a file, with no group.

use std::fs;

use rustix::process::Signal;

use crate::support::World;

const CURSOR: [&str; 4] = ["consume", "t", "--cursor-file", "place"];

fn offsets(world: &World) -> Vec<i64> {
    let text = fs::read_to_string(world.path("place")).expect("a file");
    let content: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(content["version"], 1);
    let cursors = content["cursors"].as_array().expect("a list");
    cursors.iter().map(|cursor| cursor["offset"].as_i64().expect("a number")).collect()
}

#[test]
fn it_goes_on_where_the_file_says() {
    let world = World::new();
    world.topic("t", 2, &[]);
    world.produce(&["t", "-p", "0"], "a\nb\nc\n");
    world.produce(&["t", "-p", "1"], "d\ne\n");
    world.runnel(CURSOR).args(["-c", "2"]).stdout("a\nb\n").run();
    assert_eq!(offsets(&world), [2, 0]);
    world.runnel(CURSOR).args(["-c", "1", "--commit", "none"]).stdout("c\n").run();
    assert_eq!(offsets(&world), [2, 0]);
    world.runnel(CURSOR).args(["-p", "0"]).stdout("c\n").run();
    assert_eq!(offsets(&world), [3, 0], "what is not read stays");
    world.runnel(CURSOR).args(["--grep", "e"]).stdout("e\n").run();
    assert_eq!(offsets(&world), [3, 2]);
    world.runnel(CURSOR).stdout("").run();
    // It may be changed by hand.
    let text = fs::read_to_string(world.path("place")).expect("a file");
    fs::write(world.path("place"), text.replace("\"offset\":3", "\"offset\":1")).expect("writes");
    world.runnel(CURSOR).stdout("b\nc\n").run();
    world.runnel(["group", "list"]).stdout("").run();
}

#[test]
fn it_follows_and_is_kept() {
    let world = World::new();
    world.topic("t", 1, &[]);
    let mut process = world.runnel(CURSOR).args(["-f"]).spawn();
    world.produce(&["t"], "a\n");
    assert_eq!(process.line(), "a");
    process.signal(Signal::TERM);
    assert_eq!(process.wait().status, 143);
    assert_eq!(offsets(&world), [1]);
    world.produce(&["t"], "b\n");
    world.runnel(CURSOR).stdout("b\n").run();
    assert!(!world.path("place.tmp").exists());
}

#[test]
fn a_topic_made_anew_begins_anew_and_paths_have_places_too() {
    let world = World::new();
    world.produce(&["t"], "a\n");
    world.runnel(CURSOR).stdout("a\n").run();
    world.runnel(["topic", "delete", "t", "--yes"]).run();
    world.produce(&["t"], "b\n");
    world.runnel(CURSOR).stdout("b\n").run();
    let path = world.partition("t", 0);
    let by_path = || world.runnel(["consume", "--cursor-file", "other"]).args([&path]);
    by_path().stdout("b\n").run();
    world.produce(&["t"], "c\n");
    by_path().stdout("c\n").run();
}

#[test]
fn a_file_that_is_none_is_not_written_over() {
    let world = World::new();
    world.produce(&["t"], "a\n");
    for content in ["", "text", "{}", "{\"version\":2,\"cursors\":[]}"] {
        fs::write(world.path("place"), content).expect("writes");
        world.runnel(CURSOR).fails(1).says("place");
        assert_eq!(fs::read_to_string(world.path("place")).expect("reads"), content);
    }
    fs::remove_file(world.path("place")).expect("removes");
    fs::create_dir(world.path("place")).expect("makes");
    world.runnel(CURSOR).fails(1).says("place");
    let missing = ["consume", "t", "--cursor-file", "new", "-p", "1"];
    world.runnel(missing).fails(1).says("no partition 1");
    let nowhere = ["consume", "t", "--cursor-file", "none/place"];
    world.runnel(nowhere).status(1).run().says("none/place");
}
