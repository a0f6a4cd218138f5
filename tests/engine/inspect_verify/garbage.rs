//! Any bytes at all: told, and nothing else happens.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::{Own, verify_path};

fn write_all(dir: &Path, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        fs::write(dir.join(name), bytes).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbage_is_told_and_nothing_else_happens(
        log in prop::collection::vec(prop_oneof![Just(0_u8), Just(2), any::<u8>()], 0..300),
        index in prop::collection::vec(any::<u8>(), 0..100),
        other in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("garbage-0");
        fs::create_dir(&dir).unwrap();
        write_all(&dir, &[
            ("00000000000000000000.log", &log),
            ("00000000000000000000.index", &index),
            ("00000000000000000000.timeindex", &other),
            ("00000000000000000005.log", &index),
            ("00000000000000000005.txnindex", &other),
            ("00000000000000000005.snapshot", &other),
            ("leader-epoch-checkpoint", &other),
            ("partition.metadata", &index),
        ]);
        verify_path(&dir);
    }

    #[test]
    fn a_log_with_holes_is_walked_to_its_end(
        changes in prop::collection::vec((0.0..1.0_f64, any::<u8>()), 1..20),
    ) {
        thread_local! { static OWN: Own = Own::new(); }
        OWN.with(|own| {
            let copy = own.copy();
            for suffix in [".log", ".index", ".timeindex"] {
                let file = &copy.files(suffix)[1];
                let mut bytes = fs::read(file).unwrap();
                for (at, by) in &changes {
                    let at = (bytes.len() as f64 * at) as usize;
                    bytes[at] ^= by;
                }
                fs::write(file, bytes).unwrap();
            }
            verify_path(&copy.dir);
        });
    }
}
