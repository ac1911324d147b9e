"""Names for who takes part: as few as say it exactly, roles before single nodes, networks before addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from netpolicy.packet.addresses import NOWHERE, AddressSet, Family, address_text, network_text, networks
from netpolicy.packet.intervals import Intervals, size, union_all
from netpolicy.verify.crossing import Ground, Share, Stranger, share_of
from netpolicy.verify.kinds import Kind

OUTSIDE, WORLD, ALL = "outside", "world", "all"
_MOST = 3


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


Mask = int
"""Kinds by a bit each."""


class Cover:
    """Names for kinds of nodes, as one side has them, among those whose flows are of one share."""

    def __init__(self, ground: Ground, side: int, share: Share) -> None:
        self.ground, self.side, self.share = ground, side, share
        self.kinds = {kind.number: kind for kind in ground.kinds if kind.halves[side] is not None}
        if share is Share.KEPT:
            self.kinds = {number: kind for number, kind in self.kinds.items() if kind.stays}
        named: dict[str, Mask] = {ALL: 0}
        for number, kind in self.kinds.items():
            for name in (ALL, *kind.roles(side)):
                named[name] = named.get(name, 0) | 1 << number
        self.named = dict(sorted(named.items()))

    def rectangles(
        self, pairs: Collection[tuple[int, int]], hints: Collection[str]
    ) -> Iterator[tuple[End, Mask, End, Mask]]:
        """Ends that together are exactly these pairs (source, destination): whole names first, then what is left."""
        sources: dict[int, Mask] = {}
        for source, destination in pairs:
            sources[destination] = sources.get(destination, 0) | 1 << source
        left = dict(sources)
        possible = {number: self._possible(number) for number in sources}
        whole = self._whole(sources, possible, hints)
        while whole:
            gains = {rectangle: _gain(rectangle, left) for rectangle in whole}
            best = max(whole, key=lambda one: (gains[one], -whole.index(one)))
            if not gains[best]:
                break
            taking = 0
            for number in _bits(best[3]):
                left[number] &= ~best[2]
                taking |= best[2] & sources[number]
            yield self._end(best[0], taking), taking, self._end(best[1], best[3]), best[3]
        rest: dict[Mask, Mask] = {}
        for number, mask in left.items():
            if mask:
                rest[mask] = rest.get(mask, 0) | 1 << number
        for mask, destinations in rest.items():
            for source, inside in self.names(mask, hints):
                for destination, there in self.names(destinations, hints):
                    yield source, inside, destination, there

    def names(self, mask: Mask, hints: Collection[str]) -> list[tuple[End, Mask]]:
        """Ends that together are exactly these kinds."""
        found: list[tuple[End, Mask]] = []
        left = mask
        while left:
            best = max(
                self.named,
                key=lambda name: (
                    not self.named[name] & ~mask and bool(self.named[name] & left),
                    (self.named[name] & left).bit_count(),
                    name in hints,
                    name != ALL,
                    -self.named[name].bit_count(),
                ),
            )
            inside = self.named[best] & mask
            found.append((self._end(best, inside), inside))
            left &= ~inside
        return found

    def _whole(
        self, sources: Mapping[int, Mask], possible: Mapping[int, Mask], hints: Collection[str]
    ) -> list[tuple[str, str, Mask, Mask]]:
        """The rectangles of two names all of whose pairs are there, hinted ones first."""
        found = []
        for name, mask in self.named.items():
            inside = [number for number in _bits(mask) if number in sources]
            if len(inside) < mask.bit_count():
                continue
            for other, others in self.named.items():
                asked = [others & possible[number] & ~sources[number] for number in inside]
                if not any(asked) and any(others & sources[number] for number in inside):
                    found.append((other, name, others, mask))
        return sorted(found, key=lambda one: (-sum(name in hints for name in one[:2]), one[:2].count(ALL), one[:2]))

    def _possible(self, number: int) -> Mask:
        receiver = self.kinds[number]
        found = 0
        for other, sender in self.kinds.items():
            if (other != number or len(receiver.names) > 1) and share_of(sender, receiver) is self.share:
                found |= 1 << other
        return found

    def _end(self, name: str, mask: Mask) -> End:
        nodes = [node for number in _bits(mask) for node in self.kinds[number].names]
        whole = sum(len(self.kinds[number].names) for number in _bits(self.named[name]))
        return End(name, tuple(nodes), whole)

    def strangers(self, some: Collection[Stranger]) -> list[tuple[End, frozenset[Stranger]]]:
        """Ends that together are exactly these strangers, of one family."""
        family = next(iter(some)).family
        every = {Stranger(family, atom) for atom in self.ground.strangers[self.side][family]}
        if every <= set(some):
            return [(self._outside(OUTSIDE, some), frozenset(some))]
        missing = every - set(some)
        if self._size(some) > self._size(missing):
            but = [end.name for end, _ in self._few(family, missing)]
            if len(but) <= _MOST:
                return [(self._outside(f"{OUTSIDE} but {', '.join(but)}", some), frozenset(some))]
        return self._few(family, some)

    def _few(self, family: Family, some: Collection[Stranger]) -> list[tuple[End, frozenset[Stranger]]]:
        found: list[tuple[End, frozenset[Stranger]]] = []
        left = set(some)
        for name, inside in sorted(self._networks(family, some), key=lambda one: (-self._size(one[1]), one[0])):
            if inside & left:
                found.append((self._outside(name, inside), inside))
                left -= inside
        if left:
            found.append((self._outside(self._text(family, left), left), frozenset(left)))
        return found

    def _networks(self, family: Family, some: Collection[Stranger]) -> Iterator[tuple[str, frozenset[Stranger]]]:
        """Names of networks, and networks that rules name, that lie in these strangers."""
        atoms = self.ground.atoms[family]
        strangers = set(self.ground.strangers[self.side][family])
        here, there = self.ground.sides[self.side], self.ground.sides[1 - self.side]
        named = [(one.name, one.addresses.of(family)) for one in here.networks or there.networks]
        given = {addresses for _, addresses in named}
        for addresses in list(atoms.known):
            if addresses not in given and len(addresses) == 1 and len(networks(family, addresses)) == 1:
                named.append((_text(family, addresses), addresses))
        for name, addresses in named:
            placed = atoms.place(addresses)
            inside = frozenset(
                Stranger(family, number)
                for first, last in placed or ()
                for number in range(first, last + 1)
                if number in strangers
            )
            if inside and inside <= set(some):
                yield name, inside

    def _text(self, family: Family, some: Iterable[Stranger]) -> str:
        return _text(family, union_all(self.ground.addresses(self.side, one).of(family) for one in some))

    def _outside(self, name: str, some: Iterable[Stranger]) -> End:
        return End(name, addresses=AddressSet.union_all([self.ground.addresses(self.side, one) for one in some]))

    def _size(self, some: Iterable[Stranger]) -> int:
        return sum(size(self.ground.addresses(self.side, one).of(one.family)) for one in some)


def _text(family: Family, addresses: Intervals) -> str:
    """Addresses as people write them; many are cut short."""
    listed = networks(family, addresses)
    shown = [
        address_text(family, first) if prefix == family.bits else network_text(family, first, prefix)
        for first, prefix in listed[:_MOST]
    ]
    return ", ".join(shown) + (f" and {len(listed) - _MOST} more" if len(listed) > _MOST else "")


def _gain(rectangle: tuple[str, str, Mask, Mask], left: Mapping[int, Mask]) -> int:
    return sum((left[number] & rectangle[2]).bit_count() for number in _bits(rectangle[3]))


def _bits(mask: Mask) -> Sequence[int]:
    found = []
    while mask:
        lowest = mask & -mask
        found.append(lowest.bit_length() - 1)
        mask ^= lowest
    return found
