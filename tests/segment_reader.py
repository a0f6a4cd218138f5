#!/usr/bin/env python3
"""Reads Kafka partition directories without a line of runnel's code.

    segment_reader.py [--zeros-end-indexes] PARTITION_DIR...

Batches and records are decoded by kafka-python. On top of that, here: every crc, offsets that
rise within and across segments, segment names, and every entry of .index and .timeindex pointing
at what it promises. Prints a JSON line per record: name of the directory, offset, ts, key, value (hex or
null), headers ([name, hex or null]), codec, control. Exits 1 with a line on stderr at the first
thing that is wrong.
"""

import json
import pathlib
import struct
import sys

from kafka.record import MemoryRecords
from kafka.record.util import crc32c_c

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


class Wrong(Exception):
    """What the files promise and what they hold differ."""


def check(condition, path, message):
    if not condition:
        raise Wrong(f"{path}: {message}")


def hexed(data):
    return None if data is None else bytes(data).hex()


def read_log(path):
    """Yields (position, batch, records) of a segment, each batch's crc checked."""
    data = path.read_bytes()
    memory = MemoryRecords(data)
    position = 0
    for batch in memory:
        check(batch.magic == 2, path, f"magic {batch.magic} at {position}")
        check(batch.validate_crc(), path, f"crc of the batch at {position}")
        size = batch.size_in_bytes
        yield position, batch, list(batch)
        position += size
    check(position == len(data), path, f"{len(data) - position} bytes after the last batch")


def entries(path, shape, zeros_end):
    """The entries of an index; zeros end one that a broker had preallocated."""
    if not path.exists():
        return
    data = path.read_bytes()
    step = struct.calcsize(shape)
    check(len(data) % step == 0, path, f"{len(data)} bytes are no multiple of {step}")
    for at in range(0, len(data), step):
        if zeros_end and at > 0 and not any(data[at : at + step]):
            check(not any(data[at:]), path, f"an entry after zeros, past {at}")
            return
        if zeros_end and not any(data):
            return
        yield struct.unpack_from(shape, data, at)


def check_offset_index(path, base, batches, zeros_end):
    starts = {position: batch for position, batch, _ in batches}
    last = (-1, -1)
    for relative, position in entries(path, ">II", zeros_end):
        check(relative > last[0] and position > last[1], path, f"entry {relative} does not rise")
        check(position in starts, path, f"no batch starts at {position}")
        batch, offset = starts[position], base + relative
        inside = batch.base_offset <= offset <= batch.last_offset
        check(inside, path, f"offset {offset} is not in the batch at {position}")
        last = (relative, position)


def check_time_index(path, base, batches, zeros_end):
    last = (-1, -1)
    for timestamp, relative in entries(path, ">qI", zeros_end):
        offset = base + relative
        rises = timestamp > last[0] and offset > last[1]
        again = (timestamp, offset) == last
        check(rises or again, path, f"entry {timestamp}/{offset} does not rise")
        before = [b for _, b, _ in batches if b.base_offset <= offset]
        if not before:
            check(not batches or offset < batches[0][1].base_offset, path, f"no batch at {offset}")
        newest = max((b.max_timestamp for b in before), default=timestamp)
        check(newest == timestamp, path, f"{timestamp} at {offset}, the newest up to it is {newest}")
        last = (timestamp, offset)


def read_partition(directory, zeros_end):
    logs = sorted(directory.glob("*.log"))
    check(logs, directory, "no segment")
    next_offset = 0
    for path in logs:
        base = int(path.stem)
        check(base >= next_offset, path, f"begins before {next_offset}")
        next_offset = base
        batches = []
        for position, batch, records in read_log(path):
            batches.append((position, batch, records))
            check(batch.base_offset >= next_offset, path, f"offset falls at {position}")
            for record in records:
                check(record.offset >= next_offset, path, f"offset {record.offset} falls")
                check(record.offset <= batch.last_offset, path, f"{record.offset} past its batch")
                check(record.timestamp <= batch.max_timestamp, path, f"time at {record.offset}")
                next_offset = record.offset + 1
                yield batch, record
            next_offset = batch.last_offset + 1
        check_offset_index(path.with_suffix(".index"), base, batches, zeros_end)
        check_time_index(path.with_suffix(".timeindex"), base, batches, zeros_end)


def main(arguments):
    if crc32c_c is None:
        raise Wrong("the crc32c package is missing: run scripts/test")
    zeros_end = "--zeros-end-indexes" in arguments
    for name in (a for a in arguments if not a.startswith("--")):
        directory = pathlib.Path(name)
        for batch, record in read_partition(directory, zeros_end):
            line = {
                "name": directory.name,
                "offset": record.offset,
                "ts": record.timestamp,
                "key": hexed(record.key),
                "value": hexed(record.value),
                "headers": [[name, hexed(value)] for name, value in record.headers],
                "codec": CODECS[batch.compression_type],
                "control": batch.is_control_batch,
            }
            print(json.dumps(line))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BrokenPipeError:
        sys.exit(0)
    except Exception as wrong:
        print(f"{type(wrong).__name__}: {wrong}", file=sys.stderr)
        sys.exit(1)
