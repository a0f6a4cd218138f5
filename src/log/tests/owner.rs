//! A process that owns the directory alone: two writes an append, views from memory.

use super::*;

#[test]
fn an_owner_appends_by_two_writes_and_views_from_memory() {
    let storage = laboratory();
    let owner = owner(&storage);
    append(&owner, &["a"], 10);
    let before = storage.operations();
    append(&owner, &["b"], 10);
    let trace = storage.trace()[before as usize..].to_vec();
    assert_eq!(trace.len(), 2, "{trace:?}");
    let before = storage.operations();
    assert_eq!(owner.view().expect("a view").end(), Offset(2));
    assert_eq!(storage.operations(), before, "nothing is asked of the file system");
    for number in 0..30 {
        append(&owner, &[&format!("value {number}")], 10);
        let theirs = log(&storage).view().expect("a view");
        let ours = owner.view().expect("a view");
        assert_eq!((theirs.end(), theirs.segments()), (ours.end(), ours.segments()));
    }
    assert_eq!(chunks(&owner, 0, 150), chunks(&log(&storage), 0, 150));
    // Its cache of the state may be removed at any time.
    storage.remove_file("run/orders-0").expect("removes");
    append(&owner, &["c"], 10);
    owner.sync(0).expect("syncs");
    assert_eq!(
        log(&storage).published_view().expect("reads").expect("published").end(),
        Offset(33)
    );
}

#[test]
fn a_failed_write_is_not_shown_and_the_next_one_is() {
    use crate::storage::sim::Fault;
    let storage = laboratory();
    let owner = owner(&storage);
    append(&owner, &["a"], 10);
    for after in 0..2 {
        storage
            .fail_at(storage.operations() + after, Fault::Error(std::io::ErrorKind::StorageFull));
        let mut builder = BatchBuilder::new(Compression::None, None);
        let value = Some(&b"refused"[..]);
        builder.push(&Record { offset: 0, timestamp: 1, key: None, value, headers: Headers::NONE });
        owner.append(builder.finish().expect("a batch"), 0).expect_err("the disk is full");
        let end = owner.view().expect("a view").end();
        append(&owner, &["b"], 10);
        assert_eq!(owner.view().expect("a view").end(), end.next());
    }
    assert_eq!(chunks(&owner, 0, 1000).concat(), [0, 1, 2]);
}

#[test]
fn a_retired_log_is_gone_for_all() {
    let storage = laboratory();
    let owner = owner(&storage);
    append(&owner, &["a"], 10);
    owner.retire();
    assert!(matches!(owner.view(), Err(Error::Gone)));
    assert!(matches!(owner.sync(0), Err(Error::Gone)));
    assert!(matches!(owner.open_to_append(0), Err(Error::Gone)));
}

#[test]
fn a_clean_stop_leaves_nothing_to_recover() {
    let storage = laboratory();
    let owner = owner(&storage);
    for number in 0..9 {
        append(&owner, &[&format!("value {number}")], 10);
    }
    owner.close(0).expect("closes");
    assert_eq!(owner.place().recovery_point().expect("reads"), Offset(9));
    let before = storage.operations();
    owner.close(0).expect("closes");
    let trace = storage.trace()[before as usize..].to_vec();
    assert!(trace.iter().all(|line| !line.contains("sync")), "{trace:?}");
}
