//! Random messages of every served API and version, through our codecs and those of the kafka-protocol crate.

use std::fmt::{Arguments, Display};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey as OracleKey, RequestKind, ResponseKind};
use runnel::protocol::schema::Struct;
use runnel::protocol::{ApiKey, DecodeError, Reader, Request, Response, Writer};

use crate::generate::{Generator, Tagged};
use crate::random::Random;

/// Messages of each API, version and direction.
const ROUNDS: u64 = 25;

/// Served messages that the crate does not know.
const UNKNOWN_TO_THE_ORACLE: [(ApiKey, Way, i16); 8] = [
    (ApiKey::ListOffsets, Way::Request, 11),
    (ApiKey::ListOffsets, Way::Response, 11),
    (ApiKey::OffsetCommit, Way::Request, 10),
    (ApiKey::OffsetFetch, Way::Request, 10),
    (ApiKey::WriteTxnMarkers, Way::Request, 2),
    (ApiKey::WriteTxnMarkers, Way::Response, 2),
    (ApiKey::DescribeLogDirs, Way::Request, 5),
    (ApiKey::DescribeLogDirs, Way::Response, 5),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Request,
    Response,
}

/// A message's type: what both implementations are asked to read and write.
#[derive(Debug, Clone, Copy)]
struct Form {
    api: ApiKey,
    way: Way,
    version: i16,
}

impl Form {
    fn all() -> impl Iterator<Item = Self> {
        ApiKey::ALL.iter().flat_map(|api| {
            api.served().flat_map(|version| {
                [Way::Request, Way::Response].map(|way| Self { api: *api, way, version })
            })
        })
    }

    fn schema(self) -> &'static Struct {
        match self.way {
            Way::Request => self.api.request_schema(),
            Way::Response => self.api.response_schema(),
        }
    }

    fn random(self, seed: u64, tagged: Tagged) -> Vec<u8> {
        let form = self.api as u64 * 1000 + self.version as u64 * 10 + self.way as u64;
        let random = &mut Random::new(form << 32 | seed);
        let flexible = self.api.is_flexible(self.version);
        Generator { random, version: self.version, flexible, tagged }.message(self.schema())
    }

    /// The crate's key for it, where the crate knows the version.
    fn oracle(self) -> Option<OracleKey> {
        let known = !UNKNOWN_TO_THE_ORACLE.contains(&(self.api, self.way, self.version));
        known.then(|| self.oracle_key())
    }

    fn oracle_key(self) -> OracleKey {
        OracleKey::try_from(self.api as i16).expect("the crate knows every API that is served")
    }

    /// Reads by ours, and writes in a version.
    fn ours(self, bytes: &[u8], version: i16) -> Result<Vec<u8>, DecodeError> {
        let flexible = self.api.is_flexible(self.version);
        let mut reader = Reader::new(BytesMut::from(bytes), self.version, flexible);
        let mut writer = Writer::new(version, self.api.is_flexible(version));
        match self.way {
            Way::Request => Request::read(self.api, &mut reader)?.write(&mut writer),
            Way::Response => Response::read(self.api, &mut reader)?.write(&mut writer),
        }
        reader.finish()?;
        Ok(writer.finish().0.to_vec())
    }

    /// Reads by theirs, and writes in a version; `Err` is what theirs objects to.
    fn theirs(self, oracle: OracleKey, bytes: &[u8], version: i16) -> Result<Vec<u8>, String> {
        let mut bytes = Bytes::copy_from_slice(bytes);
        let mut out = BytesMut::new();
        let written = match self.way {
            Way::Request => RequestKind::decode(oracle, &mut bytes, self.version)
                .and_then(|message| message.encode(&mut out, version)),
            Way::Response => ResponseKind::decode(oracle, &mut bytes, self.version)
                .and_then(|message| message.encode(&mut out, version)),
        };
        written.map_err(|error| format!("{error:#}"))?;
        assert!(bytes.is_empty(), "{self:?}: the oracle left {} bytes", bytes.len());
        Ok(out.to_vec())
    }
}

#[test]
fn no_version_is_left_out_that_the_oracle_knows() {
    for (api, way, version) in UNKNOWN_TO_THE_ORACLE {
        let form = Form { api, way, version };
        let bytes = form.random(0, Tagged::None);
        let theirs = form.theirs(form.oracle_key(), &bytes, version);
        let refused = theirs.as_ref().is_err_and(|error| error.contains("version not supported"));
        assert!(refused, "{form:?}: {theirs:?}");
    }
}

#[test]
fn what_was_read_is_written_as_it_was() {
    for form in Form::all() {
        for seed in 0..ROUNDS {
            let bytes = form.random(seed, Tagged::None);
            let written = form.ours(&bytes, form.version);
            same(written, &bytes, format_args!("{form:?} {seed}"));
        }
    }
}

#[test]
fn both_read_what_the_other_writes_and_write_the_same() {
    let known = Form::all().filter_map(|form| Some((form, form.oracle()?)));
    for (form, oracle) in known {
        for seed in 0..ROUNDS {
            let bytes = form.random(seed, Tagged::Some);
            let theirs = form.theirs(oracle, &bytes, form.version);
            let theirs = theirs.unwrap_or_else(|error| panic!("{form:?} {seed}: {error}"));
            let ours = form.ours(&bytes, form.version);
            same(ours, &theirs, format_args!("{form:?} {seed}, written by either"));
            let ours = form.ours(&theirs, form.version);
            same(ours, &theirs, format_args!("{form:?} {seed}, theirs read by ours"));
            let again = form.theirs(oracle, &theirs, form.version);
            same(again, &theirs, format_args!("{form:?} {seed}, ours read by theirs"));
        }
    }
}

/// What a version lacks has its default: read in each version and written in the last, the two agree on all defaults.
#[test]
fn what_a_version_lacks_has_kafkas_default() {
    // Its `documentation` is empty in the schema; the broker says null where none was asked for, and so do we.
    let differs = |form: &Form| (form.api, form.way) == (ApiKey::DescribeConfigs, Way::Response);
    let mut compared = 0;
    for form in Form::all().filter(|form| !differs(form)) {
        let last = Form { version: *form.api.served().end(), ..form };
        let Some((oracle, _)) = form.oracle().zip(last.oracle()) else { continue };
        for seed in 0..ROUNDS {
            let bytes = form.random(seed, Tagged::Some);
            // Theirs refuses what the last version can't say; ours leaves it out.
            let Ok(theirs) = form.theirs(oracle, &bytes, last.version) else { continue };
            let ours = form.ours(&bytes, last.version);
            same(ours, &theirs, format_args!("{form:?} {seed}"));
            compared += 1;
        }
    }
    assert!(compared > 1000, "{compared} were compared");
}

/// Fails at the first byte in which two messages part.
fn same<E: Display>(written: Result<Vec<u8>, E>, expected: &[u8], what: Arguments<'_>) {
    let written = written.unwrap_or_else(|error| panic!("{what}: {error}"));
    if written != expected {
        let ends = written.iter().zip(expected).take_while(|(one, other)| one == other).count();
        let around = |bytes: &[u8]| {
            let end = (ends + 8).min(bytes.len());
            format!("{:02x?}", &bytes[ends.saturating_sub(8)..end])
        };
        let (written, expected) = (around(&written), around(expected));
        panic!("{what}: at byte {ends}: {written}, expected {expected}");
    }
}
