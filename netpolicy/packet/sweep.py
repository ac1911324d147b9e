"""Whether boxes cover a box, by going through it one dimension after the other: what `split` falls back on.

A dimension falls into stretches on which the same boxes are present. What remains to be asked of a stretch depends on
those boxes alone, so each set of them is asked about once: a checkerboard costs as many questions as it has rows.
Exact by itself, and without a part of `split`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from netpolicy.packet.intervals import covers, intersection, union_all
from netpolicy.packet.overlaps import bits_of, places_in
from netpolicy.packet.sides import Bits
from netpolicy.packet.space import Box
from netpolicy.packet.steps import Steps

STEP_BITS = 11
"""A step pays for a set of 2,048 boxes, 256 bytes: so what is remembered is bounded, too."""

BOX = -1
"""Stands for the box itself among the places of candidates."""


def covered_exactly(box: Box, candidates: Sequence[Box], steps: Steps) -> bool | None:
    """True if every point of the box is in a candidate, or None if the steps end before that is known."""
    if not all(box):
        return True
    sweep = _Sweep(box, candidates, steps)
    todo, known = [(0, sweep.everyone)], set[tuple[int, Bits]]()
    while todo:
        depth, live = todo.pop()
        if live & sweep.holding_all[depth]:
            continue
        if depth == len(sweep.order) - 1:
            if not steps.take(live.bit_count()):
                return None
            if not sweep.fills_last(live):
                return False
            continue
        for present in sweep.stretches(depth, live):
            if not steps.take(1 + (len(candidates) >> STEP_BITS)):
                return None
            if not present:
                return False
            if (depth + 1, present) not in known:
                known.add((depth + 1, present))
                todo.append((depth + 1, present))
    return True


class _Sweep:
    """The candidates inside the box, as bits, and the dimensions in the order they are asked."""

    def __init__(self, box: Box, candidates: Sequence[Box], steps: Steps) -> None:
        steps.take(len(candidates))
        inside = [tuple(map(intersection, box, one)) for one in candidates]
        inside = [one for one in inside if all(one)]
        self.everyone: Bits = (1 << len(inside)) - 1
        self.columns = [[one[at] for one in inside] for at in range(len(box))]
        # Few different stretches first, as the sets of boxes present are then few, too.
        self.order = sorted(range(len(box)), key=lambda at: len(set(self.columns[at])))
        self.box = box
        self.whole = [bits_of(i for i, one in enumerate(self.columns[at]) if one == box[at]) for at in self.order]
        # By depth: the candidates that hold all that the box has in the dimensions from there on.
        self.holding_all = [self.everyone]
        for bits in reversed(self.whole):
            self.holding_all.append(self.holding_all[-1] & bits)
        self.holding_all.reverse()

    def fills_last(self, live: Bits) -> bool:
        """True if those candidates together hold all that the box has in the last dimension."""
        at = self.order[-1]
        column = self.columns[at]
        return covers(union_all(column[place] for place in places_in(live)), self.box[at])

    def stretches(self, depth: int, live: Bits) -> Iterator[Bits]:
        """Which of those candidates are present on each stretch of the dimension."""
        at = self.order[depth]
        column = self.columns[at]
        present = live & self.whole[depth]
        changes: dict[int, list[int]] = defaultdict(list)
        for place in places_in(live ^ present):
            for first, last in column[place]:
                changes[first].append(place)
                changes[last + 1].append(place)
        for first, last in self.box[at]:
            changes[first].append(BOX)
            changes[last + 1].append(BOX)
        inside = False
        for edge in sorted(changes):
            for place in changes[edge]:
                if place == BOX:
                    inside = not inside
                else:
                    present ^= 1 << place
            if inside:
                yield present
