//! The laboratory's promises, one by one, and that it refuses what the real file system refuses.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use super::*;
use crate::storage::{Directory, File, FileId, LockKind, LockRange, Open, Storage, Wait};

fn file(storage: &SimStorage, path: &str) -> Arc<dyn File> {
    storage.open(path, Open::Create).expect("opens")
}

/// A file whose name and content are durable.
fn synced(storage: &SimStorage, path: &str, content: &[u8]) -> Arc<dyn File> {
    let file = file(storage, path);
    file.write_all_at(content, 0).expect("writes");
    file.sync_data().expect("syncs");
    storage.sync_dir("").expect("syncs");
    file
}

fn bytes(storage: &SimStorage, path: &str) -> Vec<u8> {
    storage.file_bytes(path).expect("is there")
}

#[test]
fn a_crash_keeps_what_was_synced_and_loses_the_rest() {
    let storage = SimStorage::new();
    let file = synced(&storage, "a", b"kept");
    file.write_all_at(b" and lost", 4).expect("writes");
    assert_eq!(bytes(&storage, "a"), b"kept and lost");
    storage.crash(Loss::Everything);
    assert_eq!(bytes(&storage, "a"), b"kept");
}

#[test]
fn a_name_is_durable_only_after_its_directory_is() {
    let storage = SimStorage::new();
    let file = file(&storage, "a");
    file.write_all_at(b"content", 0).expect("writes");
    file.sync_data().expect("syncs");
    storage.create_dir("d").expect("makes a directory");
    self::file(&storage, "d/b");
    storage.sync_dir("d").expect("syncs");
    storage.crash(Loss::Everything);
    assert!(storage.paths().is_empty(), "{:?}", storage.paths());
}

#[test]
fn a_rename_is_durable_after_its_directory_is() {
    let storage = SimStorage::new();
    synced(&storage, "a", b"old");
    synced(&storage, "b", b"new");
    storage.rename("b", "a").expect("renames");
    let unsynced = storage.process();
    storage.crash(Loss::Everything);
    assert!(!unsynced.is_alive());
    assert_eq!(storage.paths(), ["a", "b"]);
    let after = storage.process();
    after.rename("b", "a").expect("renames");
    after.sync_dir("").expect("syncs");
    storage.crash(Loss::Everything);
    assert_eq!(storage.paths(), ["a"]);
    assert_eq!(bytes(&storage, "a"), b"new");
}

#[test]
fn a_rename_to_another_directory_needs_both() {
    let moved = |synced_dirs: &[&str]| {
        let storage = SimStorage::new();
        storage.write_raw("from/a", b"x").expect("puts");
        storage.write_raw("to/other", b"").expect("puts");
        storage.rename("from/a", "to/a").expect("renames");
        for path in synced_dirs {
            storage.sync_dir(path).expect("syncs");
        }
        storage.crash(Loss::Everything);
        storage.paths()
    };
    assert_eq!(moved(&[]), ["from/a", "to/other"]);
    assert_eq!(moved(&["to"]), ["from/a", "to/a", "to/other"]);
    assert_eq!(moved(&["from"]), ["to/other"]);
    assert_eq!(moved(&["to", "from"]), ["to/a", "to/other"]);
}

#[test]
fn names_are_lost_newest_first() {
    let mut seen = Vec::new();
    for seed in 0..100 {
        let storage = SimStorage::new();
        for name in ["a", "b", "c"] {
            file(&storage, name);
        }
        storage.crash(Loss::Random(seed));
        let paths = storage.paths();
        assert!(["a", "b", "c"].starts_with(&paths.iter().map(String::as_str).collect::<Vec<_>>()));
        seen.push(paths.len());
    }
    assert!((0..=3).all(|count| seen.contains(&count)));
}

#[test]
fn a_failed_sync_forgets_what_was_to_be_synced() {
    let storage = SimStorage::new();
    let file = synced(&storage, "a", b"old");
    file.write_all_at(b"new", 0).expect("writes");
    storage.fail_at(storage.operations(), Fault::Error(io::ErrorKind::Other));
    let error = file.sync_data().expect_err("was planned");
    assert_eq!(error.source.raw_os_error(), Some(Errno::IO.raw_os_error()));
    file.sync_data().expect("the kernel knows of nothing to store");
    assert_eq!(bytes(&storage, "a"), b"new", "still in the page cache");
    storage.crash(Loss::Nothing);
    assert_eq!(bytes(&storage, "a"), b"old");

    let file = self::file(&storage.process(), "a");
    file.write_all_at(b"new", 0).expect("writes");
    storage.fail_at(storage.operations(), Fault::Error(io::ErrorKind::Other));
    file.sync_data().expect_err("was planned");
    file.write_all_at(b"new", 0).expect("writes");
    file.sync_data().expect("syncs");
    storage.crash(Loss::Everything);
    assert_eq!(bytes(&storage, "a"), b"new", "written again");
}

