//! Producers append transactions to a log and a coordinator ends them, while processes die, the
//! machine stops, the disk is full or fails, at each operation in turn.
//!
//! The coordinator does as Kafka's: it decides to commit once all data is synced, and what it has
//! decided it has written until that is done, and again after the machine has stopped, since a
//! marker is not synced by itself; it is durable before the producer's next one is decided. A transaction that met a fault before it was decided is aborted,
//! and done anew in the next epoch. Whatever strikes:
//! - a reader who wants committed records sees those of decided transactions only, in order, whole;
//! - what the log says of its transactions (last stable offset, aborted lists) is what its batches say;
//! - in the end all that was committed is there, once, and nothing is open.
//!
//! `RUNNEL_SOAK=1` strikes more often.

mod lab;

use std::io::ErrorKind;

use crate::log_ground::{DIR, Result, soak};
use lab::{Lab, Writers};
use runnel::storage::Storage as _;
use runnel::storage::sim::{Fault, Loss};

/// One run with faults planned, numbers counted from its first operation; how many there were.
fn run(seed: u64, writers: Writers, faults: &[(u64, Fault)]) -> Result<u64> {
    let mut lab = Lab::new(seed, writers);
    let first = lab.world.operations();
    for (number, fault) in faults {
        lab.world.fail_at(first + number, *fault);
    }
    let result = lab.run();
    let operations = lab.world.operations() - first;
    result.map(|()| operations).map_err(|wrong| {
        let trace = lab.world.trace()[first as usize..].join("\n");
        format!("{trace}\nseed {seed}, {writers:?}, {faults:?} from {first} on: {wrong}")
    })
}

fn strike_each(writers: Writers, faults: impl Fn(u64) -> Vec<(u64, Fault)>, rounds: u64) {
    let operations = run(0, writers, &[]).expect("nothing fails");
    assert!(operations > 200, "a run of {operations} operations");
    // A quick run strikes one operation in so many, another of each kind of writers.
    let step = if soak() { 1 } else { 7 };
    for number in (u64::from(writers == Writers::Server)..operations).step_by(step) {
        for round in 0..rounds {
            let planned = faults(number * rounds + round);
            let planned: Vec<_> =
                planned.into_iter().map(|(gap, fault)| (number + gap, fault)).collect();
            if let Err(wrong) = run(round, writers, &planned) {
                assert!(wrong.is_empty(), "{wrong}");
            }
        }
    }
}

fn rounds(quick: u64, long: u64) -> u64 {
    if soak() { long } else { quick }
}

fn loss(pick: u64) -> Loss {
    match pick % 3 {
        0 => Loss::Everything,
        1 => Loss::Nothing,
        _ => Loss::Random(pick),
    }
}

const FULL: Fault = Fault::Error(ErrorKind::StorageFull);
const WRITERS: [Writers; 2] = [Writers::Server, Writers::TwoCommands];

#[test]
fn a_run_rolls_aborts_and_deletes() {
    let mut lab = Lab::new(0, Writers::Server);
    lab.run().expect("nothing fails");
    let names = lab.world.process().list(DIR).expect("lists");
    let count = |suffix| names.iter().filter(|entry| entry.name.ends_with(suffix)).count();
    assert!(count(".log") >= 2 && count(".txnindex") >= 1, "{names:?}");
    assert_eq!(lab.committed.concat().len(), 14);
}

#[test]
fn transactions_survive_that_processes_die() {
    for writers in WRITERS {
        strike_each(writers, |_| vec![(0, Fault::Kill)], 1);
    }
}

#[test]
fn transactions_survive_that_the_machine_stops() {
    for writers in WRITERS {
        strike_each(writers, |pick| vec![(0, Fault::MachineCrash(loss(pick)))], rounds(1, 30));
    }
}

#[test]
fn transactions_survive_that_the_disk_is_full() {
    for writers in WRITERS {
        strike_each(writers, |_| vec![(0, FULL)], rounds(1, 5));
    }
}

#[test]
fn transactions_survive_that_it_strikes_again_and_again() {
    let faults = |pick: u64| [Fault::Kill, FULL, Fault::MachineCrash(loss(pick)), Fault::Kill];
    let planned = |pick: u64| {
        let (first, second) =
            (faults(pick)[(pick % 4) as usize], faults(pick)[(pick / 4 % 4) as usize]);
        // Who dies at once when a sync has failed can tell nobody.
        let gap = if first == FULL && second == Fault::Kill { 5 } else { pick % 13 + 1 };
        vec![(0, first), (gap, second)]
    };
    for writers in WRITERS {
        strike_each(writers, planned, rounds(1, 40));
    }
}
