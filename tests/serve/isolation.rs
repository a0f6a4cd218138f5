//! Fetch and ListOffsets beside transactions: what a client that reads committed records is told.

use runnel::protocol::ApiKey;
use runnel::protocol::fetch::{FetchRequest, PartitionData};
use runnel::protocol::list_offsets::{
    LATEST, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use runnel::protocol::{Request, Response};

use crate::ask;
use crate::support::World;
use crate::support::served::Client;
use crate::transactions::{END_V2, end, init, send};
use crate::words::{
    FETCH, PRODUCE, batch, fetch_request, make_topic, produce, transactional, values,
};

fn request(offset: i64, isolation_level: i8, max_wait_ms: i32) -> Request {
    let Request::Fetch(request) = fetch_request("t", offset, max_wait_ms) else {
        panic!("it is one");
    };
    Request::Fetch(FetchRequest { isolation_level, ..request })
}

/// The offsets that came, those of markers too, and what was said of the partition.
fn told(response: &Response) -> (Vec<i64>, PartitionData) {
    let Response::Fetch(response) = response else { panic!("another answer: {response:?}") };
    let offsets = values(response).into_iter().map(|(offset, _)| offset).collect();
    (offsets, response.responses[0].partitions[0].clone())
}

fn fetch(client: &mut Client, offset: i64, isolation_level: i8) -> (Vec<i64>, PartitionData) {
    told(&client.try_ask(FETCH, request(offset, isolation_level, 0)).expect("an answer"))
}

fn latest(client: &mut Client, isolation_level: i8) -> i64 {
    let partitions = vec![ListOffsetsPartition { timestamp: LATEST, ..Default::default() }];
    let topics = vec![ListOffsetsTopic { name: "t".to_owned(), partitions }];
    let request = ListOffsetsRequest { isolation_level, topics, ..Default::default() };
    ask!(client, ListOffsets, request).topics[0].partitions[0].offset
}

/// Producer and first offset of each transaction that an answer calls aborted.
fn aborted(data: &PartitionData) -> Option<Vec<(i64, i64)>> {
    let aborted = data.aborted_transactions.as_ref()?;
    Some(aborted.iter().map(|aborted| (aborted.producer_id, aborted.first_offset)).collect())
}

#[test]
fn committed_records_end_where_a_transaction_is_open_and_the_marker_wakes() {
    let world = World::new();
    // Records of tests are of 1970, markers are of today: that is no reason to roll.
    let server = world.serve(&["-c", "log.roll.ms=9223372036854775807"]);
    let mut client = server.connect();
    make_topic(&mut client, "t");
    let begun = init(&mut client, "x").expect("an answer");
    let (id, epoch) = (begun.producer_id, begun.producer_epoch);
    // Offset 0 aborted, its marker at 1, 2 of nobody, 3 open, 4 of nobody.
    let part = transactional(&["aborted"], (id, epoch, 0));
    assert_eq!(send(&mut client, PRODUCE, "x", "t", &part).expect("an answer"), 0);
    let ended = end(&mut client, END_V2, "x", (id, epoch), false).expect("an answer");
    let epoch = ended.producer_epoch;
    produce(&mut client, "t", 1, &batch(&["of nobody"], None));
    let part = transactional(&["open"], (id, epoch, 0));
    assert_eq!(send(&mut client, PRODUCE, "x", "t", &part).expect("an answer"), 0);
    produce(&mut client, "t", 1, &batch(&["of nobody"], None));

    let (offsets, data) = fetch(&mut client, 0, 0);
    assert_eq!((offsets, aborted(&data)), (vec![0, 1, 2, 3, 4], None));
    let (offsets, data) = fetch(&mut client, 0, 1);
    assert_eq!((offsets, aborted(&data)), (vec![0, 1, 2], Some(vec![(id, 0)])));
    assert_eq!((data.last_stable_offset, data.high_watermark), (3, 5));
    let (offsets, data) = fetch(&mut client, 2, 1);
    assert_eq!((offsets, aborted(&data)), (vec![2], Some(Vec::new())), "it ended before");
    for offset in [3, 4, 5] {
        let (offsets, data) = fetch(&mut client, offset, 1);
        assert_eq!((offsets, data.error_code), (Vec::new(), 0), "nothing yet, and no error");
    }
    assert_eq!((latest(&mut client, 0), latest(&mut client, 1)), (5, 3));

    // One that waits far longer than the test is answered by the marker, not by another record.
    let mut waiting = server.connect();
    waiting.send(FETCH, &request(3, 1, 600_000)).expect("sends");
    produce(&mut client, "t", 1, &batch(&["of nobody"], None));
    assert_eq!(end(&mut client, END_V2, "x", (id, epoch), false).expect("an answer").error_code, 0);
    let (_, woken) = waiting.receive(ApiKey::Fetch, FETCH).expect("an answer");
    let (offsets, data) = told(&woken);
    assert_eq!((offsets, aborted(&data)), (vec![3, 4, 5, 6], Some(vec![(id, 3)])));
    assert_eq!((latest(&mut client, 0), latest(&mut client, 1)), (7, 7));
    server.stop();
    assert_eq!(world.consume(&["t"]), "of nobody\n".repeat(3));
}
