//! Transactions in the words of the wire, and under `kill -9`.

use std::time::Duration;

use runnel::protocol::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use runnel::protocol::describe_producers::{DescribeProducersRequest, TopicRequest};
use runnel::protocol::describe_transactions::DescribeTransactionsRequest;
use runnel::protocol::end_txn::{EndTxnRequest, EndTxnResponse};
use runnel::protocol::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use runnel::protocol::list_transactions::ListTransactionsRequest;
use runnel::protocol::produce::ProduceRequest;
use runnel::protocol::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use runnel::protocol::{ErrorCode, Request};

use crate::support::World;
use crate::support::data::unpack;
use crate::support::served::Client;
use crate::words::{PRODUCE, make_topic, produce_request, transactional};
use crate::{ask, try_ask};

const fn code(error: ErrorCode) -> i16 {
    error.code()
}

/// The last version of EndTxn in which the epoch stays.
const END_V1: i16 = 4;
pub(crate) const END_V2: i16 = 5;

pub(crate) fn init(client: &mut Client, id: &str) -> std::io::Result<InitProducerIdResponse> {
    loop {
        let request = InitProducerIdRequest {
            transactional_id: Some(id.to_owned()),
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        let response = try_ask!(client, InitProducerId, 5, request)?;
        if response.error_code != code(ErrorCode::ConcurrentTransactions) {
            return Ok(response);
        }
    }
}

/// Sends a batch of a transaction to partition 0; gives its code.
pub(crate) fn send(
    client: &mut Client,
    version: i16,
    id: &str,
    topic: &str,
    batch: &[u8],
) -> std::io::Result<i16> {
    let Request::Produce(request) = produce_request(topic, 0, -1, batch) else {
        panic!("it is one");
    };
    let request = ProduceRequest { transactional_id: Some(id.to_owned()), ..request };
    let answer = try_ask!(client, Produce, version, request)?;
    Ok(answer.responses[0].partition_responses[0].error_code)
}

fn add(
    client: &mut Client,
    id: &str,
    (producer_id, producer_epoch): (i64, i16),
    topics: &[&str],
) -> std::io::Result<Vec<i16>> {
    let topic =
        |name: &&str| AddPartitionsToTxnTopic { name: (*name).to_owned(), partitions: vec![0] };
    let request = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: id.to_owned(),
        v3_and_below_producer_id: producer_id,
        v3_and_below_producer_epoch: producer_epoch,
        v3_and_below_topics: topics.iter().map(topic).collect(),
        ..Default::default()
    };
    let answer = try_ask!(client, AddPartitionsToTxn, 3, request)?;
    let results = answer.results_by_topic_v3_and_below.iter();
    Ok(results.map(|topic| topic.results_by_partition[0].partition_error_code).collect())
}

pub(crate) fn end(
    client: &mut Client,
    version: i16,
    id: &str,
    (producer_id, producer_epoch): (i64, i16),
    committed: bool,
) -> std::io::Result<EndTxnResponse> {
    let transactional_id = id.to_owned();
    let request = EndTxnRequest { transactional_id, producer_id, producer_epoch, committed };
    try_ask!(client, EndTxn, version, request)
}

