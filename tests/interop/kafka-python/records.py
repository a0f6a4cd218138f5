"""kafka-python: what is produced comes back, and what is refused is refused with the right error."""

from checks import CODECS, Record, check, corpus, now_ms, raises, run, same
from client import consume, consumer, create_topic, plain, produce, read_to_end
from kafka import TopicPartition
from kafka.errors import InvalidRecordError, InvalidTimestampError, MessageSizeTooLargeError, OffsetOutOfRangeError


def codec_check(codec):
    def every_record_comes_back():
        topic, records = f"codec-{codec}", list(corpus())
        sent = produce(topic, records, codec=codec, acks="all")
        same([answer.offset for answer in sent], list(range(len(records))))
        received = consume(topic)
        same([plain(record) for record in received], records)
        same([record.offset for record in received], list(range(len(records))))

    every_record_comes_back.__name__ = f"every_record_comes_back_through_{codec}"
    return check(every_record_comes_back)


for codec in CODECS:
    codec_check(codec)


def numbered(count, ts=None):
    first = now_ms() - count if ts is None else ts
    return [Record(first + n, None, b"%d" % n, []) for n in range(count)]


@check
def each_kind_of_acknowledgement_stores_the_record():
    for acks in [0, 1, "all"]:
        produce(f"acks-{acks}", numbered(10), acks=acks, enable_idempotence=False)
        same([record.value for record in consume(f"acks-{acks}")], [b"%d" % n for n in range(10)])


@check
def an_idempotent_producer_stores_each_record_once_and_in_order():
    records = numbered(1000)
    sent = produce("idempotent", records, enable_idempotence=True, batch_size=500)
    same([answer.offset for answer in sent], list(range(1000)))
    same([plain(record) for record in consume("idempotent")], records)


@check
def a_topic_with_append_time_stamps_records_itself():
    create_topic("append-time", message_timestamp_type="LogAppendTime")
    before = now_ms()
    sent = produce("append-time", numbered(3, ts=1_000_000), codec="lz4")
    after = now_ms()
    for record in [*sent, *consume("append-time")]:
        assert before <= record.timestamp <= after, (before, record.timestamp, after)
    same([record.timestamp_type for record in consume("append-time")], [1, 1, 1])


@check
def a_record_larger_than_the_topic_takes_is_refused():
    create_topic("small", max_message_bytes="1000")
    raises(MessageSizeTooLargeError, produce, "small", [Record(now_ms(), None, b"x" * 2000, [])])
    produce("small", [Record(now_ms(), None, b"x" * 800, [])])
    assert len(consume("small")) == 1


@check
def a_record_without_a_key_is_refused_on_a_compacted_topic():
    create_topic("compacted", cleanup_policy="compact")
    raises(InvalidRecordError, produce, "compacted", [Record(now_ms(), None, b"v", [])])
    produce("compacted", [Record(now_ms(), b"k", b"v", [])])
    same([record.key for record in consume("compacted")], [b"k"])


@check
def a_record_too_far_ahead_in_time_is_refused():
    create_topic("ahead", message_timestamp_after_max_ms="1000")
    raises(InvalidTimestampError, produce, "ahead", [Record(now_ms() + 100_000, None, b"v", [])])


@check
def records_are_found_by_time():
    base = now_ms() - 100_000
    times = [base + n * 100 - (50 if n % 3 == 2 else 0) for n in range(300)]
    produce("times", [Record(ts, None, b"%d" % n, []) for n, ts in enumerate(times)], batch_size=400)
    reader, partition = consumer(), TopicPartition("times", 0)
    for wanted in [base, base + 150, base + 151, times[298], times[298] + 1, max(times)]:
        expected = next(n for n, ts in enumerate(times) if ts >= wanted)
        found = reader.offsets_for_times({partition: wanted})[partition]
        assert (found.offset, found.timestamp) == (expected, times[expected]), (wanted, found, expected)
    assert reader.offsets_for_times({partition: max(times) + 1})[partition] is None
    reader.close()


@check
def a_consumer_seeks_anywhere():
    produce("seek", numbered(100))
    reader, partition = consumer(), TopicPartition("seek", 0)
    assert reader.beginning_offsets([partition]) == {partition: 0}
    assert reader.end_offsets([partition]) == {partition: 100}
    reader.assign([partition])
    reader.seek_to_end(partition)
    same(read_to_end(reader, partition), [])
    for offset, count in [(42, 58), (99, 1), (100, 0), (0, 100)]:
        reader.seek(partition, offset)
        assert len(read_to_end(reader, partition)) == count, offset
    reader.seek_to_beginning(partition)
    assert len(read_to_end(reader, partition)) == 100
    reader.close()


@check
def a_paused_partition_gives_nothing_until_it_is_resumed():
    produce("pause", numbered(10))
    reader, partition = consumer(max_poll_records=1), TopicPartition("pause", 0)
    reader.assign([partition])
    assert reader.poll(30_000)[partition][0].offset == 0
    reader.pause(partition)
    assert reader.poll(500) == {}
    reader.resume(partition)
    same([reader.poll(30_000)[partition][0].offset for _ in range(9)], list(range(1, 10)))
    reader.close()


@check
def an_offset_out_of_range_is_reported_or_reset():
    produce("range", numbered(10))
    for policy, outcome in [("none", None), ("earliest", 0)]:
        reader, partition = consumer(auto_offset_reset=policy), TopicPartition("range", 0)
        reader.assign([partition])
        reader.seek(partition, 1000)
        if outcome is None:
            raises(OffsetOutOfRangeError, reader.poll, 30_000)
        else:
            assert reader.poll(30_000)[partition][0].offset == outcome
        reader.close()


@check
def a_small_fetch_still_gives_a_large_record():
    produce("large", [Record(now_ms(), None, b"x" * 900_000, []), Record(now_ms(), None, b"y", [])])
    limits = {"fetch_max_bytes": 1000, "max_partition_fetch_bytes": 1000}
    same([len(record.value) for record in consume("large", **limits)], [900_000, 1])


run()
