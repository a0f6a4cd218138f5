//! Answers that wait, and what one step of a group brings about.

use std::sync::Arc;

use crate::model::config::BrokerConfig;
use crate::protocol::ErrorCode;
use crate::protocol::join_group::JoinGroupResponse;
use crate::protocol::sync_group::SyncGroupResponse;

/// Takes an answer, now or later, once.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// What time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since the Unix epoch: what records are stamped with.
    pub wall_ms: i64,
    /// Milliseconds that never jump, from any beginning: what sessions are measured by.
    pub steady_ms: i64,
}

/// An answer on its way to a member.
pub(super) enum Answer {
    /// To a JoinGroup.
    Join(Reply<JoinGroupResponse>, JoinGroupResponse),
    /// To a SyncGroup.
    Sync(Reply<SyncGroupResponse>, SyncGroupResponse),
}

impl Answer {
    /// Refuses a JoinGroup.
    pub(super) fn refuse_join(
        reply: Reply<JoinGroupResponse>,
        member_id: &str,
        error: ErrorCode,
    ) -> Self {
        let response = JoinGroupResponse {
            error_code: error.code(),
            member_id: member_id.to_owned(),
            ..JoinGroupResponse::default()
        };
        Self::Join(reply, response)
    }

    /// Refuses a SyncGroup.
    pub(super) fn refuse_sync(reply: Reply<SyncGroupResponse>, error: ErrorCode) -> Self {
        let response = SyncGroupResponse { error_code: error.code(), ..Default::default() };
        Self::Sync(reply, response)
    }

    /// Sends it.
    pub(super) fn send(self) {
        match self {
            Self::Join(reply, response) => reply(response),
            Self::Sync(reply, response) => reply(response),
        }
    }

    /// The same answer, had an error come between. A refusal stays what it is.
    pub(super) fn or_failed(self, error: ErrorCode) -> Self {
        match self {
            Self::Join(reply, response) if response.error_code == 0 => {
                Self::refuse_join(reply, &response.member_id, error)
            }
            Self::Sync(reply, response) if response.error_code == 0 => {
                Self::refuse_sync(reply, error)
            }
            refusal => refusal,
        }
    }
}

/// One step of a group: when it happens, and what it brings about.
pub(super) struct Step {
    /// When.
    pub(super) now: Now,
    /// The settings.
    pub(super) config: Arc<BrokerConfig>,
    /// Answers that are ready. Those that tell of what is to be written must wait for it.
    pub(super) answers: Vec<Answer>,
    /// Whether the group must be written down as it is now.
    pub(super) persist: bool,
}

impl Step {
    /// A step that has brought about nothing yet.
    pub(super) const fn new(now: Now, config: Arc<BrokerConfig>) -> Self {
        Self { now, config, answers: Vec::new(), persist: false }
    }

    /// Milliseconds from now on the clock that never jumps.
    pub(super) fn in_ms(&self, ms: i32) -> i64 {
        self.now.steady_ms.saturating_add(i64::from(ms.max(0)))
    }
}
