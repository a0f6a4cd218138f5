//! The error codes against those of the kafka-protocol crate.

use kafka_protocol::ResponseError;
use runnel::protocol::ErrorCode;

/// Which Kafka 4.3's clients ask again for, unlike those that the crate was made from.
const RETRIABLE_SINCE: [ErrorCode; 1] = [ErrorCode::ConcurrentTransactions];

#[test]
fn codes_names_and_retries_are_the_oracles() {
    let (mut compared, mut different) = (0, Vec::new());
    for error in ErrorCode::ALL {
        let theirs = ResponseError::try_from_code(error.code());
        let Some(theirs) = theirs.filter(|theirs| !matches!(theirs, ResponseError::Unknown(_)))
        else {
            continue;
        };
        assert_eq!(format!("{theirs:?}"), format!("{error:?}"));
        if theirs.is_retriable() != error.is_retriable() {
            different.push(*error);
        }
        compared += 1;
    }
    assert!(compared > 100, "{compared} were compared");
    assert_eq!(different, RETRIABLE_SINCE);
}
