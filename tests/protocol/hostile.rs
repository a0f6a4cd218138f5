//! Bytes that are no requests: an error, never a panic, and never more memory than the budget of their size.

use std::ops::Range;

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use runnel::model::limits;
use runnel::protocol::{ApiKey, DecodeError, Reader, RequestHeader, Writer, read_request};

use crate::allocator::asked;
use crate::frames::exchanges;

/// What taking a frame apart costs besides: the frame becomes shared.
const SHARED_BYTES: usize = 256;

/// Reads a request from these bytes, and measures what that asked for.
fn read_within_budget(bytes: &[u8]) -> Result<(), DecodeError> {
    let frame = BytesMut::from(bytes);
    let mut result = Ok(());
    let asked = asked(|| {
        let mut reader = Reader::new(frame, 0, false);
        result = read_request(&mut reader).and_then(|_| reader.finish());
    });
    let budget = (limits::DECODED_BYTES_MIN + 8 * bytes.len()).min(limits::DECODED_BYTES_MAX);
    let budget = budget + SHARED_BYTES;
    assert!(asked.bytes <= budget, "{} bytes of {budget} for {bytes:02x?}", asked.bytes);
    result
}

fn header(api: ApiKey, version: i16) -> Vec<u8> {
    let client_id = "c".to_owned();
    let header =
        RequestHeader { api_key: api as i16, api_version: version, correlation_id: 1, client_id };
    let mut writer = Writer::new(0, false);
    header.write(api, &mut writer);
    writer.finish().0.to_vec()
}

#[test]
fn every_frame_that_is_cut_short_is_refused() {
    let served =
        |key, version| ApiKey::find(key).is_some_and(|api| api.served().contains(&version));
    for exchange in exchanges() {
        if served(exchange.api_key, exchange.api_version) {
            for end in 0..exchange.request.len() {
                let cut = read_within_budget(&exchange.request[..end]);
                assert!(
                    matches!(cut, Err(DecodeError::Short { .. })),
                    "{end} of {exchange:?}: {cut:?}"
                );
            }
        }
    }
}

#[test]
fn huge_counts_make_nothing() {
    let huge: [&[u8]; 4] =
        [&[0x7f; 5], &[0xff; 5], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0x7f, 0xff, 0xff, 0xff, 0]];
    for api in ApiKey::ALL {
        for version in api.served() {
            for count in huge {
                for zeros in 0..40 {
                    let body = [&vec![0; zeros][..], count].concat();
                    let _ = read_within_budget(&[header(*api, version), body].concat());
                }
            }
        }
    }
}

/// As many of the smallest elements as a frame holds: a byte each on the wire costs many in memory.
#[test]
fn a_frame_of_empty_elements_stays_within_its_budget() {
    let (mut refused, mut read) = (0, 0);
    for api in ApiKey::ALL {
        for version in api.served() {
            for count_at in (0..24).step_by(2) {
                let mut frame = [header(*api, version), vec![0; 1 << 16]].concat();
                let at = header(*api, version).len() + count_at;
                // 60,000, plain and compact.
                let count: &[u8] = if api.is_flexible(version) {
                    &[0xe1, 0xd4, 0x03]
                } else {
                    &[0, 0, 0xea, 0x60]
                };
                frame[at..at + count.len()].copy_from_slice(count);
                match read_within_budget(&frame) {
                    Err(DecodeError::Budget(_)) => refused += 1,
                    Err(_) => {}
                    Ok(()) => read += 1,
                }
            }
        }
    }
    assert!(refused > 20, "{refused} would have cost more");
    assert_eq!(read, 0, "zeros follow the message");
}

/// The measure works: half a budget is asked for where half a budget is needed.
#[test]
fn what_a_request_asks_for_is_measured() {
    let count = 10_000_i32;
    let names = vec![0; 2 * count as usize];
    let frame = [&header(ApiKey::Metadata, 1)[..], &count.to_be_bytes(), &names].concat();
    let frame = BytesMut::from(&frame[..]);
    let asked = asked(|| {
        let request = read_request(&mut Reader::new(frame, 0, false));
        assert!(matches!(request, Err(DecodeError::Budget(_))), "{request:?}");
    });
    assert!(asked.bytes < 1000, "refused before anything was made: {asked:?}");

    let names = [0, 10, 97, 97, 97, 97, 97, 97, 97, 97, 97, 97].repeat(count as usize);
    let frame = [&header(ApiKey::Metadata, 1)[..], &count.to_be_bytes(), &names].concat();
    let frame = BytesMut::from(&frame[..]);
    let asked = self::asked(|| {
        read_request(&mut Reader::new(frame, 0, false)).expect("a request");
    });
    assert!(asked.bytes > 40 * count as usize && asked.times > count as usize, "{asked:?}");
}

#[test]
fn apis_and_versions_that_are_not_served_are_named() {
    let read = |api_key: i16, api_version: i16| {
        let frame = [&api_key.to_be_bytes()[..], &api_version.to_be_bytes(), &[0; 6]].concat();
        read_within_budget(&frame)
    };
    let refused: [Range<i16>; 2] = [-5..0, 93..200];
    for api_key in refused.into_iter().flatten() {
        assert_eq!(read(api_key, 0), Err(DecodeError::Version { api_key, api_version: 0 }));
    }
    for api in ApiKey::ALL {
        let api_key = *api as i16;
        for api_version in [api.served().start() - 1, api.served().end() + 1, i16::MIN, i16::MAX] {
            assert_eq!(
                read(api_key, api_version),
                Err(DecodeError::Version { api_key, api_version })
            );
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_request_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        let _ = read_within_budget(&bytes);
    }

    #[test]
    fn any_body_is_a_request_or_an_error(
        at in any::<prop::sample::Index>(),
        above in any::<prop::sample::Index>(),
        body in vec(prop_oneof![Just(0), Just(1), Just(2), any::<u8>()], 0..150),
    ) {
        let api = *at.get(ApiKey::ALL);
        let versions: Vec<i16> = api.served().collect();
        let _ = read_within_budget(&[header(api, *above.get(&versions)), body].concat());
    }
}
