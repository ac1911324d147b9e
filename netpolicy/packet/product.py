"""Sets of points in several dimensions, nested one dimension a level, in a canonical form.

A set of n dimensions is a tuple of cells `(intervals, rest)`: every point whose first coordinate is in `intervals` and
whose other coordinates are in `rest`, a set of n - 1 dimensions. The intervals of different cells are disjoint, their
rests are distinct and not empty, and cells are sorted by their first member. A set of points therefore has exactly one
form: group the first coordinates by the set of what may follow them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from netpolicy.packet import intervals
from netpolicy.packet.intervals import Interval, Intervals
from netpolicy.packet.space import Box, S, Space

Cells = tuple[tuple[Intervals, S], ...]

NOBODY = -1


class Product(Space[Cells[S]]):
    """The sets of one dimension more than the space `rest`."""

    def __init__(self, rest: Space[S]) -> None:
        self.rest = rest

    def box(self, box: Box) -> Cells[S]:
        """The product of the box's interval sets; empty if any of them is."""
        rest = self.rest.box(box[1:])
        return ((box[0], rest),) if box[0] and rest else ()

    def union_all(self, sets: Iterable[Cells[S]]) -> Cells[S]:
        """The points in any of the sets; sets that share a side are joined along it first."""
        rests: dict[Intervals, list[S]] = defaultdict(list)
        for cells in sets:
            for cell, rest in cells:
                rests[cell].append(rest)
        joined = self._gathered((cell, self.rest.union_all(found)) for cell, found in rests.items())
        # Neighbours first, as a balanced tree: disjoint cells then cost N log N, whatever the order of the operands.
        layers: list[Cells[S]] = [(cell,) for cell in joined]
        while len(layers) > 1:
            odd = layers[len(layers) & ~1 :]
            layers = [self.union(a, b) for a, b in zip(layers[::2], layers[1::2], strict=False)] + odd
        return layers[0] if layers else ()

    def union(self, a: Cells[S], b: Cells[S]) -> Cells[S]:
        """The points in a or in b."""
        if not b or a is b or a == b:
            return a
        if not a:
            return b
        return self._gathered(
            (cell, a[i][1] if j == NOBODY else b[j][1] if i == NOBODY else self.rest.union(a[i][1], b[j][1]))
            for (i, j), cell in overlay(a, b).items()
        )

    def intersection(self, a: Cells[S], b: Cells[S]) -> Cells[S]:
        """The points in a and in b."""
        if not a or not b:
            return ()
        if a is b or a == b:
            return a
        if len(a) == len(b) == 1:  # two boxes; their ports and destinations, which come first, are small
            rest = self.rest.intersection(a[0][1], b[0][1])
            cell = intervals.intersection(a[0][0], b[0][0]) if rest else ()
            return ((cell, rest),) if cell else ()
        return self._gathered(
            (cell, self.rest.intersection(a[i][1], b[j][1]))
            for (i, j), cell in overlay(a, b).items()
            if NOBODY not in (i, j)
        )

    def difference(self, a: Cells[S], b: Cells[S]) -> Cells[S]:
        """The points in a and not in b."""
        if not a or not b:
            return a
        if a is b or a == b:
            return ()
        return self._gathered(
            (cell, a[i][1] if j == NOBODY else self.rest.difference(a[i][1], b[j][1]))
            for (i, j), cell in overlay(a, b).items()
            if i != NOBODY
        )

    def contains(self, a: Cells[S], point: Sequence[int]) -> bool:
        """True if the point is in a."""
        for cell, rest in a:
            if intervals.contains(cell, point[0]):
                return self.rest.contains(rest, point[1:])
        return False

    def covers(self, a: Cells[S], b: Cells[S]) -> bool:
        """True if every point of b is in a; stops at the first cell that has one outside."""
        if not b or a is b or a == b:
            return True
        return all(j == NOBODY or (i != NOBODY and self.rest.covers(a[i][1], b[j][1])) for i, j in overlay(a, b))

    def overlaps(self, a: Cells[S], b: Cells[S]) -> bool:
        """True if some point is in both; stops at the first cell that has one."""
        if not a or not b:
            return False
        return a is b or any(NOBODY not in (i, j) and self.rest.overlaps(a[i][1], b[j][1]) for i, j in overlay(a, b))

    def boxes(self, a: Cells[S]) -> Iterator[Box]:
        """Disjoint boxes, in order, whose union is a."""
        for cell, rest in a:
            for box in self.rest.boxes(rest):
                yield (cell, *box)

    def size(self, a: Cells[S]) -> int:
        """How many points are in a."""
        return sum(intervals.size(cell) * self.rest.size(rest) for cell, rest in a)

    def _gathered(self, parts: Iterable[tuple[Intervals, S]]) -> Cells[S]:
        """The parts with equal rests joined, empty ones left out, sorted: canonical if the parts are disjoint."""
        cells: dict[S, list[Intervals]] = defaultdict(list)
        for cell, rest in parts:
            if rest:
                cells[rest].append(cell)
        joined = ((intervals.union_all(found), rest) for rest, found in cells.items())
        return tuple(sorted(joined, key=lambda part: part[0][0]))


def overlay(a: Sequence[tuple[Intervals, Any]], b: Sequence[tuple[Intervals, Any]]) -> dict[tuple[int, int], Intervals]:
    """For each pair (cell of a, cell of b) that meets, the integers in both; NOBODY stands for no cell of that side."""
    regions: dict[tuple[int, int], Intervals] = {}
    # Cells of one side are disjoint, so one that equals a cell of the other side meets no third.
    twins = {cell: j for j, (cell, _) in enumerate(b)}
    events: list[tuple[int, int, int]] = []
    for i, (cell, _) in enumerate(a):
        j = twins.pop(cell, NOBODY)
        if j == NOBODY:
            events += _events(0, i, cell)
        else:
            regions[i, j] = cell
    for cell, j in twins.items():
        events += _events(1, j, cell)
    events.sort()
    regions.update((pair, tuple(found)) for pair, found in _swept(events).items())
    return regions


def _events(side: int, label: int, cell: Intervals) -> Iterator[tuple[int, int, int]]:
    """Where the cell begins and ends; NOBODY sorts before every label, so that an end precedes a beginning."""
    for first, last in cell:
        yield first, side, label
        yield last + 1, side, NOBODY


def _swept(events: list[tuple[int, int, int]]) -> dict[tuple[int, int], list[Interval]]:
    """The stretches between events by who is present there, canonical since the presence changes at each event."""
    regions: dict[tuple[int, int], list[Interval]] = defaultdict(list)
    left = right = NOBODY
    since = 0
    for position, side, label in events:
        if position > since:
            if left != NOBODY or right != NOBODY:
                regions[left, right].append((since, position - 1))
            since = position
        if side:
            right = label
        else:
            left = label
    return regions
