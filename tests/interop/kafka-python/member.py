"""kafka-python: a member of a group, in a process of its own. See checks.Member."""

import signal
import sys

from checks import told
from client import consumer
from kafka import ConsumerRebalanceListener, OffsetAndMetadata

GROUP, TOPIC = sys.argv[2:4]
CONFIG = dict(flag.split("=") for flag in sys.argv[4:])


class Teller(ConsumerRebalanceListener):
    def __init__(self, reader):
        self.reader = reader

    def on_partitions_revoked(self, revoked):
        pass

    def on_partitions_assigned(self, assigned):
        told({"assignment": [partition.partition for partition in self.reader.assignment()]})


def main():
    leaving = []
    signal.signal(signal.SIGTERM, lambda *_: leaving.append(True))
    session = {"session_timeout_ms": 2000, "heartbeat_interval_ms": 200, "metadata_max_age_ms": 300}
    reader = consumer(GROUP, max_poll_records=1, **session, **CONFIG)
    reader.subscribe([TOPIC], listener=Teller(reader))
    while not leaving:
        for partition, records in reader.poll(100).items():
            for record in records:
                reader.commit({partition: OffsetAndMetadata(record.offset + 1, "", -1)})
                told({"record": record.value.decode()})
    reader.close(autocommit=False)


main()
