"""Two streams of packets in each family while something is done: one that may never pass, one that must always.

Nobody answers, so every packet is the first of its flow to conntrack and crosses the whole ruleset. A packet of the
forbidden stream that arrives has *leaked*; one of the allowed stream that does not is *lost*.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.kernel.lab import Namespace, inside

SENDER = Path(__file__).with_name("sender.py")
BUFFER = 64 << 20
_SO_RCVBUFFORCE = 33
_ENDED = 60.0  # seconds: a limit on a runaway


@dataclass(frozen=True, slots=True)
class Stream:
    """What came of one stream: how many were sent, and the runs of numbers that arrived."""

    version: int
    allowed: bool
    sent: int
    heard: tuple[tuple[int, int], ...]
    seconds: float

    @property
    def arrived(self) -> int:
        return sum(last - first + 1 for first, last in self.heard)

    @property
    def rate(self) -> float:
        """Packets a second."""
        return self.sent / self.seconds

    @property
    def wrong(self) -> int:
        """Packets that met the other fate than they should: leaked, or lost."""
        return self.sent - self.arrived if self.allowed else self.arrived

    def __str__(self) -> str:
        name, fate = ("allowed", "lost") if self.allowed else ("forbidden", "leaked")
        runs = f" in {len(self.heard)} runs that arrived" if self.wrong else ""
        return f"IPv{self.version} {name}: {self.wrong} of {self.sent} {fate}{runs}, {self.rate:.0f}/s"


@dataclass(frozen=True, slots=True)
class Crossing:
    """What came of all streams. `gap` is the longest time without a packet sent: no shorter window is surely seen.

    `overrun` counts packets that a full queue of the machine has dropped: they look lost, and the firewall is innocent.
    """

    streams: tuple[Stream, ...]
    gap: float
    overrun: int

    @property
    def leaked(self) -> dict[int, int]:
        """Forbidden packets that arrived, by family."""
        return {one.version: one.wrong for one in self.streams if not one.allowed}

    @property
    def lost(self) -> dict[int, int]:
        """Allowed packets that did not arrive, by family."""
        return {one.version: one.wrong for one in self.streams if one.allowed}

    @property
    def clean(self) -> bool:
        """True when not one packet met the wrong fate."""
        return not any(one.wrong for one in self.streams)

    def __str__(self) -> str:
        lines = [*map(str, self.streams), f"longest pause {1000 * self.gap:.1f} ms, {self.overrun} lost by full queues"]
        return "\n".join(lines)


def crossing(
    sender: Namespace,
    receiver: Namespace,
    route: Mapping[int, tuple[str, str]],
    act: Callable[[], object],
    *,
    allowed: int,
    forbidden: int,
) -> Crossing:
    """What became of streams from before `act` to after it. `route` gives source and destination by family.

    They flow before it is called: an AssertionError tells of an allowed stream that does not even begin.
    """
    kinds = [(version, port) for version in route for port in (allowed, forbidden)]
    with ExitStack() as opened:
        pairs = [_pair(opened, sender, receiver, route[version], port) for version, port in kinds]
        handles = [one.fileno() for pair in pairs for one in pair]
        with _running(handles) as (told, stop):
            assert told.readline() == "flowing\n", "the streams do not begin"
            act()
            stop.close()
            found = json.loads(told.readline())
    streams = tuple(
        _stream(version, port == allowed, one) for (version, port), one in zip(kinds, found["streams"], strict=True)
    )
    assert not any(one["refused"] for one in found["streams"]), "the sender's own host refused to send"
    return Crossing(streams, found["gap"], found["overrun"])


def _stream(version: int, allowed: bool, one: Mapping[str, object]) -> Stream:
    heard, sent, seconds = one["heard"], one["sent"], one["seconds"]
    assert isinstance(heard, list)
    assert isinstance(sent, int)
    assert isinstance(seconds, float)
    return Stream(version, allowed, sent, tuple((first, last) for first, last in heard), seconds)


def _pair(
    opened: ExitStack, sender: Namespace, receiver: Namespace, ends: tuple[str, str], port: int
) -> tuple[socket.socket, socket.socket]:
    source, destination = ends
    family = socket.AF_INET6 if ":" in destination else socket.AF_INET
    with inside(receiver):
        hears = opened.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        hears.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER)
        hears.bind((destination, port))
    with inside(sender):
        sends = opened.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        sends.bind((source, 0))
        sends.connect((destination, port))
    return sends, hears


@contextmanager
def _running(handles: Sequence[int]) -> Iterator[tuple[IO[str], IO[str]]]:
    """The child's output and input; it is gone when the block ends, however it ends."""
    command = (sys.executable, "-S", "-E", str(SENDER), *map(str, handles))
    child = subprocess.Popen(command, pass_fds=handles, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield child.stdout, child.stdin
        child.wait(_ENDED)
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()
