//! A group as it is written down, and back.

use std::collections::{BTreeMap, HashMap};

use super::super::answer::Now;
use super::member::{Member, Protocol};
use super::{ClassicGroup, State};
use crate::protocol::group_records::{GroupMetadataValue, MemberMetadata};

impl ClassicGroup {
    /// What is to be written down of the group: generation, members, assignments.
    pub(in crate::broker::groups) fn to_record(&self) -> GroupMetadataValue {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let member = |member: &Member| MemberMetadata {
            member_id: member.id.clone(),
            group_instance_id: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout: member.rebalance_timeout_ms,
            session_timeout: member.session_timeout_ms,
            subscription: member.metadata(protocol),
            assignment: member.assignment.clone(),
        };
        GroupMetadataValue {
            protocol_type: self.protocol_type().to_owned(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            current_state_timestamp: self.state_since_ms.unwrap_or(-1),
            members: self.members.values().map(member).collect(),
        }
    }

    /// A group as it was written down. The sessions of its members begin now: how long they were
    /// silent while nobody listened says nothing.
    pub(in crate::broker::groups) fn from_record(value: GroupMetadataValue, now: Now) -> Self {
        let mut group = Self::new(now.wall_ms);
        let protocol = value.protocol.clone().unwrap_or_default();
        let mut static_members = HashMap::new();
        let mut members = BTreeMap::new();
        for written in value.members {
            let member = member_of(written, &protocol, now);
            group.earliest_ms = group.earliest_ms.min(member.deadline_ms);
            static_members
                .extend(member.instance.clone().map(|instance| (instance, member.id.clone())));
            members.insert(member.id.clone(), member);
        }
        group.state = if members.is_empty() { State::Empty } else { State::Stable };
        let since_ms = value.current_state_timestamp;
        group.state_since_ms = (since_ms >= 0).then_some(since_ms);
        group.protocol_type = Some(value.protocol_type).filter(|kind| !kind.is_empty());
        group.protocol = value.protocol;
        group.generation = value.generation;
        // A leader that is no member leads nobody.
        group.leader = value.leader.filter(|id| members.contains_key(id));
        group.leader = group.leader.or_else(|| members.keys().next().cloned());
        (group.static_members, group.members) = (static_members, members);
        group.note_subscriptions();
        group
    }
}

fn member_of(written: MemberMetadata, protocol: &str, now: Now) -> Member {
    let protocol = Protocol { name: protocol.to_owned(), metadata: written.subscription };
    Member {
        id: written.member_id,
        instance: written.group_instance_id,
        client_id: written.client_id,
        client_host: written.client_host,
        rebalance_timeout_ms: written.rebalance_timeout,
        session_timeout_ms: written.session_timeout,
        protocols: vec![protocol],
        assignment: written.assignment,
        is_new: false,
        owes_sync: false,
        join: None,
        sync: None,
        deadline_ms: now.steady_ms.saturating_add(i64::from(written.session_timeout.max(0))),
    }
}
