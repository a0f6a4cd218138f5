"""confluent-kafka: a member of a group, in a process of its own. See checks.Member."""

import signal
import sys

from checks import told
from client import SERVERS
from confluent_kafka import Consumer

GROUP, TOPIC = sys.argv[2:4]
CONFIG = dict(flag.split("=") for flag in sys.argv[4:])
SESSION = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 300}


def teller(cooperative):
    """What a consumer calls when its assignment changes: keeps account of it."""
    share = set()

    def assigned(consumer, partitions):
        (consumer.incremental_assign if cooperative else consumer.assign)(partitions)
        share.update(partition.partition for partition in partitions)
        told({"assignment": list(share)})

    def revoked(consumer, partitions):
        consumer.incremental_unassign(partitions) if cooperative else consumer.unassign()
        share.difference_update(partition.partition for partition in partitions)
        told({"assignment": list(share)})

    return {"on_assign": assigned, "on_revoke": revoked}


def main():
    leaving = []
    signal.signal(signal.SIGTERM, lambda *_: leaving.append(True))
    start = {"group.id": GROUP, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer({**SERVERS, **start, **SESSION, **CONFIG})
    cooperative = "cooperative" in CONFIG.get("partition.assignment.strategy", "")
    consumer.subscribe([TOPIC], **teller(cooperative))
    while not leaving:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            consumer.commit(message, asynchronous=False)
            told({"record": message.value().decode()})
    consumer.close()


main()
