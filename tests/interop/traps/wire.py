"""A connection on which requests are sent as they are wanted, right or wrong, and record batches put together by hand.

The messages are kafka-python's, made from Kafka's own descriptions; nothing of runnel's is used.
"""

import socket
import struct

from checks import SERVER
from crc32c import crc32c
from kafka.protocol.api_header import ResponseClassRegistry
from kafka.protocol.consumer import FetchRequest
from kafka.protocol.metadata import MetadataRequest
from kafka.protocol.producer import ProduceRequest

API_VERSIONS = 18


class Connection:
    """One connection; answers are taken in the order of the requests."""

    def __init__(self):
        host, port = SERVER.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        self.sent = 0

    def send(self, request, version, client_id="traps"):
        """Sends a request; its correlation id."""
        self.sent += 1
        request.API_VERSION = version
        request.with_header(self.sent, client_id)
        self.socket.sendall(request.encode(framed=True, header=True))
        return self.sent

    def send_bytes(self, payload):
        self.socket.sendall(struct.pack(">i", len(payload)) + payload)

    def receive_bytes(self):
        """The next answer without its length; `None` where the server has closed the connection."""
        size = self._exactly(4)
        return None if size is None else self._exactly(struct.unpack(">i", size)[0])

    def _exactly(self, size):
        data = bytearray()
        while len(data) < size:
            try:
                more = self.socket.recv(size - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                assert not data, "an answer is cut short"
                return None
            data += more
        return bytes(data)

    def receive(self, request, version):
        """The next answer, to a request of this kind: its correlation id and itself, every byte accounted for."""
        response = ResponseClassRegistry._response_class_registry[request.API_KEY]
        data = self.receive_bytes()
        assert data is not None, f"closed on {request}"
        # The header of an answer has tags where the body has some, but for ApiVersions.
        tagged = response.flexible_version_q(version) and request.API_KEY != API_VERSIONS
        assert not tagged or data[4] == 0, data
        body = data[5 if tagged else 4 :]
        answer = response.decode(body, version=version)
        answer._header = None
        assert bytes(answer.encode(version=version)) == body, f"{answer} is not {body.hex()}"
        return struct.unpack_from(">i", data)[0], answer

    def ask(self, request, version, **header):
        """The answer to a request."""
        correlation = self.send(request, version, **header)
        answered, answer = self.receive(request, version)
        assert answered == correlation, (answered, correlation)
        return answer

    def is_closed(self):
        return self.receive_bytes() is None


def record(delta, value, key=None):
    varint = lambda n: bytes(_varint(n << 1 if n >= 0 else (-n << 1) - 1))
    field = lambda data: varint(-1) if data is None else varint(len(data)) + data
    body = b"\0" + varint(0) + varint(delta) + field(key) + field(value) + varint(0)
    return varint(len(body)) + body


def _varint(number):
    while number > 0x7F:
        yield number & 0x7F | 0x80
        number >>= 7
    yield number


def batch(values, attributes=0, epoch=-1, time=1_700_000_000_000, max_time=None, producer=(-1, -1, -1)):
    """A record batch as a client sends it; `producer` is its id, epoch and base sequence."""
    records = b"".join(record(at, value) for at, value in enumerate(values))
    last = len(values) - 1
    max_time = time if max_time is None else max_time
    checked = struct.pack(">hiqqqhii", attributes, last, time, max_time, *producer, len(values)) + records
    head = struct.pack(">iBI", epoch, 2, crc32c(checked))
    return struct.pack(">qi", 0, len(head) + len(checked)) + head + checked


def produce(connection, topic, records, version=9, acks=-1):
    """Sends a batch to partition 0; that partition's part of the answer, `None` for acks 0."""
    Topic = ProduceRequest.TopicProduceData
    part = Topic.PartitionProduceData(index=0, records=records)
    request = ProduceRequest(transactional_id=None, acks=acks, timeout_ms=10_000)
    request.topic_data = [Topic(name=topic, partition_data=[part])]
    if acks == 0:
        return connection.send(request, version)
    return connection.ask(request, version).responses[0].partition_responses[0]


def fetching(topic, offset, session=(0, -1), wait_ms=0):
    """A request for partition 0; `session` is id and epoch. No topic: what the session remembers."""
    Topic = FetchRequest.FetchTopic
    part = Topic.FetchPartition(partition=0, fetch_offset=offset, partition_max_bytes=1 << 20)
    request = FetchRequest(max_wait_ms=wait_ms, min_bytes=1, max_bytes=1 << 20, isolation_level=0)
    request.session_id, request.session_epoch, request.forgotten_topics_data, request.rack_id = *session, [], ""
    request.topics = [] if topic is None else [Topic(topic=topic, partitions=[part])]
    return request


def fetch(connection, topic, offset, version=11, session=(0, -1)):
    """Fetches from partition 0; the whole answer."""
    return connection.ask(fetching(topic, offset, session), version)


def fetched(connection, topic, offset, **how):
    """What a fetch gives of the one partition."""
    return fetch(connection, topic, offset, **how).responses[0].partitions[0]


def metadata(connection, names, version=8, create=True, operations=False):
    topics = None if names is None else [MetadataRequest.MetadataRequestTopic(name=name) for name in names]
    request = MetadataRequest(topics=topics, allow_auto_topic_creation=create)
    request.include_cluster_authorized_operations = operations
    request.include_topic_authorized_operations = operations
    return connection.ask(request, version)
