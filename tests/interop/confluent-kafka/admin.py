"""confluent-kafka: every call of its admin client that a single node without security answers."""

from checks import Record, check, now_ms, raises, run, same
from client import ADMIN, consume, consumer, create_topic, produce
from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    ConsumerGroupType,
    ElectionType,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)


def refused(future, code):
    """Holds a call to end in this error of the broker's."""
    error = raises(KafkaException, future.result, 30)
    assert error.args[0].code() == code, error


def numbered(topic, count):
    first = now_ms() - count
    produce(topic, [Record(first + n, b"k", b"%d" % n, []) for n in range(count)])
    return first


@check
def topics_are_created_described_and_deleted():
    create_topic("made", 3, retention_ms="1234567")
    described = ADMIN.describe_topics(TopicCollection(["made"]))["made"].result(30)
    assert (described.name, described.is_internal) == ("made", False), described
    same([partition.id for partition in described.partitions], [0, 1, 2])
    for partition in described.partitions:
        assert [partition.leader.id] == [node.id for node in partition.replicas], partition
        assert [partition.leader.id] == [node.id for node in partition.isr], partition
    first_id = str(described.topic_id)
    ADMIN.delete_topics(["made"])["made"].result(30)
    assert "made" not in ADMIN.list_topics(timeout=30).topics
    create_topic("made")
    again = ADMIN.describe_topics(TopicCollection(["made"]))["made"].result(30)
    assert str(again.topic_id) != first_id, "a topic made anew has a new id"
    assert len(consume("made")) == 0, "and it is empty"


@check
def topics_that_can_not_be_are_refused():
    create = lambda *topic, **how: next(iter(ADMIN.create_topics([NewTopic(*topic, **how)]).values()))
    create("taken", 1, 1).result(30)
    refused(create("taken", 1, 1), KafkaError.TOPIC_ALREADY_EXISTS)
    refused(create("no/slash", 1, 1), KafkaError.TOPIC_EXCEPTION)
    refused(create("no-partitions", 0, 1), KafkaError.INVALID_PARTITIONS)
    refused(create("no-such-config", 1, 1, config={"no.such.config": "1"}), KafkaError.INVALID_CONFIG)
    refused(create("bad-config", 1, 1, config={"retention.ms": "soon"}), KafkaError.INVALID_CONFIG)
    refused(ADMIN.delete_topics(["not-there"])["not-there"], KafkaError.UNKNOWN_TOPIC_OR_PART)
    refused(ADMIN.describe_topics(TopicCollection(["not-there"]))["not-there"], KafkaError.UNKNOWN_TOPIC_OR_PART)


@check
def a_topic_that_is_only_validated_is_not_made():
    topic = NewTopic("validated", 1, 1)
    ADMIN.create_topics([topic], validate_only=True)["validated"].result(30)
    assert "validated" not in ADMIN.list_topics(timeout=30).topics


@check
def partitions_are_added():
    create_topic("grows", 1)
    ADMIN.create_partitions([NewPartitions("grows", 4)])["grows"].result(30)
    assert len(ADMIN.list_topics("grows", timeout=30).topics["grows"].partitions) == 4
    fewer = ADMIN.create_partitions([NewPartitions("grows", 2)])["grows"]
    refused(fewer, KafkaError.INVALID_PARTITIONS)


def configs(kind, name):
    resource = ConfigResource(kind, name)
    return ADMIN.describe_configs([resource])[resource].result(30)


@check
def configs_are_described_with_their_source():
    create_topic("configured", retention_ms="1000000")
    found = configs(ConfigResource.Type.TOPIC, "configured")
    retention, cleanup = found["retention.ms"], found["cleanup.policy"]
    assert (retention.value, retention.source) == ("1000000", ConfigSource.DYNAMIC_TOPIC_CONFIG.value), retention
    assert (cleanup.value, cleanup.source) == ("delete", ConfigSource.DEFAULT_CONFIG.value), cleanup
    assert len(found) > 25, "every key, set or not"
    broker = configs(ConfigResource.Type.BROKER, str(broker_id()))
    assert broker["num.partitions"].value == "1", broker["num.partitions"]
    assert broker["log.dirs"].is_read_only


