"""confluent-kafka: what is produced comes back, and what is refused is refused with the right error."""

import time

from checks import CODECS, Record, check, corpus, now_ms, raises, run, same
from client import SERVERS, Refused, consume, consumer, create_topic, plain, produce, read_to_end
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    TIMESTAMP_LOG_APPEND_TIME,
    KafkaError,
    Producer,
    TopicPartition,
)


def codec_check(codec):
    def every_record_comes_back():
        topic, records = f"codec-{codec}", list(corpus())
        sent = produce(topic, records, compression_type=codec, acks="all")
        same([message.offset() for message in sent], list(range(len(records))))
        received = consume(topic)
        same([plain(message) for message in received], records)
        same([message.offset() for message in received], list(range(len(records))))

    every_record_comes_back.__name__ = f"every_record_comes_back_through_{codec}"
    return check(every_record_comes_back)


for codec in CODECS:
    codec_check(codec)


def numbered(count, ts=None):
    first = now_ms() - count if ts is None else ts
    return [Record(first + n, None, b"%d" % n, []) for n in range(count)]


@check
def each_kind_of_acknowledgement_stores_the_record():
    for acks in ["0", "1", "all"]:
        produce(f"acks-{acks}", numbered(10), acks=acks)
        same([message.value() for message in consume(f"acks-{acks}")], [b"%d" % n for n in range(10)])


@check
def an_idempotent_producer_stores_each_record_once_and_in_order():
    records = numbered(5000)
    sent = produce("idempotent", records, enable_idempotence=True, batch_num_messages=100, linger_ms=0)
    same([message.offset() for message in sent], list(range(5000)))
    same([plain(message) for message in consume("idempotent")], records)


@check
def a_topic_with_append_time_stamps_records_itself():
    create_topic("append-time", message_timestamp_type="LogAppendTime")
    before = now_ms()
    sent = produce("append-time", numbered(3, ts=1_000_000), compression_type="zstd")
    after = now_ms()
    for message in [*sent, *consume("append-time")]:
        kind, time_ms = message.timestamp()
        assert kind == TIMESTAMP_LOG_APPEND_TIME, kind
        assert before <= time_ms <= after, (before, time_ms, after)


@check
def a_record_larger_than_the_topic_takes_is_refused():
    create_topic("small", max_message_bytes="1000")
    error = raises(Refused, produce, "small", [Record(now_ms(), None, b"x" * 2000, [])])
    assert error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE, error
    produce("small", [Record(now_ms(), None, b"x" * 800, [])])
    assert len(consume("small")) == 1


@check
def a_record_without_a_key_is_refused_on_a_compacted_topic():
    create_topic("compacted", cleanup_policy="compact")
    error = raises(Refused, produce, "compacted", [Record(now_ms(), None, b"v", [])])
    assert error.args[0].code() == KafkaError.INVALID_RECORD, error
    produce("compacted", [Record(now_ms(), b"k", b"v", [])])
    same([message.key() for message in consume("compacted")], [b"k"])


@check
def a_record_too_far_ahead_in_time_is_refused():
    create_topic("ahead", message_timestamp_after_max_ms="1000")
    error = raises(Refused, produce, "ahead", [Record(now_ms() + 100_000, None, b"v", [])])
    assert error.args[0].code() == KafkaError.INVALID_TIMESTAMP, error


@check
def records_are_found_by_time():
    # Times that fall now and then: what counts is the first record at or after a time.
    base = now_ms() - 100_000
    times = [base + n * 100 - (50 if n % 3 == 2 else 0) for n in range(300)]
    produce("times", [Record(ts, None, b"%d" % n, []) for n, ts in enumerate(times)], batch_num_messages=7)
    reader = consumer()
    for wanted in [base - 1, base, base + 150, base + 151, times[298], times[298] + 1, max(times)]:
        expected = next(n for n, ts in enumerate(times) if ts >= wanted)
        found = reader.offsets_for_times([TopicPartition("times", 0, wanted)], timeout=30)
        assert (found[0].error, found[0].offset) == (None, expected), (wanted, found, expected)
    found = reader.offsets_for_times([TopicPartition("times", 0, max(times) + 1)], timeout=30)
    assert found[0].offset == OFFSET_END, found
    reader.close()


@check
def a_consumer_seeks_anywhere():
    produce("seek", numbered(100))
    reader = consumer()
    assert reader.get_watermark_offsets(TopicPartition("seek", 0), timeout=30) == (0, 100)
    reader.assign([TopicPartition("seek", 0, OFFSET_END)])
    same(read_to_end(reader), [])
    for offset, first in [(OFFSET_BEGINNING, 0), (42, 42), (99, 99), (0, 0)]:
        reader.seek(TopicPartition("seek", 0, offset))
        same([reader.poll(30).offset() for _ in range(100 - first)], list(range(first, 100)))
    reader.close()


@check
def a_paused_partition_gives_nothing_until_it_is_resumed():
    produce("pause", numbered(10))
    reader = consumer(enable_partition_eof=False)
    partition = TopicPartition("pause", 0, 0)
    reader.assign([partition])
    assert reader.poll(30).offset() == 0
    reader.pause([partition])
    assert reader.poll(0.5) is None
    reader.resume([partition])
    same([reader.poll(30).offset() for _ in range(9)], list(range(1, 10)))
    reader.close()


@check
def an_offset_out_of_range_is_reported_or_reset():
    produce("range", numbered(10))
    reader = consumer(auto_offset_reset="error")
    reader.assign([TopicPartition("range", 0, 1000)])
    error = reader.poll(30).error()
    assert error.code() == KafkaError._AUTO_OFFSET_RESET, error
    reader.close()
    assert len(consume("range", offset=1000)) == 10


@check
def a_small_fetch_still_gives_a_large_record():
    produce("large", [Record(now_ms(), None, b"x" * 900_000, []), Record(now_ms(), None, b"y", [])])
    limits = {"fetch_max_bytes": 1000, "max_partition_fetch_bytes": 1000, "message_max_bytes": 1000}
    same([len(message.value()) for message in consume("large", **limits)], [900_000, 1])


@check
def a_waiting_consumer_is_woken_by_a_record():
    create_topic("woken")
    reader = consumer(enable_partition_eof=False, fetch_wait_max_ms=20_000)
    reader.assign([TopicPartition("woken", 0, 0)])
    assert reader.poll(1) is None
    begun = time.monotonic()
    produce("woken", numbered(1))
    assert reader.poll(15) is not None
    assert time.monotonic() - begun < 10, "not the end of the wait, but the record woke it"
    reader.close()


@check
def a_topic_that_must_not_be_made_is_not_made():
    reader = consumer(allow_auto_create_topics=False)
    reader.subscribe(["never-made"])
    error = reader.poll(30).error()
    assert error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART, error
    assert "never-made" not in reader.list_topics(timeout=30).topics
    reader.close()


@check
def an_invalid_name_makes_no_topic():
    producer = Producer(SERVERS)
    topic = producer.list_topics("not/valid", timeout=30).topics["not/valid"]
    assert topic.error.code() == KafkaError.TOPIC_EXCEPTION, topic.error


run()
