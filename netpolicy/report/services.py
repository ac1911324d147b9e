"""Sets of protocols and ports as people and programs read them: `tcp 22, 80, udp 53`, `icmpv4 3/4`, `any but esp`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.intervals import Intervals, difference, intersection
from netpolicy.packet.packets import ICMP_OF
from netpolicy.packet.ports import (
    PORT_SPACE_LAST,
    PORTED,
    VALUE_BITS,
    VALUE_LAST,
    WHOLE,
    PortSet,
    Protocol,
    by_protocol,
)

_EVERY: Intervals = ((0, PORT_SPACE_LAST),)
_MANY = 24
"""With more protocols than these, what is missing is told instead."""


@dataclass(frozen=True, slots=True)
class Service:
    """One range of one protocol, or all of it; of ICMP the numbers are `type << 8 | code`."""

    protocol: str
    first: int | None
    last: int | None

    @property
    def text(self) -> str:
        if self.first is None or self.last is None:
            return self.protocol
        if self.protocol.startswith("icmpv"):
            return f"{self.protocol} {_icmp_text(self.first, self.last)}"
        return f"{self.protocol} {self.first}" + (f"-{self.last}" if self.last != self.first else "")


def of_keys(keys: Intervals, family: Family) -> Iterator[Service]:
    """The services of a family, in order; `any` where it is everything."""
    if keys == _EVERY:
        yield Service("any", None, None)
        return
    for protocol, values in by_protocol(keys):
        name = _name(protocol, family)
        if values == WHOLE and (protocol not in PORTED):
            yield Service(name, None, None)
        elif protocol == ICMP_OF[family]:
            yield from (Service(name, first, last) for low, high in values for first, last in _kinds(low, high))
        else:
            yield from (Service(name, first, last) for first, last in values)


def text(ports: PortSet, *, told: bool = False) -> str:
    """The set on one line; `told` says the family of what is not in both."""
    if ports.v4 == ports.v6 and _is_wide(ports.v4):
        return _listed(ports.v4, Family.V4)
    both: Intervals = ()
    if not any(_is_wide(ports.of(family)) for family in FAMILIES):
        both = intersection(ports.v4, ports.v6)
        for family in FAMILIES:
            both = difference(both, _icmp(family))
    parts = [_listed(both, Family.V4)] if both else []
    for family in FAMILIES:
        alone = difference(ports.of(family), both)
        if alone:
            plain = told and difference(alone, _icmp(family))
            parts.append(_listed(alone, family) + (f" (IPv{family.value})" if plain else ""))
    return ", ".join(parts)


def _icmp(family: Family) -> Intervals:
    start = ICMP_OF[family] << VALUE_BITS
    return ((start, start | VALUE_LAST),)


def _is_wide(keys: Intervals) -> bool:
    """True for more protocols than anybody wants to read."""
    return len(by_protocol(keys)) > _MANY


def _listed(keys: Intervals, family: Family) -> str:
    missing = difference(_EVERY, keys)
    if missing and _is_wide(keys) and not _is_wide(missing):
        return f"any but {joined(one.text for one in of_keys(missing, family))}"
    return joined(one.text for one in of_keys(keys, family))


def joined(texts: Iterable[str]) -> str:
    """Services in one text; a protocol is written once."""
    written: list[str] = []
    before = ""
    for one in texts:
        protocol, _, port = one.partition(" ")
        written.append(port if port and protocol == before else one)
        before = protocol
    return ", ".join(written)


def _name(protocol: int, family: Family) -> str:
    if protocol == ICMP_OF[family]:
        return f"icmpv{family.value}"
    known = {int(one): one.name.lower() for one in Protocol if one not in ICMP_OF.values()}
    return known.get(protocol, f"protocol {protocol}")


def _kinds(low: int, high: int) -> Iterator[tuple[int, int]]:
    """The range cut at types: whole types together, the rest alone."""
    while low <= high:
        if low & 0xFF == 0 and high - low >= 0xFF:
            whole = low + (high - low + 1 & ~0xFF) - 1
            yield low, whole
            low = whole + 1
        else:
            end = min(high, low | 0xFF)
            yield low, end
            low = end + 1


def _icmp_text(first: int, last: int) -> str:
    if first & 0xFF == 0 and last & 0xFF == 0xFF:
        return str(first >> 8) if first >> 8 == last >> 8 else f"{first >> 8}-{last >> 8}"
    code = str(first & 0xFF) if first == last else f"{first & 0xFF}-{last & 0xFF}"
    return f"{first >> 8}/{code}"