#[test]
fn a_transaction_of_version_2_adds_its_partitions_itself() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut client = server.connect();
    for topic in ["a", "b"] {
        make_topic(&mut client, topic);
    }
    let begun = init(&mut client, "x").expect("an answer");
    let (id, mut epoch) = (begun.producer_id, begun.producer_epoch);
    assert_eq!((begun.error_code, epoch), (0, 0));
    for (number, committed) in [(0, true), (1, false), (2, true)] {
        for topic in ["a", "b"] {
            let batch = transactional(&[&number.to_string()], (id, epoch, 0));
            assert_eq!(send(&mut client, PRODUCE, "x", topic, &batch).expect("an answer"), 0);
        }
        let open = ListTransactionsRequest {
            state_filters: vec!["Ongoing".to_owned(), "None".to_owned()],
            ..Default::default()
        };
        let open = ask!(client, ListTransactions, open);
        assert_eq!(open.unknown_state_filters, ["None"]);
        assert_eq!(open.transaction_states[0].transactional_id, "x");
        let ended = end(&mut client, END_V2, "x", (id, epoch), committed).expect("an answer");
        assert_eq!((ended.error_code, ended.producer_id), (0, id));
        assert_eq!(ended.producer_epoch, epoch + 1, "each has an epoch of its own");
        let again = end(&mut client, END_V2, "x", (id, epoch), committed).expect("an answer");
        assert_eq!((again.error_code, again.producer_epoch), (0, epoch + 1), "asked again");
        let late = transactional(&["late"], (id, epoch, 1));
        let late = send(&mut client, PRODUCE, "x", "a", &late).expect("an answer");
        assert_eq!(late, code(ErrorCode::InvalidProducerEpoch));
        epoch = ended.producer_epoch;
    }
    server.stop();
    for topic in ["a", "b"] {
        assert_eq!(world.consume(&[topic]), "0\n2\n");
    }
    world.runnel(["log", "verify"]).stdout("").run();
}

#[test]
fn refusals_have_kafkas_codes() {
    let world = World::new();
    let server = world.serve(&["-c", "transaction.max.timeout.ms=60000"]);
    let mut client = server.connect();
    for topic in ["a", "b"] {
        make_topic(&mut client, topic);
    }
    let too_long = InitProducerIdRequest {
        transactional_id: Some("x".to_owned()),
        transaction_timeout_ms: 60_001,
        ..Default::default()
    };
    let refused = ask!(client, InitProducerId, too_long);
    assert_eq!(refused.error_code, code(ErrorCode::InvalidTransactionTimeout));
    let begun = init(&mut client, "x").expect("an answer");
    let producer = (begun.producer_id, begun.producer_epoch);
    let batch = transactional(&["v"], (producer.0, producer.1, 0));
    // Before version 12 a partition is added first.
    for (version, error) in
        [(10, ErrorCode::InvalidTxnState), (11, ErrorCode::TransactionAbortable)]
    {
        let refused = send(&mut client, version, "x", "a", &batch).expect("an answer");
        assert_eq!(refused, code(error));
    }
    let refused = send(&mut client, PRODUCE, "nobody", "a", &batch).expect("an answer");
    assert_eq!(refused, code(ErrorCode::InvalidProducerIdMapping));
    let added = add(&mut client, "x", producer, &["a", "none"]).expect("an answer");
    let expected = [ErrorCode::OperationNotAttempted, ErrorCode::UnknownTopicOrPartition];
    assert_eq!(added, expected.map(code));
    let fenced = add(&mut client, "x", (producer.0, 7), &["a"]).expect("an answer");
    assert_eq!(fenced, [code(ErrorCode::ProducerFenced)]);
    let other = add(&mut client, "x", (producer.0 + 1, 0), &["a"]).expect("an answer");
    assert_eq!(other, [code(ErrorCode::InvalidProducerIdMapping)]);
    // Added, it is taken; one that asks for another is answered as brokers are.
    assert_eq!(add(&mut client, "x", producer, &["a"]).expect("an answer"), [0]);
    assert_eq!(send(&mut client, 11, "x", "a", &batch).expect("an answer"), 0);
    let asked = AddPartitionsToTxnTransaction {
        transactional_id: "x".to_owned(),
        producer_id: producer.0,
        producer_epoch: producer.1,
        verify_only: true,
        topics: vec![AddPartitionsToTxnTopic { name: "b".to_owned(), partitions: vec![0] }],
    };
    let request = AddPartitionsToTxnRequest { transactions: vec![asked], ..Default::default() };
    let verified = ask!(client, AddPartitionsToTxn, request);
    let verified = &verified.results_by_transaction[0].topic_results[0].results_by_partition[0];
    assert_eq!(verified.partition_error_code, code(ErrorCode::TransactionAbortable));
    // An older instance is fenced, in the words of its version.
    let younger = init(&mut client, "x").expect("an answer");
    assert_eq!((younger.producer_id, younger.producer_epoch), (producer.0, producer.1 + 2));
    for (version, error) in [(1, ErrorCode::InvalidProducerEpoch), (4, ErrorCode::ProducerFenced)] {
        let fenced = end(&mut client, version, "x", producer, true).expect("an answer");
        assert_eq!(fenced.error_code, code(error));
    }
    server.stop();
    assert_eq!(world.consume(&["a"]), "");
}

