"""Names for who takes part: as few as say it exactly, roles before single nodes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from netpolicy.packet.addresses import NOWHERE, AddressSet
from netpolicy.verify.diff.kinds import Kind

ALL = "all"
Mask = int
"""Kinds by a bit each."""


@dataclass(frozen=True, slots=True)
class End:
    """One end of a change by name: `nodes` of the `whole` many that the name has, or addresses of no node."""

    name: str
    nodes: tuple[str, ...] = ()
    whole: int = 0
    addresses: AddressSet = NOWHERE

    @property
    def partial(self) -> bool:
        """True where only some nodes of the name are meant."""
        return len(self.nodes) < self.whole


class Names:
    """The names that one side has for some kinds: their roles, and `all` where these are all that could be meant."""

    def __init__(self, kinds: Iterable[Kind], side: int, *, every: bool) -> None:
        self.kinds = {kind.number: kind for kind in kinds}
        named: dict[str, Mask] = {ALL: 0} if every else {}
        for number, kind in self.kinds.items():
            for name in (ALL, *kind.roles(side)) if every else kind.roles(side):
                named[name] = named.get(name, 0) | 1 << number
        self.named = dict(sorted(named.items()))
        self.mask = sum(1 << number for number in self.kinds)

    def of(self, mask: Mask, hints: Collection[str], *, alone: Mask = 0) -> list[tuple[End, Mask]]:
        """Ends that together are exactly these kinds; whether `alone` is among them does not matter."""
        inside = [(name, self.named[name] & (mask | alone)) for name in self.chosen(mask, hints, alone=alone)]
        return [(self.end(name, some), some) for name, some in inside]

    def chosen(self, mask: Mask, hints: Collection[str], *, alone: Mask = 0) -> list[str]:
        """The names of these ends."""
        found: list[str] = []
        left = mask
        while left:
            best = max(self.named, key=lambda name: self._fitness(name, mask | alone, left, hints))
            found.append(best)
            left &= ~self.named[best]
        return found

    def _fitness(self, name: str, mask: Mask, left: Mask, hints: Collection[str]) -> tuple[int, ...]:
        """How well a name says what is left: whole names first, then those that say the most."""
        meant = self.named[name]
        whole = not meant & ~mask and bool(meant & left)
        return (whole, (meant & left).bit_count(), name in hints, name != ALL, -meant.bit_count())

    def alone(self, number: int) -> Mask:
        """The kind itself where it is one node of these, which is no sender to itself."""
        return 1 << number if number in self.kinds and len(self.kinds[number].names) == 1 else 0

    def end(self, name: str, mask: Mask) -> End:
        """The nodes of these kinds, by a name that they have."""
        nodes = sorted(node for number in bits(mask) for node in self.kinds[number].names)
        return End(name, tuple(nodes), sum(len(self.kinds[number].names) for number in bits(self.named[name])))


Rectangle = tuple[str, str, Mask, Mask]
"""The names of sources and destinations, and both as kinds."""


def rectangles(
    senders: Names, receivers: Names, pairs: Collection[tuple[int, int]], hints: Collection[str]
) -> Iterator[tuple[End, Mask, End, Mask]]:
    """Ends that together are exactly these pairs (source, destination): whole names first, then what is left."""
    sources: dict[int, Mask] = {}
    for source, destination in pairs:
        sources[destination] = sources.get(destination, 0) | 1 << source
    left = dict(sources)
    whole = _whole(senders, receivers, sources, hints)
    while whole:
        gains = [_gain(one, left) for one in whole]
        best = max(gains)
        if not best:
            break
        name, other, others, mask = whole[gains.index(best)]
        for number in bits(mask):
            left[number] &= ~others
        yield senders.end(name, others), others, receivers.end(other, mask), mask
    yield from _rest(senders, receivers, {number: mask for number, mask in left.items() if mask}, hints)


def _whole(senders: Names, receivers: Names, sources: Mapping[int, Mask], hints: Collection[str]) -> list[Rectangle]:
    """The rectangles of two names all of whose pairs are there, hinted ones first."""
    found = []
    for name, mask in receivers.named.items():
        inside = bits(mask)
        if not all(number in sources for number in inside):
            continue
        for other, others in senders.named.items():
            missing = any(others & ~senders.alone(number) & ~sources[number] for number in inside)
            if not missing and any(others & sources[number] for number in inside):
                found.append((other, name, others, mask))
    return sorted(found, key=lambda one: (-sum(name in hints for name in one[:2]), one[:2].count(ALL), one[:2]))


def _rest(
    senders: Names, receivers: Names, left: Mapping[int, Mask], hints: Collection[str]
) -> Iterator[tuple[End, Mask, End, Mask]]:
    """What no two names are exactly: destinations with the same sources share a line."""
    rest: dict[object, dict[int, Mask]] = {}
    for number, mask in left.items():
        alone = senders.alone(number)
        chosen = senders.chosen(mask, hints, alone=alone)
        whole = not any(senders.named[name] & ~(mask | alone) for name in chosen)
        rest.setdefault(tuple(chosen) if whole else mask, {})[number] = mask
    for together in rest.values():
        mask = 0
        for one in together.values():
            mask |= one
        spared = senders.alone(next(iter(together))) if len(together) == 1 else 0
        for source, inside in senders.of(mask, hints, alone=spared):
            for destination, there in receivers.of(sum(1 << number for number in together), hints):
                yield source, inside, destination, there


def _gain(rectangle: Rectangle, left: Mapping[int, Mask]) -> int:
    return sum((left[number] & rectangle[2]).bit_count() for number in bits(rectangle[3]))


def bits(mask: Mask) -> Sequence[int]:
    """The kinds of a mask."""
    found = []
    while mask:
        lowest = mask & -mask
        found.append(lowest.bit_length() - 1)
        mask ^= lowest
    return found
