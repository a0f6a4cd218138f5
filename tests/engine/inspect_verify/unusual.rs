//! What is rare and sound, or not for us to read: entries of several batches, huge batches, old formats.

use std::fs;
use std::os::unix::fs::FileExt as _;

use runnel::inspect::{Problem, Severity};
use runnel::log::Fault;
use runnel::model::{Compression, Offset};
use runnel::record::{BatchBuilder, CorruptBatch, Headers, Record, set_base_offset};

use super::{
    BATCHES, Own, RECORDS_PER_BATCH, append_bytes, batches, damage, found, name, verify_path,
};

/// Old brokers index what they append in one go by its last offset and its first position.
#[test]
fn an_entry_may_be_of_several_batches() {
    let own = Own::new();
    let copy = own.copy();
    let (log, index) = (copy.files(".log")[0].clone(), copy.files(".index")[0].clone());
    let all = batches(&log);
    let entry = |first: usize, last: usize| {
        let offset = (last as u32 + 1) * RECORDS_PER_BATCH as u32 - 1;
        [offset.to_be_bytes(), (all[first].0 as u32).to_be_bytes()].concat()
    };
    fs::write(&index, [entry(2, 4), entry(5, 5), entry(7, 8)].concat()).unwrap();
    assert_eq!(copy.found(), []);
    fs::write(&index, [entry(2, 5), entry(5, 5), entry(7, 8)].concat()).unwrap();
    let found = copy.found();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].2, &found[0].1), (Some(0), &name(&index)));
}

/// A batch that is too large to be held: its crc is checked, and the walk goes on after it.
#[test]
fn of_a_large_batch_the_crc_is_checked() {
    let own = Own::new();
    let copy = own.copy();
    let log = copy.files(".log").pop().unwrap();
    let (base, mut bytes) = (BATCHES * RECORDS_PER_BATCH, Vec::new());
    let large = vec![7; 65 << 20];
    for (number, value) in [&large[..], b"small"].into_iter().enumerate() {
        let mut builder = BatchBuilder::new(Compression::None, None);
        let (timestamp, headers) = (1_800_000_000_000, Headers::NONE);
        builder.push(&Record { offset: 0, timestamp, key: None, value: Some(value), headers });
        let batch = builder.finish().unwrap();
        set_base_offset(batch, Offset(base + number as i64));
        bytes.extend_from_slice(batch);
    }
    let position = append_bytes(&log, &bytes);
    let report = verify_path(&copy.dir);
    let what = Problem::LargeBatch { bytes: batches(&log).iter().rev().nth(1).unwrap().1 };
    assert_eq!(found(&report), [(Severity::Note, name(&log), Some(position), what)]);
    assert_eq!(report.records as i64, base + 2);
    let file = fs::OpenOptions::new().write(true).open(&log).unwrap();
    file.write_all_at(b"x", position + (64 << 20)).unwrap();
    let report = verify_path(&copy.dir);
    let [(Severity::Damage, _, at, Problem::Broken { .. })] = &found(&report)[..] else {
        panic!("{:#?}", report.findings);
    };
    assert_eq!((*at, report.records as i64), (Some(position), base + 1));
}

/// A message of format 1, as brokers of before 0.11 wrote it.
#[test]
fn old_messages_are_named() {
    let own = Own::new();
    let copy = own.copy();
    let log = copy.files(".log")[0].clone();
    let body =
        [&[1_u8, 0][..], &7_i64.to_be_bytes(), &(-1_i32).to_be_bytes(), &0_i32.to_be_bytes()]
            .concat();
    let mut crc = flate2::Crc::new();
    crc.update(&body);
    let length = (body.len() as i32 + 4).to_be_bytes();
    let mut message = [&0_i64.to_be_bytes()[..], &length, &crc.sum().to_be_bytes(), &body].concat();
    fs::write(&log, &message).unwrap();
    let found = copy.found();
    assert_eq!(found[0].3, Problem::OldFormat { magic: 1 });
    assert_eq!((found[0].0, damage(&found).len()), (Severity::Note, 0), "{found:#?}");
    message[20] ^= 1;
    fs::write(&log, &message).unwrap();
    let found = copy.found();
    let broken = &found[0].3;
    let fault = Fault::Corrupt(CorruptBatch::OldMagic(1));
    assert_eq!(broken, &Problem::BrokenToTheEnd { fault, bytes: message.len() as u64 });
}
