"""What breaks naive brokers: versions, connections, produce and fetch. Each check sends what some client sends."""

import struct
import time

from checks import check, now_ms, run, same
from kafka.protocol.consumer import ListOffsetsRequest, OffsetForLeaderEpochRequest
from kafka.protocol.metadata import ApiVersionsRequest, ApiVersionsResponse
from kafka.protocol.producer import InitProducerIdRequest
from wire import Connection, batch, fetch, fetched, fetching, metadata, produce

VERSIONS = ApiVersionsRequest(client_software_name="traps", client_software_version="1")


def made(connection, topic):
    """A topic, made by asking for it."""
    found = metadata(connection, [topic]).topics[0]
    assert (found.error_code, len(found.partitions)) == (0, 1), found
    return topic


@check
def versions_are_those_of_kafka():
    # A client takes a higher minimum than Kafka's for another, older broker; librdkafka up to 2.8 wants Produce from 0.
    listed = {api.api_key: (api.min_version, api.max_version) for api in Connection().ask(VERSIONS, 3).api_keys}
    kafka = {
        0: (0, 13), 1: (4, 18), 2: (1, 11), 3: (0, 13), 8: (2, 10), 9: (1, 10), 10: (0, 6), 11: (0, 9), 12: (0, 4),
        13: (0, 5), 14: (0, 5), 15: (0, 6), 16: (0, 5), 18: (0, 4), 19: (2, 7), 20: (1, 6), 21: (0, 2), 22: (0, 5),
        23: (2, 4), 32: (1, 4), 33: (0, 2), 35: (1, 5), 37: (0, 3), 42: (0, 2), 43: (0, 2), 44: (0, 1), 45: (0, 1),
        46: (0, 0), 47: (0, 0), 60: (0, 2), 61: (0, 0), 75: (0, 0),
    }  # fmt: skip
    same(sorted((key, listed.get(key)) for key in kafka), sorted(kafka.items()))


@check
def an_unknown_version_of_api_versions_is_answered():
    # In the oldest form, with error 35 and the range of versions: clients go on from there, on the same connection.
    connection = Connection()
    connection.send_bytes(struct.pack(">hhih", 18, 99, 7, -1) + b"\0\x07unknown\x021\0")
    answer = connection.receive_bytes()
    assert answer[:4] == struct.pack(">i", 7), "the correlation id, and no tags after it"
    found = ApiVersionsResponse.decode(answer[4:], version=0)
    assert found.error_code == 35, found
    assert [(api.min_version, api.max_version) for api in found.api_keys if api.api_key == 18] == [(0, 4)], found
    assert connection.ask(VERSIONS, 4).error_code == 0


@check
def features_from_level_zero_are_kept_from_old_clients():
    for version in (3, 4):
        found = Connection().ask(VERSIONS, version)
        assert version == 4 or all(one.min_version > 0 for one in found.supported_features or []), found
        transactions = [one for one in found.finalized_features or [] if one.name == "transaction.version"]
        assert [one.max_version_level for one in transactions] == [2] and found.finalized_features_epoch >= 0, found


@check
def clients_name_themselves_properly():
    wrong = ApiVersionsRequest(client_software_name="no spaces", client_software_version="1")
    connection = Connection()
    connection.send(wrong, 3)
    assert connection.receive_bytes()[4:6] == struct.pack(">h", 42)


@check
def a_client_needs_no_id():
    assert Connection().ask(VERSIONS, 0, client_id=None).error_code == 0


@check
def what_is_not_served_ends_the_connection():
    for key, version in [(1000, 0), (3, 99), (1, 3), (4, 0)]:
        connection = Connection()
        connection.send_bytes(struct.pack(">hhih", key, version, 1, -1) + bytes(100))
        assert connection.is_closed(), (key, version)


@check
def answers_keep_the_order_of_the_requests():
    connection = Connection()
    sent = [connection.send(VERSIONS, version) for version in (0, 3, 4, 1) * 25]
    got = [connection.receive(VERSIONS, version)[0] for version in (0, 3, 4, 1) * 25]
    same(got, sent)