#[test]
fn an_error_leaves_a_prefix_and_a_living_process() {
    let mut lengths = Vec::new();
    for seed in 0..50 {
        let storage = SimStorage::seeded(seed);
        let file = file(&storage, "a");
        storage.fail_at(1, Fault::Error(io::ErrorKind::StorageFull));
        let error = file.write_all_at(b"abcd", 0).expect_err("was planned");
        assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
        assert!(b"abcd".starts_with(&bytes(&storage, "a")));
        lengths.push(bytes(&storage, "a").len());
        file.write_all_at(b"abcd", 0).expect("once only");
    }
    assert!((0..4).all(|len| lengths.contains(&len)) && !lengths.contains(&4));
}

#[test]
fn a_kill_tears_the_write_and_ends_one_process() {
    let mut lengths = Vec::new();
    for seed in 0..50 {
        let storage = SimStorage::seeded(seed);
        let other = storage.process();
        let file = file(&storage, "a");
        storage.fail_at(1, Fault::Kill);
        let error = file.write_all_at(b"abcd", 0).expect_err("was planned");
        assert!(Dead::is_cause(&error), "{error}");
        assert!(Dead::is_cause(&storage.list("").expect_err("is dead")));
        assert!(Dead::is_cause(&file.read_at(&mut [0], 0).expect_err("is dead")));
        assert_eq!(other.list("").expect("lives").len(), 1);
        assert!(b"abcd".starts_with(&bytes(&other, "a")));
        lengths.push(bytes(&other, "a").len());
    }
    assert!((0..=4).all(|len| lengths.contains(&len)));
}

#[test]
fn only_a_crash_changes_the_boot_and_only_an_unplugging_the_mount() {
    let storage = SimStorage::new();
    synced(&storage, "a", b"");
    let identity =
        |storage: &SimStorage| (storage.boot_id(), storage.metadata("a").expect("is there").id);
    let (boot, id) = identity(&storage);
    storage.kill();
    let storage = storage.process();
    assert_eq!(identity(&storage), (boot, id));
    storage.unplug(Loss::Everything);
    let storage = storage.process();
    assert_eq!(identity(&storage), (boot, FileId { mount: id.mount + 1, ..id }));
    storage.crash(Loss::Everything);
    assert_ne!(storage.process().boot_id(), boot);
}

#[test]
fn locks_exclude_handles_and_end_with_them() {
    let (here, there) = {
        let storage = SimStorage::new();
        (storage.clone(), storage.process())
    };
    let take = |file: &Arc<dyn File>, kind| {
        file.lock(LockRange::byte(3), kind, Wait::No).expect("no system error")
    };
    let (first, second) = (file(&here, "lock"), file(&here, "lock"));
    let third = file(&there, "lock");
    assert!(take(&first, LockKind::Exclusive));
    assert!(!take(&second, LockKind::Shared), "another handle of the process");
    assert!(!take(&third, LockKind::Shared), "another process");
    drop(first);
    assert!(take(&second, LockKind::Shared));
    assert!(take(&third, LockKind::Shared));
    assert!(!take(&third, LockKind::Exclusive));
    here.kill();
    assert!(take(&third, LockKind::Exclusive), "the dead hold nothing");
}

#[test]
fn a_waiter_gets_the_lock_when_its_holder_dies_and_the_dead_stop_waiting() {
    let storage = SimStorage::new();
    let (holder, heir, victim) = (storage.process(), storage.process(), storage.process());
    let lock = |process: &SimStorage, wait| {
        let file = file(process, "lock");
        file.lock(LockRange::WHOLE_FILE, LockKind::Exclusive, wait).map(|locked| (locked, file))
    };
    let (locked, _held) = lock(&holder, Wait::No).expect("no system error");
    assert!(locked);
    std::thread::scope(|scope| {
        let waits_in_vain = scope.spawn(|| lock(&victim, Wait::Yes));
        std::thread::sleep(Duration::from_millis(10));
        victim.kill();
        let error = waits_in_vain.join().expect("no panic").expect_err("was killed");
        assert!(Dead::is_cause(&error));
        let inherits = scope.spawn(|| lock(&heir, Wait::Yes));
        std::thread::sleep(Duration::from_millis(10));
        holder.kill();
        assert!(inherits.join().expect("no panic").expect("no system error").0);
    });
}

