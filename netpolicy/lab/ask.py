"""What is asked between two parties: every edge of every port range that a policy names, and what no rule expects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from netpolicy.packet.family import Family
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.packets import ICMP_OF, SYN, State
from netpolicy.packet.ports import PORTED, VALUE_BITS, VALUE_LAST, Protocol
from netpolicy.policy.model import Policy
from netpolicy.verify.baseline import DHCP, open_icmp

FIN, RST, PUSH, ACK, URGENT = 0x01, 0x04, 0x08, 0x10, 0x20
ECHO = {Family.V4: 8 << 8, Family.V6: 128 << 8}
UNREACHABLE = {Family.V4: 3 << 8 | 3, Family.V6: 1 << 8 | 4}
"""The error about a closed port."""


class Shape(Enum):
    """How a packet comes; the value is how people read it."""

    FIRST = "first packet"
    FRAGMENTS = "in two fragments"
    LONE_FRAGMENT = "a later fragment alone"
    ACK = "ACK of no connection"
    SYN_ACK = "SYN and ACK of no connection"
    FIN = "FIN of no connection"
    RST = "RST of no connection"
    NULL = "without any flag"
    XMAS = "with FIN, PSH and URG"
    ERROR = "ICMP error about no connection"

    @property
    def flags(self) -> int:
        """The flags of a TCP packet."""
        return _FLAGS.get(self, SYN)

    @property
    def place(self) -> int:
        """A number of its own, so that the packets of a shape are no connection with those of another."""
        return _PLACES[self]


_FLAGS = {
    Shape.ACK: ACK,
    Shape.SYN_ACK: SYN | ACK,
    Shape.FIN: FIN,
    Shape.RST: RST,
    Shape.NULL: 0,
    Shape.XMAS: FIN | PUSH | URGENT,
}
_PLACES = {shape: place for place, shape in enumerate(Shape)}
STRAYS = (Shape.ACK, Shape.SYN_ACK, Shape.FIN, Shape.RST, Shape.NULL, Shape.XMAS)


@dataclass(frozen=True, slots=True)
class Question:
    """A packet from one party to another; `port` is the destination port, or `type << 8 | code` of ICMP.

    `source_port` is 0 where it does not matter.
    """

    protocol: int
    port: int = 0
    shape: Shape = Shape.FIRST
    source_port: int = 0

    @property
    def state(self) -> State:
        """What connection tracking says of the packet, as kernel 6.18 does (nf_conntrack_proto_*.c)."""
        if self.shape in (Shape.FIRST, Shape.FRAGMENTS, Shape.ACK):
            if self.protocol in ICMP_OF.values():
                return _icmp_state(self.protocol, self.port >> 8)
            return State.NEW
        return State.INVALID

    @property
    def answered(self) -> bool:
        """True if a host that lets it in answers, where nobody listens."""
        match self.protocol:
            case Protocol.TCP:
                return self.shape in (Shape.FIRST, Shape.ACK)
            case Protocol.UDP:
                return self.shape in (Shape.FIRST, Shape.FRAGMENTS)
            case Protocol.ICMP | Protocol.ICMPV6:
                return self.port in ECHO.values() and self.state is State.NEW
            case _:
                return False


def _icmp_state(protocol: int, kind: int) -> State:
    if protocol == Protocol.ICMP:
        return State.NEW if kind in (8, 13, 15, 17) else State.INVALID  # requests of RFC 792 and 950
    if kind in (128, 139):  # echo, and asking for the names of a node (RFC 4620)
        return State.NEW
    return State.UNTRACKED if kind in (*range(130, 137), 143) else State.INVALID


def edges(policy: Policy, family: Family) -> tuple[Question, ...]:
    """A first packet for every edge of what statements name: both sides of both ends, and the middle of a range.

    Where a port is one of TCP or UDP, it is asked of both; of protocols without ports also those beside them.
    """
    icmp = ICMP_OF[family]
    found: dict[int, set[int]] = {Protocol.ESP: {0}, Protocol.GRE: {0}, icmp: {ECHO[family]}}
    found |= {Protocol.TCP: {1, VALUE_LAST}, Protocol.UDP: {1, VALUE_LAST}}
    named = [one.ports.of(family) for one in policy.statements]
    for first, last in {pair for one in (*named, open_icmp(family)) for pair in _by_protocol(one)}:
        protocol, of_last = first >> VALUE_BITS, last >> VALUE_BITS
        if protocol == of_last and (protocol in PORTED or protocol == icmp):
            inside = range(1, VALUE_LAST + 1) if protocol in PORTED else range(VALUE_LAST + 1)
            low, high = first & VALUE_LAST, last & VALUE_LAST
            near = {one for one in (low - 1, low, (low + high) // 2, high, high + 1) if one in inside}
            found.setdefault(protocol, set()).update(near)
        else:
            beside = {protocol - 1, protocol, of_last, of_last + 1}
            found.update({one: {0} for one in beside if _sendable(family, one) and one not in found})
    both = found[Protocol.TCP] | found[Protocol.UDP]
    found[Protocol.TCP] = found[Protocol.UDP] = both
    return tuple(Question(protocol, port) for protocol in sorted(found) for port in sorted(found[protocol]))


def lease(family: Family) -> tuple[Question, Question]:
    """What a client asks a DHCP server, and what the server answers, each as a first packet."""
    client, server = DHCP[family]
    return Question(Protocol.UDP, server, source_port=client), Question(Protocol.UDP, client, source_port=server)


def free_ports(asked: Iterable[Question], count: int) -> int:
    """The first of as many ports in a row of which no question asks."""
    taken = sorted({0, 1 << 16, *(one.port for one in asked if one.protocol in PORTED)})
    gaps = [(first, last) for first, last in pairwise(taken) if last - first > count]
    return max(gaps, key=lambda gap: (gap[0] >= _HIGH, gap[1] - gap[0]))[1] - count if gaps else _HIGH


_HIGH = 1024


def forwarded(policy: Policy, asked: Mapping[Family, Iterable[Question]]) -> dict[Family, frozenset[Question]]:
    """Those of the questions that ask about edges of forwarded services."""
    found = {}
    for family, questions in asked.items():
        near = {
            key
            for one in policy.statements
            for first, last in one.forwarded.of(family)
            for key in (first - 1, first, (first + last) // 2, last, last + 1)
        }
        found[family] = frozenset(one for one in questions if one.protocol << VALUE_BITS | one.port in near)
    return found


def _by_protocol(keys: Intervals) -> Iterator[tuple[int, int]]:
    """The intervals, those of one protocol apart where they touch those of another."""
    for first, last in keys:
        at = first
        while at <= last:
            end = at | VALUE_LAST
            whole = not at & VALUE_LAST and end <= last
            if whole:  # whole protocols stay together
                end = (last + 1 >> VALUE_BITS << VALUE_BITS) - 1
            yield at, min(end, last)
            at = min(end, last) + 1


def unasked(policy: Policy, family: Family) -> tuple[int, ...]:
    """Protocols of which a statement speaks alone, and of which no packet can be sent and heard."""
    named = {
        key >> VALUE_BITS
        for one in policy.statements
        for first, last in _by_protocol(one.ports.of(family))
        for key in (first, last)
        if first >> VALUE_BITS == last >> VALUE_BITS
    }
    known = (*PORTED, ICMP_OF[family])
    return tuple(sorted(one for one in named if one not in known and not _sendable(family, one)))


_EXTENSIONS = {0, 43, 44, 51, 59, 60, 135, 139, 140}
"""Headers of IPv6 that are no packets by themselves (RFC 8200, and the registry of extension headers)."""


def _sendable(family: Family, protocol: int) -> bool:
    """True for a protocol of which a packet with nothing in it can be sent and heard."""
    banned = {Family.V4: {0, 2, 4, 33, 41, 136, 255}, Family.V6: _EXTENSIONS | {4, 33, 41, 136, 255}}
    other = ICMP_OF[Family.V6 if family is Family.V4 else Family.V4]
    return 0 < protocol < 255 and protocol not in banned[family] and protocol != other and protocol not in PORTED


def strays(ports: Iterable[tuple[int, int]]) -> tuple[Question, ...]:
    """What no rule expects, for these protocols and ports: flags of no connection, fragments."""
    found: list[Question] = []
    for protocol, port in ports:
        if protocol == Protocol.TCP:
            found += [Question(protocol, port, shape) for shape in STRAYS]
        elif protocol == Protocol.UDP:
            found += [Question(protocol, port, shape) for shape in (Shape.FRAGMENTS, Shape.LONE_FRAGMENT)]
    return tuple(found)


def error(family: Family) -> Question:
    """An ICMP error about no connection."""
    return Question(ICMP_OF[family], UNREACHABLE[family], Shape.ERROR)
