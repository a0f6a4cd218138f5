//! The APIs that are served: keys, names, versions, and the messages of each.

use std::ops::RangeInclusive;

use super::header::{RequestHeader, write_response_header};
use super::schema::{Message, Struct};
use super::wire::{DecodeError, Reader, Result, Splice, Wire as _, Writer};
use super::{
    add_offsets_to_txn, add_partitions_to_txn, alter_configs, alter_partition_reassignments,
    api_versions, create_partitions, create_topics, delete_groups, delete_records, delete_topics,
    describe_cluster, describe_configs, describe_groups, describe_log_dirs, describe_producers,
    describe_topic_partitions, describe_transactions, elect_leaders, end_txn, fetch,
    find_coordinator, heartbeat, incremental_alter_configs, init_producer_id, join_group,
    leave_group, list_groups, list_offsets, list_partition_reassignments, list_transactions,
    metadata, offset_commit, offset_delete, offset_fetch, offset_for_leader_epoch, produce,
    sync_group, txn_offset_commit, write_txn_markers,
};

/// Declares the APIs: `Name = key, served versions, first flexible version: request => response;`
macro_rules! apis {
    ($($api:ident = $key:literal, [$served:expr], flexible $flexible:literal:
        $request:path => $response:path;)*) => {
        /// An API that is served.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(i16)]
        #[allow(missing_docs)]
        pub enum ApiKey {
            $($api = $key,)*
        }

        impl ApiKey {
            /// All of them, by key.
            pub const ALL: &[Self] = &[$(Self::$api),*];

            /// The API of a key; `None` for one that is not served.
            #[must_use]
            pub const fn find(key: i16) -> Option<Self> {
                match key {
                    $($key => Some(Self::$api),)*
                    _ => None,
                }
            }

            /// Kafka's name for it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$api => stringify!($api),)*
                }
            }

            /// The versions that are served.
            #[must_use]
            pub const fn served(self) -> RangeInclusive<i16> {
                match self {
                    $(Self::$api => $served,)*
                }
            }

            /// What its request is made of.
            #[must_use]
            pub const fn request_schema(self) -> &'static Struct {
                match self {
                    $(Self::$api => <$request as Message>::SCHEMA,)*
                }
            }

            /// What its response is made of.
            #[must_use]
            pub const fn response_schema(self) -> &'static Struct {
                match self {
                    $(Self::$api => <$response as Message>::SCHEMA,)*
                }
            }

            /// Whether a version is of the flexible kind.
            #[must_use]
            pub const fn is_flexible(self, version: i16) -> bool {
                version >= match self {
                    $(Self::$api => $flexible,)*
                }
            }
        }

        /// A request's body.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs)]
        pub enum Request {
            $($api($request),)*
        }

        /// A response's body.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs)]
        pub enum Response {
            $($api($response),)*
        }

        impl Request {
            /// Reads the body of a request whose header was read.
            ///
            /// # Errors
            /// Where the bytes are not one.
            pub fn read(api: ApiKey, reader: &mut Reader) -> Result<Self> {
                Ok(match api {
                    $(ApiKey::$api => Self::$api(<$request>::read(reader)?),)*
                })
            }

            /// Writes the body after its header.
            pub fn write(&self, writer: &mut Writer) {
                match self {
                    $(Self::$api(request) => request.write(writer),)*
                }
            }

            /// Which API it is of.
            #[must_use]
            pub const fn api(&self) -> ApiKey {
                match self {
                    $(Self::$api(_) => ApiKey::$api,)*
                }
            }
        }

        impl Response {
            /// Reads the body of a response whose header was read.
            ///
            /// # Errors
            /// Where the bytes are not one.
            pub fn read(api: ApiKey, reader: &mut Reader) -> Result<Self> {
                Ok(match api {
                    $(ApiKey::$api => Self::$api(<$response>::read(reader)?),)*
                })
            }

            /// Writes the body after its header.
            pub fn write(&self, writer: &mut Writer) {
                match self {
                    $(Self::$api(response) => response.write(writer),)*
                }
            }

            /// Which API it is of.
            #[must_use]
            pub const fn api(&self) -> ApiKey {
                match self {
                    $(Self::$api(_) => ApiKey::$api,)*
                }
            }
        }

        $(
            impl From<$response> for Response {
                fn from(response: $response) -> Self {
                    Self::$api(response)
                }
            }
        )*
    };
}

