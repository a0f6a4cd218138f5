//! `kill -9` of the server under load, again and again: nothing that was acknowledged is lost, nothing comes twice,
//! committed offsets never step back and leader epochs never fall.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use runnel::protocol::heartbeat::HeartbeatRequest;
use runnel::protocol::init_producer_id::InitProducerIdRequest;
use runnel::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use runnel::protocol::metadata::{MetadataRequest, MetadataRequestTopic};
use runnel::protocol::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use runnel::protocol::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup};
use runnel::protocol::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};

use crate::support::World;
use crate::support::served::Client;
use crate::words::{batch, make_topic, read_all, try_produce};
use crate::{ask, try_ask};

/// Kills: 50, or what `RUNNEL_KILLS` says.
fn rounds() -> u64 {
    std::env::var("RUNNEL_KILLS").map_or(50, |rounds| rounds.parse().expect("a number"))
}
