"""The child of `stream.py`: sends numbered datagrams through sockets that it was given, and hears what arrives.

A process of its own, so that the streams flow while their parent is at work. Run by path, it imports nothing of ours.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import sys
import time
from pathlib import Path

RATE = 6_000  # packets a second of each stream, on average: what a pause of this process has missed is sent after it
BURST = 32  # of one stream in a row: a queue of the kernel holds a thousand
TICK = 0.0004
WARM = 300  # packets of each stream before the parent begins
QUIET = 0.2
NUMBER = struct.Struct("!Q")


class Stream:
    """One flow: a socket to send by, a socket that would hear it, and what was sent and heard."""

    def __init__(self, sender: int, receiver: int) -> None:
        self.sender = socket.socket(fileno=sender)
        self.receiver = socket.socket(fileno=receiver)
        self.receiver.setblocking(False)
        self.sent = 0
        self.refused = 0
        self.heard: set[int] = set()

    def send(self, until: int) -> None:
        """Packets up to that number have been given to the kernel, a burst of them at most."""
        for number in range(self.sent, min(until, self.sent + BURST)):
            try:
                self.sender.send(NUMBER.pack(number))
            except OSError:
                self.refused += 1
            self.sent = number + 1

    def hear(self) -> None:
        """Nothing waits in the receiver."""
        try:
            while True:
                self.heard.add(NUMBER.unpack(self.receiver.recv(64))[0])
        except BlockingIOError:
            return


def main(handles: list[int]) -> None:
    """Streams flow from now until the standard input ends; then one line tells what came of them."""
    streams = [Stream(*pair) for pair in zip(handles[::2], handles[1::2], strict=True)]
    dropped = overruns()
    began = last = time.perf_counter()
    gap, told, flowing = 0.0, False, True
    while flowing:
        now = time.perf_counter()
        gap, last = max(gap, now - last if told else 0.0), now
        for stream in streams:
            stream.send(int((now - began) * RATE))
        for stream in streams:
            stream.hear()
        if not told and min(stream.sent for stream in streams) >= WARM:
            print("flowing", flush=True)
            told = True
        flowing = not select.select([0], (), (), TICK)[0]
    seconds = time.perf_counter() - began
    while select.select([stream.receiver for stream in streams], (), (), QUIET)[0]:
        for stream in streams:
            stream.hear()
    full = sum(drops(stream.receiver) for stream in streams)
    told_of = [
        {"sent": one.sent, "refused": one.refused, "heard": spans(one.heard), "seconds": seconds} for one in streams
    ]
    print(json.dumps({"streams": told_of, "gap": gap, "overrun": full + overruns() - dropped}), flush=True)


def spans(numbers: set[int]) -> list[tuple[int, int]]:
    """First and last of each run of numbers."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def drops(one: socket.socket) -> int:
    """Packets that found the buffer of the socket full; SO_MEMINFO has no name in Python."""
    dropped: int = struct.unpack("9I", one.getsockopt(socket.SOL_SOCKET, 55, 36))[8]
    return dropped


def overruns() -> int:
    """Packets that found a queue of a processor full, of the whole machine."""
    lines = Path("/proc/net/softnet_stat").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1], 16) for line in lines)


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]])
    os._exit(0)
