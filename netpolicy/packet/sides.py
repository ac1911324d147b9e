"""One side of a box, in either of two forms, and what both can do.

A side is an interval set, or a set of classes: bit i for class i of the points of its dimension (see `overlaps`).
Boxes that are compared with each other have sides of the same form in each dimension. Both forms are false if empty.
"""

from collections.abc import Iterable
from functools import reduce
from operator import or_

from netpolicy.packet.intervals import Intervals, covers, difference, intersection, size, union_all
from netpolicy.packet.space import Box

Bits = int
"""A set of small numbers: bit i stands for number i."""

Side = Intervals | Bits
Sides = tuple[Side, ...]
"""A box."""

_MIXED = "sides of one dimension have one form"


def clip(piece: Side, side: Side) -> Side:
    """What is in both, and the very piece if that is all of it."""
    if side is piece:
        return piece
    if isinstance(piece, int) and isinstance(side, int):
        shared = piece & side
        return piece if shared == piece else shared
    assert not isinstance(piece, int) and not isinstance(side, int), _MIXED
    if len(side) == len(piece) == 1:  # which nearly all are
        (first, last), (least, most) = side[0], piece[0]
        if first <= least:
            return piece if most <= last else ((least, last),) if least <= last else ()
        return side if last <= most else ((first, most),) if first <= most else ()
    inside = intersection(piece, side)
    return piece if inside == piece else inside


def extent(side: Side) -> int:
    """How many points or classes are in the side; any measure does where only shares are compared."""
    return side.bit_count() if isinstance(side, int) else size(side)


def outside(piece: Side, side: Side) -> Side:
    """What is in the piece and not in the side."""
    if isinstance(piece, int) and isinstance(side, int):
        return piece & ~side
    assert not isinstance(piece, int) and not isinstance(side, int), _MIXED
    return difference(piece, side)


def filled(piece: Side, sides: Iterable[Side]) -> bool:
    """True if each point of the piece is in some side; all of them lie in the piece."""
    several = set(sides)
    if piece in several:
        return True
    if isinstance(piece, int):
        return reduce(or_, (side for side in several if isinstance(side, int)), 0) == piece
    return covers(union_all(side for side in several if not isinstance(side, int)), piece)


def halves(side: Side, around: Side) -> tuple[Side, ...]:
    """The side, which lies outside the other, cut near the middle of that if something lies both below and above."""
    below: Side
    above: Side
    if isinstance(side, int):
        lowest = (side & -side).bit_length()
        low = (1 << ((lowest + side.bit_length()) // 2)) - 1
        below, above = side & low, side & ~low
    else:
        assert not isinstance(around, int), _MIXED
        middle = around[len(around) // 2][0]
        below = tuple(pair for pair in side if pair[1] < middle)
        above = side[len(below) :]
    return (below, above) if below and above else (side,)


def as_intervals(sides: Sides) -> Box:
    """The box with interval sets alone; a class is the integer that is its number."""
    return tuple(tuple(_runs(side)) if isinstance(side, int) else side for side in sides)


def _runs(bits: Bits) -> Intervals:
    digits = f"{bits:b}"[::-1]
    found: list[tuple[int, int]] = []
    first = digits.find("1")
    while first >= 0:
        end = digits.find("0", first)
        end = len(digits) if end < 0 else end
        found.append((first, end - 1))
        first = digits.find("1", end)
    return tuple(found)
