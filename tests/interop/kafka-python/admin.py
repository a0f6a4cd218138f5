"""kafka-python: every call of its admin client that a single node without security answers."""

import uuid

from checks import Member, Record, check, eventually, now_ms, raises, run, same
from client import admin_at_work, consume, create_topic, produce
from kafka import OffsetAndMetadata, TopicPartition
from kafka.admin import AlterConfigOp, ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import (
    InvalidConfigurationError,
    InvalidPartitionsError,
    InvalidTopicError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)


def numbered(topic, count):
    first = now_ms() - count
    produce(topic, [Record(first + n, b"k", b"%d" % n, []) for n in range(count)])
    return first


@check
def topics_are_created_described_and_deleted():
    with admin_at_work() as admin:
        topic = {"num_partitions": 3, "replication_factor": 1, "configs": {"retention.ms": "1234567"}}
        made = admin.create_topics({"made": topic})["topics"][0]
        assert (made["name"], made["num_partitions"], made["replication_factor"]) == ("made", 3, 1), made
        assert made["configs"]["retention.ms"]["value"] == "1234567", made["configs"]
        assert "made" in admin.list_topics()
        described = admin.describe_topics(["made"])[0]
        same([partition["partition_index"] for partition in described["partitions"]], [0, 1, 2])
        assert described["topic_id"] == made["topic_id"], (described, made)
        admin.delete_topics(["made"])
        assert "made" not in admin.list_topics()
        again = admin.create_topics(["made"])["topics"][0]
        assert again["num_partitions"] == 1, again
        assert again["topic_id"] != made["topic_id"], "a topic made anew has a new id"
        admin.delete_topics([uuid.UUID(again["topic_id"])])
        assert "made" not in admin.list_topics()


@check
def topics_that_can_not_be_are_refused():
    with admin_at_work() as admin:
        admin.create_topics(["taken"])
        raises(TopicAlreadyExistsError, admin.create_topics, ["taken"])
        raises(InvalidTopicError, admin.create_topics, ["no/slash"])
        raises(InvalidPartitionsError, admin.create_topics, {"none": {"num_partitions": 0}})
        for configs in [{"no.such.config": "1"}, {"retention.ms": "soon"}]:
            raises(InvalidConfigurationError, admin.create_topics, {"configs": {"configs": configs}})
        raises(UnknownTopicOrPartitionError, admin.delete_topics, ["not-there"])
        assert admin.describe_topics(["not-there"])[0]["error_code"] == 3


@check
def a_topic_that_is_only_validated_is_not_made():
    with admin_at_work() as admin:
        admin.create_topics(["validated"], validate_only=True)
        assert "validated" not in admin.list_topics()


@check
def a_topic_is_described_page_by_page():
    create_topic("paged", 5)
    with admin_at_work() as admin:
        pages, cursor = [], None
        while not pages or cursor:
            page = admin.describe_topic_partitions(["paged"], response_partition_limit=2, cursor=cursor)
            pages.append([part["partition_index"] for topic in page["topics"] for part in topic["partitions"]])
            cursor = page["next_cursor"]
        same(pages, [[0, 1], [2, 3], [4]])


@check
def partitions_are_added():
    create_topic("grows", 1)
    with admin_at_work() as admin:
        admin.create_partitions({"grows": 3}, validate_only=True)
        assert len(admin.describe_topics(["grows"])[0]["partitions"]) == 1
        admin.create_partitions({"grows": 4})
        assert len(admin.describe_topics(["grows"])[0]["partitions"]) == 4
        raises(InvalidPartitionsError, admin.create_partitions, {"grows": 2})


def topic_configs(admin, name, which="all"):
    found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], config_filter=which)
    return found["topic"][name]


@check
def configs_are_described_altered_and_reset():
    create_topic("configured", retention_ms="1000000")
    resource = lambda configs: [ConfigResource(ConfigResourceType.TOPIC, "configured", configs)]
    with admin_at_work() as admin:
        assert len(topic_configs(admin, "configured")) > 25, "every key, set or not"
        same(list(topic_configs(admin, "configured", "modified")), ["retention.ms"])
        changes = {"retention.ms": "2000000", "cleanup.policy": (AlterConfigOp.APPEND, "compact")}
        assert admin.alter_configs(resource(changes)) == {"topic": {"configured": "OK"}}
        found = topic_configs(admin, "configured")
        assert found["retention.ms"]["value"] == "2000000", found["retention.ms"]
        assert found["cleanup.policy"]["value"] == "delete,compact", found["cleanup.policy"]
        assert admin.reset_configs(resource(["cleanup.policy"])) == {"topic": {"configured": "OK"}}
        assert topic_configs(admin, "configured")["cleanup.policy"]["value"] == "delete"
        whole = admin.alter_configs(resource({"segment.bytes": "3000000"}), incremental=False)
        assert whole == {"topic": {"configured": "OK"}}, whole
        same(sorted(topic_configs(admin, "configured", "modified")), ["retention.ms", "segment.bytes"])


@check
def configs_that_can_not_be_are_refused():
    create_topic("stubborn")
    with admin_at_work() as admin:
        for incremental in [True, False]:
            change = [ConfigResource(ConfigResourceType.TOPIC, "stubborn", {"retention.ms": "soon"})]
            answer = admin.alter_configs(change, incremental=incremental)["topic"]["stubborn"]
            assert "InvalidConfiguration" in answer, answer


