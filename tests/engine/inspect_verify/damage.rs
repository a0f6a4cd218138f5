//! What was done to a copy: flipped bytes, files that are cut, gone or swapped.

use std::fs;
use std::path::Path;

use runnel::inspect::{Problem, Severity};
use runnel::log::Fault;
use runnel::record::set_max_timestamp;

use super::{
    Copied, Found, Own, RECORDS_PER_BATCH, append_bytes, batches, change, cut, damage, name,
};
use crate::support::World;
use crate::support::data::unpack;

#[test]
fn a_changed_byte_of_a_batch_is_found_where_the_batch_is() {
    let own = Own::new();
    let copy = own.copy();
    let logs = copy.files(".log");
    for log in [&logs[1], logs.last().unwrap()] {
        let sound = fs::read(log).unwrap();
        let all = batches(log);
        for number in [0, 1, 2, all.len() - 1] {
            let (position, size) = all[number];
            let next = all.get(number + 1).map(|(next, _)| *next);
            // Base offset, length, magic, crc, attributes, counts, body.
            for at in [0, 7, 8, 11, 16, 17, 22, 26, 60, 70, size - 1] {
                let mut bytes = sound.clone();
                bytes[(position + at) as usize] ^= 1;
                fs::write(log, bytes).unwrap();
                let found = copy.found();
                let in_log = |found: &&&Found| found.1 == name(log);
                let found: Vec<_> = damage(&found).into_iter().filter(|f| in_log(&f)).collect();
                // A base offset is outside the crc: a higher one shows at the next batch.
                let is_higher = at == 7 && sound[(position + 7) as usize] & 1 == 0;
                let shows_at = if is_higher { next } else { Some(position) };
                let Some(first) = found.first() else {
                    assert!(is_higher && next.is_none(), "{number} {at}: nothing");
                    continue;
                };
                assert_eq!(first.2, shows_at, "{number} {at}: {found:#?}");
                if let Problem::Broken { next: told, .. } = first.3 {
                    assert_eq!(Some(told), next, "{number} {at}");
                }
            }
        }
        fs::write(log, sound).unwrap();
    }
    assert_eq!(copy.found(), []);
}

#[test]
fn records_are_decoded_where_the_crc_is_right() {
    let own = Own::new();
    let copy = own.copy();
    let log = &copy.files(".log")[0];
    let sound = fs::read(log).unwrap();
    // Batch 0 is compressed, batch 1 is not: its first byte is the length of the first record.
    for number in [0, 1] {
        let (position, size) = batches(log)[number];
        let mut bytes = sound.clone();
        let batch = &mut bytes[position as usize..(position + size) as usize];
        batch[61] ^= 1;
        let max = 1_700_000_000_000 + number as i64 * 1000 + RECORDS_PER_BATCH - 1;
        set_max_timestamp(batch, max);
        fs::write(log, &bytes).unwrap();
        let found = copy.found();
        let [(Severity::Damage, path, at, Problem::Records(_))] = &found[..] else {
            panic!("{found:#?}");
        };
        assert_eq!((path, *at), (&name(log), Some(position)));
    }
    // A header that says less than its records is what old clients wrote.
    let mut bytes = sound.clone();
    let (position, size) = batches(log)[1];
    set_max_timestamp(&mut bytes[position as usize..(position + size) as usize], 1_700_000_001_000);
    fs::write(log, &bytes).unwrap();
    let found = copy.found();
    let timestamp = &found[0];
    assert_eq!((timestamp.0, timestamp.2), (Severity::Note, Some(position)));
    assert!(matches!(timestamp.3, Problem::RecordTimestamp { .. }));
}

/// Every byte of an index, in a finished segment and in the last one.
#[test]
fn a_changed_byte_of_an_index_is_found_at_its_entry() {
    let own = Own::new();
    let copy = own.copy();
    for (suffix, entry) in [(".index", 8), (".timeindex", 12)] {
        let indexes = copy.files(suffix);
        for index in [&indexes[0], indexes.last().unwrap()] {
            let sound = fs::read(index).unwrap();
            assert!(sound.len() > 2 * entry);
            let mut missed = 0;
            for at in 0..sound.len() {
                let mut bytes = sound.clone();
                bytes[at] ^= 1;
                fs::write(index, bytes).unwrap();
                let found = copy.found();
                let slot = Some((at - at % entry) as u64);
                match &found[..] {
                    // As good a hint as before: another offset of the same batch.
                    [] => missed += 1,
                    [(Severity::Damage, path, position, _)] => {
                        assert_eq!((path, *position), (&name(index), slot), "{at}: {found:#?}");
                    }
                    _ => panic!("{suffix} {at}: {found:#?}"),
                }
            }
            assert!(missed <= sound.len() / entry, "{suffix}: {missed} of {}", sound.len());
            fs::write(index, sound).unwrap();
        }
    }
}