apis! {
    Produce = 0, [3..=13], flexible 9: produce::ProduceRequest => produce::ProduceResponse;
    Fetch = 1, [4..=18], flexible 12: fetch::FetchRequest => fetch::FetchResponse;
    ListOffsets = 2, [1..=11], flexible 6:
        list_offsets::ListOffsetsRequest => list_offsets::ListOffsetsResponse;
    Metadata = 3, [0..=13], flexible 9: metadata::MetadataRequest => metadata::MetadataResponse;
    OffsetCommit = 8, [2..=10], flexible 8:
        offset_commit::OffsetCommitRequest => offset_commit::OffsetCommitResponse;
    OffsetFetch = 9, [1..=10], flexible 6:
        offset_fetch::OffsetFetchRequest => offset_fetch::OffsetFetchResponse;
    FindCoordinator = 10, [0..=6], flexible 3:
        find_coordinator::FindCoordinatorRequest => find_coordinator::FindCoordinatorResponse;
    JoinGroup = 11, [0..=9], flexible 6:
        join_group::JoinGroupRequest => join_group::JoinGroupResponse;
    Heartbeat = 12, [0..=4], flexible 4:
        heartbeat::HeartbeatRequest => heartbeat::HeartbeatResponse;
    LeaveGroup = 13, [0..=5], flexible 4:
        leave_group::LeaveGroupRequest => leave_group::LeaveGroupResponse;
    SyncGroup = 14, [0..=5], flexible 4:
        sync_group::SyncGroupRequest => sync_group::SyncGroupResponse;
    DescribeGroups = 15, [0..=6], flexible 5:
        describe_groups::DescribeGroupsRequest => describe_groups::DescribeGroupsResponse;
    ListGroups = 16, [0..=5], flexible 3:
        list_groups::ListGroupsRequest => list_groups::ListGroupsResponse;
    ApiVersions = 18, [0..=4], flexible 3:
        api_versions::ApiVersionsRequest => api_versions::ApiVersionsResponse;
    CreateTopics = 19, [2..=7], flexible 5:
        create_topics::CreateTopicsRequest => create_topics::CreateTopicsResponse;
    DeleteTopics = 20, [1..=6], flexible 4:
        delete_topics::DeleteTopicsRequest => delete_topics::DeleteTopicsResponse;
    DeleteRecords = 21, [0..=2], flexible 2:
        delete_records::DeleteRecordsRequest => delete_records::DeleteRecordsResponse;
    InitProducerId = 22, [0..=5], flexible 2:
        init_producer_id::InitProducerIdRequest => init_producer_id::InitProducerIdResponse;
    OffsetForLeaderEpoch = 23, [2..=4], flexible 4:
        offset_for_leader_epoch::OffsetForLeaderEpochRequest
        => offset_for_leader_epoch::OffsetForLeaderEpochResponse;
    AddPartitionsToTxn = 24, [0..=5], flexible 3:
        add_partitions_to_txn::AddPartitionsToTxnRequest
        => add_partitions_to_txn::AddPartitionsToTxnResponse;
    AddOffsetsToTxn = 25, [0..=4], flexible 3:
        add_offsets_to_txn::AddOffsetsToTxnRequest => add_offsets_to_txn::AddOffsetsToTxnResponse;
    EndTxn = 26, [0..=5], flexible 3: end_txn::EndTxnRequest => end_txn::EndTxnResponse;
    WriteTxnMarkers = 27, [1..=2], flexible 1:
        write_txn_markers::WriteTxnMarkersRequest => write_txn_markers::WriteTxnMarkersResponse;
    TxnOffsetCommit = 28, [0..=5], flexible 3:
        txn_offset_commit::TxnOffsetCommitRequest => txn_offset_commit::TxnOffsetCommitResponse;
    DescribeConfigs = 32, [1..=4], flexible 4:
        describe_configs::DescribeConfigsRequest => describe_configs::DescribeConfigsResponse;
    AlterConfigs = 33, [0..=2], flexible 2:
        alter_configs::AlterConfigsRequest => alter_configs::AlterConfigsResponse;
    DescribeLogDirs = 35, [1..=5], flexible 2:
        describe_log_dirs::DescribeLogDirsRequest => describe_log_dirs::DescribeLogDirsResponse;
    CreatePartitions = 37, [0..=3], flexible 2:
        create_partitions::CreatePartitionsRequest => create_partitions::CreatePartitionsResponse;
    DeleteGroups = 42, [0..=2], flexible 2:
        delete_groups::DeleteGroupsRequest => delete_groups::DeleteGroupsResponse;
    ElectLeaders = 43, [0..=2], flexible 2:
        elect_leaders::ElectLeadersRequest => elect_leaders::ElectLeadersResponse;
    IncrementalAlterConfigs = 44, [0..=1], flexible 1:
        incremental_alter_configs::IncrementalAlterConfigsRequest
        => incremental_alter_configs::IncrementalAlterConfigsResponse;
    AlterPartitionReassignments = 45, [0..=1], flexible 0:
        alter_partition_reassignments::AlterPartitionReassignmentsRequest
        => alter_partition_reassignments::AlterPartitionReassignmentsResponse;
    ListPartitionReassignments = 46, [0..=0], flexible 0:
        list_partition_reassignments::ListPartitionReassignmentsRequest
        => list_partition_reassignments::ListPartitionReassignmentsResponse;
    OffsetDelete = 47, [0..=0], flexible 1:
        offset_delete::OffsetDeleteRequest => offset_delete::OffsetDeleteResponse;
    DescribeCluster = 60, [0..=2], flexible 0:
        describe_cluster::DescribeClusterRequest => describe_cluster::DescribeClusterResponse;
    DescribeProducers = 61, [0..=0], flexible 0:
        describe_producers::DescribeProducersRequest
        => describe_producers::DescribeProducersResponse;
    DescribeTransactions = 65, [0..=0], flexible 0:
        describe_transactions::DescribeTransactionsRequest
        => describe_transactions::DescribeTransactionsResponse;
    ListTransactions = 66, [0..=2], flexible 0:
        list_transactions::ListTransactionsRequest => list_transactions::ListTransactionsResponse;
    DescribeTopicPartitions = 75, [0..=0], flexible 0:
        describe_topic_partitions::DescribeTopicPartitionsRequest
        => describe_topic_partitions::DescribeTopicPartitionsResponse;
}