@check
def configs_of_the_broker_are_described():
    with admin_at_work() as admin:
        node = str(admin.describe_cluster()["controller_id"])
        resource = [ConfigResource(ConfigResourceType.BROKER, node)]
        found = admin.describe_configs(resource, include_synonyms=True, config_filter="all")["broker"][node]
        assert found["num.partitions"]["value"] == "1", found["num.partitions"]
        assert found["log.dirs"]["read_only"], found["log.dirs"]


@check
def the_beginning_of_a_partition_is_deleted():
    numbered("cut", 10)
    partition = TopicPartition("cut", 0)
    with admin_at_work() as admin:
        assert admin.delete_records({partition: 4})[partition]["low_watermark"] == 4
        same([record.offset for record in consume("cut")], [4, 5, 6, 7, 8, 9])
        raises(OffsetOutOfRangeError, admin.delete_records, {partition: 99})
        assert admin.delete_records({partition: -1})[partition]["low_watermark"] == 10


@check
def offsets_are_listed():
    first, partition = numbered("listed", 10), TopicPartition("listed", 0)
    with admin_at_work() as admin:
        found = lambda spec: admin.list_partition_offsets({partition: spec})[partition][:2]
        assert found(OffsetSpec.EARLIEST) == (0, -1)
        assert found(OffsetSpec.LATEST) == (10, -1)
        assert found(OffsetSpec.MAX_TIMESTAMP) == (9, first + 9)
        assert found(first + 3) == (3, first + 3)
        assert found(first + 100) == (-1, -1)


@check
def the_cluster_is_described():
    with admin_at_work() as admin:
        cluster = admin.describe_cluster()
        same([node["broker_id"] for node in cluster["brokers"]], [cluster["controller_id"]])
        assert len(cluster["cluster_id"]) == 22, cluster
        assert isinstance(admin.describe_features(), dict)


@check
def log_directories_are_described():
    produce("sized", [Record(now_ms(), None, b"x" * 100_000, [])])
    with admin_at_work() as admin:
        [broker] = admin.describe_log_dirs()
        [directory] = broker["log_dirs"]
        assert directory["usable_bytes"] > 0, directory
        [sized] = [topic for topic in directory["topics"] if topic["name"] == "sized"]
        [partition] = sized["partitions"]
        assert 100_000 < partition["partition_size"] < 110_000, partition


@check
def groups_are_listed_and_described():
    create_topic("seen-topic")
    member = Member("seen", "seen-topic")
    eventually(lambda: member.has(1), "it has joined")
    with admin_at_work() as admin:
        listed = {group["group_id"]: group for group in admin.list_groups(states_filter=["Stable"])}["seen"]
        assert (listed["protocol_type"], listed["group_type"]) == ("consumer", "classic"), listed
        group = admin.describe_groups(["seen"])["seen"]
        assert (group["group_state"], group["protocol_data"]) == ("Stable", "range"), group
        assert [one["client_host"].lstrip("/") for one in group["members"]] == ["127.0.0.1"], group
        member.leave()
        group = admin.describe_groups(["seen"])["seen"]
        assert (group["group_state"], group["members"]) == ("Empty", []), group
        group = admin.describe_groups(["never-was"])["never-was"]
        assert group["group_state"] == "Dead" and "GroupIdNotFound" in group["error"], group


@check
def offsets_of_a_group_are_listed_altered_and_deleted():
    numbered("offsets-topic", 5)
    partition = TopicPartition("offsets-topic", 0)
    with admin_at_work() as admin:
        answer = admin.alter_group_offsets("offsets", {partition: OffsetAndMetadata(3, "m", -1)})
        assert answer[partition].errno == 0, answer
        found = admin.list_group_offsets("offsets")["offsets"]
        assert [(place, one.offset, one.metadata) for place, one in found.items()] == [(partition, 3, "m")], found
        reset = admin.reset_group_offsets("offsets", {partition: OffsetSpec.LATEST})
        assert reset[partition]["offset"] == 5, reset
        assert admin.delete_group_offsets("offsets", [partition])[partition].errno == 0
        assert admin.list_group_offsets({"offsets": [partition]})["offsets"][partition].offset == -1
        assert admin.list_group_offsets("never-was") == {"never-was": {}}


@check
def groups_are_deleted():
    create_topic("gone-topic")
    partition = TopicPartition("gone-topic", 0)
    member = Member("busy", "gone-topic")
    eventually(lambda: member.has(1), "it has joined")
    with admin_at_work() as admin:
        admin.alter_group_offsets("gone", {partition: OffsetAndMetadata(0, "", -1)})
        answer = admin.delete_groups(["gone", "busy", "never-was"])
        same(sorted(answer.items()), [("busy", "NonEmptyGroupError"), ("gone", "OK"), ("never-was", "GroupIdNotFoundError")])
        assert "gone" not in {group["group_id"] for group in admin.list_groups()}
    member.leave()


@check
def producers_are_described():
    numbered("produced", 7)
    partition = TopicPartition("produced", 0)
    with admin_at_work() as admin:
        state = admin.describe_producers([partition])[partition]
        same([(one.producer_epoch, one.last_sequence) for one in state.active_producers], [(0, 6)])


@check
def nobody_needs_another_leader_or_another_place():
    create_topic("led")
    with admin_at_work() as admin:
        answer = admin.elect_leaders(0, {"led": [0]}, raise_errors=False)
        codes = [part.error_code for topic in answer.replica_election_results for part in topic.partition_result]
        same(codes, [84])
        assert admin.list_partition_reassignments() == {}


run()
