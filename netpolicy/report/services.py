"""Sets of protocols and ports cut into services, a range of a protocol each, as programs read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netpolicy.packet.family import Family
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.packets import ICMP_OF
from netpolicy.packet.ports import (
    PORT_SPACE_LAST,
    PORTED,
    WHOLE,
    Protocol,
    by_protocol,
)

_EVERY: Intervals = ((0, PORT_SPACE_LAST),)


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
