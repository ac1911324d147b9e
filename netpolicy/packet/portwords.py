"""Sets of ports as the language writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.intervals import Interval, Intervals, canonical, difference, intersection
from netpolicy.packet.packets import ICMP_OF
from netpolicy.packet.ports import ANY_PORT, PORTED, VALUE_BITS, VALUE_LAST, WHOLE, PortSet, Protocol, by_protocol

_NAMES = {int(one): one.name.lower() for one in Protocol if one not in ICMP_OF.values()}
_ICMP_RANGE = re.compile(r"icmpv[46] [^a-z]*-")
MANY_PROTOCOLS = 200
"""Protocols from which a set is said by what it lacks."""


def service_text(ports: PortSet, families: tuple[Family, ...] = FAMILIES) -> str:
    """`tcp 22, 80-90, icmpv4 8, esp`, `any`, `any but tcp 22`; empty for no port. Only these families count.

    What is of one family alone says so, as in `tcp 22 (IPv6)`.
    """
    sides = {family: ports.of(family) for family in families}
    if all(keys == ANY_PORT.of(family) for family, keys in sides.items()):
        return "any"
    wide = {family for family, keys in sides.items() if len(by_protocol(keys)) > MANY_PROTOCOLS}
    if len(wide) == len(families):
        return f"any but {service_text(~ports, families)}"
    if wide:
        apart = ((family, service_text(ports, (family,))) for family in families)
        return ", ".join(f"{said} (IPv{family.value})" for family, said in apart if said)
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
        yield f"{name} " + ", ".join(_range(*one) for one in values)


def _icmp_span(family: Family) -> Intervals:
    start = int(ICMP_OF[family]) << VALUE_BITS
    return ((start, start + VALUE_LAST),)


def _icmp(family: Family, keys: Intervals) -> Iterator[str]:
    """ICMP by types, and by codes where not all codes of a type are there; `3/4`, `9-255`, `3/5-255`."""
    start, word = _icmp_span(family)[0][0], f"icmpv{family.value}"
    if keys == _icmp_span(family):
        yield f"{word} any"
    elif keys:
        whole: list[Interval] = []
        parts: list[tuple[int, str]] = []
        for first, last in ((first - start, last - start) for first, last in keys):
            for kind in range(first >> 8, (last >> 8) + 1):
                codes = max(first - (kind << 8), 0), min(last - (kind << 8), 255)
                if codes == (0, 255):
                    whole.append((kind, kind))
                else:
                    parts.append((kind, f"{kind}/{_range(*codes)}"))
        parts += [(first, _range(first, last)) for first, last in canonical(whole)]
        yield f"{word} " + ", ".join(text for _, text in sorted(parts, key=lambda part: part[0]))


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def is_sayable(text: str) -> bool:
    """True for the text of a set that a statement can name: it knows no `but`, no family and no range of ICMP."""
    return " but " not in text and "(" not in text and _ICMP_RANGE.search(text) is None
