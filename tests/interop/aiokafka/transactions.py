"""aiokafka: transactions, their readers, and offsets within them."""

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerFenced
from checks import Record, check, now_ms, run, same
from client import SERVERS, Admin, consumer, create_topic, produce, read_to_end


def producer(name):
    return AIOKafkaProducer(**SERVERS, transactional_id=name)


async def send(maker, topic, *values):
    for value in values:
        await maker.send_and_wait(topic, value.encode(), partition=0)


async def values(topic, isolation):
    partition = TopicPartition(topic, 0)
    async with consumer(isolation_level=isolation) as reader:
        reader.assign([partition])
        return [record.value.decode() for record in await read_to_end(reader, partition)]


@check
async def commits_are_seen_and_aborts_are_not():
    await create_topic("txn-ends")
    async with producer("ends") as maker:
        for number in range(4):
            await maker.begin_transaction()
            await send(maker, "txn-ends", f"{number} a", f"{number} b")
            await (maker.abort_transaction() if number % 2 else maker.commit_transaction())
    everything = [f"{number} {part}" for number in range(4) for part in "ab"]
    same(await values("txn-ends", "read_uncommitted"), everything)
    same(await values("txn-ends", "read_committed"), [value for value in everything if int(value[0]) % 2 == 0])


@check
async def the_second_of_an_id_fences_the_first():
    await create_topic("txn-fenced")
    first = producer("fenced")
    await first.start()
    await first.begin_transaction()
    await send(first, "txn-fenced", "of the first")
    async with producer("fenced") as second:
        async with second.transaction():
            await send(second, "txn-fenced", "of the second")
        try:
            await first.commit_transaction()
        except ProducerFenced:
            pass
        else:
            raise AssertionError("the first is not fenced")
    await first.stop()
    same(await values("txn-fenced", "read_committed"), ["of the second"])


@check
async def offsets_count_with_their_transaction():
    await create_topic("txn-in")
    await create_topic("txn-out")
    await produce("txn-in", [Record(now_ms(), None, b"%d" % number, []) for number in range(10)])
    partition = TopicPartition("txn-in", 0)
    async with producer("transforms") as maker, consumer("txn-group", isolation_level="read_committed") as reader:
        reader.assign([partition])
        for commits, expected in [(False, None), (True, 10)]:
            reader.seek(partition, 0)
            await maker.begin_transaction()
            records = await read_to_end(reader, partition)
            await send(maker, "txn-out", *[str(int(record.value) * 2) for record in records])
            position = await reader.position(partition)
            await maker.send_offsets_to_transaction({partition: position}, "txn-group")
            await (maker.commit_transaction() if commits else maker.abort_transaction())
            async with Admin() as admin:
                found = await admin.list_consumer_group_offsets("txn-group")
            offset = found[partition].offset if partition in found else None
            assert offset == expected, (offset, expected)
    same(await values("txn-out", "read_committed"), [str(number * 2) for number in range(10)])


run()
