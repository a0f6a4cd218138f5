//! Static members: those with names of their own. Source: KIP-345, KIP-814.

use super::*;

const STATIC: As<'static> = As { version: 9, instance: Some("one"), ..NEW };

/// A Stable group of one static member.
fn of_one_static() -> (Ground, String) {
    let mut ground = Ground::new();
    let joined = ground.join(STATIC);
    ground.pass(3_000);
    let id = told(&joined).member_id;
    assert!(id.starts_with("one-"), "{id}");
    assert_eq!(told(&ground.sync(&id, 1, &[(&id, "work")])).error_code, 0);
    (ground, id)
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    let (mut ground, old) = of_one_static();
    let back = told(&ground.join(STATIC));
    assert!(ground.persist);
    assert_eq!((back.error_code, back.generation_id), (0, 1));
    assert!(back.skip_assignment && back.leader == back.member_id && back.members.len() == 1);
    assert_ne!(back.member_id, old);
    assert_eq!(told(&ground.sync(&back.member_id, 1, &[])).assignment, &b"work"[..]);
    // Who has the old id is fenced off wherever it says its own name.
    let fenced = ground.group.check_commit(1, &old, Some("one"));
    assert_eq!(fenced, Err(ErrorCode::FencedInstanceId));
    assert_eq!(ground.heartbeat(&old, 1), Err(ErrorCode::UnknownMemberId));
    // Before version 9 it must not take itself for the leader.
    let older = told(&ground.join(As { version: 8, ..STATIC }));
    assert!(!older.skip_assignment && older.members.is_empty());
    assert_eq!(older.leader, back.member_id);
}

#[test]
fn a_static_member_that_changed_its_protocol_rebalances() {
    let (mut ground, _) = of_one_static();
    let changed = As { protocols: &[("roundrobin", "m"), ("range", "m")], ..STATIC };
    let back = told(&ground.join(changed));
    assert_eq!((back.generation_id, back.protocol_name.as_deref()), (2, Some("roundrobin")));
}

#[test]
fn a_static_member_is_fenced_while_it_waits() {
    let mut ground = Ground::new();
    let (old, new) = (ground.join(STATIC), ground.join(STATIC));
    assert_eq!(told(&old).error_code, ErrorCode::FencedInstanceId.code());
    ground.pass(6_000);
    assert_eq!(told(&new).members.len(), 1);
}

#[test]
fn an_administrator_removes_a_static_member_by_its_name() {
    let (mut ground, id) = of_one_static();
    assert_eq!(ground.leave("", Some("two")), Err(ErrorCode::UnknownMemberId));
    assert_eq!(ground.leave("other", Some("one")), Err(ErrorCode::FencedInstanceId));
    assert_eq!(ground.leave("", Some("one")), Ok(()));
    assert_eq!(ground.heartbeat(&id, 1), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn a_static_member_that_is_away_stays_until_its_session_ends() {
    let (mut ground, id) = of_one_static();
    let other = ground.join(NEW);
    for _ in 0..6 {
        ground.pass(9_000);
        assert_eq!(ground.heartbeat(&id, 1), Err(ErrorCode::RebalanceInProgress));
    }
    ground.pass(6_000);
    let response = told(&other);
    assert_eq!(response.members.len(), 2, "the rebalance ended with the absent one as a member");
}

#[test]
fn a_record_brings_a_group_back() {
    let (ground, id) = of_one_static();
    let record = ground.group.to_record();
    let mut bytes = Vec::new();
    record.write(&mut bytes);
    let read = crate::protocol::group_records::GroupMetadataValue::read(&bytes).unwrap();
    assert_eq!(read, record);
    let now = Now { wall_ms: 5, steady_ms: 500 };
    let group = ClassicGroup::from_record(read, now);
    let mut ground = Ground { group, now_ms: 500, ..Ground::new() };
    assert_eq!(ground.group.to_record(), record);
    assert_eq!(ground.heartbeat(&id, 1), Ok(()));
    assert_eq!(told(&ground.sync(&id, 1, &[])).assignment, &b"work"[..]);
    ground.pass(i64::from(SESSION_MS));
    assert_eq!(ground.group.state(), State::Empty, "its session began anew, and ended");
}
