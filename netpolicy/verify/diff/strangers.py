"""Names for addresses that no node declares: `outside`, networks of the cluster or of rules, addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from netpolicy.packet.addresses import AddressSet, Family, address_text, network_text, networks
from netpolicy.packet.intervals import Intervals, size, union_all
from netpolicy.verify.diff.cover import End
from netpolicy.verify.diff.crossing import Ground, Stranger

OUTSIDE, WORLD = "outside", "world"
_MOST = 3
Named = tuple[End, frozenset[Stranger]]


class Strangers:
    """The names that one side has for those who are no nodes."""

    def __init__(self, ground: Ground, side: int) -> None:
        self.ground, self.side = ground, side
        self._held: dict[Stranger, AddressSet] = {}
        self._named: dict[Family, list[tuple[str, frozenset[Stranger]]]] = {}

    def names(self, some: Collection[Stranger]) -> list[Named]:
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

    def _few(self, family: Family, some: Collection[Stranger]) -> list[Named]:
        found: list[Named] = []
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
        if family not in self._named:
            self._named[family] = list(self._every_network(family))
        asked = frozenset(some)
        yield from ((name, inside) for name, inside in self._named[family] if inside <= asked)

    def _every_network(self, family: Family) -> Iterator[tuple[str, frozenset[Stranger]]]:
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
            if inside:
                yield name, inside

    def _addresses(self, one: Stranger) -> AddressSet:
        if one not in self._held:
            self._held[one] = self.ground.addresses(self.side, one)
        return self._held[one]

    def _text(self, family: Family, some: Iterable[Stranger]) -> str:
        return _text(family, union_all(self._addresses(one).of(family) for one in some))

    def _outside(self, name: str, some: Iterable[Stranger]) -> End:
        return End(name, addresses=AddressSet.union_all([self._addresses(one) for one in some]))

    def _size(self, some: Iterable[Stranger]) -> int:
        return sum(size(self._addresses(one).of(one.family)) for one in some)


def _text(family: Family, addresses: Intervals) -> str:
    """Addresses as people write them; many are cut short."""
    listed = networks(family, addresses)
    shown = [
        address_text(family, first) if prefix == family.bits else network_text(family, first, prefix)
        for first, prefix in listed[:_MOST]
    ]
    return ", ".join(shown) + (f" and {len(listed) - _MOST} more" if len(listed) > _MOST else "")
