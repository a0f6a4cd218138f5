//! How a group is described.

use bytes::Bytes;

use super::member::Member;
use super::{ClassicGroup, State};
use crate::protocol::describe_groups::{DescribedGroup, DescribedGroupMember};

impl ClassicGroup {
    /// Its description. What members said and are to do is told only of a Stable group: before, it
    /// is about to change.
    pub(in crate::broker::groups) fn describe(&self, group_id: String) -> DescribedGroup {
        let protocol = self.protocol.as_deref().filter(|_| self.state == State::Stable);
        let describe = |member: &Member| DescribedGroupMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            member_metadata: protocol.map(|name| member.metadata(name)).unwrap_or_default(),
            member_assignment: protocol.map_or_else(Bytes::new, |_| member.assignment.clone()),
        };
        DescribedGroup {
            group_id,
            group_state: self.state.name().to_owned(),
            protocol_type: self.protocol_type().to_owned(),
            protocol_data: protocol.unwrap_or_default().to_owned(),
            members: self.members.values().map(describe).collect(),
            ..DescribedGroup::default()
        }
    }
}