/// An administrator sees who hangs, and aborts what does.
#[test]
fn markers_are_written_by_hand() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut client = server.connect();
    make_topic(&mut client, "a");
    let begun = init(&mut client, "x").expect("an answer");
    let (id, epoch) = (begun.producer_id, begun.producer_epoch);
    let batch = transactional(&["v"], (id, epoch, 0));
    assert_eq!(send(&mut client, PRODUCE, "x", "a", &batch).expect("an answer"), 0);
    let transactional_ids = ["x", "none"].map(str::to_owned).to_vec();
    let described = DescribeTransactionsRequest { transactional_ids };
    let described = ask!(client, DescribeTransactions, described).transaction_states;
    assert_eq!((&*described[0].transaction_state, described[0].producer_id), ("Ongoing", id));
    assert_eq!(
        (&*described[0].topics[0].topic, &described[0].topics[0].partitions[..]),
        ("a", &[0][..])
    );
    assert_eq!(described[1].error_code, code(ErrorCode::TransactionalIdNotFound));
    let marker = WritableTxnMarker {
        producer_id: id,
        producer_epoch: epoch,
        topics: vec![
            WritableTxnMarkerTopic { name: "a".to_owned(), partition_indexes: vec![0, 9] },
            WritableTxnMarkerTopic { name: "none".to_owned(), partition_indexes: vec![0] },
        ],
        ..Default::default()
    };
    let request = WriteTxnMarkersRequest { markers: vec![marker] };
    let written = ask!(client, WriteTxnMarkers, request);
    let codes = written.markers[0].topics.iter().flat_map(|topic| &topic.partitions);
    let codes: Vec<i16> = codes.map(|partition| partition.error_code).collect();
    let unknown = code(ErrorCode::UnknownTopicOrPartition);
    assert_eq!(codes, [0, unknown, unknown]);
    let topics = vec![TopicRequest { name: "a".to_owned(), partition_indexes: vec![0] }];
    let producers = ask!(client, DescribeProducers, DescribeProducersRequest { topics });
    let producer = &producers.topics[0].partitions[0].active_producers[0];
    assert_eq!((producer.producer_id, producer.current_txn_start_offset), (id, -1));
    server.stop();
    assert_eq!(world.consume(&["a"]), "");
}

/// What a broker of Apache Kafka left goes on here: its ids are known, and its producers' ids are given to nobody.
#[test]
fn kafkas_transactional_ids_go_on() {
    let world = World::new();
    unpack(&world, "unclean");
    std::fs::create_dir_all(world.dir()).expect("makes a directory");
    std::fs::rename(world.path("unclean"), world.dir().join("log")).expect("moves");
    let server = world.serve(&[]);
    let mut client = server.connect();
    let transactional_ids = vec!["tid-0".to_owned()];
    let described = DescribeTransactionsRequest { transactional_ids };
    let described = ask!(client, DescribeTransactions, described).transaction_states.remove(0);
    let told = (&*described.transaction_state, described.producer_id, described.producer_epoch);
    assert_eq!(told, ("CompleteAbort", 0, 3));
    let begun = init(&mut client, "tid-0").expect("an answer");
    assert_eq!((begun.producer_id, begun.producer_epoch), (0, 4));
    assert!(init(&mut client, "another").expect("an answer").producer_id > 2);
    server.stop();
}

