"""A quick way to a point of a box that is in none of some others: it finds most of the points there are.

Points that the same sides hold are one class, in every dimension. In each dimension in turn the class is chosen that
fewest of the boxes still in question hold: where none is left, there is such a point.
"""

from __future__ import annotations

from collections.abc import Sequence

from netpolicy.packet.intervals import Intervals
from netpolicy.packet.overlaps import bits_of, classes_of, places_in
from netpolicy.packet.sides import Bits
from netpolicy.packet.space import Box

MOST_HOLDERS = 1 << 25
"""With more bits than these to keep a dimension, it is not looked at."""


class Probe:
    """The boxes of a list by the classes that they hold."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        self._axes: list[list[tuple[Bits, ...]]] = []
        for column in zip(*boxes, strict=True):
            holders: dict[Intervals, list[int]] = {}
            for place, side in enumerate(column):
                holders.setdefault(side, []).append(place)
            axis = _axis(holders, len(boxes)) if len(holders) > 1 else None
            if axis is not None:
                self._axes.append(axis)

    def finds_hole(self, place: int, among: Bits) -> bool:
        """True if a point of the box at the place was met that is in none of those; False says nothing."""
        # Two ways through the dimensions, as the first choice decides most.
        return not among or _descends(place, among, self._axes) or _descends(place, among, self._axes[::-1])


def _descends(place: int, among: Bits, axes: Sequence[list[tuple[Bits, ...]]]) -> bool:
    for columns in axes:
        among = min((among & holding for holding in columns[place]), key=int.bit_count, default=0)
        if not among:
            return True
    return False


def _axis(holders: dict[Intervals, list[int]], width: int) -> list[tuple[Bits, ...]] | None:
    """For each box who holds each of its classes; None if that would take too much memory."""
    classes = classes_of(holders)
    count = max((held.bit_length() for held in classes.values()), default=0) if classes is not None else 0
    if classes is None or count * width > MOST_HOLDERS:
        return None
    having = [0] * count
    for side, places in holders.items():
        bits = bits_of(places)
        for one in places_in(classes[side]):
            having[one] |= bits
    columns: list[tuple[Bits, ...]] = [()] * width
    for side, places in holders.items():
        column = tuple([having[one] for one in places_in(classes[side])])
        for place in places:
            columns[place] = column
    return columns
