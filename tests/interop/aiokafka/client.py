"""aiokafka: how the scripts beside this one use it."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code
from checks import SERVER, Record

SERVERS = {"bootstrap_servers": SERVER}
LARGE = {"max_request_size": 2_000_000}


class Admin(AIOKafkaAdminClient):
    """The admin client, to be used in `async with`."""

    def __init__(self):
        super().__init__(**SERVERS)

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *_):
        await self.close()


async def create_topic(name, partitions=1, **configs):
    """Makes a topic; `_` in a config's name stands for a dot."""
    configs = {key.replace("_", "."): value for key, value in configs.items()}
    async with Admin() as admin:
        topic = NewTopic(name, partitions, 1, topic_configs=configs)
        answered((await admin.create_topics([topic])).topic_errors)


def answered(errors):
    """Raises the error of the first thing that was not done."""
    for name, code, *_ in errors:
        if code:
            raise for_code(code)(name)


async def produce(topic, records, codec="none", **config):
    """Sends all to partition 0, in order; what they were acknowledged with, an error raised."""
    compression = None if codec == "none" else codec
    async with AIOKafkaProducer(**SERVERS, **LARGE, compression_type=compression, **config) as producer:
        sent = [
            await producer.send(topic, one.value, one.key, 0, timestamp_ms=one.ts, headers=one.headers)
            for one in records
        ]
        return await asyncio.gather(*sent)


async def spread(topic, values):
    """Sends values over all partitions by turns."""
    async with AIOKafkaProducer(**SERVERS) as producer:
        partitions = len(await producer.partitions_for(topic))
        for at, value in enumerate(values):
            await producer.send_and_wait(topic, value.encode(), partition=at % partitions)


def consumer(group=None, **config):
    """A consumer that starts at the beginning, to be used in `async with`."""
    defaults = {"group_id": group, "auto_offset_reset": "earliest", "enable_auto_commit": False}
    return AIOKafkaConsumer(**{**SERVERS, **defaults, **config})


async def read_to_end(reader, partition):
    """The records from where it stands to the end of the partition."""
    end, records = (await reader.end_offsets([partition]))[partition], []
    while await reader.position(partition) < end:
        records += (await reader.getmany(partition, timeout_ms=30_000)).get(partition, [])
    return records


async def consume(topic, **config):
    """All records of partition 0."""
    partition = TopicPartition(topic, 0)
    async with consumer(**config) as reader:
        reader.assign([partition])
        return await read_to_end(reader, partition)


def plain(record):
    """A record as one of the corpus."""
    return Record(record.timestamp, record.key, record.value, list(record.headers))
