//! What people and programs do to a directory and its commands that nobody meant them to do.
//!
//! Each test was a way to break it once.

mod support;

use std::fs;

use support::World;
use support::running::Running;

/// `produce t` that has sent its first line and waits for more.
fn writer(world: &World) -> Running {
    let mut writer = world.runnel(["produce", "t"]).spawn();
    writer.feed(b"first\n");
    world.until_consume_prints("t", "first\n");
    writer
}

#[test]
fn caches_may_go_while_a_writer_runs() {
    let world = World::new();
    let mut writer = writer(&world);
    fs::remove_dir_all(world.dir().join("run")).expect("removed");
    writer.feed_and_close("second\n");
    let said = writer.wait();
    assert_eq!((said.status, said.stderr.as_str()), (0, ""), "{said}");
    assert_eq!(world.consume(&["t"]), "first\nsecond\n");
    world.runnel(["log", "verify", "t"]).stderr("").run();
}