@check
def all_topics_and_none_are_told_apart():
    connection = Connection()
    made(connection, "all-or-none")
    names = lambda names, version: [topic.name for topic in metadata(connection, names, version).topics]
    assert "all-or-none" in names([], 0)
    same(names([], 1), [])
    assert "all-or-none" in names(None, 1)
    assert "all-or-none" in names(None, 13)
    same(names([], 13), [])


@check
def operations_are_told_to_who_asks():
    connection = Connection()
    made(connection, "operations")
    for version in (8, 9, 10):
        unasked = metadata(connection, ["operations"], version)
        asked = metadata(connection, ["operations"], version, operations=True)
        assert unasked.topics[0].authorized_operations is None, unasked
        assert unasked.authorized_operations is None, unasked
        assert asked.topics[0].authorized_operations, asked
        assert asked.authorized_operations, asked


@check
def no_acknowledgement_means_no_answer():
    connection = Connection()
    made(connection, "no-acks")
    produce(connection, "no-acks", batch([b"1"]), acks=0)
    assert connection.ask(VERSIONS, 0).error_code == 0, "the next answer is that of the next request"
    assert fetched(connection, "no-acks", 0).high_watermark == 1


@check
def wrong_acknowledgements_are_refused():
    connection = Connection()
    assert produce(connection, made(connection, "acks-2"), batch([b"1"]), acks=2).error_code == 21


@check
def errors_of_produce_hold_no_offsets():
    found = produce(Connection(), "never-made", batch([b"1"]))
    assert found.error_code == 3, found
    assert (found.base_offset, found.log_append_time_ms, found.log_start_offset) == (-1, -1, -1), found


@check
def a_duplicate_is_answered_as_the_original():
    connection = Connection()
    topic = made(connection, "duplicate")
    new = connection.ask(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1000), 4)
    sent = [batch([b"a", b"b"], producer=(new.producer_id, 0, sequence)) for sequence in (0, 2, 4)]
    offsets = lambda batches: [(one.error_code, one.base_offset) for one in (produce(connection, topic, b) for b in batches)]
    same(offsets(sent), [(0, 0), (0, 2), (0, 4)])
    same(offsets(sent), [(0, 0), (0, 2), (0, 4)])
    same(offsets([batch([b"x"], producer=(new.producer_id, 0, 9))]), [(45, -1)])
    assert fetched(connection, topic, 0).high_watermark == 6


@check
def a_leader_epoch_of_the_client_is_overwritten():
    connection = Connection()
    topic = made(connection, "leader-epoch")
    current = metadata(connection, [topic]).topics[0].partitions[0].leader_epoch
    for epoch in (-1, 0, 77):
        assert produce(connection, topic, batch([b"1"], epoch=epoch)).error_code == 0
    records = bytes(fetched(connection, topic, 0).records)
    size = len(records) // 3
    same([struct.unpack_from(">i", records, at * size + 12)[0] for at in range(3)], [current] * 3)


@check
def a_wrong_largest_time_is_corrected():
    connection = Connection()
    topic = made(connection, "largest-time")
    time_ms = now_ms() - 5000
    assert produce(connection, topic, batch([b"1"], time=time_ms, max_time=time_ms + 4000)).error_code == 0
    stored = bytes(fetched(connection, topic, 0).records)
    assert struct.unpack_from(">q", stored, 35)[0] == time_ms, stored


@check
def batches_that_lie_are_refused():
    connection = Connection()
    topic = made(connection, "lies")
    sound = batch([b"1", b"2"], time=now_ms())
    flipped = sound[:-1] + bytes([sound[-1] ^ 1])
    assert produce(connection, topic, flipped).error_code == 2, "a crc that does not fit"
    assert produce(connection, topic, sound + sound).error_code == 87, "more than one batch"
    for nothing in (b"", None):
        none = produce(connection, topic, nothing)
        assert none.error_code == 87, (nothing, none)
    assert produce(connection, topic, batch([b"1"], attributes=0x20)).error_code == 87, "a control batch"
    stamped = produce(connection, topic, batch([b"1"], attributes=0x08, time=now_ms()))
    assert stamped.error_code == 32, "append time, which only a broker sets"
    assert produce(connection, topic, batch([b"1"], attributes=4), version=6).error_code == 76, "zstd before its time"
    assert fetched(connection, topic, 0).high_watermark == 0, "nothing of it was stored"


