"""aiokafka: every call of its admin client."""

from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from checks import Record, check, now_ms, run, same
from client import Admin, consume, consumer, create_topic, produce


async def numbered(topic, count):
    await produce(topic, [Record(now_ms(), b"k", b"%d" % n, []) for n in range(count)])


async def topic_error(answer):
    """The code of the one topic in an answer."""
    return (await answer).topic_errors[0][1]


@check
async def topics_are_created_described_and_deleted():
    async with Admin() as admin:
        await create_topic("made", 3)
        assert "made" in await admin.list_topics()
        described = (await admin.describe_topics(["made"]))[0]
        same(sorted(partition["partition"] for partition in described["partitions"]), [0, 1, 2])
        for partition in described["partitions"]:
            assert [partition["leader"]] == partition["replicas"] == partition["isr"], partition
        deleted = await admin.delete_topics(["made"])
        same([code for _, code, *_ in deleted.topic_error_codes], [0])
        assert "made" not in await admin.list_topics()


@check
async def topics_that_can_not_be_are_refused():
    async with Admin() as admin:
        create = lambda *topic, **how: topic_error(admin.create_topics([NewTopic(*topic, **how)]))
        assert await create("taken", 1, 1) == 0
        assert await create("taken", 1, 1) == 36
        assert await create("no/slash", 1, 1) == 17
        assert await create("no-partitions", 0, 1) == 37
        assert await create("no-such-config", 1, 1, topic_configs={"no.such.config": "1"}) == 40
        deleted = await admin.delete_topics(["not-there"])
        same([code for _, code, *_ in deleted.topic_error_codes], [3])


@check
async def partitions_are_added():
    await create_topic("grows", 1)
    async with Admin() as admin:
        await admin.create_partitions({"grows": NewPartitions(4)})
        assert len((await admin.describe_topics(["grows"]))[0]["partitions"]) == 4


@check
async def configs_are_described_and_altered():
    await create_topic("configured", retention_ms="1000000")
    resource = lambda configs=None: [ConfigResource(ConfigResourceType.TOPIC, "configured", configs)]
    async with Admin() as admin:

        async def configs():
            answer = (await admin.describe_configs(resource()))[0].resources[0]
            assert answer[0] == 0, answer
            return {entry[0]: entry[1] for entry in answer[4]}

        found = await configs()
        assert (found["retention.ms"], found["cleanup.policy"]) == ("1000000", "delete"), found
        assert len(found) > 25, "every key, set or not"
        altered = (await admin.alter_configs(resource({"segment.bytes": "3000000"})))[0]
        same([code for code, *_ in altered.resources], [0])
        found = await configs()
        assert found["segment.bytes"] == "3000000", found["segment.bytes"]
        assert found["retention.ms"] == "604800000", "what is not named goes back to its default"


@check
async def the_beginning_of_a_partition_is_deleted():
    await numbered("cut", 10)
    partition = TopicPartition("cut", 0)
    async with Admin() as admin:
        assert await admin.delete_records({partition: RecordsToDelete(4)}) == {partition: 4}
        same([record.offset for record in await consume("cut")], [4, 5, 6, 7, 8, 9])
        assert await admin.delete_records({partition: RecordsToDelete(-1)}) == {partition: 10}


@check
async def the_cluster_is_described():
    async with Admin() as admin:
        cluster = await admin.describe_cluster()
        same([node["node_id"] for node in cluster["brokers"]], [cluster["controller_id"]])
        assert len(cluster["cluster_id"]) == 22, cluster


@check
async def groups_are_listed_and_described():
    await create_topic("seen-topic")
    async with Admin() as admin, consumer("seen", client_id="someone") as reader:
        reader.subscribe(["seen-topic"])
        await reader.getmany(timeout_ms=2000)
        assert ("seen", "consumer") in {group[:2] for group in await admin.list_consumer_groups()}
        group = (await admin.describe_consumer_groups(["seen"]))[0].groups[0]
        same(list(group[:4]), [0, "seen", "Stable", "consumer"])
        same([member[1] for member in group[5]], ["someone"])


run()
