"""kafka-python: transactions, their readers, offsets within them, and what an administrator sees."""

from checks import Record, check, eventually, now_ms, raises, run, same
from client import SERVERS, admin_at_work, consume, consumer, create_topic, produce, read_to_end
from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata


def producer(name, **config):
    made = KafkaProducer(**SERVERS, transactional_id=name, **config)
    made.init_transactions()
    return made


def send(maker, topic, *values):
    for future in [maker.send(topic, value.encode(), partition=0) for value in values]:
        maker.flush(30)
        future.get(30)


def values(topic, isolation):
    reader, partition = consumer(isolation_level=isolation), TopicPartition(topic, 0)
    reader.assign([partition])
    found = [record.value.decode() for record in read_to_end(reader, partition)]
    reader.close()
    return found


@check
def commits_are_seen_and_aborts_are_not():
    create_topic("txn-ends")
    maker = producer("ends")
    for number in range(4):
        maker.begin_transaction()
        send(maker, "txn-ends", f"{number} a", f"{number} b")
        maker.abort_transaction() if number % 2 else maker.commit_transaction()
    maker.close()
    everything = [f"{number} {part}" for number in range(4) for part in "ab"]
    same(values("txn-ends", "read_uncommitted"), everything)
    same(values("txn-ends", "read_committed"), [value for value in everything if int(value[0]) % 2 == 0])


@check
def the_second_of_an_id_fences_the_first():
    create_topic("txn-fenced")
    first = producer("fenced")
    first.begin_transaction()
    send(first, "txn-fenced", "of the first")
    second = producer("fenced")
    second.begin_transaction()
    send(second, "txn-fenced", "of the second")
    second.commit_transaction()
    raises(KafkaError, first.commit_transaction)
    same(values("txn-fenced", "read_committed"), ["of the second"])


@check
def offsets_count_with_their_transaction():
    create_topic("txn-in"), create_topic("txn-out")
    produce("txn-in", [Record(now_ms(), None, b"%d" % number, []) for number in range(10)])
    partition = TopicPartition("txn-in", 0)
    maker, reader = producer("transforms"), consumer("txn-group", isolation_level="read_committed")
    reader.assign([partition])
    for commits, expected in [(False, None), (True, 10)]:
        reader.seek(partition, 0)
        maker.begin_transaction()
        records = read_to_end(reader, partition)
        send(maker, "txn-out", *[str(int(record.value) * 2) for record in records])
        offsets = {partition: OffsetAndMetadata(reader.position(partition), "", -1)}
        maker.send_offsets_to_transaction(offsets, reader.group_metadata())
        maker.commit_transaction() if commits else maker.abort_transaction()
        with admin_at_work() as admin:
            found = admin.list_group_offsets("txn-group")
        found = found.get("txn-group", found)
        offset = found[partition].offset if partition in found else None
        assert offset == expected, (offset, expected)
    same(values("txn-out", "read_committed"), [str(number * 2) for number in range(10)])


@check
def an_administrator_sees_them():
    create_topic("txn-seen")
    maker = producer("seen")
    maker.begin_transaction()
    send(maker, "txn-seen", "seen")
    with admin_at_work() as admin:
        listed = admin.list_transactions(state_filters=["Ongoing"])
        described = admin.describe_transactions(["seen"])
    assert "seen" in str(listed), listed
    assert "Ongoing" in str(described) and "txn-seen" in str(described), described
    maker.commit_transaction()


run()
