//! What is taken of producers, and what is refused with which code.

use runnel::protocol::ErrorCode;
use runnel::protocol::init_producer_id::InitProducerIdRequest;
use runnel::record::Compression;

use rustix::process::Signal;

use crate::ask;
use crate::support::World;
use crate::support::served::{Client, address_in};
use crate::words::{
    PRODUCE, batch, batch_with, make_topic, produce, produce_request, read_all, transactional,
};

const fn code(error: ErrorCode) -> i16 {
    error.code()
}

#[test]
fn every_codec_comes_back_as_it_was_sent() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut client = server.connect();
    make_topic(&mut client, "t");
    let mut expected = Vec::new();
    for codec in Compression::ALL {
        let values = [format!("{codec} one"), format!("{codec} two")];
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let produced = produce(&mut client, "t", -1, &batch_with(codec, &values, None));
        assert_eq!((produced.error_code, produced.base_offset), (0, expected.len() as i64));
        for value in values {
            expected.push((expected.len() as i64, value.to_owned()));
        }
    }
    assert_eq!(read_all(&mut client, "t"), expected);
    server.stop();
}

#[test]
fn acks_0_has_no_answer_and_an_error_closes_the_connection() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut client = server.connect();
    make_topic(&mut client, "t");
    client.send(PRODUCE, &produce_request("t", 0, 0, &batch(&["a"], None))).expect("sends");
    // The next answer is that of the next request.
    assert_eq!(produce(&mut client, "t", 1, &batch(&["b"], None)).base_offset, 1);
    client.send(PRODUCE, &produce_request("none", 0, 0, &batch(&["a"], None))).expect("sends");
    assert!(client.is_closed());
    server.stop();
}

#[test]
fn refusals_have_kafkas_codes() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut client = server.connect();
    make_topic(&mut client, "t");
    let good = batch(&["a"], None);
    let mut damaged = good.clone();
    *damaged.last_mut().expect("bytes") ^= 1;
    let two = [good.clone(), good.clone()].concat();
    let large = "x".repeat(1_100_000);
    for (batch, error) in [
        (&damaged[..], ErrorCode::CorruptMessage),
        (&two[..], ErrorCode::InvalidRecord),
        (&[][..], ErrorCode::InvalidRecord),
        (&batch(&[&large], None)[..], ErrorCode::MessageTooLarge),
    ] {
        let refused = produce(&mut client, "t", 1, batch);
        assert_eq!((refused.error_code, refused.base_offset), (code(error), -1));
    }
    let unknown = produce(&mut client, "none", 1, &good);
    assert_eq!(unknown.error_code, code(ErrorCode::UnknownTopicOrPartition));
    let internal = produce(&mut client, "__consumer_offsets", 1, &good);
    assert_ne!(internal.error_code, 0);
    let acks = produce(&mut client, "t", 2, &good);
    assert_eq!(acks.error_code, code(ErrorCode::InvalidRequiredAcks));
    let nobodys = produce(&mut client, "t", 1, &transactional(&["a"], (7, 0, 0)));
    assert_eq!(nobodys.error_code, code(ErrorCode::TransactionalIdAuthorizationFailed));
    assert_eq!(read_all(&mut client, "t"), []);
    server.stop();
}

