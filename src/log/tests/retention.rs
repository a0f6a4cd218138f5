//! What retention takes: by each rule, with true, false and no time indexes; and what a stop leaves.

use super::*;
use crate::log::{Retained, RetentionRule};
use crate::model::config::CleanupPolicy;
use crate::storage::sim::{Fault, Loss};

/// As [`log`], with one thing of its configuration changed.
fn keeping(storage: &SimStorage, change: impl FnOnce(&mut TopicConfig)) -> PartitionLog {
    with_config(log(storage), change)
}

fn with_config(log: PartitionLog, change: impl FnOnce(&mut TopicConfig)) -> PartitionLog {
    let mut config = TopicConfig { retention_ms: -1, ..TopicConfig::clone(&log.config()) };
    change(&mut config);
    log.set_config(Arc::new(config));
    log
}

/// A log of 30 batches of one record each, in several segments; the times are 1000, 1010, 1020 …
fn filled(storage: &SimStorage) -> PartitionLog {
    let writer = log(storage);
    for number in 0..30 {
        append(&writer, &[&format!("value {number}")], 1000 + number * 10);
    }
    writer
}

fn rules(retained: &Retained) -> Vec<RetentionRule> {
    retained.segments.iter().map(|segment| segment.rule).collect()
}

/// Does what is due, by another process than the one that looks.
fn retain(storage: &SimStorage, log: &PartitionLog, now_ms: i64) -> Retained {
    let before = (names(storage, LOG), storage.operations());
    let due = log.retention_due(now_ms).expect("looks");
    assert_eq!((names(storage, LOG), storage.operations()), before, "a look changes nothing");
    let retained = log.retain(now_ms).expect("retains");
    assert_eq!(retained, due, "what was due was done");
    let view = log.view().expect("a view");
    assert_eq!(view.log_start(), retained.to);
    assert_eq!(names(storage, LOG), view.segments().iter().map(|base| base.0).collect::<Vec<_>>());
    let read = chunks(log, view.log_start().0, 1).concat();
    assert_eq!(read, (view.log_start().0..view.end().0).collect::<Vec<_>>());
    assert!(log.retain(now_ms).expect("retains").is_nothing(), "once");
    retained
}

#[test]
fn by_time_whole_segments_go_from_the_oldest_on() {
    let storage = laboratory();
    filled(&storage);
    let bases = names(&storage, LOG);
    let [_, second, third, ..] = bases[..] else { unreachable!("it rolled: {bases:?}") };
    let log = keeping(&storage, |config| config.retention_ms = 100);
    // The youngest record of the first segment has just the age that may be.
    let youngest = 1000 + (second - 1) * 10;
    assert!(log.retain(youngest + 100).expect("retains").is_nothing());
    let retained = retain(&storage, &log, youngest + 101);
    assert_eq!((retained.from, retained.to), (Offset(0), Offset(second)));
    assert_eq!(rules(&retained), [RetentionRule::Time]);
    let retained = retain(&storage, &log, 1000 + (third - 1) * 10 + 101);
    assert_eq!((retained.from, retained.to), (Offset(second), Offset(third)));
    assert!(retained.bytes() > 61);
    // -1 keeps all for ever; so does a topic that is only compacted.
    let log = keeping(&storage, |_| ());
    assert!(log.retain(i64::MAX).expect("retains").is_nothing());
    let log = keeping(&storage, |config| {
        (config.retention_ms, config.retention_bytes) = (0, 0);
        config.cleanup_policy = CleanupPolicy { delete: false, compact: true };
    });
    assert!(log.retain(i64::MAX).expect("retains").is_nothing());
}

#[test]
fn the_active_segment_goes_too_when_it_is_due() {
    for by_size in [false, true] {
        let storage = laboratory();
        filled(&storage).sync(0).expect("syncs");
        let log = keeping(&storage, |config| match by_size {
            true => config.retention_bytes = 0,
            false => config.retention_ms = 100,
        });
        let retained = retain(&storage, &log, 100_000);
        assert_eq!((retained.from, retained.to), (Offset(0), Offset(30)));
        assert_eq!(names(&storage, LOG), [30], "an empty one is left");
        assert_eq!(names(&storage, INDEX), [30]);
        append(&log, &["young"], 99_990);
        let storage = storage.process();
        storage.remove_file("run/orders-0").expect("removes");
        assert_eq!(chunks(&super::log(&storage), 30, 100), [[30]]);
    }
}

