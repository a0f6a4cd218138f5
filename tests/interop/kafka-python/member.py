"""kafka-python: a member of a group, in a process of its own. See checks.Member."""

import signal
import sys

from checks import told
from client import consumer
from kafka import ConsumerRebalanceListener, OffsetAndMetadata

GROUP, TOPIC = sys.argv[2:4]
CONFIG = dict(flag.split("=") for flag in sys.argv[4:])
SESSION = {"session_timeout_ms": 6000, "heartbeat_interval_ms": 300, "metadata_max_age_ms": 300}


class Leave(Exception):
    """It was asked to leave."""


class Teller(ConsumerRebalanceListener):
    def __init__(self, reader):
        self.reader = reader

    def on_partitions_revoked(self, revoked):
        pass

    def on_partitions_assigned(self, assigned):
        told({"assignment": [partition.partition for partition in self.reader.assignment()]})


def leave(*_):
    raise Leave


def main():
    reader = consumer(GROUP, max_poll_records=1, **SESSION, **CONFIG)
    reader.subscribe([TOPIC], listener=Teller(reader))
    signal.signal(signal.SIGTERM, leave)
    try:
        while True:
            # Long enough for a rebalance: one that a short poll cuts off in the middle, kafka-python forgets.
            for partition, records in reader.poll(30_000).items():
                for record in records:
                    reader.commit({partition: OffsetAndMetadata(record.offset + 1, "", -1)})
                    told({"record": record.value.decode()})
    except Leave:
        reader.close(autocommit=False)


main()
