"""kafka-python: how the scripts beside this one use it."""

from checks import SERVER, Record
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

SERVERS = {"bootstrap_servers": SERVER}
LARGE = {"max_request_size": 2_000_000}


def admin():
    return KafkaAdminClient(**SERVERS)


def create_topic(name, partitions=1, **configs):
    """Makes a topic; `_` in a config's name stands for a dot."""
    configs = {key.replace("_", "."): value for key, value in configs.items()}
    topic = {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
    with admin_at_work() as client:
        client.create_topics({name: topic})


class admin_at_work:
    """An admin client that is closed at the end."""

    def __enter__(self):
        self.client = admin()
        return self.client

    def __exit__(self, *_):
        self.client.close()


def produce(topic, records, **config):
    """Sends all to partition 0, in order; what they were acknowledged with, an error raised."""
    codec = config.pop("codec", "none")
    producer = KafkaProducer(**SERVERS, **LARGE, compression_type=None if codec == "none" else codec, **config)
    place = {"topic": topic, "partition": 0}
    sent = [
        producer.send(**place, value=one.value, key=one.key, headers=one.headers, timestamp_ms=one.ts)
        for one in records
    ]
    producer.flush(30)
    answers = [future.get(30) for future in sent]
    producer.close()
    return answers


def spread(topic, values):
    """Sends values over all partitions by turns."""
    producer = KafkaProducer(**SERVERS)
    partitions = len(producer.partitions_for(topic))
    sent = [producer.send(topic, value.encode(), partition=at % partitions) for at, value in enumerate(values)]
    for future in sent:
        future.get(30)
    producer.close()


def consumer(group=None, **config):
    """A consumer that starts at the beginning."""
    defaults = {"group_id": group, "auto_offset_reset": "earliest", "enable_auto_commit": False}
    return KafkaConsumer(**{**SERVERS, **defaults, **config})


def read_to_end(reader, partition):
    """The records from where it stands to the end of the partition."""
    end, records = reader.end_offsets([partition])[partition], []
    while reader.position(partition) < end:
        records += reader.poll(30_000).get(partition, [])
    return records


def consume(topic, **config):
    """All records of partition 0."""
    reader, partition = consumer(**config), TopicPartition(topic, 0)
    reader.assign([partition])
    records = read_to_end(reader, partition)
    reader.close()
    return records


def plain(record):
    """A record as one of the corpus."""
    return Record(record.timestamp, record.key, record.value, list(record.headers))