#[test]
fn segments_that_are_cut_gone_or_swapped() {
    let own = Own::new();
    let copy = own.copy();
    let logs = copy.files(".log");
    let (middle, sound) = (&logs[1], fs::read(&logs[1]).unwrap());
    let (position, size) = *batches(middle).last().unwrap();
    cut(middle, position + size - 1);
    let fault = Fault::Incomplete;
    let broken = Problem::BrokenToTheEnd { fault, bytes: size - 1 };
    let first = copy.found().remove(0);
    assert_eq!(first, (Severity::Damage, name(middle), Some(position), broken));
    cut(middle, position);
    let found = copy.found();
    assert!(
        found.iter().any(|found| found.0 == Severity::Damage && found.1.ends_with(".timeindex")),
        "the index tells: {found:#?}"
    );
    fs::write(middle, &sound).unwrap();
    append_bytes(middle, &[0; 100]);
    let found = copy.found();
    assert_eq!((found[0].0, found[0].2), (Severity::Damage, Some(sound.len() as u64)));

    let copy = own.copy();
    for suffix in [".log", ".index", ".timeindex"] {
        fs::remove_file(&copy.files(suffix)[1]).unwrap();
    }
    let found = copy.found();
    let [(Severity::Damage, path, None, Problem::Gap { .. })] = &found[..] else {
        panic!("{found:#?}");
    };
    assert_eq!(*path, name(&logs[2]));

    let copy = own.copy();
    for suffix in [".log", ".index", ".timeindex"] {
        let files = copy.files(suffix);
        let aside = copy.dir.join("aside");
        fs::rename(&files[1], &aside).unwrap();
        fs::rename(&files[2], &files[1]).unwrap();
        fs::rename(&aside, &files[2]).unwrap();
    }
    let found = copy.found();
    let told = |name: &str, what: fn(&Problem) -> bool| {
        found.iter().any(|f| f.0 == Severity::Damage && f.1 == name && what(&f.3))
    };
    assert!(told(&name(&logs[2]), |what| matches!(what, Problem::Overlap { .. })), "{found:#?}");
    assert!(told(&name(&logs[2]), |what| matches!(what, Problem::Misplaced(_))), "{found:#?}");
}

#[test]
fn what_stands_beside_the_segments() {
    let world = World::new();
    let copy = Copied::of(&unpack(&world, "clean").join("tx-0"));
    let dir = copy.dir.clone();
    assert_eq!(copy.found(), []);
    let check = |file: &Path, at: u64, by: u8, position: Option<u64>| {
        let sound = fs::read(file).unwrap();
        change(file, at, by);
        let found = copy.found();
        let [(Severity::Damage, path, told, _)] = &found[..] else {
            panic!("{file:?} {at}: {found:#?}");
        };
        assert_eq!((path, *told), (&name(file), position), "{at}");
        fs::write(file, sound).unwrap();
    };
    let snapshot = &copy.files(".snapshot")[0];
    check(snapshot, 1, 1, Some(0));
    for at in [2, 6, 9, 10, 147] {
        check(snapshot, at, 1, Some(2));
    }
    let txn_index = &copy.files(".txnindex")[0];
    check(txn_index, 34, 1, Some(34));
    check(txn_index, 34 + 17, 0x80, Some(34));
    check(txn_index, 34 + 26, 1, Some(34));
    check(&dir.join("leader-epoch-checkpoint"), 0, 1, None);
    check(&dir.join("partition.metadata"), 9, 1, None);

    cut(snapshot, 5);
    fs::write(dir.join("00000000000000000000.log.deleted"), b"").unwrap();
    fs::write(dir.join("00000000000000000007.index"), b"").unwrap();
    let found = copy.found();
    let told: Vec<_> = found.iter().map(|(severity, file, ..)| (*severity, &file[..])).collect();
    let expected = [
        (Severity::Note, "00000000000000000007.index"),
        (Severity::Damage, "00000000000000000066.snapshot"),
        (Severity::Note, "tx-0"),
    ];
    assert_eq!(told, expected);
}
