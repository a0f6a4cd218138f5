//! Frames of real clients and of a real broker: read to the last byte, and written as they were.

use std::collections::BTreeSet;

use bytes::BytesMut;
use runnel::protocol::header::read_response_header;
use runnel::protocol::{
    ApiKey, Reader, RequestHeader, Response, Writer, frame_response, read_request,
};

use crate::frames::{Exchange, exchanges};

/// Served APIs that none of those clients was made to use.
const NEVER_CAPTURED: [ApiKey; 6] = [
    ApiKey::AddOffsetsToTxn,
    ApiKey::AlterConfigs,
    ApiKey::DescribeLogDirs,
    ApiKey::ElectLeaders,
    ApiKey::AlterPartitionReassignments,
    ApiKey::ListPartitionReassignments,
];

/// The exchanges of served versions.
fn served() -> impl Iterator<Item = (ApiKey, Exchange)> {
    exchanges().into_iter().filter_map(|exchange| {
        let api = ApiKey::find(exchange.api_key)?;
        api.served().contains(&exchange.api_version).then_some((api, exchange))
    })
}

#[test]
fn every_request_is_read_and_written_as_it_was() {
    for (api, exchange) in served() {
        let frame = &exchange.request;
        let mut reader = Reader::new(BytesMut::from(&frame[..]), 0, false);
        let (header, request) =
            read_request(&mut reader).unwrap_or_else(|error| panic!("{exchange:?}: {error}"));
        assert_eq!(reader.finish(), Ok(()), "{exchange:?}");
        assert_eq!((header.api_key, header.api_version), (exchange.api_key, exchange.api_version));

        let mut writer = Writer::new(0, false);
        header.write(api, &mut writer);
        request.write(&mut writer);
        let (written, splices) = writer.finish();
        assert!(splices.is_empty(), "all bytes came in the frame");
        assert_eq!(hex(&written), hex(frame), "{header:?} {request:?}");
    }
}

#[test]
fn every_response_is_read_and_written_as_it_was() {
    for (api, exchange) in served() {
        let (version, frame) = (exchange.api_version, &exchange.response);
        let mut reader = Reader::new(BytesMut::from(&frame[..]), 0, false);
        let (correlation_id, response) = read_response_header(api, version, &mut reader)
            .and_then(|id| Ok((id, Response::read(api, &mut reader)?)))
            .unwrap_or_else(|error| panic!("{exchange:?}: {error}"));
        assert_eq!(reader.finish(), Ok(()), "{exchange:?}");

        let (written, splices) = frame_response(version, correlation_id, &response);
        assert!(splices.is_empty(), "all bytes came in the frame");
        let len = u32::try_from(frame.len()).unwrap().to_be_bytes();
        assert_eq!(hex(&written), hex(&[&len, &frame[..]].concat()), "{response:?}");
    }
}

#[test]
fn every_other_api_was_captured() {
    let captured: BTreeSet<ApiKey> = served().map(|(api, _)| api).collect();
    let never: Vec<_> = ApiKey::ALL.iter().filter(|api| !captured.contains(api)).collect();
    assert_eq!(never, NEVER_CAPTURED.iter().collect::<Vec<_>>());
}

/// A client without a name: what it is called stays empty, and is written as that.
#[test]
fn a_null_client_id_is_an_empty_one() {
    let frame = [0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
    let (header, _) = read_request(&mut Reader::new(BytesMut::from(&frame[..]), 0, false)).unwrap();
    let client_id = String::new();
    let expected = RequestHeader { api_key: 18, api_version: 0, correlation_id: 7, client_id };
    assert_eq!(header, expected);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
