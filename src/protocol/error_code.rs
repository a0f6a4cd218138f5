//! The error codes of responses. Source: Kafka 4.3's `Errors`.

use std::fmt;

/// A code that a client may answer by asking again, perhaps of another broker.
const RETRIABLE: bool = true;

/// Declares the codes: `Name = code, Kafka's name[, RETRIABLE];`
macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal $(, $retriable:expr)?;)*) => {
        /// What a response says of what went wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        #[repr(i16)]
        pub enum ErrorCode {
            $($(#[$doc])* $name = $code,)*
        }

        impl ErrorCode {
            /// All of them, by code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The error of a code; `None` for a code that this table does not know.
            #[must_use]
            pub const fn from_code(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Kafka's name for it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// Whether Kafka's clients ask again.
            #[must_use]
            pub const fn is_retriable(self) -> bool {
                match self {
                    $(Self::$name => false $(|| $retriable)?,)*
                }
            }
        }
    };
}

error_codes! {
    /// Something went wrong that no other code tells of.
    UnknownServerError = -1, "UNKNOWN_SERVER_ERROR";
    /// Nothing went wrong.
    #[default]
    None = 0, "NONE";
    /// The offset is not within the partition.
    OffsetOutOfRange = 1, "OFFSET_OUT_OF_RANGE";
    /// A batch's checksum, size or form is wrong.
    CorruptMessage = 2, "CORRUPT_MESSAGE", RETRIABLE;
    /// There is no such topic or partition here.
    UnknownTopicOrPartition = 3, "UNKNOWN_TOPIC_OR_PARTITION", RETRIABLE;
    /// The size to fetch is not possible.
    InvalidFetchSize = 4, "INVALID_FETCH_SIZE";
    /// The partition has no leader just now.
    LeaderNotAvailable = 5, "LEADER_NOT_AVAILABLE", RETRIABLE;
    /// This broker does not have the partition, or does not lead it.
    NotLeaderOrFollower = 6, "NOT_LEADER_OR_FOLLOWER", RETRIABLE;
    /// The time that the request allows has passed.
    RequestTimedOut = 7, "REQUEST_TIMED_OUT", RETRIABLE;
    /// The broker is not up.
    BrokerNotAvailable = 8, "BROKER_NOT_AVAILABLE";
    /// The replica is not there.
    ReplicaNotAvailable = 9, "REPLICA_NOT_AVAILABLE", RETRIABLE;
    /// A batch is larger than the topic allows.
    MessageTooLarge = 10, "MESSAGE_TOO_LARGE";
    /// The controller has moved on.
    StaleControllerEpoch = 11, "STALE_CONTROLLER_EPOCH";
    /// The metadata of a committed offset is too long.
    OffsetMetadataTooLarge = 12, "OFFSET_METADATA_TOO_LARGE";
    /// The connection was lost before the answer.
    NetworkException = 13, "NETWORK_EXCEPTION", RETRIABLE;
    /// The coordinator still reads its state.
    CoordinatorLoadInProgress = 14, "COORDINATOR_LOAD_IN_PROGRESS", RETRIABLE;
    /// There is no coordinator just now.
    CoordinatorNotAvailable = 15, "COORDINATOR_NOT_AVAILABLE", RETRIABLE;
    /// This broker does not coordinate that group or transactional id.
    NotCoordinator = 16, "NOT_COORDINATOR", RETRIABLE;
    /// The topic's name is not allowed, or the topic may not be written to.
    InvalidTopicException = 17, "INVALID_TOPIC_EXCEPTION";
    /// The batch is larger than a segment.
    RecordListTooLarge = 18, "RECORD_LIST_TOO_LARGE";
    /// Fewer replicas are in sync than the topic asks for.
    NotEnoughReplicas = 19, "NOT_ENOUGH_REPLICAS", RETRIABLE;
    /// Written, but to fewer replicas than the topic asks for.
    NotEnoughReplicasAfterAppend = 20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", RETRIABLE;
    /// `acks` is neither 0, 1 nor -1.
    InvalidRequiredAcks = 21, "INVALID_REQUIRED_ACKS";
    /// The member is of another generation of its group.
    IllegalGeneration = 22, "ILLEGAL_GENERATION";
    /// The member has no protocol in common with its group.
    InconsistentGroupProtocol = 23, "INCONSISTENT_GROUP_PROTOCOL";
    /// The group's id is not allowed.
    InvalidGroupId = 24, "INVALID_GROUP_ID";
    /// The group has no such member.
    UnknownMemberId = 25, "UNKNOWN_MEMBER_ID";
    /// The session timeout is out of the broker's range.
    InvalidSessionTimeout = 26, "INVALID_SESSION_TIMEOUT";
    /// The group rebalances: the member must join again.
    RebalanceInProgress = 27, "REBALANCE_IN_PROGRESS";
    /// The committed offset can't be kept, for its size.
    InvalidCommitOffsetSize = 28, "INVALID_COMMIT_OFFSET_SIZE";
    /// The client may not do this with the topic.
    TopicAuthorizationFailed = 29, "TOPIC_AUTHORIZATION_FAILED";
    /// The client may not do this with the group.
    GroupAuthorizationFailed = 30, "GROUP_AUTHORIZATION_FAILED";
    /// The client may not do this with the cluster.
    ClusterAuthorizationFailed = 31, "CLUSTER_AUTHORIZATION_FAILED";
    /// A record's timestamp is out of the topic's range.
    InvalidTimestamp = 32, "INVALID_TIMESTAMP";
    /// The SASL mechanism is not offered.
    UnsupportedSaslMechanism = 33, "UNSUPPORTED_SASL_MECHANISM";
    /// The request does not fit the state of authentication.
    IllegalSaslState = 34, "ILLEGAL_SASL_STATE";
    /// The version of the request is not served.
    UnsupportedVersion = 35, "UNSUPPORTED_VERSION";
    /// There is a topic of this name.
    TopicAlreadyExists = 36, "TOPIC_ALREADY_EXISTS";
    /// The number of partitions is not possible.
    InvalidPartitions = 37, "INVALID_PARTITIONS";
    /// There are fewer brokers than replicas asked for, or none was asked for.
    InvalidReplicationFactor = 38, "INVALID_REPLICATION_FACTOR";
    /// The replicas can't be assigned so.
    InvalidReplicaAssignment = 39, "INVALID_REPLICA_ASSIGNMENT";
    /// A config's key or value is wrong.
    InvalidConfig = 40, "INVALID_CONFIG";
    /// This broker is not the controller.
    NotController = 41, "NOT_CONTROLLER", RETRIABLE;
    /// The request contradicts itself.
    InvalidRequest = 42, "INVALID_REQUEST";
    /// The log's format of records can't do this.
    UnsupportedForMessageFormat = 43, "UNSUPPORTED_FOR_MESSAGE_FORMAT";
    /// A policy of the broker forbids it.
    PolicyViolation = 44, "POLICY_VIOLATION";
    /// A batch's sequence does not follow its producer's last.
    OutOfOrderSequenceNumber = 45, "OUT_OF_ORDER_SEQUENCE_NUMBER";
    /// A batch's sequence was seen before.
    DuplicateSequenceNumber = 46, "DUPLICATE_SEQUENCE_NUMBER";
    /// The producer's epoch is older than the current one.
    InvalidProducerEpoch = 47, "INVALID_PRODUCER_EPOCH";
    /// The transaction's state does not allow it.
    InvalidTxnState = 48, "INVALID_TXN_STATE";
    /// The transactional id has another producer id.
    InvalidProducerIdMapping = 49, "INVALID_PRODUCER_ID_MAPPING";
    /// The transaction's timeout is longer than the broker allows.
    InvalidTransactionTimeout = 50, "INVALID_TRANSACTION_TIMEOUT";
    /// The last transaction of this id is still being ended.
    ConcurrentTransactions = 51, "CONCURRENT_TRANSACTIONS", RETRIABLE;
    /// The transaction coordinator has been replaced.
    TransactionCoordinatorFenced = 52, "TRANSACTION_COORDINATOR_FENCED";
    /// The client may not use the transactional id.
    TransactionalIdAuthorizationFailed = 53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED";
    /// The broker has no authorizer.
    SecurityDisabled = 54, "SECURITY_DISABLED";
    /// Nothing was tried, for what went wrong elsewhere in the request.
    OperationNotAttempted = 55, "OPERATION_NOT_ATTEMPTED";
    /// The disk failed.
    KafkaStorageError = 56, "KAFKA_STORAGE_ERROR", RETRIABLE;
    /// There is no such log directory.
    LogDirNotFound = 57, "LOG_DIR_NOT_FOUND";
    /// The credentials are wrong.
    SaslAuthenticationFailed = 58, "SASL_AUTHENTICATION_FAILED";
    /// Nothing is known of the producer any more.
    UnknownProducerId = 59, "UNKNOWN_PRODUCER_ID";
    /// The partition is being reassigned.
    ReassignmentInProgress = 60, "REASSIGNMENT_IN_PROGRESS";
    /// Delegation tokens are not offered.
    DelegationTokenAuthDisabled = 61, "DELEGATION_TOKEN_AUTH_DISABLED";
    /// There is no such delegation token.
    DelegationTokenNotFound = 62, "DELEGATION_TOKEN_NOT_FOUND";
    /// The delegation token is another's.
    DelegationTokenOwnerMismatch = 63, "DELEGATION_TOKEN_OWNER_MISMATCH";
    /// Delegation tokens can't be asked for over this connection.
    DelegationTokenRequestNotAllowed = 64, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED";
    /// The client may not do this with delegation tokens.
    DelegationTokenAuthorizationFailed = 65, "DELEGATION_TOKEN_AUTHORIZATION_FAILED";
    /// The delegation token has expired.
    DelegationTokenExpired = 66, "DELEGATION_TOKEN_EXPIRED";
    /// The type of principal is not known.
    InvalidPrincipalType = 67, "INVALID_PRINCIPAL_TYPE";
    /// The group has members.
    NonEmptyGroup = 68, "NON_EMPTY_GROUP";
    /// There is no such group.
    GroupIdNotFound = 69, "GROUP_ID_NOT_FOUND";
    /// There is no such fetch session.
    FetchSessionIdNotFound = 70, "FETCH_SESSION_ID_NOT_FOUND", RETRIABLE;
    /// The fetch session is at another epoch.
    InvalidFetchSessionEpoch = 71, "INVALID_FETCH_SESSION_EPOCH", RETRIABLE;
    /// The leader has no listener of this name.
    ListenerNotFound = 72, "LISTENER_NOT_FOUND", RETRIABLE;
    /// Topics may not be deleted.
    TopicDeletionDisabled = 73, "TOPIC_DELETION_DISABLED";
    /// The client's leader epoch is older than the leader's.
    FencedLeaderEpoch = 74, "FENCED_LEADER_EPOCH", RETRIABLE;
    /// The client's leader epoch is newer than the leader's.
    UnknownLeaderEpoch = 75, "UNKNOWN_LEADER_EPOCH", RETRIABLE;
    /// The version of the request does not allow this compression.
    UnsupportedCompressionType = 76, "UNSUPPORTED_COMPRESSION_TYPE";
    /// The broker has registered anew since.
    StaleBrokerEpoch = 77, "STALE_BROKER_EPOCH";
    /// The leader was elected just now and does not know its offsets yet.
    OffsetNotAvailable = 78, "OFFSET_NOT_AVAILABLE", RETRIABLE;
    /// The member must join again, with the id that it is given.
    MemberIdRequired = 79, "MEMBER_ID_REQUIRED";
    /// The preferred leader is not up.
    PreferredLeaderNotAvailable = 80, "PREFERRED_LEADER_NOT_AVAILABLE", RETRIABLE;
    /// The group has as many members as it may have.
    GroupMaxSizeReached = 81, "GROUP_MAX_SIZE_REACHED";
    /// Another member has taken over the static member's place.
    FencedInstanceId = 82, "FENCED_INSTANCE_ID";
    /// No replica that may lead is up.
    EligibleLeadersNotAvailable = 83, "ELIGIBLE_LEADERS_NOT_AVAILABLE", RETRIABLE;
    /// The partition has the leader that it should have.
    ElectionNotNeeded = 84, "ELECTION_NOT_NEEDED", RETRIABLE;
    /// The partition is not being reassigned.
    NoReassignmentInProgress = 85, "NO_REASSIGNMENT_IN_PROGRESS";
    /// The group still reads the topic.
    GroupSubscribedToTopic = 86, "GROUP_SUBSCRIBED_TO_TOPIC";
    /// A record breaks a rule of its topic.
    InvalidRecord = 87, "INVALID_RECORD";
    /// The offset is part of a transaction that is not ended.
    UnstableOffsetCommit = 88, "UNSTABLE_OFFSET_COMMIT", RETRIABLE;
    /// The client's quota is used up.
    ThrottlingQuotaExceeded = 89, "THROTTLING_QUOTA_EXCEEDED", RETRIABLE;
    /// A newer producer has the transactional id.
    ProducerFenced = 90, "PRODUCER_FENCED";
    /// There is no such resource.
    ResourceNotFound = 91, "RESOURCE_NOT_FOUND";
    /// The resource is named twice.
    DuplicateResource = 92, "DUPLICATE_RESOURCE";
    /// The credential is not good enough.
    UnacceptableCredential = 93, "UNACCEPTABLE_CREDENTIAL";
    /// The voter is not of the quorum.
    InconsistentVoterSet = 94, "INCONSISTENT_VOTER_SET";
    /// The update is of a version that can't follow.
    InvalidUpdateVersion = 95, "INVALID_UPDATE_VERSION";
    /// The feature's level could not be changed.
    FeatureUpdateFailed = 96, "FEATURE_UPDATE_FAILED";
    /// The principal of a forwarded request can't be read.
    PrincipalDeserializationFailure = 97, "PRINCIPAL_DESERIALIZATION_FAILURE";
    /// There is no such snapshot.
    SnapshotNotFound = 98, "SNAPSHOT_NOT_FOUND";
    /// The position is not within the snapshot.
    PositionOutOfRange = 99, "POSITION_OUT_OF_RANGE";
    /// There is no topic of this id here.
    UnknownTopicId = 100, "UNKNOWN_TOPIC_ID", RETRIABLE;
    /// The broker id is taken.
    DuplicateBrokerRegistration = 101, "DUPLICATE_BROKER_REGISTRATION";
    /// No broker of this id has registered.
    BrokerIdNotRegistered = 102, "BROKER_ID_NOT_REGISTERED";
    /// The partition's log has another topic id.
    InconsistentTopicId = 103, "INCONSISTENT_TOPIC_ID", RETRIABLE;
    /// The request is meant for another cluster.
    InconsistentClusterId = 104, "INCONSISTENT_CLUSTER_ID";
    /// Nothing is known of the transactional id.
    TransactionalIdNotFound = 105, "TRANSACTIONAL_ID_NOT_FOUND";
    /// The fetch session mixes topic ids and names.
    FetchSessionTopicIdError = 106, "FETCH_SESSION_TOPIC_ID_ERROR", RETRIABLE;
    /// The replica may not be in sync.
    IneligibleReplica = 107, "INELIGIBLE_REPLICA";
    /// The change of the in-sync replicas elected another leader.
    NewLeaderElected = 108, "NEW_LEADER_ELECTED";
    /// The offset is in tiered storage only.
    OffsetMovedToTieredStorage = 109, "OFFSET_MOVED_TO_TIERED_STORAGE";
    /// The member's epoch is not the group's any more: it must join again.
    FencedMemberEpoch = 110, "FENCED_MEMBER_EPOCH";
    /// Another member still holds the static member's place.
    UnreleasedInstanceId = 111, "UNRELEASED_INSTANCE_ID";
    /// The group can't use this assignor.
    UnsupportedAssignor = 112, "UNSUPPORTED_ASSIGNOR";
    /// The member's epoch is old: it must ask for its new one.
    StaleMemberEpoch = 113, "STALE_MEMBER_EPOCH";
    /// The request was sent to the wrong kind of endpoint.
    MismatchedEndpointType = 114, "MISMATCHED_ENDPOINT_TYPE";
    /// This kind of endpoint is not known.
    UnsupportedEndpointType = 115, "UNSUPPORTED_ENDPOINT_TYPE";
    /// There is no controller of this id.
    UnknownControllerId = 116, "UNKNOWN_CONTROLLER_ID";
    /// The telemetry subscription has changed.
    UnknownSubscriptionId = 117, "UNKNOWN_SUBSCRIPTION_ID";
    /// The telemetry is larger than the broker takes.
    TelemetryTooLarge = 118, "TELEMETRY_TOO_LARGE";
    /// The broker's registration is not valid.
    InvalidRegistration = 119, "INVALID_REGISTRATION";
    /// The transaction must be aborted; the producer may go on.
    TransactionAbortable = 120, "TRANSACTION_ABORTABLE";
    /// The record is not one that the share consumer holds.
    InvalidRecordState = 121, "INVALID_RECORD_STATE";
    /// There is no such share session.
    ShareSessionNotFound = 122, "SHARE_SESSION_NOT_FOUND", RETRIABLE;
    /// The share session is at another epoch.
    InvalidShareSessionEpoch = 123, "INVALID_SHARE_SESSION_EPOCH", RETRIABLE;
    /// The share state's epoch is older than the current one.
    FencedStateEpoch = 124, "FENCED_STATE_EPOCH";
    /// The voter's directory id is not the receiver's.
    InvalidVoterKey = 125, "INVALID_VOTER_KEY";
    /// The quorum has this voter already.
    DuplicateVoter = 126, "DUPLICATE_VOTER";
    /// The quorum has no such voter.
    VoterNotFound = 127, "VOTER_NOT_FOUND";
    /// The regular expression is not valid.
    InvalidRegularExpression = 128, "INVALID_REGULAR_EXPRESSION";
    /// The client must find the cluster anew.
    RebootstrapRequired = 129, "REBOOTSTRAP_REQUIRED";
    /// The topology is not valid.
    StreamsInvalidTopology = 130, "STREAMS_INVALID_TOPOLOGY";
    /// The topology's epoch is not valid.
    StreamsInvalidTopologyEpoch = 131, "STREAMS_INVALID_TOPOLOGY_EPOCH";
    /// The topology's epoch is older than the group's.
    StreamsTopologyFenced = 132, "STREAMS_TOPOLOGY_FENCED";
    /// There are as many share sessions as there may be.
    ShareSessionLimitReached = 133, "SHARE_SESSION_LIMIT_REACHED", RETRIABLE;
}

impl ErrorCode {
    /// The number that stands on the wire.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Whether something went wrong.
    #[must_use]
    pub const fn is_error(self) -> bool {
        !matches!(self, Self::None)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for ErrorCode {}

impl From<ErrorCode> for i16 {
    fn from(error: ErrorCode) -> Self {
        error.code()
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;

    #[test]
    fn every_code_is_found_and_named() {
        assert_eq!(ErrorCode::ALL.len(), 135, "-1 to 133");
        for (code, error) in (-1..).zip(ErrorCode::ALL) {
            assert_eq!(error.code(), code, "{error}");
            assert_eq!(ErrorCode::from_code(code), Some(*error));
            let words = error.name().split('_');
            let name: String =
                words.map(|word| format!("{}{}", &word[..1], word[1..].to_lowercase())).collect();
            assert_eq!(format!("{error:?}"), name, "the variant is Kafka's name");
        }
        assert_eq!(ErrorCode::from_code(-2), None);
        assert_eq!(ErrorCode::from_code(134), None);
    }

    #[test]
    fn display_is_kafkas_name() {
        assert_eq!(ErrorCode::UnknownTopicOrPartition.to_string(), "UNKNOWN_TOPIC_OR_PARTITION");
        assert!(ErrorCode::UnknownTopicOrPartition.is_retriable());
        assert!(!ErrorCode::MessageTooLarge.is_retriable());
        assert_eq!(ErrorCode::default(), ErrorCode::None);
    }
}
