"""Which boxes of a list may overlap another: one bit a box, so that thousands are compared at once.

A dimension of single intervals stays as it is. Where a side has several, points that the same sides hold are one
class, and a side becomes a set of classes: so many scattered addresses are few classes, and sets of them small numbers.
"""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain
from operator import or_
from typing import Any, Generic, TypeVar

from netpolicy.packet.intervals import Intervals
from netpolicy.packet.sides import Bits, Side, Sides
from netpolicy.packet.space import Box

MOST_BITS = 1 << 27
"""So many bits are kept a list of sets, 16 MiB: some 10,000 boxes with ends of their own, each with a set."""

SPARSE = 16
"""Up to so many members are found one by one quicker than through a text of all digits."""

Holders = Mapping[Intervals, Sequence[int]]
"""The different sides of a dimension, and the places of the boxes that have them."""

S = TypeVar("S", Intervals, Bits)


class Overlaps:
    """The boxes of a list in forms that are quick to compare."""

    boxes: list[Sides]

    def __init__(self, boxes: Sequence[Box]) -> None:
        # Each takes the sides of the form that it has given its column.
        self._axes: list[_Axis[Any]] = []
        columns: list[list[Side]] = []
        for column in zip(*boxes, strict=True):
            holders: dict[Intervals, list[int]] = {}
            for place, side in enumerate(column):
                holders.setdefault(side, []).append(place)
            classes = classes_of(holders) if any(len(side) > 1 for side in holders) else None
            if classes is None:
                # Equal sides are one value, so that most comparisons end at once.
                same = {side: side for side in holders}
                columns.append([same[side] for side in column])
                self._axes.append(_Hulls(holders, len(boxes)))
            else:
                columns.append([classes[side] for side in column])
                self._axes.append(_Classes(holders, classes, len(boxes)))
        self.boxes = list(zip(*columns, strict=True))

    def of(self, box: Sides) -> Bits:
        """Those of the list that overlap a box of it, and maybe some that do not."""
        found = (1 << len(self.boxes)) - 1
        for axis, side in zip(self._axes, box, strict=True):
            found &= axis.of(side)
        return found


class _Axis(ABC, Generic[S]):
    """One dimension; what several boxes ask is found once."""

    def __init__(self, asked_again: Iterable[S], width: int) -> None:
        self._all = (1 << width) - 1
        self._kept: dict[S, Bits | None] = dict.fromkeys(asked_again)

    def of(self, side: S) -> Bits:
        """The boxes that overlap the side in this dimension."""
        known = self._kept.get(side)
        if known is not None:
            return known
        found = self._find(side) if side else 0
        if found == self._all:
            found = -1  # which costs nothing to intersect
        if side in self._kept:
            self._kept[side] = found
        return found

    @abstractmethod
    def _find(self, side: S) -> Bits:
        """The boxes that overlap the side, which is not empty."""


class _Hulls(_Axis[Intervals]):
    """A side overlaps what began up to its last member, without what ended before its first."""

    def __init__(self, holders: Holders, width: int) -> None:
        super().__init__((side for side, places in holders.items() if len(places) > 1), width)
        filled = [(side, places) for side, places in holders.items() if side]
        self._begun = _Unions(((side[0][0], places) for side, places in filled), width)
        self._ended = _Unions(((side[-1][1], places) for side, places in filled), width)

    def _find(self, side: Intervals) -> Bits:
        # What ended before the first member also began before the last one.
        return self._begun.up_to(side[-1][1]) ^ self._ended.up_to(side[0][0] - 1)


class _Classes(_Axis[Bits]):
    """A side overlaps what has one of its classes."""

    def __init__(self, holders: Holders, classes: Mapping[Intervals, Bits], width: int) -> None:
        super().__init__((classes[side] for side, places in holders.items() if len(places) > 1), width)
        self._having: dict[int, Bits] = defaultdict(int)
        for side, places in holders.items():
            bits = bits_of(places)
            for one in places_in(classes[side]):
                self._having[one] |= bits

    def _find(self, side: Bits) -> Bits:
        found = 0
        for one in places_in(side):
            found |= self._having[one]
        return found


class _Unions:
    """For each value the union of what stands at it or at a lower one."""

    def __init__(self, marks: Iterable[tuple[int, Sequence[int]]], width: int) -> None:
        at: dict[int, list[int]] = defaultdict(list)
        for value, places in marks:
            at[value].extend(places)
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


def classes_of(sides: Iterable[Intervals]) -> dict[Intervals, Bits] | None:
    """Each side as the classes of its points, or None if that would take too much memory."""
    listed = list(sides)
    changes: dict[int, list[int]] = defaultdict(list)
    for number, side in enumerate(listed):
        for first, last in side:
            changes[first].append(number)
            changes[last + 1].append(number)
    present = 0
    known: dict[Bits, None] = {}
    for edge in sorted(changes):
        for number in changes[edge]:
            present ^= 1 << number
        known[present] = None
        if len(known) * len(listed) > MOST_BITS:
            return None
    known.pop(0, None)
    found = [0] * len(listed)
    for place, holding in enumerate(known):
        for number in places_in(holding):
            found[number] |= 1 << place
    return dict(zip(listed, found, strict=True))


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
