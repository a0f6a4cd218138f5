"""What the scripts of the Python clients share: the server, the records to send, and a runner of checks.

A check is a function with @check. It has topics and groups of its own, so all of a script run beside each other.
One that fails is told with its traceback; the script ends with status 1 then.

    PYTHONPATH=tests/interop .venv/bin/python tests/interop/CLIENT/SCRIPT.py HOST:PORT CORPUS [CHECK...]
"""

import asyncio
import faulthandler
import inspect
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

SERVER = sys.argv[1]
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PATIENCE_S = 60
AT_ONCE = 6


class Record(NamedTuple):
    """A record without its place."""

    ts: int
    key: bytes | None
    value: bytes | None
    headers: list


def corpus():
    """The records that every client sends with every codec."""
    unhex = lambda text: None if text is None else bytes.fromhex(text)
    with open(sys.argv[2]) as lines:
        for line in map(json.loads, lines):
            headers = [(name, unhex(value)) for name, value in line["headers"]]
            yield Record(line["ts"], unhex(line["key"]), unhex(line["value"]), headers)


def now_ms():
    return int(time.time() * 1000)


def same(found, expected):
    """Holds two lists to be the same; tells the first difference, and not a megabyte."""
    short = lambda thing: repr(thing)[:300]
    for at, (one, other) in enumerate(zip(found, expected)):
        assert one == other, f"item {at} is {short(one)}, not {short(other)}"
    assert len(found) == len(expected), f"{len(found)} items, not {len(expected)}"


def raises(error, action, *arguments):
    """The error of this class that the action ends in."""
    try:
        result = action(*arguments)
    except error as raised:
        return raised
    raise AssertionError(f"{error.__name__} did not come, but {result!r}")


def eventually(condition, what):
    """Waits until the condition holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what() if callable(what) else what}"
        time.sleep(0.02)


class Member:
    """A member of a group in a process of its own, which a kill -9 can hit: member.py of the same client.

    It prints a JSON line when it got an assignment and one for each record that it has committed.
    """

    started = []

    def __init__(self, *arguments):
        script = pathlib.Path(sys.argv[0]).with_name("member.py")
        command = [sys.executable, script, SERVER, *arguments]
        self.assignment = None
        self.assigned_times = 0
        self.records = []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        Member.started.append(self.process)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            if "assignment" in event:
                self.assignment = sorted(event["assignment"])
                self.assigned_times += 1
            if "record" in event:
                self.records.append(event["record"])

    def has(self, count):
        return self.assignment is not None and len(self.assignment) == count

    def leave(self):
        """Ends it as a good member ends: it says so."""
        self._end(signal.SIGTERM, 0)

    def die(self):
        """Ends it so that nobody hears of it."""
        self._end(signal.SIGKILL, -signal.SIGKILL)

    def _end(self, how, status):
        self.process.send_signal(how)
        assert self.process.wait(PATIENCE_S) == status, f"ended with {self.process.returncode}"
        self.reader.join()


def told(event):
    """A member tells what happened."""
    print(json.dumps(event), flush=True)


def everybody_gets_a_share(members, produce, create_topic, group, *flags):
    """Members join, leave and die; each record goes to one of them, once.

    `members` collects them; produce(topic, values) spreads values over the four partitions of a topic.
    """
    topic, sent = f"{group}-topic", []
    create_topic(topic, 4)

    def join():
        members.append(Member(group, topic, *flags))
        return members[-1]

    def settled(*shares):
        counts = lambda: [member.assignment for member, _ in shares]
        eventually(lambda: all(member.has(share) for member, share in shares), counts)
        batch = [f"{group} {len(sent) + n}" for n in range(40)]
        produce(topic, batch)
        sent.extend(batch)
        got = lambda: sorted(value for member in members for value in member.records)
        eventually(lambda: len(got()) >= len(sent), lambda: f"{len(got())} of {len(sent)}")
        same(got(), sorted(sent))

    first = join()
    settled((first, 4))
    second = join()
    settled((first, 2), (second, 2))
    second.leave()
    settled((first, 4))
    third = join()
    settled((first, 2), (third, 2))
    third.die()
    settled((first, 4))
    first.leave()


def check(function):
    """Makes a function one of the script's checks."""
    CHECKS.append(function)
    return function


CHECKS = []


def _run(function):
    begun = time.monotonic()
    try:
        result = function()
        if inspect.iscoroutine(result):
            asyncio.run(asyncio.wait_for(result, PATIENCE_S))
        trouble = None
    except BaseException:
        trouble = traceback.format_exc()
    line = f"{'FAILED' if trouble else 'ok':6} {time.monotonic() - begun:5.1f} s  {function.__name__}\n"
    sys.stdout.write(line)
    sys.stdout.flush()
    return trouble and f"\n== {function.__name__}\n{trouble}"


def run():
    """Runs the checks, all or those that are named, and ends the script."""
    # Before the test that started this script loses its patience.
    faulthandler.dump_traceback_later(2.5 * PATIENCE_S, exit=True)
    named = sys.argv[3:]
    checks = [function for function in CHECKS if not named or function.__name__ in named]
    assert checks, f"no such check: {named}"
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failures = [failure for failure in pool.map(_run, checks) if failure]
    for member in Member.started:
        member.kill()
    print("".join(failures), file=sys.stderr)
    print(f"{len(checks) - len(failures)} passed, {len(failures)} failed", flush=True)
    os._exit(1 if failures else 0)
