"""Sets of protocols and ports: one space of 24 bits, the same for every protocol.

A key is `protocol << 16 | value`. The value is the destination port of TCP, UDP and SCTP, and `type << 8 | code` of
ICMP. Packets of any other protocol have no value: such a protocol is in a set with all its values or with none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from netpolicy.packet.family import Family
from netpolicy.packet.familyset import IntervalSet
from netpolicy.packet.intervals import Interval, Intervals, canonical


class Protocol(IntEnum):
    """IP protocol numbers that have a name here; any number from 0 to 255 is a protocol."""

    ICMP = 1
    TCP = 6
    UDP = 17
    GRE = 47
    ESP = 50
    AH = 51
    ICMPV6 = 58
    SCTP = 132


PORTED = frozenset({Protocol.TCP, Protocol.UDP, Protocol.SCTP})
VALUE_BITS = 16
VALUE_LAST = (1 << VALUE_BITS) - 1
PORT_SPACE_LAST = (1 << 24) - 1
WHOLE: Intervals = ((0, VALUE_LAST),)
"""All values of one protocol."""


@dataclass(frozen=True, slots=True)
class PortSet(IntervalSet):
    """A set of keys; a member is a pair (family, key)."""

    @staticmethod
    def whole(family: Family) -> Intervals:
        """All keys, the same in both families."""
        return ((0, PORT_SPACE_LAST),)

    @classmethod
    def ports(cls, protocol: int, pairs: Iterable[Interval]) -> "PortSet":
        """These values of the protocol in both families; a value that is no port is a ValueError."""
        keys = canonical((_key(protocol, first), _key(protocol, last)) for first, last in pairs)
        return cls(keys, keys)

    @classmethod
    def protocol(cls, number: int) -> "PortSet":
        """The whole protocol in both families."""
        return cls.ports(number, WHOLE)

    @classmethod
    def icmp(cls, family: Family, type: int, code: int | None) -> "PortSet":
        """One ICMP type of one family, with one code or, if that is None, with all of them."""
        if not 0 <= type <= 255 or (code is not None and not 0 <= code <= 255):
            raise ValueError(f"icmp type {type} code {code} is not two bytes")
        first, last = (0, 255) if code is None else (code, code)
        return cls.ports(_icmp_of(family), [(type << 8 | first, type << 8 | last)])._only(family)

    @classmethod
    def icmp_any(cls, family: Family) -> "PortSet":
        """All ICMP of one family: ICMP of IPv4, ICMPv6 of IPv6."""
        return cls.protocol(_icmp_of(family))._only(family)

    def _only(self, family: Family) -> "PortSet":
        return PortSet(v4=self.v4) if family == Family.V4 else PortSet(v6=self.v6)


NO_PORT = PortSet()
ANY_PORT = ~NO_PORT


def by_protocol(intervals: Intervals) -> list[tuple[int, Intervals]]:
    """The keys as (protocol, values), both sorted, for each protocol that has any."""
    found: dict[int, list[Interval]] = {}
    for first, last in intervals:
        # Neighbouring protocols are one interval where the one ends whole and the next begins.
        for number in range(first >> VALUE_BITS, (last >> VALUE_BITS) + 1):
            start = number << VALUE_BITS
            pair = (max(first - start, 0), min(last - start, VALUE_LAST))
            found.setdefault(number, []).append(pair)
    return [(number, WHOLE if pairs[0] == WHOLE[0] else tuple(pairs)) for number, pairs in found.items()]


def _key(protocol: int, value: int) -> int:
    if not 0 <= protocol <= 255 or not 0 <= value <= VALUE_LAST:
        raise ValueError(f"protocol {protocol} value {value} is outside the port space")
    return protocol << VALUE_BITS | value


def _icmp_of(family: Family) -> Protocol:
    return Protocol.ICMP if family == Family.V4 else Protocol.ICMPV6
