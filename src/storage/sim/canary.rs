//! Who watches the watchman: a small database, right and wrong in several ways. The crash loop must
//! let the right one pass and find every other.

use std::io;

use super::{Fault, Loss, SimStorage};
use crate::storage::{Open, Result, Storage, replace_file};

/// How a small database is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    None,
    AcksWithoutSync,
    ForgetsTheDirectory,
    RepeatsAFailedSync,
    RenamesBeforeSync,
    TrustsATornTail,
}

/// A database of the numbers 1 to 6, 600 bytes each so that they straddle sectors, and a count of
/// them in a file that is replaced. Gives the last number acknowledged.
fn put_numbers(storage: &SimStorage, bug: Bug) -> u8 {
    let mut acknowledged = 0;
    let mut run = || -> Result<()> {
        storage.create_dir("data")?;
        let log = storage.open("data/log", Open::Create)?;
        storage.sync_dir("")?;
        if bug != Bug::ForgetsTheDirectory {
            storage.sync_dir("data")?;
        }
        for number in 1..=6 {
            log.write_all_at(&[number; 600], u64::from(number - 1) * 600)?;
            if bug != Bug::AcksWithoutSync {
                let synced = log.sync_data();
                let again = synced.is_err() && bug == Bug::RepeatsAFailedSync;
                if again { log.sync_data() } else { synced }?;
            }
            let count = [number];
            if bug == Bug::RenamesBeforeSync {
                storage.open("count.tmp", Open::Create)?.write_all_at(&count, 0)?;
                storage.rename("count.tmp", "count")?;
                storage.sync_dir("")?;
            } else {
                replace_file(storage, "count", &count)?;
            }
            acknowledged = number;
        }
        Ok(())
    };
    // A fault ends the run; what was acknowledged before it counts.
    let _ = run();
    acknowledged
}

/// Opens the database again. `Err` tells what is wrong with it.
fn check_numbers(
    storage: &SimStorage,
    bug: Bug,
    acknowledged: u8,
) -> std::result::Result<(), String> {
    let log = storage.file_bytes("data/log").unwrap_or_default();
    let mut numbers = 0;
    for (expected, record) in (1..).zip(log.chunks(600)) {
        let whole = record.len() == 600 && record.iter().all(|byte| *byte == expected);
        if !whole && bug != Bug::TrustsATornTail {
            break;
        }
        if !whole {
            return Err(format!("serves a torn record {expected}"));
        }
        numbers = expected;
    }
    if numbers < acknowledged {
        return Err(format!("has {numbers} of {acknowledged} acknowledged"));
    }
    let count = storage.file_bytes("count").unwrap_or_else(|| vec![0]);
    match count[..] {
        [count] if acknowledged <= count && count <= numbers => Ok(()),
        _ => Err(format!("counts {count:?} where {acknowledged} of {numbers} are acknowledged")),
    }
}

/// The crash loop: every operation struck by every fault, then the machine's end.
fn crash_loop(bug: Bug) -> std::result::Result<(), String> {
    let counting = SimStorage::new();
    assert_eq!(put_numbers(&counting, bug), 6);
    for number in 0..counting.operations() {
        for seed in 0..8 {
            let loss = Loss::Random(seed);
            let failure = Fault::Error(io::ErrorKind::Other);
            for fault in [Fault::Kill, Fault::MachineCrash(loss), failure] {
                let storage = SimStorage::seeded(seed);
                storage.fail_at(number, fault);
                let acknowledged = put_numbers(&storage, bug);
                for after in ["fault", "crash"] {
                    check_numbers(&storage, bug, acknowledged).map_err(|wrong| {
                        let trace = storage.trace().join("\n");
                        format!("{fault:?} at {number}, after the {after}: {wrong}\n{trace}")
                    })?;
                    storage.crash(loss);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn the_crash_loop_passes_a_database_that_syncs_before_it_acknowledges() {
    crash_loop(Bug::None).expect("it is right");
}

#[test]
fn the_crash_loop_finds_each_canary() {
    for bug in [
        Bug::AcksWithoutSync,
        Bug::ForgetsTheDirectory,
        Bug::RepeatsAFailedSync,
        Bug::RenamesBeforeSync,
        Bug::TrustsATornTail,
    ] {
        crash_loop(bug).expect_err(&format!("{bug:?} must be found"));
    }
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let run = |seed| {
        let storage = SimStorage::seeded(seed);
        storage.fail_at(20, Fault::Error(io::ErrorKind::StorageFull));
        put_numbers(&storage, Bug::None);
        storage.crash(Loss::Random(seed));
        let files = storage.paths().into_iter();
        let files: Vec<_> = files.map(|path| (storage.file_bytes(&path), path)).collect();
        (storage.trace(), files)
    };
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed));
    }
}
