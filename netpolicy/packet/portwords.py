"""Sets of ports as the language writes them."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.intervals import Intervals, difference, intersection
from netpolicy.packet.packets import ICMP_OF
from netpolicy.packet.ports import ANY_PORT, PORTED, VALUE_BITS, VALUE_LAST, WHOLE, PortSet, Protocol, by_protocol

_NAMES = {int(one): one.name.lower() for one in Protocol if one not in ICMP_OF.values()}
MANY_PROTOCOLS = 200
"""Protocols from which a set is said by what it lacks."""


def service_text(ports: PortSet, families: tuple[Family, ...] = FAMILIES) -> str:
    """`tcp 22, 80-90, icmpv4 8, esp`, `any`, `any but tcp 22`; empty for no port. Only these families count.

    What is of one family alone says so, as in `tcp 22 (IPv6)`.
    """
    sides = {family: ports.of(family) for family in families}
    if all(keys == ANY_PORT.of(family) for family, keys in sides.items()):
        return "any"
    if all(len(by_protocol(keys)) > MANY_PROTOCOLS for keys in sides.values()):
        return f"any but {service_text(~ports, families)}"
    icmp = {family: _icmp_span(family) for family in families}
    plain = {family: difference(keys, icmp[family]) for family, keys in sides.items()}
    shared = plain[families[0]]
    for keys in plain.values():
        shared = intersection(shared, keys)
    items = list(_items(shared))
    for family in families:
        items += [f"{one} (IPv{family.value})" for one in _items(difference(plain[family], shared))]
        items += _icmp(family, intersection(sides[family], icmp[family]))
    return ", ".join(items)


def _items(keys: Intervals) -> Iterator[str]:
    """Protocols with their ports; a protocol is written once."""
    for protocol, values in by_protocol(keys):
        name = _NAMES.get(protocol, f"proto {protocol}")
        if values == WHOLE or protocol not in PORTED:
            yield f"{name} any" if protocol in PORTED else name
            continue
        yield f"{name} " + ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in values)


def _icmp_span(family: Family) -> Intervals:
    start = int(ICMP_OF[family]) << VALUE_BITS
    return ((start, start + VALUE_LAST),)


def _icmp(family: Family, keys: Intervals) -> Iterator[str]:
    """ICMP by type, and by code where not all codes of a type are there."""
    word = f"icmpv{family.value}"
    if not keys:
        return
    if keys == _icmp_span(family):
        yield f"{word} any"
        return
    start = _icmp_span(family)[0][0]
    for first, last in keys:
        for kind in range(first - start >> 8, (last - start >> 8) + 1):
            low, high = max(first - start - (kind << 8), 0), min(last - start - (kind << 8), 255)
            if (low, high) == (0, 255):
                yield f"{word} {kind}"
            elif low == high:
                yield f"{word} {kind}/{low}"
            else:
                yield ", ".join(f"{word} {kind}/{code}" for code in range(low, high + 1))
