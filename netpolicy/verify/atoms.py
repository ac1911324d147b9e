"""Cuts numbers into atoms: parts that none of some sets splits. A set is then a bit mask of its atoms."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property

from netpolicy.packet.intervals import Intervals


def bits(mask: int) -> Iterator[int]:
    """The places of the ones, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Atoms:
    """The atoms of some sets. What is in none of the sets is in no atom."""

    def __init__(self, sets: Iterable[Intervals]) -> None:
        # A set is known by its identity first: it may have thousands of ranges, and many statements share it.
        self._given = {id(one): one for one in sets}
        places: dict[Intervals, int] = {}
        self._place = {name: places.setdefault(one, len(places)) for name, one in self._given.items()}
        self._masks = [0] * len(places)
        self._starts, self._atoms = self._swept(places)
        self.count = len({atom for atom in self._atoms if atom is not None})

    def _swept(self, places: dict[Intervals, int]) -> tuple[list[int], list[int | None]]:
        """Where each run of equal numbers begins, and the atom of the run."""
        turns: dict[int, int] = {}
        for one, place in places.items():
            bit = 1 << place
            for first, last in one:
                turns[first] = turns.get(first, 0) ^ bit
                turns[last + 1] = turns.get(last + 1, 0) ^ bit
        starts = sorted(turns)
        atoms: list[int | None] = []
        known: dict[int, int] = {}
        within = 0
        for start in starts:
            within ^= turns[start]
            atoms.append(known.setdefault(within, len(known)) if within else None)
        for held, atom in known.items():
            for place in bits(held):
                self._masks[place] |= 1 << atom
        return starts, atoms

    def mask(self, one: Intervals) -> int:
        """The atoms of one of the sets that were given."""
        return self._masks[self._place[id(one)]]

    def at(self, number: int) -> int | None:
        """The atom that holds the number."""
        place = bisect_right(self._starts, number) - 1
        return self._atoms[place] if place >= 0 else None

    @cached_property
    def firsts(self) -> dict[int, int]:
        """The first number of each atom."""
        found: dict[int, int] = {}
        for start, atom in zip(self._starts, self._atoms, strict=True):
            if atom is not None:
                found.setdefault(atom, start)
        return found
