"""Address axes on which addresses that no question tells apart share a place.

All that is asked about addresses, in a policy and in the rules of its nodes, is whether they are in one of some sets.
Addresses that are in the same of these sets are an *atom*; a grid gives every atom a number, and a set of addresses is
then a set of a few numbers, however many nodes it holds. It is exact: every set that has a place is a union of atoms.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from netpolicy.packet import intervals
from netpolicy.packet.family import Family
from netpolicy.packet.intervals import Interval, Intervals, canonical, difference, union


@dataclass(frozen=True, slots=True, eq=False)
class Atoms:
    """The atoms of the numbers from 0 to `last`: `numbers` says which atom begins at each of the places `firsts`."""

    last: int
    firsts: tuple[int, ...]
    numbers: tuple[int, ...]
    sizes: tuple[int, ...]
    known: dict[Intervals, Intervals | None]
    """Sets by value, with their numbers; None for one that is no union of atoms."""

    @classmethod
    def of(cls, last: int, sets: Iterable[Intervals]) -> Atoms:
        """The atoms that these sets of numbers up to `last` tell apart."""
        distinct = [one for one in dict.fromkeys(sets) if one]
        number_of: dict[int, int] = {}
        firsts: list[int] = []
        numbers: list[int] = []
        for first, inside in _signatures(distinct):
            if first <= last:
                firsts.append(first)
                numbers.append(number_of.setdefault(inside, len(number_of)))
        sizes = [0] * len(number_of)
        for first, end, number in zip(firsts, (*firsts[1:], last + 1), numbers, strict=True):
            sizes[number] += end - first
        places: list[list[Interval]] = [[] for _ in distinct]
        for inside, number in number_of.items():
            for place in _bits(inside):
                places[place].append((number, number))
        known = dict[Intervals, Intervals | None](zip(distinct, map(canonical, places), strict=True))
        return cls(last, tuple(firsts), tuple(numbers), tuple(sizes), known)

    def number(self, one: int) -> int:
        """The number of the atom that holds this one."""
        return self.numbers[bisect_right(self.firsts, one) - 1]

    def place(self, addresses: Intervals) -> Intervals | None:
        """The numbers of a set's atoms; None for a set that is no union of atoms."""
        if not addresses:
            return ()
        if addresses not in self.known:
            met = {number for first, last in addresses for number in self._met(first, last)}
            whole = sum(self.sizes[number] for number in met) == intervals.size(addresses)
            self.known[addresses] = canonical((number, number) for number in met) if whole else None
        return self.known[addresses]

    def members(self, number: int) -> Intervals:
        """All members of the atom."""
        ends = (*self.firsts[1:], self.last + 1)
        spans = zip(self.firsts, ends, self.numbers, strict=True)
        return canonical((first, end - 1) for first, end, atom in spans if atom == number)

    def within(self, finer: Atoms) -> tuple[Intervals, ...]:
        """For each atom the numbers of its parts among finer atoms, which tell apart all that these do."""
        parts: list[set[int]] = [set() for _ in self.sizes]
        for first, number in zip(finer.firsts, finer.numbers, strict=True):
            parts[self.number(first)].add(number)
        return tuple(canonical((one, one) for one in sorted(found)) for found in parts)

    def some(self, number: int) -> Iterator[int]:
        """Members of the atom: the first of each of its ranges and what follows them."""
        for first, end, atom in zip(self.firsts, (*self.firsts[1:], self.last + 1), self.numbers, strict=True):
            if atom == number:
                yield from range(first, min(end, first + _SOME))

    def _met(self, first: int, last: int) -> tuple[int, ...]:
        return self.numbers[bisect_right(self.firsts, first) - 1 : bisect_right(self.firsts, last)]


_SOME = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """An axis of addresses by atom, on which some addresses, `own`, stand apart, each at a place of its own.

    `every` are the numbers that stand for an address; `last` is the greatest.
    """

    family: Family
    atoms: Atoms
    own: tuple[int, ...] = ()
    every: Intervals = field(init=False)
    last: int = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.atoms.sizes)
        taken = Counter(self.atoms.number(address) for address in self.own)
        emptied = canonical((one, one) for one, held in taken.items() if held == self.atoms.sizes[one])
        last = count - 1 + len(self.own)
        object.__setattr__(self, "last", last)
        object.__setattr__(self, "every", difference(((0, last),), emptied))

    def number(self, address: int) -> int:
        """The number that stands for the address."""
        return len(self.atoms.sizes) + self.own.index(address) if address in self.own else self.atoms.number(address)

    def place(self, addresses: Intervals) -> Intervals | None:
        """The numbers of a set of addresses; None for a set that the axis cannot tell."""
        found = self.atoms.place(addresses)
        if found is None or not self.own:
            return found
        apart = [len(self.atoms.sizes) + at for at, one in enumerate(self.own) if intervals.contains(addresses, one)]
        return union(found, canonical((one, one) for one in apart))

    def address(self, number: int) -> int:
        """The lowest address that the number stands for, or one near it."""
        if number >= len(self.atoms.sizes):
            return self.own[number - len(self.atoms.sizes)]
        return next(one for one in self.atoms.some(number) if one not in self.own)


def _bits(inside: int) -> Iterator[int]:
    """The places of the bits that are set."""
    while inside:
        lowest = inside & -inside
        yield lowest.bit_length() - 1
        inside ^= lowest


def _signatures(sets: list[Intervals]) -> Iterator[tuple[int, int]]:
    """Where it changes which of the sets hold an address: that address, and a bit for each set."""
    changes: dict[int, int] = defaultdict(int)
    for place, one in enumerate(sets):
        bit = 1 << place
        for first, last in one:
            changes[first] ^= bit
            changes[last + 1] ^= bit
    if not changes or min(changes) > 0:
        yield 0, 0
    inside = 0
    for position in sorted(changes):
        inside ^= changes[position]
        yield position, inside
