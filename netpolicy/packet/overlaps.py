"""Which boxes of a list may overlap another: one bit a box, so that thousands are compared at once."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from operator import or_

from netpolicy.packet.intervals import Intervals
from netpolicy.packet.space import Box

Bits = int
"""A set of places in a list: bit i stands for place i."""

MOST_BITS = 1 << 27
"""So many bits are kept a list of unions, 16 MiB: some 10,000 boxes with ends of their own, each with a union."""

SPARSE = 16
"""Up to so many members are found one by one quicker than through a text of all digits."""


class Overlaps:
    """The boxes of a list by where they begin and end in each dimension."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        self._lines = [_Line(column) for column in zip(*boxes, strict=True)]

    def of(self, box: Box) -> Bits:
        """At least those of the list that overlap the box, exactly those where every set is one interval."""
        found = -1
        for line, side in zip(self._lines, box, strict=True):
            found &= line.of(side)
        return found


class _Line:
    """One dimension: an interval overlaps what began up to its last member, without what ended before its first."""

    def __init__(self, column: Sequence[Intervals]) -> None:
        holders: dict[Intervals, list[int]] = {}
        for place, side in enumerate(column):
            if side:
                holders.setdefault(side, []).append(place)
        self._begun = _Unions(((side[0][0], places) for side, places in holders.items()), len(column))
        self._ended = _Unions(((side[-1][1], places) for side, places in holders.items()), len(column))
        # What only one box asks is not kept.
        self._kept: dict[Intervals, Bits] = {side: -1 for side, places in holders.items() if len(places) > 1}

    def of(self, side: Intervals) -> Bits:
        """Those whose hull overlaps the hull of the side."""
        known = self._kept.get(side)
        if known is not None and known >= 0:
            return known
        # What ended before the first member also began before the last one.
        found = self._begun.up_to(side[-1][1]) ^ self._ended.up_to(side[0][0] - 1) if side else 0
        if known is not None:
            self._kept[side] = found
        return found


class _Unions:
    """For each value the union of what stands at it or at a lower one."""

    def __init__(self, marks: Iterable[tuple[int, list[int]]], width: int) -> None:
        at: dict[int, list[int]] = {}
        for value, places in marks:
            at.setdefault(value, []).extend(places)
        self._values = sorted(at)
        self._places = [at[value] for value in self._values]
        self._stride = 1 + len(at) * width // MOST_BITS
        starts = range(0, len(at), self._stride)
        groups = (bits_of(chain.from_iterable(self._places[start : start + self._stride])) for start in starts)
        self._unions = list(accumulate(groups, or_, initial=0))

    def up_to(self, value: int) -> Bits:
        """The union of all at the value and below."""
        count = bisect_right(self._values, value)
        whole = count // self._stride
        rest = self._places[whole * self._stride : count]
        return self._unions[whole] | bits_of(chain.from_iterable(rest)) if rest else self._unions[whole]


def bits_of(places: Iterable[int]) -> Bits:
    """The set of these places."""
    found = 0
    for place in places:
        found |= 1 << place
    return found


def places_in(bits: Bits) -> Iterator[int]:
    """The places in the set, in order."""
    if bits.bit_count() <= SPARSE:
        while bits:
            lowest = bits & -bits
            yield lowest.bit_length() - 1
            bits ^= lowest
        return
    digits = f"{bits:b}"[::-1]
    place = digits.find("1")
    while place >= 0:
        yield place
        place = digits.find("1", place + 1)
