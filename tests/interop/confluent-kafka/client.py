"""confluent-kafka, the Python face of librdkafka: how the scripts beside this one use it."""

from checks import SERVER, Record
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

SERVERS = {"bootstrap.servers": SERVER}
LARGE = {"message.max.bytes": 2_000_000}


# One for all: a client that goes out of scope takes what it was asked for with it.
ADMIN = AdminClient(SERVERS)


class Refused(Exception):
    """The error that a record was answered with."""


def create_topic(name, partitions=1, **config):
    """Makes a topic; `_` in a config's name stands for a dot."""
    config = {key.replace("_", "."): value for key, value in config.items()}
    ADMIN.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(30)


def produce(topic, records, **config):
    """Sends all to partition 0, in order; the messages as they were acknowledged, or Refused."""
    acknowledged = []

    def delivered(error, message):
        acknowledged.append(error or message)

    config = {key.replace("_", "."): value for key, value in config.items()}
    producer = Producer({**SERVERS, **LARGE, **config})
    for record in records:
        place = {"topic": topic, "partition": 0, "timestamp": record.ts, "on_delivery": delivered}
        producer.produce(value=record.value, key=record.key, headers=record.headers, **place)
    assert producer.flush(30) == 0, "all are answered"
    for answer in acknowledged:
        if isinstance(answer, KafkaError):
            raise Refused(answer)
    return acknowledged


def spread(topic, values):
    """Sends values over all partitions by turns."""
    producer = Producer(SERVERS)
    partitions = len(producer.list_topics(topic, timeout=30).topics[topic].partitions)
    for at, value in enumerate(values):
        producer.produce(topic, value, partition=at % partitions)
    assert producer.flush(30) == 0


def consumer(group="nobody", **config):
    """A consumer that starts at the beginning, and says when it is at the end."""
    config = {key.replace("_", "."): value for key, value in config.items()}
    defaults = {"group.id": group, "auto.offset.reset": "earliest", "enable.partition.eof": True}
    return Consumer({**SERVERS, **defaults, "enable.auto.commit": False, **config})


def read_to_end(reader):
    """The messages up to the end of the one partition that it is assigned."""
    messages = []
    while True:
        message = reader.poll(30)
        assert message is not None, f"no end of the partition after {len(messages)} messages"
        if message.error() is None:
            messages.append(message)
        elif message.error().code() == KafkaError._PARTITION_EOF:
            return messages
        else:
            raise AssertionError(message.error())


def consume(topic, offset=0, **config):
    """The messages of partition 0 from an offset to the end."""
    reader = consumer(**config)
    reader.assign([TopicPartition(topic, 0, offset)])
    messages = read_to_end(reader)
    reader.close()
    return messages


def plain(message):
    """A message as one of the corpus."""
    return Record(message.timestamp()[1], message.key(), message.value(), message.headers() or [])