#[test]
fn by_size_as_much_is_left_as_may_be() {
    let storage = laboratory();
    let writer = filled(&storage);
    let sizes: Vec<_> = names(&storage, LOG)
        .iter()
        .map(|base| storage.file_bytes(&path(*base, LOG)).expect("is there").len() as i64)
        .collect();
    let bases = names(&storage, LOG);
    let total: i64 = sizes.iter().sum();
    assert_eq!(total as u64, writer.size_in_bytes(&writer.view().expect("a view")).expect("sums"));
    for (bytes, goes) in [
        (total + 1, 0),
        (total, 0),
        (total - sizes[0] + 1, 0),
        (total - sizes[0], 1),
        (total - sizes[0] - sizes[1] + 1, 1),
        (total - sizes[0] - sizes[1], 2),
    ] {
        let log = keeping(&storage, |config| config.retention_bytes = bytes);
        let due = log.retention_due(0).expect("looks");
        assert_eq!((due.segments.len(), due.to), (goes, Offset(bases[goes])), "{bytes} of {total}");
        assert!(rules(&due).iter().all(|rule| *rule == RetentionRule::Size));
    }
    // Both rules in one: what age took counts for the size.
    let log = keeping(&storage, |config| {
        config.retention_bytes = total - sizes[0] - 1;
        config.retention_ms = 100;
    });
    let retained = retain(&storage, &log, 1000 + (bases[2] - 1) * 10 + 101);
    assert_eq!(rules(&retained), [RetentionRule::Size, RetentionRule::Time]);
    assert_eq!(retained.to, Offset(bases[2]));
}

/// However the index was lost or lies, a segment with a young record stays, and one without goes.
#[test]
fn time_indexes_that_lie_take_nothing_young() {
    let entry = |timestamp: i64, relative: u32| {
        [&timestamp.to_be_bytes()[..], &relative.to_be_bytes()].concat()
    };
    let young = 50_000;
    type Lie<'a> = (&'a str, Option<Vec<u8>>);
    let lies: [Lie<'_>; 7] = [
        ("true", None),
        ("empty", Some(Vec::new())),
        ("an entry of the first batch alone", Some(entry(1000, 0))),
        ("an entry that is of no batch", Some(entry(2000, 1))),
        ("an entry past the end", Some(entry(1000, 900))),
        ("torn", Some(entry(1000, 0)[..7].to_vec())),
        ("zeros at the end", Some([entry(1000, 0), vec![0; 24]].concat())),
    ];
    for (name, lie) in lies {
        for young_at in [0, 1, 2, 30] {
            let storage = laboratory();
            let writer = log(&storage);
            for number in 0..30 {
                let timestamp = if number == young_at { young } else { 1000 };
                append(&writer, &[&format!("value {number}")], timestamp);
            }
            let second = names(&storage, LOG)[1];
            assert!(second > 3, "all of these are in the first segment");
            if let Some(bytes) = &lie {
                storage.write_raw(&path(0, TIME_INDEX), bytes).expect("puts");
            }
            for file in [true, false] {
                if !file {
                    storage.remove_file(&path(0, TIME_INDEX)).expect("removes");
                }
                let log = keeping(&storage, |config| config.retention_ms = 1000);
                let due = log.retention_due(young + 1000).expect("looks");
                let from_first = due.segments.first().is_some_and(|s| s.base_offset == Offset(0));
                assert_eq!(from_first, young_at == 30, "{name}, young at {young_at}");
                let due = log.retention_due(young + 1001).expect("looks");
                assert!(due.to >= Offset(second), "{name}, young at {young_at}: all is old");
            }
        }
    }
}

/// Where damage hides times, and where there are none, the file's own age counts.
#[test]
fn without_times_the_age_of_the_file_counts() {
    let storage = laboratory();
    let writer = log(&storage);
    for _ in 0..30 {
        append(&writer, &["some value"], -1);
    }
    let second = names(&storage, LOG)[1];
    let written = storage.metadata(&path(0, LOG)).expect("is there").modified_ms;
    let active = *names(&storage, LOG).last().expect("there is one");
    let last_written = storage.metadata(&path(active, LOG)).expect("is there").modified_ms;
    let log = keeping(&storage, |config| config.retention_ms = 1000);
    assert!(log.retention_due(written + 1000).expect("looks").is_nothing());
    assert_eq!(log.retention_due(written + 1001).expect("looks").to, Offset(second));
    let all = log.retention_due(last_written + 1001).expect("looks");
    assert_eq!(all.to, Offset(30), "the active one has an age too");

    let storage = laboratory();
    filled(&storage);
    storage.corrupt(&path(0, LOG), 30, 1).expect("there is such a byte");
    storage.remove_file(&path(0, TIME_INDEX)).expect("removes");
    let written = storage.metadata(&path(0, LOG)).expect("is there").modified_ms;
    let log = keeping(&storage, |config| config.retention_ms = 1000);
    assert!(log.retention_due(written + 1000).expect("looks").is_nothing());
    assert!(!log.retention_due(written + 1001).expect("looks").is_nothing());
}