impl ApiKey {
    /// The versions that are listed. Those of Produce begin at 0, which is not served: clients of
    /// librdkafka up to 2.8 look for it there before they compress. Source: KAFKA-18659.
    #[must_use]
    pub const fn listed(self) -> RangeInclusive<i16> {
        match self {
            Self::Produce => 0..=*self.served().end(),
            _ => self.served(),
        }
    }
}

/// Reads a whole request, header and body, from a frame without its length. What follows it is left:
/// [`Reader::finish`] would refuse that.
///
/// # Errors
/// [`DecodeError::Version`] of an API or version that is not served, and where the bytes are none.
pub fn read_request(reader: &mut Reader) -> Result<(RequestHeader, Request)> {
    let header = RequestHeader::read(reader)?;
    let RequestHeader { api_key, api_version, .. } = header;
    let api = ApiKey::find(api_key)
        .filter(|api| api.served().contains(&api_version))
        .ok_or(DecodeError::Version { api_key, api_version })?;
    let request = Request::read(api, reader)?;
    Ok((header, request))
}

/// Writes a whole response, length, header and body, and tells where records go that stand elsewhere.
/// A response to a version of ApiVersions that is not served is written in version 0. All of it, gaps
/// included, must stay below 2 GiB.
#[must_use]
pub fn frame_response(
    version: i16,
    correlation_id: i32,
    response: &Response,
) -> (bytes::BytesMut, Vec<Splice>) {
    let mut writer = Writer::new(0, false);
    let at = writer.reserve_i32();
    write_response_header(response.api(), version, correlation_id, &mut writer);
    response.write(&mut writer);
    let len = writer.len() - size_of::<i32>();
    writer.set_i32(at, i32::try_from(len).unwrap_or(i32::MAX));
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::{ApiKey, Response, Splice, api_versions, fetch, frame_response};
    use crate::protocol::wire::Records;

    #[test]
    fn keys_rise_and_are_found() {
        assert!(ApiKey::ALL.is_sorted_by(|one, next| (*one as i16) < *next as i16));
        for key in -1..200 {
            let found = ApiKey::find(key);
            assert_eq!(found, ApiKey::ALL.iter().copied().find(|api| *api as i16 == key));
        }
        assert_eq!((ApiKey::Fetch.name(), ApiKey::Fetch as i16), ("Fetch", 1));
    }

    #[test]
    fn produce_is_listed_from_0() {
        assert_eq!((ApiKey::Produce.listed(), ApiKey::Produce.served()), (0..=13, 3..=13));
        assert!(ApiKey::ALL[1..].iter().all(|api| api.listed() == api.served()));
    }

    #[test]
    fn a_frame_has_its_length_before_it() {
        let response = |version| {
            let error_code = 35;
            let response = api_versions::ApiVersionsResponse { error_code, ..Default::default() };
            frame_response(version, 7, &response.into()).0
        };
        assert_eq!(response(0)[..], [0, 0, 0, 10, 0, 0, 0, 7, 0, 35, 0, 0, 0, 0]);
        assert_eq!(response(3)[..], [0, 0, 0, 12, 0, 0, 0, 7, 0, 35, 1, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_frame_counts_the_records_that_stand_elsewhere() {
        let records = Some(Records::Elsewhere(1000));
        let partition = fetch::PartitionData { records, ..Default::default() };
        let topic =
            fetch::FetchableTopicResponse { partitions: vec![partition], ..Default::default() };
        let response =
            Response::from(fetch::FetchResponse { responses: vec![topic], ..Default::default() });
        let (bytes, splices) = frame_response(4, 7, &response);
        assert_eq!(splices, [Splice { position: bytes.len(), len: 1000 }]);
        assert_eq!(bytes[..4], (bytes.len() as u32 - 4 + 1000).to_be_bytes());
    }
}
