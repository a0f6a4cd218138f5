"""aiokafka: groups whose members join, leave and die, static members, and what they commit."""

import asyncio

import client
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata
from checks import Member, Record, check, eventually, everybody_gets_a_share, now_ms, run, same
from client import Admin, consumer, produce, read_to_end


def create_topic(*arguments):
    asyncio.run(client.create_topic(*arguments))


def spread(*arguments):
    asyncio.run(client.spread(*arguments))


@check
def a_group_rebalances():
    everybody_gets_a_share([], spread, create_topic, "eager")


@check
def a_static_member_that_comes_back_disturbs_nobody():
    create_topic("static-topic", 4)
    stays = Member("static", "static-topic", "group_instance_id=one")
    eventually(lambda: stays.has(4), "one member has all")
    restarted = Member("static", "static-topic", "group_instance_id=two")
    eventually(lambda: stays.has(2) and restarted.has(2), "two members")
    before, share = stays.assigned_times, restarted.assignment
    restarted.die()
    again = Member("static", "static-topic", "group_instance_id=two")
    eventually(lambda: again.has(2), "it has its share again")
    assert again.assignment == share, (again.assignment, share)
    assert stays.assigned_times == before, "the other one was not rebalanced"
    stays.leave()
    again.leave()


@check
async def commits_come_back_with_their_metadata():
    await produce("commits", [Record(now_ms(), None, b"%d" % n, []) for n in range(10)])
    partition = TopicPartition("commits", 0)
    async with consumer("commits") as reader:
        reader.assign([partition])
        await reader.commit({partition: OffsetAndMetadata(4, "où j'en suis")})
    async with Admin() as admin:
        found = await admin.list_consumer_group_offsets("commits")
        assert found == {partition: OffsetAndMetadata(4, "où j'en suis")}, found
    async with consumer("commits") as reader:
        reader.assign([partition])
        assert await reader.committed(partition) == 4
        assert await reader.committed(TopicPartition("commits", 1)) is None
        same([record.offset for record in await read_to_end(reader, partition)], [4, 5, 6, 7, 8, 9])
        await reader.commit()
        assert await reader.committed(partition) == 10


@check
async def commits_come_of_themselves():
    await produce("automatic", [Record(now_ms(), None, b"%d" % n, []) for n in range(10)])
    partition = TopicPartition("automatic", 0)
    async with consumer("automatic", enable_auto_commit=True, auto_commit_interval_ms=100) as reader:
        reader.subscribe(["automatic"])
        same([(await reader.getone()).offset for _ in range(10)], list(range(10)))
    async with consumer("automatic") as reader:
        reader.assign([partition])
        assert await reader.committed(partition) == 10


@check
async def a_group_follows_topics_by_pattern():
    await client.create_topic("pattern-one")
    async with consumer("pattern", metadata_max_age_ms=300) as reader:
        reader.subscribe(pattern="^pattern-.*")
        await produce("pattern-one", [Record(now_ms(), None, b"1", [])])
        assert (await reader.getone()).value == b"1"
        await reader.commit()
        await client.create_topic("pattern-two")
        await produce("pattern-two", [Record(now_ms(), None, b"2", [])])
        assert (await reader.getone()).value == b"2"


run()
