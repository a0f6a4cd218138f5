//! Views of random topics against plain maps, whatever memory they have.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::*;
use crate::cluster::{Access, Acks, NewTopic, OpenOptions, ProducerOptions};
use crate::model::{Compression, TopicName};
use crate::record::{Headers, Record};

const PARTITIONS: i32 = 3;

/// Numbers that are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

type Rows = BTreeMap<Vec<u8>, (Vec<u8>, i64)>;

/// Partition, key, value, timestamp.
type Entry = (i32, Option<Vec<u8>>, Option<Vec<u8>>, i64);

fn random_entries(numbers: &mut Numbers, count: u64) -> Vec<Entry> {
    let mut entry = |number: u64| {
        let key = (numbers.below(20) > 0).then(|| format!("k{}", numbers.below(30)).into_bytes());
        let value = (numbers.below(5) > 0).then(|| format!("v{number}").into_bytes());
        let partition = i32::try_from(numbers.below(3)).expect("small");
        let timestamp = 1000 + i64::try_from(numbers.below(50)).expect("small");
        (partition, key, value, timestamp)
    };
    (0..count).map(&mut entry).collect()
}

/// The rows by the rule, the slow way.
fn expected(entries: &[Entry], before: Option<i64>) -> Rows {
    let mut latest = BTreeMap::new();
    for (partition, key, value, timestamp) in entries {
        if let Some(key) = key
            && before.is_none_or(|before| *timestamp < before)
        {
            latest.insert((key.clone(), *partition), (value.clone(), *timestamp));
        }
    }
    let mut best = BTreeMap::new();
    for ((key, partition), (value, timestamp)) in latest {
        let one = ((timestamp, partition), value);
        let kept = best.entry(key).or_insert_with(|| one.clone());
        if kept.0 < one.0 {
            *kept = one;
        }
    }
    best.into_iter().filter_map(|(key, ((at, _), value))| Some((key, (value?, at)))).collect()
}

#[test]
fn a_view_is_the_latest_of_each_key_however_little_memory_it_has() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let options = OpenOptions { access: Access::Write, trusted: true, command: "test" };
    let cluster = Cluster::open_directory(dir.path(), options).expect("opens");
    let mut numbers = Numbers(7);
    for (round, count) in [0, 1, 30, 400].into_iter().enumerate() {
        let name = TopicName::new(&format!("t{round}")).expect("a name");
        let new = NewTopic { name, partitions: PARTITIONS, configs: BTreeMap::new() };
        let topic = cluster.create_topic(&new).expect("a topic");
        let entries = random_entries(&mut numbers, count);
        let options = ProducerOptions { compression: Compression::None, acks: Acks::Leader };
        let mut producer = cluster.producer(topic.clone(), options);
        for (partition, key, value, timestamp) in &entries {
            let (key, value) = (key.as_deref(), value.as_deref());
            let record =
                Record { offset: 0, timestamp: *timestamp, key, value, headers: Headers::NONE };
            producer.send(&record, Some(*partition), 2000).expect("is sent");
        }
        producer.finish().expect("is stored");
        for before in [None, Some(1025), Some(0)] {
            let expected = expected(&entries, before);
            for memory_bytes in [0, 700, 5000, 1 << 20] {
                let reading = Reading { before, prefix: b"", memory_bytes, scratch: dir.path() };
                let view = TopicView::read(&cluster, &topic, reading, &mut |_, _| {});
                let (mut rows, mut last) = (BTreeMap::new(), None);
                let mut each = |row: Row<'_>| {
                    assert!(last.as_deref() < Some(row.key), "in order, each key once");
                    last = Some(row.key.to_vec());
                    rows.insert(row.key.to_vec(), (row.value.to_vec(), row.timestamp));
                    ControlFlow::Continue(())
                };
                view.expect("a view").rows(&mut each).expect("its rows");
                assert_eq!(rows, expected, "{count} records, {before:?}, {memory_bytes} bytes");
            }
            for key in (0..30).map(|key| format!("k{key}").into_bytes()) {
                let found = find(&cluster, &topic, &key, before).expect("is searched");
                assert_eq!(found.as_ref(), expected.get(&key));
            }
        }
    }
}