#[test]
fn what_a_test_puts_and_damages_stays() {
    let storage = SimStorage::new();
    storage.write_raw("d/e/a", b"abc").expect("puts");
    let file = file(&storage, "d/e/a");
    file.write_all_at(b"d", 3).expect("writes");
    storage.corrupt("d/e/a", 0, 0x20).expect("damages");
    storage.corrupt("d/e/a", 3, 0x20).expect("damages");
    storage.corrupt("d/e/a", 4, 1).expect_err("past the end");
    assert_eq!(bytes(&storage, "d/e/a"), b"AbcD");
    storage.crash(Loss::Nothing);
    assert_eq!(bytes(&storage, "d/e/a"), b"AbcD");
    assert_eq!(storage.operations(), 1, "the write");
}

/// What each call answers, in words that both kinds of storage share.
fn answers(storage: &dyn Storage) -> Vec<String> {
    let mut said = Vec::new();
    let mut say = |what: &str, result: Result<()>| {
        let answer = result.map_err(|error| error.source.kind());
        said.push(format!("{what}: {answer:?}"));
    };
    let open = |path, how| storage.open(path, how).map(drop);
    say("create_dir d", storage.create_dir("d"));
    say("create_dir d again", storage.create_dir("d"));
    say("create_dir x/y", storage.create_dir("x/y"));
    for how in [Open::Read, Open::Write, Open::CreateNew, Open::CreateNew, Open::Create] {
        say("open d/a", open("d/a", how));
    }
    for how in [Open::Read, Open::Write, Open::Create, Open::CreateNew] {
        for path in ["d", "", "d/", "x/a", "d/a/b", "..", "d/../a", ".", "/a", "d//a"] {
            say(&format!("open {path} {how:?}"), open(path, how));
        }
    }
    for path in ["", "d", "d/a", "x", "d/x", ".", "d/.."] {
        say(&format!("list {path}"), storage.list(path).map(drop));
        say(&format!("sync_dir {path}"), storage.sync_dir(path));
        say(&format!("metadata {path}"), storage.metadata(path).map(drop));
        say(
            &format!("remove_file {path} if none"),
            match path {
                "d/a" => Ok(()),
                _ => storage.remove_file(path),
            },
        );
        say(&format!("remove_dir {path}"), storage.remove_dir(path));
    }
    say("create_dir e", storage.create_dir("e"));
    for (from, to) in [
        ("x", "y"),
        ("d/a", "x/a"),
        ("d/a", "d/a"),
        ("d/a", "e"),
        ("e", "d/a"),
        ("e", "d"),
        ("d", "d/f"),
        ("d/a", "d/b"),
        ("e", "g"),
        ("d", "g"),
        ("g/b", "h"),
        ("h", "g/i"),
    ] {
        say(&format!("rename {from} {to}"), storage.rename(from, to));
    }
    for (from, to) in [("g", "k"), ("g/i", "g"), ("g/i", "l"), ("g/i", "l"), ("x", "m")] {
        say(&format!("link {from} {to}"), storage.link(from, to));
    }
    let reading = storage.open("l", Open::Read).expect("is there");
    say("write to read", reading.write_all_at(b"x", 0));
    say("cut to read", reading.set_len(0));
    say("sync to read", reading.sync_data());
    let lock = |kind| reading.lock(LockRange::WHOLE_FILE, kind, Wait::No).map(drop);
    say("lock shared", lock(LockKind::Shared));
    say("lock alone", lock(LockKind::Exclusive));
    say("slice past the end", reading.slice(0, 1).map(drop));
    say("remove_file l", storage.remove_file("l"));
    say("sync the nameless", reading.sync_data());
    let mut names: Vec<_> = storage.list("g").expect("lists").into_iter().collect();
    names.sort_by(|a, b| a.name.cmp(&b.name));
    said.push(format!("{names:?}"));
    said
}

#[test]
fn answers_as_the_real_file_system_does() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let real = Directory::open(home.path()).expect("opens");
    assert_eq!(answers(&real), answers(&SimStorage::new()));
}
