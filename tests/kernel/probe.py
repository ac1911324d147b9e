"""Real packets, all from one process: what is admitted shows by an answer, and nobody has to listen.

Where no filter stands in the way, a closed TCP port answers RST, a closed UDP port and a protocol that nobody speaks
answer with an ICMP error, and an echo request with its reply. Silence means that the packet was dropped.
"""

from __future__ import annotations

import errno
import resource
import select
import socket
import struct
from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import groupby, islice

from netpolicy.packet.ports import Protocol
from tests.kernel.lab import Namespace, inside

# Sockets that stand for one flow; every other protocol is sent raw.
KINDS: dict[int, int] = {
    Protocol.TCP: socket.SOCK_STREAM,
    Protocol.UDP: socket.SOCK_DGRAM,
    Protocol.ICMP: socket.SOCK_DGRAM,
    Protocol.ICMPV6: socket.SOCK_DGRAM,
}
# How long all must be silent before silence is the answer; one wait for thousands of packets.
QUIET = 0.15
ECHO_REQUEST = {4: 8, 6: 128}
# How a host says that a packet reached it: closed port, unknown protocol (v4), unknown next header (v6).
REACHED = frozenset({0, errno.ECONNREFUSED, errno.ENOPROTOOPT, errno.EPROTO})


@dataclass(frozen=True, slots=True, order=True)
class Probe:
    """The first packet of a flow; `sender` names a namespace, `port` is 0 where the protocol has none."""

    sender: str
    source: str
    destination: str
    protocol: int
    port: int = 0

    @property
    def version(self) -> int:
        return ip_address(self.destination).version

    def __str__(self) -> str:
        what = Protocol(self.protocol).name.lower() if self.protocol in set(Protocol) else f"proto {self.protocol}"
        return f"{self.sender} {self.source} -> {self.destination} {what} {self.port}"


def admitted(spaces: Mapping[str, Namespace], probes: Iterable[Probe], expected: Collection[Probe] = ()) -> set[Probe]:
    """Probes that reached their destination. Those that were expected to and did not are sent once more.

    A busy machine may answer late; an answer that came is proof at any time, so only silence is asked twice.
    """
    probes = set(probes)
    found = answers(spaces, probes)
    found |= answers(spaces, (probes & set(expected)) - found.keys())
    strange = {probe: error for probe, error in found.items() if error not in REACHED}
    assert not strange, f"answers of nobody we know: {[f'{p}: {errno.errorcode[e]}' for p, e in strange.items()]}"
    return set(found)


def answers(spaces: Mapping[str, Namespace], probes: Iterable[Probe]) -> dict[Probe, int]:
    """The error number that each answered probe got (0 for a reply); silent ones are missing."""
    found: dict[Probe, int] = {}
    for raw, alike in groupby(sorted(probes, key=_round), key=_round):
        if raw:
            _forget(spaces.values())
        while batch := list(islice(alike, _most_sockets())):
            found |= _ask(spaces, batch)
    return found


def _round(probe: Probe) -> str:
    # A raw socket at the far end would swallow a packet that the kernel has to answer, so those take turns by sender.
    return "" if probe.protocol in KINDS else probe.sender


def _forget(spaces: Iterable[Namespace]) -> None:
    # Without ports, what one end sent makes a packet of the other end an answer.
    for space in spaces:
        done = space.run("conntrack", "-F")
        assert done.returncode == 0, done.stderr


def _most_sockets() -> int:
    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit < min(hard, 20_000):
        limit = min(hard, 20_000)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return max(64, limit - 256)


def _ask(spaces: Mapping[str, Namespace], batch: list[Probe]) -> dict[Probe, int]:
    found: dict[Probe, int] = {}
    waiting: dict[int, tuple[Probe, socket.socket]] = {}
    with ExitStack() as opened, select.epoll() as watch:
        for sender, probes in groupby(sorted(batch), key=lambda probe: probe.sender):
            with inside(spaces[sender]):
                for probe in probes:
                    one = opened.enter_context(_socket(probe))
                    error = _send(one, probe)
                    if error is None:
                        waiting[one.fileno()] = probe, one
                        watch.register(one, select.EPOLLOUT if probe.protocol == Protocol.TCP else select.EPOLLIN)
                    elif error != errno.EPERM:  # that is the sender's own OUTPUT chain: as good as silence
                        found[probe] = error
        while ready := watch.poll(QUIET):
            for handle, _ in ready:
                probe, one = waiting[handle]
                watch.unregister(handle)
                found[probe] = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return found


def _socket(probe: Probe) -> socket.socket:
    family = socket.AF_INET6 if probe.version == 6 else socket.AF_INET
    one = socket.socket(family, KINDS.get(probe.protocol, socket.SOCK_RAW), probe.protocol)
    one.setblocking(False)
    return one


def _send(one: socket.socket, probe: Probe) -> int | None:
    """The error number of the sending itself; None when the answer is still to come."""
    try:
        one.bind((probe.source, 0))
        raw = one.type == socket.SOCK_RAW
        one.connect((probe.destination, 0 if raw else max(probe.port, 1)))
        if probe.protocol != Protocol.TCP:
            one.send(_payload(probe))
    except BlockingIOError:
        return None
    except OSError as error:
        return error.errno
    return 0 if probe.protocol == Protocol.TCP else None


def _payload(probe: Probe) -> bytes:
    if probe.protocol in (Protocol.ICMP, Protocol.ICMPV6):
        # The kernel fills in the checksum and the identifier of a ping socket.
        return struct.pack("!BBHHH", ECHO_REQUEST[probe.version], 0, 0, 0, 1)
    return bytes(16)