/// Rounds of kills: 20, or what `RUNNEL_KILLS` says.
fn rounds() -> u64 {
    std::env::var("RUNNEL_KILLS").map_or(20, |rounds| rounds.parse().expect("a number"))
}

/// A producer of one of the two versions, whose transactions write their number to two topics.
struct Producer {
    name: String,
    by_version_2: bool,
    next: usize,
    /// The numbers of the transactions that it was told are committed.
    committed: Vec<usize>,
}

impl Producer {
    fn topics(&self) -> [String; 2] {
        ["a", "b"].map(|topic| format!("{}-{topic}", self.name))
    }

    /// Goes on until the server is gone. Every fourth transaction is aborted.
    fn run(&mut self, address: &str) -> std::io::Result<()> {
        let mut client = Client::connect(address)?;
        let begun = init(&mut client, &self.name)?;
        assert_eq!(begun.error_code, 0);
        let (id, mut epoch, mut sequence) = (begun.producer_id, begun.producer_epoch, 0);
        let topics = self.topics();
        loop {
            let number = self.next;
            self.next += 1;
            let (produce, end_version) =
                if self.by_version_2 { (PRODUCE, END_V2) } else { (11, END_V1) };
            if !self.by_version_2 {
                let both = [&*topics[0], &*topics[1]];
                assert_eq!(add(&mut client, &self.name, (id, epoch), &both)?, [0, 0]);
            }
            for topic in &topics {
                let batch = transactional(&[&number.to_string()], (id, epoch, sequence));
                assert_eq!(send(&mut client, produce, &self.name, topic, &batch)?, 0);
            }
            let commits = number % 4 != 3;
            let ended = end(&mut client, end_version, &self.name, (id, epoch), commits)?;
            assert_eq!(ended.error_code, 0);
            if commits {
                self.committed.push(number);
            }
            (epoch, sequence) = match self.by_version_2 {
                true => (ended.producer_epoch, 0),
                false => (epoch, sequence + 1),
            };
        }
    }
}

#[test]
fn kills_leave_whole_transactions() {
    let world = World::new();
    let mut server = world.serve(&[]);
    let mut producers: Vec<Producer> = (0..4)
        .map(|number| Producer {
            name: format!("p{number}"),
            by_version_2: number % 2 == 0,
            next: 0,
            committed: Vec::new(),
        })
        .collect();
    let mut client = server.connect();
    for producer in &producers {
        for topic in producer.topics() {
            make_topic(&mut client, &topic);
        }
    }
    for round in 0..rounds() {
        let address = server.address.clone();
        let killer = server.process.killer();
        std::thread::scope(|scope| {
            for producer in &mut producers {
                let address = &address;
                // Its error is the server's end.
                scope.spawn(move || drop(producer.run(address)));
            }
            std::thread::sleep(Duration::from_millis(30 + round * 37 % 90));
            killer.signal(rustix::process::Signal::KILL);
        });
        server.kill();
        server = world.serve(&[]);
    }
    // What is open still is ended by who has the ids next.
    let mut client = server.connect();
    for producer in &producers {
        assert_eq!(init(&mut client, &producer.name).expect("an answer").error_code, 0);
    }
    server.stop();
    let mut transactions = 0;
    for producer in &producers {
        let [one, other] = producer.topics().map(|topic| {
            let said = world.consume(&[&topic]);
            said.lines().map(|line| line.parse().expect("a number")).collect::<Vec<usize>>()
        });
        assert_eq!(one, other, "{} was torn", producer.name);
        assert!(one.is_sorted_by(|a, b| a < b), "each once: {one:?}");
        assert!(one.iter().all(|number| number % 4 != 3), "an aborted one: {one:?}");
        for number in &producer.committed {
            assert!(one.binary_search(number).is_ok(), "{} lost {number}", producer.name);
        }
        transactions += producer.committed.len();
    }
    assert!(transactions > 0, "no transaction: the load was no load");
    world.runnel(["log", "verify"]).stdout("").run();
}
