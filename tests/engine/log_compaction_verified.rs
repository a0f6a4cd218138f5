//! Verifications under which a compaction goes on, at each step of either: none finds damage, but where
//! there is some.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::log_compaction_crash::{config, laboratory, roomy};
use crate::log_ground::{
    CONTROL, DIR, Rec, Result, batch, lay_out, open, open_to_read, segment_path, soak,
};
use runnel::inspect::{Report, Severity, verify_partition};
use runnel::log::{Compaction, PartitionLog, finish_replacements, names};
use runnel::model::{Offset, TopicConfig};
use runnel::record::Compression;
use runnel::storage::Storage as _;
use runnel::storage::sim::{Fault, SimStorage};

fn damage(report: &Report) -> Vec<String> {
    let damage = report.findings.iter().filter(|finding| finding.severity == Severity::Damage);
    damage.map(ToString::to_string).collect()
}

/// Verifies a log, and does something once the verification has told of its progress so often; gives whether
/// it came to that.
fn verify_beside(world: &SimStorage, step: usize, meanwhile: &dyn Fn()) -> Result<bool> {
    let reader = open_to_read(Arc::new(world.process()), &config());
    let mut steps = 0;
    let report = verify_partition(&reader, &mut |_| {
        if steps == step {
            meanwhile();
        }
        steps += 1;
    });
    match &damage(&report.expect("reads"))[..] {
        [] => Ok(steps > step),
        damage => Err(format!("step {step}: {damage:?}")),
    }
}

/// Compacts the log up to an operation before which its process dies; false if that does not come.
fn compact_up_to(world: &SimStorage, operation: u64) -> bool {
    let log = open(Arc::new(world.process()), &roomy());
    log.open_to_append(5000).expect("opens");
    world.fail_at(world.operations() + operation, Fault::Kill);
    // A forced one would begin a segment first, and a generation with it.
    let how = Compaction { map_bytes_max: 1 << 20, is_forced: false };
    let is_over = log.compact(&how, 6000, &mut |_| ControlFlow::Continue(())).is_ok();
    world.clear_faults();
    !is_over
}

/// Each operation of a compaction with every so many steps of a verification. `verify` gives whether there
/// is that operation, and whether that step.
fn at_each(every: usize, verify: impl Fn(u64, usize) -> Result<(bool, bool)>) {
    for operation in 0.. {
        let mut is_there = false;
        for step in (0..).step_by(if soak() { 1 } else { every }) {
            match verify(operation, step) {
                Ok((operation, step)) => {
                    is_there |= operation;
                    if !step {
                        break;
                    }
                }
                Err(wrong) => panic!("operation {operation}, {wrong}"),
            }
        }
        if !is_there {
            assert!(operation > 30, "a compaction of {operation} operations");
            return;
        }
    }
}

#[test]
fn a_compaction_comes_to_each_operation_meanwhile() {
    at_each(4, |operation, step| {
        let (world, _) = laboratory(0);
        let was_stopped = Cell::new(false);
        let compact = || was_stopped.set(compact_up_to(&world, operation));
        let is_there = verify_beside(&world, step, &compact)?;
        Ok((was_stopped.get(), is_there))
    });
}

#[test]
fn what_was_stopped_at_each_operation_is_finished_meanwhile() {
    for is_published in [true, false] {
        at_each(9, |operation, step| {
            let (world, _) = laboratory(0);
            let was_stopped = compact_up_to(&world, operation);
            if !is_published {
                world.process().remove_file(CONTROL).expect("removes");
            }
            let finish = || {
                finish_replacements(&world.process(), DIR, 150).expect("finishes");
            };
            Ok((was_stopped, verify_beside(&world, step, &finish)?))
        });
    }
}

/// Its first segment is full of records that stay.
struct Restless {
    world: SimStorage,
    log: PartitionLog,
    number: i64,
}

impl Restless {
    fn new() -> Self {
        let world = SimStorage::new();
        lay_out(&world);
        let config = TopicConfig { segment_bytes: 4000, ..config() };
        let log = open(Arc::new(world.process()), &config);
        let mut restless = Self { world, log, number: 0 };
        restless.append();
        restless
    }

    /// A segment of records that stay, and one in which there is one key, again and again.
    fn append(&mut self) {
        let stays = (0..3).map(|_| (None, 1200));
        let repeats = (0..12).map(|_| (Some("same"), 100));
        for (key, len) in stays.chain(repeats) {
            self.number += 1;
            let key = key.map_or_else(|| self.number.to_string(), str::to_owned);
            let (key, value) = (Some(key.into_bytes()), vec![7; len]);
            let bytes = &mut batch(&[Rec { timestamp: 0, key, value }], Compression::None);
            self.log.append(bytes, 0).expect("appends");
        }
    }

    fn compact(&self) {
        let how = Compaction { map_bytes_max: 1 << 16, is_forced: true };
        // What is damaged it does not go through.
        let _ = self.log.compact(&how, 0, &mut |_| ControlFlow::Continue(()));
    }

    /// Verifies the log while it is compacted and appended to, in each look anew; gives the number of looks.
    fn verify(&mut self) -> (Report, usize) {
        let reader = open_to_read(Arc::new(self.world.process()), &config());
        let (mut looks, mut before) = (0, u64::MAX);
        let report = verify_partition(&reader, &mut |bytes| {
            if bytes < before {
                looks += 1;
                self.compact();
                self.append();
            }
            before = bytes;
        });
        (report.expect("reads"), looks)
    }
}

#[test]
fn what_each_look_finds_elsewhere_is_no_damage() {
    let mut restless = Restless::new();
    let (report, looks) = restless.verify();
    assert!(looks > 2, "{looks} looks, or the test proves nothing");
    assert_eq!(damage(&report), [""; 0]);
    let reader = open_to_read(Arc::new(restless.world.process()), &config());
    let report = verify_partition(&reader, &mut |_| {}).expect("reads");
    assert_eq!(damage(&report), [""; 0]);
}

#[test]
fn what_is_damaged_is_told_however_restless_the_log() {
    let mut restless = Restless::new();
    let path = segment_path(Offset(0), names::LOG);
    restless.world.corrupt(&path, 500, 1).expect("is there");
    let (report, looks) = restless.verify();
    assert!(looks > 2, "{looks} looks, or the test proves nothing");
    let damage = damage(&report);
    assert!(matches!(&damage[..], [only] if only.contains(&path)), "{damage:?}");
}