/// After the machine started anew nobody has told the time of the active segment's records.
#[test]
fn an_idle_log_ages_through_a_restart() {
    let storage = laboratory();
    filled(&storage).sync(0).expect("syncs");
    storage.remove_file("run/orders-0").expect("removes");
    let storage = storage.process();
    let log = keeping(&storage, |config| config.retention_ms = 100);
    let youngest = 1000 + 29 * 10;
    let due = log.retention_due(youngest + 100).expect("looks");
    assert!(due.to < Offset(30), "the active one stays");
    assert_eq!(retain(&storage, &log, youngest + 101).to, Offset(30));
}

#[test]
fn what_came_since_the_look_stays() {
    let storage = laboratory();
    filled(&storage);
    let log = keeping(&storage, |config| config.retention_ms = 100);
    // The look of a process that has not heard yet of a young record: its view is held still.
    let (view, due) = log.due(100_000).expect("looks");
    assert_eq!(due.to, Offset(30));
    append(&super::log(&storage), &["young"], 99_990);
    let active = *names(&storage, LOG).last().expect("there is one");
    let still = log
        .with_writer(100_000, |_, _, writer| Ok(writer.still_due(&view, due.clone())))
        .expect("opens");
    assert_eq!(still.map(|still| still.to), Some(Offset(active)));
    assert_eq!(retain(&storage, &log, 100_000).to, Offset(active));
}

#[test]
fn nothing_goes_at_or_past_an_open_transaction() {
    let storage = laboratory();
    let writer = filled(&storage);
    let bases = names(&storage, LOG);
    let inside = bases[2] + 1;
    writer
        .with_writer(0, |_, _, writer| {
            writer.state.first_open_transaction = inside;
            writer.publish()
        })
        .expect("publishes");
    let log = keeping(&storage, |config| (config.retention_ms, config.retention_bytes) = (0, 0));
    assert_eq!(retain(&storage, &log, i64::MAX).to, Offset(bases[2]));
}

#[test]
fn a_server_and_a_reader_see_the_new_start() {
    let storage = laboratory();
    filled(&storage);
    let reader = super::log(&storage);
    let held = reader.view().expect("a view");
    let server = with_config(owner(&storage), |config| config.retention_ms = 100);
    server.view().expect("a view");
    let woken = Arc::new(Woken::default());
    let _listener = server.listen(&std::task::Waker::from(Arc::clone(&woken)));
    assert_eq!(retain(&storage, &server, 100_000).to, Offset(30));
    assert!(woken.0.load(std::sync::atomic::Ordering::Relaxed) > 0, "who waits is woken");
    let overtaken = reader.read(&held, &mut Cursor::at(Offset(0)), 1);
    let at_start = |start: &Offset| *start == Offset(30);
    assert!(
        matches!(&overtaken, Err(Error::OffsetOutOfRange { start, .. }) if at_start(start)),
        "{overtaken:?}"
    );
}

#[derive(Default)]
struct Woken(std::sync::atomic::AtomicUsize);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Wherever it stops, a later round ends it; and the log begins where it began, or where a segment does.
#[test]
fn a_round_that_stops_anywhere_is_finished_by_another() {
    let full = Fault::Error(std::io::ErrorKind::StorageFull);
    for (now_ms, expected) in [(1290, None), (100_000, Some(30))] {
        for after in 0..60 {
            for fault in [Fault::Kill, Fault::MachineCrash(Loss::Everything), full] {
                let storage = laboratory();
                for dir in ["", "log", "run"] {
                    storage.sync_dir(dir).expect("syncs");
                }
                filled(&storage).close(0).expect("closes");
                let bases = names(&storage, LOG);
                let storage = storage.process();
                let writer = keeping(&storage, |config| config.retention_ms = 100);
                storage.fail_at(storage.operations() + after, fault);
                let retained = writer.retain(now_ms);
                storage.clear_faults();
                let storage = storage.process();
                let log = keeping(&storage, |config| config.retention_ms = 100);
                let begins = log.view().expect("a view").log_start().0;
                assert!(bases.contains(&begins) || begins == 30, "{after} {fault:?}: {begins}");
                let read = chunks(&log, begins, 1).concat();
                assert_eq!(read, (begins..30).collect::<Vec<_>>(), "{after} {fault:?}");
                if let Ok(retained) = retained {
                    assert_eq!(begins, retained.to.0, "{after} {fault:?}: it was done");
                }
                log.retain(now_ms).expect("retains");
                log.open_to_append(now_ms).expect("opens");
                let view = log.view().expect("a view");
                let expected = expected.unwrap_or(bases[2]);
                assert_eq!(view.log_start().0, expected, "{after} {fault:?}");
                assert_eq!(names(&storage, LOG)[0], expected, "{after} {fault:?}: leftovers");
                assert!(begins <= expected, "{after} {fault:?}: too much went");
                append(&log, &["after all"], 100_000);
                assert_eq!(chunks(&log, 30, 100).concat(), [30]);
            }
        }
    }
}
