//! What stands at the end of logs and indexes: room for more, garbage, a torn write.

use std::fs;

use runnel::inspect::{Problem, Severity};

use super::{BATCHES, Found, Own, RECORDS_PER_BATCH, append_bytes, batches, cut, damage, name};

#[test]
fn ends_of_indexes() {
    let own = Own::new();
    let copy = own.copy();
    let index = copy.files(".index")[0].clone();
    let sound = fs::read(&index).unwrap();
    append_bytes(&index, &[0; 4096]);
    assert_eq!(copy.found(), [], "zeros are room for more");
    append_bytes(&index, &[0, 0, 0, 9, 0, 0, 0, 9]);
    assert!(!damage(&copy.found()).is_empty());
    fs::write(&index, &sound[..sound.len() - 3]).unwrap();
    let bytes = sound.len() as u64 - 3;
    let odd = (Severity::Damage, name(&index), None, Problem::OddLength { bytes, entry: 8 });
    assert_eq!(copy.found(), [odd]);
    fs::remove_file(&index).unwrap();
    assert_eq!(copy.found(), [(Severity::Note, name(&index), None, Problem::Missing)]);
}

#[test]
fn ends_of_logs() {
    let own = Own::new();
    let copy = own.copy();
    let log = copy.files(".log").pop().unwrap();
    let sound = fs::read(&log).unwrap();
    let end = sound.len() as u64;
    append_bytes(&log, &[0; 5000]);
    let zeros = Problem::ZeroTail { bytes: 5000 };
    assert_eq!(copy.found(), [(Severity::Note, name(&log), Some(end), zeros)]);

    fs::write(&log, &sound).unwrap();
    let garbage: Vec<u8> =
        (0..5000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    append_bytes(&log, &garbage);
    let found = copy.found();
    assert_eq!((found[0].0, found[0].2, found.len()), (Severity::Damage, Some(end), 1));

    let (position, size) = *batches(&copy.files(".log").pop().unwrap()).last().unwrap();
    for kept in [1, 7, 8, 11, 12, 16, 17, 60, 61, size - 1] {
        fs::write(&log, &sound).unwrap();
        cut(&log, position + kept);
        let found = copy.found();
        let torn = (Severity::Note, name(&log), Some(position), Problem::TornTail { bytes: kept });
        assert_eq!(found[0], torn, "{kept}");
        assert_eq!(damage(&found), Vec::<&Found>::new(), "{kept}");
    }

    // The same is damage where a checkpoint says that it was on disk.
    let (offsets, partition) = (BATCHES * RECORDS_PER_BATCH, "orders 0");
    let checkpoint = copy.dir.parent().unwrap().join("recovery-point-offset-checkpoint");
    fs::write(checkpoint, format!("0\n1\n{partition} {offsets}\n")).unwrap();
    let found = copy.found();
    let [(_, path, at, Problem::EndsEarly { end, recovery_point })] = damage(&found)[..] else {
        panic!("{found:#?}");
    };
    assert_eq!((path, *at), (&name(&log), Some(position)));
    assert_eq!((end.0, recovery_point.0), (offsets - RECORDS_PER_BATCH, offsets));
}
