"""The node with its rules in a namespace, and the wires around it: loads rules, sends packets, tells which arrived."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from netpolicy.lab.fabric import Fabric
from netpolicy.lab.load import LabHost, Loader
from netpolicy.lab.party import Party
from netpolicy.lab.post import Ear
from netpolicy.lab.space import TRACKING, inside
from netpolicy.lab.wire import FIRST, LAST, number_in
from netpolicy.node.backend import Backend
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.packets import ICMP_OF
from tests.crossing import places
from tests.crossing.probe import Probe
from tests.crossing.raw import ethernet, openings, packets

PROTOCOLS = (6, 17, 132, 33, 136, 50, 47, 99)
QUIET = 0.01
OPEN = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
_SETTINGS = {
    "ipv4/ip_forward": "1",
    "ipv6/conf/all/forwarding": "1",
    "ipv4/conf/all/send_redirects": "0",
    "netfilter/nf_conntrack_tcp_be_liberal": "1",
    "netfilter/nf_conntrack_udp_timeout": "60",
    "netfilter/nf_conntrack_icmp_timeout": "60",
    "netfilter/nf_conntrack_icmpv6_timeout": "60",
}
_INET = {Family.V4: socket.AF_INET, Family.V6: socket.AF_INET6}
_TYPES = {0x0800: Family.V4, 0x86DD: Family.V6}
_EVERYTHING, _OUTGOING, _FORCE, _BUFFER, _HEARD = 0x0003, 4, 33, 1 << 24, 200
_MARK = 1
_LOCAL = (1, 13)  # EPERM, EACCES: what our own rules refuse


class RefusedError(Exception):
    """A tool does not take a text."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a probe."""

    arrived: bool
    answered: bool


class Wire:
    """The interface of a party without addresses: it sends and hears whole frames."""

    def __init__(self, party: str) -> None:
        self.party = party
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERYTHING))
        self.socket.bind(("eth0", _EVERYTHING))
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, _FORCE, _BUFFER)

    def heard(self) -> Iterator[tuple[int, int]]:
        """The protocol of each packet that came since it was asked last, and the number of its probe."""
        while True:
            try:
                heard, where = self.socket.recvfrom(_HEARD)
            except BlockingIOError:
                return
            family = _TYPES.get(int.from_bytes(heard[12:14], "big"))
            if family is None or where[2] == _OUTGOING:
                continue
            protocol, body = _above(family, heard[14:])
            yield protocol, number_in(family, protocol, body)


def _above(family: Family, packet: bytes) -> tuple[int, bytes]:
    """The protocol of a packet, and what it has above IP."""
    if family is Family.V4:
        return packet[9], packet[(packet[0] & 15) * 4 :]
    if packet[6] == 44:
        return packet[40], packet[48:]
    return packet[6], packet[40:]