def broker_id():
    return next(iter(ADMIN.list_topics(timeout=30).brokers))


@check
def configs_are_altered_one_by_one():
    create_topic("altered", retention_ms="1000000")
    entry = lambda name, value, how: ConfigEntry(name, value, incremental_operation=how)
    changes = [
        entry("retention.ms", "2000000", AlterConfigOpType.SET),
        entry("cleanup.policy", "compact", AlterConfigOpType.APPEND),
    ]
    resource = ConfigResource(ConfigResource.Type.TOPIC, "altered", incremental_configs=changes)
    ADMIN.incremental_alter_configs([resource])[resource].result(30)
    found = configs(ConfigResource.Type.TOPIC, "altered")
    assert found["retention.ms"].value == "2000000", found["retention.ms"]
    assert found["cleanup.policy"].value == "delete,compact", found["cleanup.policy"]
    changes = [
        entry("retention.ms", None, AlterConfigOpType.DELETE),
        entry("cleanup.policy", "compact", AlterConfigOpType.SUBTRACT),
    ]
    resource = ConfigResource(ConfigResource.Type.TOPIC, "altered", incremental_configs=changes)
    ADMIN.incremental_alter_configs([resource])[resource].result(30)
    found = configs(ConfigResource.Type.TOPIC, "altered")
    assert found["retention.ms"].value == "604800000", found["retention.ms"]
    assert found["cleanup.policy"].value == "delete", found["cleanup.policy"]


@check
def configs_are_altered_as_a_whole():
    create_topic("replaced", retention_ms="1000000", segment_bytes="2000000")
    resource = ConfigResource(ConfigResource.Type.TOPIC, "replaced", set_config={"segment.bytes": "3000000"})
    ADMIN.alter_configs([resource])[resource].result(30)
    found = configs(ConfigResource.Type.TOPIC, "replaced")
    assert found["segment.bytes"].value == "3000000", found["segment.bytes"]
    assert found["retention.ms"].value == "604800000", "what is not named goes back to its default"


@check
def configs_that_can_not_be_are_refused():
    create_topic("stubborn")
    for name, value in [("no.such.config", "1"), ("retention.ms", "soon"), ("cleanup.policy", "burn")]:
        change = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, "stubborn", incremental_configs=[change])
        refused(ADMIN.incremental_alter_configs([resource])[resource], KafkaError.INVALID_CONFIG)


@check
def the_beginning_of_a_partition_is_deleted():
    numbered("cut", 10)
    partition = TopicPartition("cut", 0, 4)
    assert ADMIN.delete_records([partition])[partition].result(30).low_watermark == 4
    same([message.offset() for message in consume("cut")], [4, 5, 6, 7, 8, 9])
    refused(ADMIN.delete_records([TopicPartition("cut", 0, 99)])[partition], KafkaError.OFFSET_OUT_OF_RANGE)
    everything = TopicPartition("cut", 0, -1)
    assert ADMIN.delete_records([everything])[everything].result(30).low_watermark == 10


@check
def offsets_are_listed():
    first = numbered("listed", 10)
    partition = TopicPartition("listed", 0)

    def offset_of(spec):
        found = ADMIN.list_offsets({partition: spec}, isolation_level=IsolationLevel.READ_COMMITTED)
        result = found[partition].result(30)
        return result.offset, result.timestamp

    assert offset_of(OffsetSpec.earliest()) == (0, -1)
    assert offset_of(OffsetSpec.latest()) == (10, -1)
    assert offset_of(OffsetSpec.max_timestamp()) == (9, first + 9)
    assert offset_of(OffsetSpec.for_timestamp(first + 3)) == (3, first + 3)
    assert offset_of(OffsetSpec.for_timestamp(first + 100)) == (-1, -1)


