"""confluent-kafka: groups whose members join, leave and die, static members, and what they commit."""

import time

from checks import Member, Record, check, eventually, everybody_gets_a_share, now_ms, raises, run, same
from client import ADMIN, consume, consumer, create_topic, produce, read_to_end, spread
from confluent_kafka import KafkaError, KafkaException, TopicPartition


@check
def an_eager_group_rebalances():
    everybody_gets_a_share([], spread, create_topic, "eager")


@check
def a_cooperative_group_rebalances():
    strategy = "partition.assignment.strategy=cooperative-sticky"
    everybody_gets_a_share([], spread, create_topic, "cooperative", strategy)


@check
def a_static_member_that_comes_back_disturbs_nobody():
    create_topic("static-topic", 4)
    session = "session.timeout.ms=30000"
    stays = Member("static", "static-topic", "group.instance.id=one", session)
    eventually(lambda: stays.has(4), "one member has all")
    restarted = Member("static", "static-topic", "group.instance.id=two", session)
    eventually(lambda: stays.has(2) and restarted.has(2), "two members")
    before, share = stays.assigned_times, restarted.assignment
    restarted.die()
    again = Member("static", "static-topic", "group.instance.id=two", session)
    eventually(lambda: again.has(2), "it has its share again")
    assert again.assignment == share, (again.assignment, share)
    assert stays.assigned_times == before, "the other one was not rebalanced"
    stays.leave()
    again.leave()


@check
def the_second_of_a_name_fences_the_first():
    create_topic("fenced-topic")
    config = {"group_instance_id": "only", "enable_partition_eof": False, "heartbeat_interval_ms": 200}
    first, second = consumer("fenced", **config), consumer("fenced", **config)
    first.subscribe(["fenced-topic"])
    eventually(lambda: first.poll(0.1) is None and first.assignment(), "the first has joined")
    second.subscribe(["fenced-topic"])
    fenced = []

    def first_is_fenced():
        second.poll(0.05)
        message = first.poll(0.05)
        fenced.extend([message.error()] if message is not None else [])
        return fenced

    eventually(first_is_fenced, "the first is told")
    assert fenced[0].code() in (KafkaError.FENCED_INSTANCE_ID, KafkaError._FATAL), fenced
    second.close()


@check
def a_member_that_polls_too_seldom_is_left_out():
    create_topic("slow-topic", 2)
    slow = consumer("slow", max_poll_interval_ms=6000, session_timeout_ms=6000, enable_partition_eof=False)
    slow.subscribe(["slow-topic"])
    eventually(lambda: slow.poll(0.1) is None and slow.assignment(), "it has joined")
    other = Member("slow", "slow-topic")
    eventually(lambda: other.has(2), "the other has all of it")
    # It comes back as soon as it polls. Closed before it has heard that it is out, it hangs now and then, and all of
    # Python with it: librdkafka's issue 4884.
    eventually(lambda: slow.poll(0.1) is None and len(slow.assignment()) == 1, "it has its share again")
    slow.close()
    eventually(lambda: other.has(2), "the other has it all again")
    other.leave()


@check
def commits_come_back_with_their_metadata():
    produce("commits", [Record(now_ms(), None, b"%d" % n, []) for n in range(10)])
    reader = consumer("commits")
    reader.commit(offsets=[TopicPartition("commits", 0, 4, metadata="où j'en suis")], asynchronous=False)
    reader.close()
    reader = consumer("commits")
    found = reader.committed([TopicPartition("commits", 0), TopicPartition("commits", 1)], timeout=30)
    assert (found[0].offset, found[0].metadata) == (4, "où j'en suis"), found
    assert found[1].offset == -1001, found
    reader.subscribe(["commits"])
    same([message.offset() for message in read_to_end(reader)], [4, 5, 6, 7, 8, 9])
    reader.commit(asynchronous=False)
    assert reader.committed([TopicPartition("commits", 0)], timeout=30)[0].offset == 10
    reader.close()


@check
def metadata_that_is_too_long_is_refused():
    create_topic("long-metadata")
    reader = consumer("long-metadata")
    long = [TopicPartition("long-metadata", 0, 0, metadata="x" * 5000)]
    error = raises(KafkaException, lambda: reader.commit(offsets=long, asynchronous=False))
    assert error.args[0].code() == KafkaError.OFFSET_METADATA_TOO_LARGE, error
    reader.close()


@check
def a_commit_of_an_old_generation_is_refused():
    create_topic("generation-topic")
    reader = consumer("generation", session_timeout_ms=6000, heartbeat_interval_ms=300)
    reader.subscribe(["generation-topic"])
    eventually(lambda: reader.poll(0.1) is None and reader.assignment(), "it has joined")
    stranger = consumer("generation")
    stranger_commits = lambda: stranger.commit(offsets=[TopicPartition("generation-topic", 0, 1)], asynchronous=False)
    error = raises(KafkaException, stranger_commits)
    assert error.args[0].code() == KafkaError.UNKNOWN_MEMBER_ID, error
    reader.close()
    stranger_commits()
    stranger.close()


@check
def members_notice_new_partitions():
    create_topic("growing-topic", 1)
    member = Member("growing", "growing-topic", "topic.metadata.refresh.interval.ms=300")
    eventually(lambda: member.has(1), "it has joined")
    from confluent_kafka.admin import NewPartitions

    ADMIN.create_partitions([NewPartitions("growing-topic", 3)])["growing-topic"].result(30)
    eventually(lambda: member.has(3), "it has the new ones")
    spread("growing-topic", ["a", "b", "c"])
    eventually(lambda: len(member.records) == 3, "it reads them")
    same(sorted(member.records), ["a", "b", "c"])
    member.leave()


@check
def a_group_follows_topics_by_pattern():
    create_topic("pattern-one")
    reader = consumer("pattern", topic_metadata_refresh_interval_ms=300, enable_partition_eof=False)
    reader.subscribe(["^pattern-.*"])
    produce("pattern-one", [Record(now_ms(), None, b"1", [])])
    assert reader.poll(30).value() == b"1"
    reader.commit(asynchronous=False)
    create_topic("pattern-two")
    produce("pattern-two", [Record(now_ms(), None, b"2", [])])
    deadline = time.monotonic() + 30
    while (message := reader.poll(1)) is None:
        assert time.monotonic() < deadline, "the second topic was found"
    assert message.value() == b"2"
    reader.close()
    assert len(consume("pattern-two")) == 1


run()
