"""aiokafka: what is produced comes back, and what is refused is refused with the right error."""

import asyncio
import time

from aiokafka import TopicPartition
from aiokafka.errors import InvalidTimestampError, MessageSizeTooLargeError, OffsetOutOfRangeError, UnknownError
from checks import CODECS, Record, check, corpus, now_ms, run, same
from client import consume, consumer, create_topic, plain, produce, read_to_end


def codec_check(codec):
    async def every_record_comes_back():
        topic, records = f"codec-{codec}", list(corpus())
        sent = await produce(topic, records, codec, acks="all")
        same([answer.offset for answer in sent], list(range(len(records))))
        received = await consume(topic)
        same([plain(record) for record in received], records)
        same([record.offset for record in received], list(range(len(records))))

    every_record_comes_back.__name__ = f"every_record_comes_back_through_{codec}"
    return check(every_record_comes_back)


for codec in CODECS:
    codec_check(codec)


def numbered(count, ts=None):
    first = now_ms() - count if ts is None else ts
    return [Record(first + n, None, b"%d" % n, []) for n in range(count)]


async def fails(error, action):
    """Holds an action to end in this error."""
    try:
        result = await action
    except error:
        return
    raise AssertionError(f"{error.__name__} did not come, but {result!r}")


@check
async def each_kind_of_acknowledgement_stores_the_record():
    for acks in [0, 1, "all"]:
        await create_topic(f"acks-{acks}")
        await produce(f"acks-{acks}", numbered(10), acks=acks)
        found = []
        # With acks=0 nobody has waited until they are stored.
        while len(found) < 10:
            found = await consume(f"acks-{acks}")
        same([record.value for record in found], [b"%d" % n for n in range(10)])


@check
async def an_idempotent_producer_stores_each_record_once_and_in_order():
    records = numbered(1000)
    sent = await produce("idempotent", records, enable_idempotence=True, max_batch_size=500)
    same([answer.offset for answer in sent], list(range(1000)))
    same([plain(record) for record in await consume("idempotent")], records)


@check
async def a_topic_with_append_time_stamps_records_itself():
    await create_topic("append-time", message_timestamp_type="LogAppendTime")
    before = now_ms()
    sent = await produce("append-time", numbered(3, ts=1_000_000), "gzip")
    after = now_ms()
    for record in [*sent, *await consume("append-time")]:
        assert before <= record.timestamp <= after, (before, record.timestamp, after)
        assert record.timestamp_type == 1, record


@check
async def a_record_larger_than_the_topic_takes_is_refused():
    await create_topic("small", max_message_bytes="1000")
    await fails(MessageSizeTooLargeError, produce("small", [Record(now_ms(), None, b"x" * 2000, [])]))
    await produce("small", [Record(now_ms(), None, b"x" * 800, [])])
    assert len(await consume("small")) == 1


@check
async def a_record_without_a_key_is_refused_on_a_compacted_topic():
    # aiokafka has no name for INVALID_RECORD.
    await create_topic("compacted", cleanup_policy="compact")
    await fails(UnknownError, produce("compacted", [Record(now_ms(), None, b"v", [])]))
    await produce("compacted", [Record(now_ms(), b"k", b"v", [])])
    same([record.key for record in await consume("compacted")], [b"k"])


@check
async def a_record_too_far_ahead_in_time_is_refused():
    await create_topic("ahead", message_timestamp_after_max_ms="1000")
    await fails(InvalidTimestampError, produce("ahead", [Record(now_ms() + 100_000, None, b"v", [])]))


@check
async def records_are_found_by_time():
    base = now_ms() - 100_000
    times = [base + n * 100 - (50 if n % 3 == 2 else 0) for n in range(300)]
    records = [Record(ts, None, b"%d" % n, []) for n, ts in enumerate(times)]
    await produce("times", records, max_batch_size=400)
    partition = TopicPartition("times", 0)
    async with consumer() as reader:
        for wanted in [base, base + 150, base + 151, times[298], times[298] + 1, max(times)]:
            expected = next(n for n, ts in enumerate(times) if ts >= wanted)
            found = (await reader.offsets_for_times({partition: wanted}))[partition]
            assert (found.offset, found.timestamp) == (expected, times[expected]), (wanted, found)
        assert (await reader.offsets_for_times({partition: max(times) + 1}))[partition] is None


@check
async def a_consumer_seeks_anywhere():
    await produce("seek", numbered(100))
    partition = TopicPartition("seek", 0)
    async with consumer() as reader:
        assert await reader.beginning_offsets([partition]) == {partition: 0}
        assert await reader.end_offsets([partition]) == {partition: 100}
        reader.assign([partition])
        await reader.seek_to_end(partition)
        same(await read_to_end(reader, partition), [])
        for offset, count in [(42, 58), (99, 1), (100, 0), (0, 100)]:
            reader.seek(partition, offset)
            assert len(await read_to_end(reader, partition)) == count, offset
        await reader.seek_to_beginning(partition)
        assert len(await read_to_end(reader, partition)) == 100


@check
async def a_paused_partition_gives_nothing_until_it_is_resumed():
    await produce("pause", numbered(10))
    partition = TopicPartition("pause", 0)
    async with consumer(max_poll_records=1) as reader:
        reader.assign([partition])
        assert (await reader.getone()).offset == 0
        reader.pause(partition)
        assert await reader.getmany(timeout_ms=500) == {}
        reader.resume(partition)
        same([(await reader.getone()).offset for _ in range(9)], list(range(1, 10)))


@check
async def an_offset_out_of_range_is_reported_or_reset():
    await produce("range", numbered(10))
    partition = TopicPartition("range", 0)
    async with consumer(auto_offset_reset="none") as reader:
        reader.assign([partition])
        reader.seek(partition, 1000)
        await fails(OffsetOutOfRangeError, reader.getone())
    async with consumer() as reader:
        reader.assign([partition])
        reader.seek(partition, 1000)
        assert (await reader.getone()).offset == 0


@check
async def a_small_fetch_still_gives_a_large_record():
    await produce("large", [Record(now_ms(), None, b"x" * 900_000, []), Record(now_ms(), None, b"y", [])])
    limits = {"fetch_max_bytes": 1000, "max_partition_fetch_bytes": 1000}
    same([len(record.value) for record in await consume("large", **limits)], [900_000, 1])


@check
async def a_waiting_consumer_is_woken_by_a_record():
    await create_topic("woken")
    async with consumer(fetch_max_wait_ms=20_000) as reader:
        reader.assign([TopicPartition("woken", 0)])
        waiting = asyncio.ensure_future(reader.getone())
        await asyncio.sleep(1)
        begun = time.monotonic()
        await produce("woken", numbered(1))
        assert (await asyncio.wait_for(waiting, 15)).value == b"0"
        assert time.monotonic() - begun < 10, "not the end of the wait, but the record woke it"


run()
