"""confluent-kafka: transactions, their readers, and offsets within them."""

from checks import Record, check, eventually, now_ms, raises, run, same
from client import SERVERS, consume, consumer, create_topic, produce, read_to_end
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition


def producer(name, **config):
    config = {key.replace("_", "."): value for key, value in config.items()}
    made = Producer({**SERVERS, "transactional.id": name, **config})
    made.init_transactions(30)
    return made


def send(maker, topic, *values):
    """Sends to partition 0 and waits for the answers, so that an abort has something to abort."""
    for value in values:
        maker.produce(topic, value, partition=0)
    assert maker.flush(30) == 0


def values(topic, isolation):
    return [message.value().decode() for message in consume(topic, isolation_level=isolation)]


@check
def commits_are_seen_and_aborts_are_not():
    create_topic("txn-ends")
    maker = producer("ends")
    for number in range(6):
        maker.begin_transaction()
        send(maker, "txn-ends", f"{number} a", f"{number} b")
        if number % 2:
            maker.abort_transaction(30)
        else:
            maker.commit_transaction(30)
    everything = [f"{number} {part}" for number in range(6) for part in "ab"]
    same(values("txn-ends", "read_uncommitted"), everything)
    same(values("txn-ends", "read_committed"), [value for value in everything if int(value[0]) % 2 == 0])


@check
def what_is_open_is_read_only_by_who_wants_it():
    create_topic("txn-open")
    maker = producer("open")
    maker.begin_transaction()
    send(maker, "txn-open", "open")
    produce("txn-open", [Record(now_ms(), None, b"after", [])])
    same(values("txn-open", "read_uncommitted"), ["open", "after"])
    same(values("txn-open", "read_committed"), [])
    reader = consumer(isolation_level="read_committed", enable_partition_eof=False)
    reader.assign([TopicPartition("txn-open", 0, 0)])
    assert reader.poll(0.5) is None, "it waits"
    maker.commit_transaction(30)
    same([reader.poll(30).value() for _ in range(2)], [b"open", b"after"])
    reader.close()


@check
def the_second_of_an_id_fences_the_first():
    create_topic("txn-fenced")
    first = producer("fenced")
    first.begin_transaction()
    send(first, "txn-fenced", "of the first")
    second = producer("fenced")
    second.begin_transaction()
    send(second, "txn-fenced", "of the second")
    second.commit_transaction(30)
    error = raises(KafkaException, first.commit_transaction, 30).args[0]
    assert error.fatal() and error.code() == KafkaError._FENCED, error
    same(values("txn-fenced", "read_committed"), ["of the second"])


@check
def offsets_count_with_their_transaction():
    create_topic("txn-in"), create_topic("txn-out")
    produce("txn-in", [Record(now_ms(), None, b"%d" % number, []) for number in range(10)])
    maker = producer("transforms")
    reader = consumer("txn-group", isolation_level="read_committed")
    reader.subscribe(["txn-in"])

    def committed():
        return reader.committed([TopicPartition("txn-in", 0)], 30)[0].offset

    def transform(commits):
        maker.begin_transaction()
        messages = read_to_end(reader)
        assert messages, "something to transform"
        send(maker, "txn-out", *[b"%d" % (int(message.value()) * 2) for message in messages])
        position = reader.position(reader.assignment())
        maker.send_offsets_to_transaction(position, reader.consumer_group_metadata(), 30)
        if commits:
            maker.commit_transaction(30)
        else:
            maker.abort_transaction(30)
            for place in reader.assignment():
                reader.seek(TopicPartition(place.topic, place.partition, 0))

    transform(False)
    assert committed() < 0, "nothing counts of what was aborted"
    transform(True)
    assert committed() == 10, committed()
    same(values("txn-out", "read_committed"), [str(number * 2) for number in range(10)])
    reader.close()


@check
def what_takes_too_long_is_aborted():
    create_topic("txn-slow")
    maker = producer("slow", transaction_timeout_ms=1000)
    maker.begin_transaction()
    send(maker, "txn-slow", "slow")
    produce("txn-slow", [Record(now_ms(), None, b"after", [])])
    eventually(lambda: values("txn-slow", "read_committed") == ["after"], "it is aborted")
    raises(KafkaException, maker.commit_transaction, 30)


@check
def a_timeout_that_is_too_long_is_refused():
    maker = Producer({**SERVERS, "transactional.id": "patient", "transaction.timeout.ms": 900_001})
    error = raises(KafkaException, maker.init_transactions, 30).args[0]
    assert error.code() == KafkaError.INVALID_TRANSACTION_TIMEOUT, error


run()