class World:
    """A node whose rules one backend loads. Where it is tracked, conntrack and translation are always at work."""

    def __init__(self, backend: Backend, *, tracked: bool) -> None:
        self.backend, self.tracked = backend, tracked
        self.node, others = places.node(), places.others()
        self._opened = ExitStack()
        self._next = FIRST
        try:
            self.fabric = self._opened.enter_context(Fabric((self.node, *others)))
            self._loader = self._opened.enter_context(closing(Loader(self.fabric, backend)))
            self._furnish(others)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is left."""
        self._opened.close()

    @property
    def host(self) -> LabHost:
        return self._loader.host(self.node)

    def _furnish(self, others: tuple[Party, ...]) -> None:
        space = self.fabric.spaces[self.node]
        space.set(_SETTINGS)
        space.ip(*places.roads())
        peer, inner = others
        for party, mac in ((peer, places.PEER_MACS[0]), (inner, places.INNER_MAC)):
            self.fabric.spaces[party].ip(f"link set eth0 address {places.mac_text(mac)}")
        self.ears: list[Ear | Wire] = []
        with inside(space):
            self._macs = {card: _mac(card) for card in places.OWN}
            for family in FAMILIES:
                for protocol in (*PROTOCOLS, ICMP_OF[family]):
                    self.ears.append(Ear(self.node, family, protocol))
            self._own = {family: _sender(family) for family in FAMILIES}
        self._wires = {}
        for party in others:
            with inside(self.fabric.spaces[party]):
                self._wires[party.name] = Wire(party.name)
        self.ears += self._wires.values()
        for one in (*(ear.socket for ear in self.ears), *self._own.values()):
            self._opened.callback(one.close)
        if self.tracked:
            for family in FAMILIES:
                self.restore(family, places.translation(family))
            space.set(TRACKING | _SETTINGS)  # which a kernel may have only since rules asked for connections

    def restore(self, family: Family, text: str) -> None:
        """The text is loaded, or a RefusedError says why not."""
        self.run(self.backend.tool(family, "restore"), "-w", text=text)

    def run(self, *command: str, text: str = "") -> str:
        """What the program printed at the node, or a RefusedError with its words."""
        with inside(self.fabric.spaces[self.node]):
            answer = self.host.run(*command, text=text)
        if answer.status:
            raise RefusedError(f"{' '.join(command)}: {answer.why}\n{text}")
        return answer.out

    def saved(self, family: Family) -> str:
        """What the save tool prints of the filter table."""
        return self.run(self.backend.tool(family, "save"), "-t", "filter")

    def restore_sets(self, text: str) -> None:
        """The sets hold what the text says."""
        self.run("ipset", "restore", text=text)

    def sets(self) -> str:
        """What `ipset save` prints."""
        return self.run("ipset", "save")

    def cross(self, texts: Mapping[Family, str], probes: Sequence[Probe], quiet: float = QUIET) -> list[Seen]:
        """What became of each probe under these rules; connections that it needs were opened before them.

        `quiet` is how long, in seconds, all must be silent before silence is believed.
        """
        first = self._next
        self._next += len(probes)
        if self._next > LAST >> 1:
            self._next = FIRST
        if self.tracked:
            self.run("conntrack", "-F")
            if any(probe.opened for probe in probes):
                for family in FAMILIES:
                    self.restore(family, OPEN)
                for at, probe in enumerate(probes):
                    for sender, packet in openings(probe, first + at):
                        self._send(probe, sender, packet)
                self._heard(first, 0, QUIET)
        for family, text in texts.items():
            self.restore(family, text)
        for at, probe in enumerate(probes):
            for packet in packets(probe, first + at):
                self._send(probe, probe.sender, packet)
        found = self._heard(first, len(probes), quiet)
        return [_seen(probe, heard) for probe, heard in zip(probes, found, strict=True)]

    def _send(self, probe: Probe, sender: str, packet: bytes) -> None:
        if sender == "node":
            ends = (packet[12:16], packet[16:20]) if probe.family is Family.V4 else (packet[8:24], packet[24:40])
            to = socket.inet_ntop(_INET[probe.family], ends[1])
            try:
                self._own[probe.family].sendto(packet, (to, 0))
            except OSError as failure:
                if failure.errno not in _LOCAL:
                    raise
            return
        by = probe.mac if sender == "peer" else places.INNER_MAC
        card = places.BACK if sender == "inner" else probe.card if probe.card != places.BACK else places.FRONT
        self._wires[sender].socket.send(ethernet(probe.family, self._macs[card], by, packet))

    def _heard(self, first: int, count: int, quiet: float) -> list[set[tuple[str, int]]]:
        """For each probe who heard of it by which protocol, until nobody has heard anything for a while."""
        found: list[set[tuple[str, int]]] = [set() for _ in range(count)]
        until = time.monotonic() + quiet
        while time.monotonic() < until:
            for ear in self.ears:
                for party, protocol, number in _said(ear):
                    until = time.monotonic() + quiet
                    if 0 <= number - first < count:
                        found[number - first].add((party, protocol))
            time.sleep(0.001)
        return found


def _said(ear: Ear | Wire) -> Iterator[tuple[str, int, int]]:
    if isinstance(ear, Wire):
        yield from ((ear.party, protocol, number) for protocol, number in ear.heard())
    else:
        yield from (("node", ear.protocol, number) for number in ear.numbers())


def _seen(probe: Probe, heard: Collection[tuple[str, int]]) -> Seen:
    """A REJECT of the answer of a REJECT is an error that may go to the one the probe was for: it is no arrival."""
    answered = probe.sender != probe.hears and any(party == probe.sender for party, _ in heard)
    return Seen((probe.hears, probe.sent_protocol) in heard, answered)


def _mac(card: str) -> int:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as one:
        one.bind((card, 0))
        return int.from_bytes(one.getsockname()[4], "big")


def _sender(family: Family) -> socket.socket:
    one = socket.socket(_INET[family], socket.SOCK_RAW, socket.IPPROTO_RAW)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, _MARK)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    return one


def worlds(*, tracked: bool) -> Iterable[World]:
    """One for each backend."""
    return (World(backend, tracked=tracked) for backend in Backend)