#[test]
fn a_topics_rules_are_held_to() {
    let world = World::new();
    world.topic("compacted", 1, &["cleanup.policy=compact"]);
    world.topic("stamped", 1, &["message.timestamp.type=LogAppendTime"]);
    world.topic("zstd", 1, &["compression.type=zstd"]);
    world.topic("small", 1, &["max.message.bytes=100"]);
    let server = world.serve(&[]);
    let mut client = server.connect();
    let refused = produce(&mut client, "compacted", 1, &keyless());
    assert_eq!(refused.error_code, code(ErrorCode::InvalidRecord));
    assert_eq!(refused.record_errors[0].batch_index, 0);
    let stamped = produce(&mut client, "stamped", 1, &batch(&["a"], None));
    assert!(stamped.log_append_time_ms > 1_700_000_000_000, "{stamped:?}");
    let kept = produce(&mut client, "compacted", 1, &batch(&["a"], None));
    assert_eq!((kept.error_code, kept.log_append_time_ms), (0, -1));
    let value = "z".repeat(10_000);
    assert_eq!(produce(&mut client, "zstd", 1, &batch(&[&value], None)).error_code, 0);
    assert_eq!(read_all(&mut client, "zstd"), [(0, value)]);
    let too_large = produce(&mut client, "small", 1, &batch(&["x".repeat(100).as_str()], None));
    assert_eq!(too_large.error_code, code(ErrorCode::MessageTooLarge));
    server.stop();
    let log = world.partition("zstd", 0).join("00000000000000000000.log");
    assert!(log.metadata().expect("is there").len() < 1000, "it is stored compressed");
}

fn keyless() -> Vec<u8> {
    use runnel::record::{BatchBuilder, Headers, Record};
    let mut builder = BatchBuilder::new(Compression::None, None);
    let (key, value, headers) = (None, Some(&b"v"[..]), Headers::NONE);
    builder.push(&Record { offset: 0, timestamp: 1000, key, value, headers });
    builder.finish().expect("a batch").to_vec()
}

#[test]
fn an_idempotent_producers_batch_is_taken_once() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut client = server.connect();
    make_topic(&mut client, "t");
    let id = ask!(client, InitProducerId, InitProducerIdRequest::default()).producer_id;
    let send = |client: &mut _, sequence: i32| {
        let value = format!("{sequence}");
        let produced = produce(client, "t", -1, &batch(&[&value], Some((id, 0, sequence))));
        (produced.error_code, produced.base_offset)
    };
    for sequence in 0..7 {
        assert_eq!(send(&mut client, sequence), (0, i64::from(sequence)));
    }
    for sequence in 2..7 {
        assert_eq!(send(&mut client, sequence), (0, i64::from(sequence)), "a duplicate");
    }
    assert_eq!(send(&mut client, 8).0, code(ErrorCode::OutOfOrderSequenceNumber), "a gap");
    server.stop();
    let server = world.serve(&[]);
    let mut client = server.connect();
    assert_eq!(send(&mut client, 6), (0, 6), "a duplicate after a restart");
    assert_eq!(send(&mut client, 7), (0, 7));
    let other = ask!(client, InitProducerId, InitProducerIdRequest::default()).producer_id;
    assert_ne!(other, id, "an id is never given again");
    assert_eq!(read_all(&mut client, "t").len(), 8);
    server.stop();
}

#[test]
fn a_full_disk_is_an_error_and_no_more() {
    let world = World::new();
    world.topic("t", 1, &[]);
    // Files of at most so many KiB, as a disk that is full there.
    let limited = world.runnel(["serve", "-l", "127.0.0.1:0", "--addr-file", "address"]);
    let mut process = limited.after("ulimit -f 64; trap '' XFSZ").spawn();
    let address = address_in(&world.path("address"), &mut process);
    let mut client = Client::connect(&address).expect("connects");
    let value = "x".repeat(10_000);
    let mut taken = 0;
    let refused = loop {
        let produced = produce(&mut client, "t", -1, &batch(&[&value], None));
        if produced.error_code != 0 {
            break produced.error_code;
        }
        taken += 1;
    };
    assert_eq!(refused, code(ErrorCode::KafkaStorageError));
    assert_eq!(read_all(&mut client, "t").len(), taken, "what was taken is there");
    assert_eq!(produce(&mut client, "t", -1, &batch(&["small"], None)).error_code, 0);
    process.signal(Signal::TERM);
    assert_eq!(process.wait().status, 0);
    world.runnel(["log", "verify"]).stdout("").run();
    assert_eq!(world.consume(&["t", "-n", "1"]), "small\n");
}
