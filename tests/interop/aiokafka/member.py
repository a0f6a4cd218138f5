"""aiokafka: a member of a group, in a process of its own. See checks.Member."""

import asyncio
import signal
import sys

from aiokafka import ConsumerRebalanceListener
from checks import told
from client import consumer

GROUP, TOPIC = sys.argv[2:4]
CONFIG = dict(flag.split("=") for flag in sys.argv[4:])


class Teller(ConsumerRebalanceListener):
    async def on_partitions_revoked(self, revoked):
        pass

    async def on_partitions_assigned(self, assigned):
        told({"assignment": [partition.partition for partition in assigned]})


async def main():
    leaving = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leaving.set)
    session = {"session_timeout_ms": 6000, "heartbeat_interval_ms": 300, "metadata_max_age_ms": 300}
    async with consumer(GROUP, max_poll_records=1, **session, **CONFIG) as reader:
        reader.subscribe([TOPIC], listener=Teller())
        while not leaving.is_set():
            for partition, records in (await reader.getmany(timeout_ms=100)).items():
                for record in records:
                    await reader.commit({partition: record.offset + 1})
                    told({"record": record.value.decode()})


asyncio.run(main())
