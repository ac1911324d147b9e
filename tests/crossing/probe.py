"""A packet of a flow, and what rules see of it wherever they judge it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import Enum

from netpolicy.lab.ask import Question, Shape
from netpolicy.packet.family import Family
from netpolicy.packet.packets import ICMP_OF, Packet, State
from netpolicy.packet.ports import Protocol
from netpolicy.targets.iptables.decide import PROTOCOLS_WITH_PORTS
from tests.crossing import places


class Way(Enum):
    """The way of the first packet of a flow."""

    IN = "in"
    OUT = "out"
    LOOP = "loop"
    FORWARD = "forward"
    BACK = "back"
    PUBLISHED = "published"
    REDIRECTED = "redirected"
    MASKED = "masked"


class Which(Enum):
    """Which packet of the flow it is."""

    FIRST = "first"
    ACK = "ack"
    SYN_ACK = "syn-ack"
    FIN = "fin"
    RST = "rst"
    NULL = "null"
    XMAS = "xmas"
    ERROR = "error"
    PARTS = "parts"
    HEAD = "head"
    TAIL = "tail"
    UNTRACKED = "untracked"
    REPLY = "reply"
    AGAIN = "again"
    RELATED = "related"


STRAYS = {
    Which.ACK: Shape.ACK,
    Which.SYN_ACK: Shape.SYN_ACK,
    Which.FIN: Shape.FIN,
    Which.RST: Shape.RST,
    Which.NULL: Shape.NULL,
    Which.XMAS: Shape.XMAS,
    Which.ERROR: Shape.ERROR,
}
RETURNING = (Which.REPLY, Which.RELATED)
RARE = (33, 136)
"""DCCP and UDP-Lite: only multiport looks at their ports."""
OPENED = (Which.REPLY, Which.AGAIN, Which.RELATED)
TRANSLATED = (Way.PUBLISHED, Way.REDIRECTED, Way.MASKED)
ERROR_KEY = {Family.V4: 3 << 8 | 3, Family.V6: 1 << 8 | 4}
ECHO = {Family.V4: (8, 0), Family.V6: (128, 129)}
IN_PARTS = (Which.PARTS, Which.HEAD, Which.TAIL)


@dataclass(frozen=True, slots=True)
class Probe:
    """One packet of a flow; ends, ports and card are those of the first packet of the flow, as its sender wrote it.

    Ends are places (`places.at`). `card` is the interface of the node by which the flow comes, `mac` its sender.
    """

    way: Way
    which: Which
    family: Family
    protocol: int
    source: int
    destination: int
    source_port: int
    port: int
    card: str
    mac: int

    def __str__(self) -> str:
        values = ((one.name, getattr(self, one.name)) for one in fields(self))
        return " ".join(f"{name}={value.value if isinstance(value, Enum) else value}" for name, value in values)

    @property
    def question(self) -> Question:
        """What is asked by its first packet, or by a stray one."""
        shape = STRAYS.get(self.which, Shape.FIRST)
        return Question(self.protocol, self.port, shape, self.source_port)

    @property
    def is_icmp(self) -> bool:
        return self.protocol == ICMP_OF[self.family]

    @property
    def sent_protocol(self) -> int:
        """The protocol of the packet itself."""
        return ICMP_OF[self.family] if self.which is Which.RELATED else self.protocol

    @property
    def opened(self) -> bool:
        """True if packets of the flow went before this one."""
        return self.which in OPENED

    @property
    def flow(self) -> tuple[object, ...]:
        """What connection tracking knows the flow by, whoever began it."""
        ends = frozenset({(self.source, self.source_port), (self.destination, 0 if self.is_icmp else self.port)})
        return self.family, self.protocol, ends, self.source_port if self.is_icmp else 0

    @property
    def sender(self) -> str:
        """The party that sends the packet."""
        first, last = _ENDS[self.way]
        return last if self.which in RETURNING else first

    @property
    def hears(self) -> str:
        """The party that the packet is for."""
        first, last = _ENDS[self.way]
        return first if self.which in RETURNING else last

    def stops(self) -> tuple[Packet, ...]:
        """The packet at each hook that judges it, in order."""
        if self.which in RETURNING:
            return tuple(self._back())
        return tuple(self._there())

    def _packet(self) -> Packet:
        """What all hooks see alike, of a packet in the direction of the flow."""
        tracked = self.state not in (State.INVALID, State.UNTRACKED)
        ported = self.protocol in PROTOCOLS_WITH_PORTS
        return Packet(
            self.family,
            places.at(self.family, self.source),
            places.at(self.family, self.destination),
            self.protocol,
            self.port,
            self.source_port if ported else 0,
            state=self.state,
            original_destination=places.at(self.family, self.destination) if tracked else None,
            original_port=self.port if tracked else None,
            flags=self._flags(),
            snat=self.way is Way.MASKED and self.opened,
        )

    def _flags(self) -> int:
        if self.protocol != Protocol.TCP:
            return Shape.FIRST.flags
        match self.which:
            case Which.REPLY:
                return Shape.SYN_ACK.flags
            case Which.AGAIN:
                return Shape.ACK.flags
            case _:
                return self.question.shape.flags

    @property
    def state(self) -> State:
        """What connection tracking says of it."""
        match self.which:
            case Which.UNTRACKED:
                return State.UNTRACKED
            case Which.REPLY | Which.AGAIN:
                return State.ESTABLISHED
            case Which.RELATED:
                return State.RELATED
            case _:
                return self.question.state

    def _there(self) -> list[Packet]:
        one = self._packet()
        mac = places.INNER_MAC if self.sender == "inner" else self.mac
        match self.way:
            case Way.IN:
                found = [replace(one, in_interface=self.card, mac=mac)]
            case Way.OUT:
                found = [replace(one, out_interface=places.card_to(self.destination))]
            case Way.LOOP:
                found = [replace(one, out_interface=places.LOOPBACK), replace(one, in_interface=places.LOOPBACK)]
            case Way.FORWARD | Way.BACK | Way.MASKED:
                out = places.card_to(self.destination)
                found = [replace(one, in_interface=self.card, out_interface=out, mac=mac)]
            case Way.PUBLISHED:
                one = self._translated(one, places.PUBLISHED_TO)
                found = [replace(one, in_interface=self.card, out_interface=places.BACK, mac=mac)]
            case _:
                found = [replace(self._translated(one, places.REDIRECTED_TO), in_interface=self.card, mac=mac)]
        return [part for each in found for part in self._parts(each)]

    def _translated(self, one: Packet, to: tuple[int, int]) -> Packet:
        return replace(one, destination=places.at(self.family, to[0]), port=to[1], dnat=True)

    def _parts(self, one: Packet) -> list[Packet]:
        """The fragments that it comes in; IPv4 puts them together before INPUT."""
        later = replace(one, fragment=True, port=0, source_port=0)
        match self.which:
            case Which.PARTS if self.family is Family.V6:
                return [one, later]
            case Which.TAIL:
                return [later]
            case _:
                return [one]

    def _back(self) -> list[Packet]:
        """The packet of the other end, wherever it is judged."""
        one = self._packet()
        match self.way:
            case Way.PUBLISHED:
                one = self._translated(one, places.PUBLISHED_TO)
            case Way.REDIRECTED:
                one = self._translated(one, places.REDIRECTED_TO)
            case _:
                pass
        one = replace(one, source=one.destination, destination=one.source)
        if self.which is Which.RELATED:
            one = replace(
                one,
                protocol=ICMP_OF[self.family],
                port=ERROR_KEY[self.family],
                source_port=0,
                original_protocol=self.protocol,
            )
        elif self.is_icmp:
            one = replace(one, port=ECHO[self.family][1] << 8)
        else:
            one = replace(one, source_port=one.port, port=one.source_port)
        mac = places.INNER_MAC if self.sender == "inner" else self.mac
        match self.way:
            case Way.IN | Way.REDIRECTED:
                return [replace(one, out_interface=places.card_to(self.source))]
            case Way.OUT:
                return [replace(one, in_interface=self.card, mac=mac)]
            case Way.LOOP:
                return [replace(one, out_interface=places.LOOPBACK), replace(one, in_interface=places.LOOPBACK)]
            case Way.FORWARD | Way.PUBLISHED:
                out = places.card_to(self.source)
                return [replace(one, in_interface=places.BACK, out_interface=out, mac=mac)]
            case Way.BACK | Way.MASKED:
                return [replace(one, in_interface=places.FRONT, out_interface=places.BACK, mac=mac)]


_ENDS = {
    Way.IN: ("peer", "node"),
    Way.OUT: ("node", "peer"),
    Way.LOOP: ("node", "node"),
    Way.FORWARD: ("peer", "inner"),
    Way.BACK: ("inner", "peer"),
    Way.PUBLISHED: ("peer", "inner"),
    Way.REDIRECTED: ("peer", "node"),
    Way.MASKED: ("inner", "peer"),
}


def read_probe(text: str) -> Probe:
    """The probe of a text that `str` made."""
    words = dict(word.split("=", 1) for word in text.split())
    protocol, source, destination, source_port, port, mac = (
        int(words[name]) for name in ("protocol", "source", "destination", "source_port", "port", "mac")
    )
    return Probe(
        Way(words["way"]),
        Which(words["which"]),
        Family(int(words["family"])),
        protocol,
        source,
        destination,
        source_port,
        port,
        words["card"],
        mac,
    )