@check
def a_fetch_from_within_a_batch_gives_the_batch():
    connection = Connection()
    topic = made(connection, "within")
    produce(connection, topic, batch([b"0", b"1", b"2"]))
    for offset in (0, 1, 2):
        records = bytes(fetched(connection, topic, offset).records)
        assert struct.unpack_from(">q", records)[0] == 0 and len(records) > 61, (offset, records)


@check
def a_fetch_of_nothing_is_empty_and_not_null():
    connection = Connection()
    topic = made(connection, "nothing")
    for version in (4, 11):
        found = fetched(connection, topic, 0, version=version)
        assert (found.error_code, bytes(found.records)) == (0, b""), found
    assert found.preferred_read_replica == -1, found
    assert found.aborted_transactions is None, found
    beyond = fetched(connection, topic, 5)
    assert (beyond.error_code, beyond.high_watermark) == (1, -1), beyond


@check
def fetch_sessions_are_whole_or_none():
    connection = Connection()
    topic = made(connection, "sessions")
    first = fetch(connection, topic, 0, session=(0, 0))
    assert first.error_code == 0 and len(first.responses) == 1, first
    if first.session_id == 0:
        return
    produce(connection, topic, batch([b"1"]))
    second = fetch(connection, None, 0, session=(first.session_id, 1))
    assert len(second.responses) == 1, "the partition is remembered, and has something new"
    assert fetch(connection, topic, 0, session=(first.session_id, 9)).error_code == 71
    assert fetch(connection, topic, 0, session=(12345, 1)).error_code == 70


@check
def offsets_come_with_the_epoch_of_their_record():
    connection = Connection()
    topic = made(connection, "epochs")
    produce(connection, topic, batch([b"1"]))
    epoch = metadata(connection, [topic]).topics[0].partitions[0].leader_epoch
    Topic = ListOffsetsRequest.ListOffsetsTopic
    for version, timestamp, offset in [(5, -2, 0), (5, -1, 1), (7, -3, 0), (8, -4, 0), (5, 0, 0)]:
        part = Topic.ListOffsetsPartition(partition_index=0, current_leader_epoch=-1, timestamp=timestamp)
        request = ListOffsetsRequest(replica_id=-1, isolation_level=0, topics=[Topic(name=topic, partitions=[part])])
        found = connection.ask(request, version).topics[0].partitions[0]
        assert (found.error_code, found.offset, found.leader_epoch) == (0, offset, epoch), (timestamp, found)


@check
def the_end_of_an_epoch_is_told_in_the_second_version():
    connection = Connection()
    topic = made(connection, "ends")
    produce(connection, topic, batch([b"1", b"2"]))
    epoch = metadata(connection, [topic]).topics[0].partitions[0].leader_epoch
    Topic = OffsetForLeaderEpochRequest.OffsetForLeaderTopic
    part = Topic.OffsetForLeaderPartition(partition=0, current_leader_epoch=-1, leader_epoch=epoch)
    request = OffsetForLeaderEpochRequest(replica_id=-1, topics=[Topic(topic=topic, partitions=[part])])
    found = connection.ask(request, 2).topics[0].partitions[0]
    assert (found.error_code, found.leader_epoch, found.end_offset) == (0, epoch, 2), found


@check
def a_waiting_fetch_holds_up_only_its_own_connection():
    waiting, other = Connection(), Connection()
    topic, begun = made(other, "waiting"), time.monotonic()
    request = fetching(topic, 0, wait_ms=25_000)
    sent = [waiting.send(request, 11), waiting.send(VERSIONS, 0)]
    assert other.ask(VERSIONS, 0).error_code == 0
    assert produce(other, topic, batch([b"1"])).error_code == 0
    first, found = waiting.receive(request, 11)
    same([first, waiting.receive(VERSIONS, 0)[0]], sent)
    assert len(bytes(found.responses[0].partitions[0].records)) > 61, found
    assert time.monotonic() - begun < 20, "not the end of the wait, but the record woke it"


run()
