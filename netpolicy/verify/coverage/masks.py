"""Sets as bit masks of their atoms: the parts that none of some sets splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from netpolicy.packet.grid import Atoms
from netpolicy.packet.intervals import Intervals


def bits(mask: int) -> Iterator[int]:
    """The places of the ones, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Masks:
    """The masks of some sets of numbers from 0 to `last`."""

    def __init__(self, last: int, sets: Iterable[Intervals]) -> None:
        # A set is known by its identity: it may have thousands of ranges, and many statements share it.
        self._given = {id(one): one for one in sets}
        self._atoms = Atoms.of(last, self._given.values())
        self._masks = {name: self._mask(one) for name, one in self._given.items()}
        self.count = len(self._atoms.sizes)

    def _mask(self, one: Intervals) -> int:
        placed = self._atoms.place(one)
        assert placed is not None, "every set that was given is a union of atoms"
        return sum((1 << last + 1) - (1 << first) for first, last in placed)

    def mask(self, one: Intervals) -> int:
        """The atoms of one of the sets that were given."""
        return self._masks[id(one)]

    def at(self, number: int) -> int:
        """The atom that holds the number."""
        return self._atoms.number(number)

    @cached_property
    def firsts(self) -> dict[int, int]:
        """The first number of each atom."""
        return {atom: next(self._atoms.some(atom)) for atom in range(self.count)}
