"""Keys of the port space as the services that a security group's rule can name."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.packet.addresses import Family
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.packets import ICMP_OF
from netpolicy.packet.ports import ANY_PORT, WHOLE, by_protocol
from netpolicy.securitygroups.model import Service

_CODE_LAST = 255


def services(family: Family, keys: Intervals) -> Iterator[Service]:
    """The fewest services that are exactly these keys, in order."""
    if keys == ANY_PORT.of(family):
        yield Service()
        return
    for protocol, values in by_protocol(keys):
        if values == WHOLE:
            yield Service(protocol)
        elif protocol == ICMP_OF[family]:
            yield from _icmp(protocol, values)
        else:
            yield from (Service(protocol, first, last) for first, last in values)


def _icmp(protocol: int, values: Intervals) -> Iterator[Service]:
    """ICMP by type, and by code where not all codes of a type pass."""
    for first, last in values:
        for kind in range(first >> 8, (last >> 8) + 1):
            low, high = max(first - (kind << 8), 0), min(last - (kind << 8), _CODE_LAST)
            if (low, high) == (0, _CODE_LAST):
                yield Service(protocol, kind)
            else:
                yield from (Service(protocol, kind, code) for code in range(low, high + 1))
