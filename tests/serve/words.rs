//! Requests that several tests make, in short.

use bytes::BytesMut;
use runnel::model::Uuid;
use runnel::protocol::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use runnel::protocol::metadata::{MetadataRequest, MetadataRequestTopic};
use runnel::protocol::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};
use runnel::protocol::{Records, Request, Response};
use runnel::record::{Batch, BatchBuilder, Compression, Decompressor, Frame, Headers, Record};

use crate::support::served::Client;

/// A batch of these values, of a producer with its epoch and base sequence.
pub(crate) fn batch(values: &[&str], producer: Option<(i64, i16, i32)>) -> Vec<u8> {
    batch_with(Compression::None, values, producer)
}

pub(crate) fn batch_with(
    codec: Compression,
    values: &[&str],
    producer: Option<(i64, i16, i32)>,
) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec, None);
    if let Some((id, epoch, sequence)) = producer {
        builder.with_producer(id, epoch, sequence, false);
    }
    for value in values {
        let (key, value) = (Some(&b"k"[..]), Some(value.as_bytes()));
        builder.push(&Record { offset: 0, timestamp: 1000, key, value, headers: Headers::NONE });
    }
    builder.finish().expect("a batch").to_vec()
}

/// A batch of these values in a transaction of a producer.
pub(crate) fn transactional(values: &[&str], (id, epoch, sequence): (i64, i16, i32)) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::None, None);
    builder.with_producer(id, epoch, sequence, true);
    for value in values {
        let (key, value) = (None, Some(value.as_bytes()));
        builder.push(&Record { offset: 0, timestamp: 1000, key, value, headers: Headers::NONE });
    }
    builder.finish().expect("a batch").to_vec()
}

/// A produce request of one batch, in the versions that name topics.
pub(crate) fn produce_request(topic: &str, partition: i32, acks: i16, batch: &[u8]) -> Request {
    let records = Some(Records::Here(BytesMut::from(batch)));
    Request::Produce(ProduceRequest {
        acks,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: topic.to_owned(),
            topic_id: Uuid::default(),
            partition_data: vec![PartitionProduceData { index: partition, records }],
        }],
        ..Default::default()
    })
}

/// The version of Produce that the tests speak: the last that names topics.
pub(crate) const PRODUCE: i16 = 12;
/// The version of Fetch that the tests speak: the last that names topics.
pub(crate) const FETCH: i16 = 12;

/// Appends a batch to partition 0; gives what became of it.
pub(crate) fn produce(
    client: &mut Client,
    topic: &str,
    acks: i16,
    batch: &[u8],
) -> PartitionProduceResponse {
    try_produce(client, topic, acks, batch).expect("an answer")
}

pub(crate) fn try_produce(
    client: &mut Client,
    topic: &str,
    acks: i16,
    batch: &[u8],
) -> std::io::Result<PartitionProduceResponse> {
    match client.try_ask(PRODUCE, produce_request(topic, 0, acks, batch))? {
        Response::Produce(mut response) => {
            Ok(response.responses.remove(0).partition_responses.remove(0))
        }
        other => panic!("another answer: {other:?}"),
    }
}

/// A fetch of partition 0 from an offset on.
pub(crate) fn fetch_request(topic: &str, offset: i64, max_wait_ms: i32) -> Request {
    Request::Fetch(FetchRequest {
        max_wait_ms,
        min_bytes: 1,
        topics: vec![FetchTopic {
            topic: topic.to_owned(),
            partitions: vec![FetchPartition {
                fetch_offset: offset,
                partition_max_bytes: 1 << 20,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    })
}

/// The values of a fetch's answer, by offset.
pub(crate) fn values(response: &FetchResponse) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    for partition in response.responses.iter().flat_map(|topic| &topic.partitions) {
        assert_eq!(partition.error_code, 0, "{partition:?}");
        let Some(Records::Here(bytes)) = &partition.records else { continue };
        let mut rest = &bytes[..];
        while let Ok(Frame::Whole(batch)) = Batch::at_front(rest) {
            batch.check().expect("a sound batch");
            let mut scratch = Decompressor::new(1 << 20);
            for record in batch.records(&mut scratch).expect("records") {
                let record = record.expect("a record");
                let value = String::from_utf8_lossy(record.value.expect("a value"));
                found.push((record.offset, value.into_owned()));
            }
            rest = &rest[batch.size_in_bytes()..];
        }
    }
    found
}

/// All values of partition 0 of a topic, read batch by batch to the end.
pub(crate) fn read_all(client: &mut Client, topic: &str) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    loop {
        let next = found.last().map_or(0, |(offset, _)| offset + 1);
        let answer = client.try_ask(FETCH, fetch_request(topic, next, 0)).expect("an answer");
        let Response::Fetch(response) = answer else { panic!("another answer") };
        let more = values(&response).into_iter().filter(|(offset, _)| *offset >= next);
        let before = found.len();
        found.extend(more);
        if found.len() == before {
            return found;
        }
    }
}

/// Makes a topic, as clients do by asking for it.
pub(crate) fn make_topic(client: &mut Client, topic: &str) {
    let name = Some(topic.to_owned());
    let topics = Some(vec![MetadataRequestTopic { name, ..Default::default() }]);
    let request = MetadataRequest { topics, ..Default::default() };
    match client.ask(Request::Metadata(request)) {
        Response::Metadata(response) => assert_eq!(response.topics[0].error_code, 0),
        other => panic!("another answer: {other:?}"),
    }
}
