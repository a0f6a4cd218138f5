"""confluent-kafka: a member of a group, in a process of its own. See checks.Member."""

import signal
import sys

from checks import told
from client import SERVERS
from confluent_kafka import Consumer

GROUP, TOPIC = sys.argv[2:4]
CONFIG = dict(flag.split("=") for flag in sys.argv[4:])
SESSION = {"session.timeout.ms": 2000, "heartbeat.interval.ms": 200}


def assignment_changed(consumer, cooperative):
    def tell(*_):
        told({"assignment": [partition.partition for partition in consumer.assignment()]})

    def assigned(consumer, partitions):
        (consumer.incremental_assign if cooperative else consumer.assign)(partitions)
        tell()

    def revoked(consumer, partitions):
        consumer.incremental_unassign(partitions) if cooperative else consumer.unassign()
        tell()

    return {"on_assign": assigned, "on_revoke": revoked}


def main():
    leaving = []
    signal.signal(signal.SIGTERM, lambda *_: leaving.append(True))
    start = {"group.id": GROUP, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer({**SERVERS, **start, **SESSION, **CONFIG})
    cooperative = "cooperative" in CONFIG.get("partition.assignment.strategy", "")
    consumer.subscribe([TOPIC], **assignment_changed(consumer, cooperative))
    while not leaving:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            consumer.commit(message, asynchronous=False)
            told({"record": message.value().decode()})
    consumer.close()


main()