@check
def the_cluster_is_described():
    cluster = ADMIN.describe_cluster(include_authorized_operations=True).result(30)
    same([node.id for node in cluster.nodes], [cluster.controller.id])
    assert len(cluster.cluster_id) == 22, cluster.cluster_id
    assert AclOperation.CREATE in cluster.authorized_operations, cluster.authorized_operations


def committed(group, topic, offset):
    """A group that holds an offset, and nobody."""
    reader = consumer(group)
    reader.commit(offsets=[TopicPartition(topic, 0, offset, metadata="m")], asynchronous=False)
    reader.close()


@check
def groups_are_listed_and_described():
    create_topic("seen-topic")
    reader = consumer("seen", client_id="someone")
    reader.subscribe(["seen-topic"])
    while reader.poll(0.1) is None or not reader.assignment():
        pass
    stable = ADMIN.list_consumer_groups(states={ConsumerGroupState.STABLE}, types={ConsumerGroupType.CLASSIC})
    found = {group.group_id: group for group in stable.result(30).valid}["seen"]
    assert (found.state, found.is_simple_consumer_group) == (ConsumerGroupState.STABLE, False), found
    group = ADMIN.describe_consumer_groups(["seen"])["seen"].result(30)
    assert (group.group_id, group.state, group.partition_assignor) == ("seen", ConsumerGroupState.STABLE, "range")
    same([member.client_id for member in group.members], ["someone"])
    member = group.members[0]
    assert member.host.lstrip("/") == "127.0.0.1", member.host
    assert member.assignment.topic_partitions == [TopicPartition("seen-topic", 0)]
    reader.close()
    group = ADMIN.describe_consumer_groups(["seen"])["seen"].result(30)
    assert (group.state, group.members) == (ConsumerGroupState.EMPTY, []), group
    assert "seen" in {group.group_id for group in ADMIN.list_consumer_groups().result(30).valid}


@check
def offsets_of_a_group_are_listed_and_altered():
    create_topic("offsets-topic", 2)
    committed("offsets", "offsets-topic", 0)

    def offsets(partitions):
        asked = ConsumerGroupTopicPartitions("offsets", partitions)
        found = ADMIN.list_consumer_group_offsets([asked])["offsets"].result(30)
        return [(place.partition, place.offset, place.metadata) for place in found.topic_partitions]

    same(offsets(None), [(0, 0, "m")])
    target = ConsumerGroupTopicPartitions("offsets", [TopicPartition("offsets-topic", 1, 7)])
    ADMIN.alter_consumer_group_offsets([target])["offsets"].result(30)
    same(sorted(offset[:2] for offset in offsets(None)), [(0, 0), (1, 7)])
    same([offset[:2] for offset in offsets([TopicPartition("offsets-topic", 1)])], [(1, 7)])


@check
def groups_are_deleted():
    create_topic("gone-topic")
    committed("gone", "gone-topic", 0)
    reader = consumer("busy")
    reader.subscribe(["gone-topic"])
    while reader.poll(0.1) is None or not reader.assignment():
        pass
    answers = ADMIN.delete_consumer_groups(["gone", "busy", "never-was"])
    answers["gone"].result(30)
    refused(answers["busy"], KafkaError.NON_EMPTY_GROUP)
    refused(answers["never-was"], KafkaError.GROUP_ID_NOT_FOUND)
    reader.close()
    assert "gone" not in {group.group_id for group in ADMIN.list_consumer_groups().result(30).valid}


@check
def nobody_needs_another_leader():
    create_topic("led")
    answer = ADMIN.elect_leaders(ElectionType.PREFERRED, [TopicPartition("led", 0)]).result(30)
    same([error.code() for error in answer.values()], [KafkaError.ELECTION_NOT_NEEDED])


@check
def there_is_no_security_to_describe():
    anything = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    error = raises(KafkaException, ADMIN.describe_acls(anything).result, 30).args[0]
    assert error.code() in (KafkaError.SECURITY_DISABLED, KafkaError._UNSUPPORTED_FEATURE), error


run()
