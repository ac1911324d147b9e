"""Whether boxes cover a box, by splitting it along them; what it was split along is a cover.

A piece is split along the box that holds most of it: what lies outside that box in one dimension, then what lies
inside there and outside in the next, and so on. Each part keeps the boxes that overlap it. Where the boxes together
hold fewer points than the piece, counted with repetition, a point is left over without looking further.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from math import prod

from netpolicy.packet.intervals import Intervals, difference, intersection, size
from netpolicy.packet.overlaps import Bits
from netpolicy.packet.space import Box
from netpolicy.packet.steps import Steps

Clip = tuple[int, Box]
"""The place of a box, and what of it lies in a piece; a side that covers the piece's is the same value as that."""

MANY = 8
"""With more boxes than these, what is left outside one is cut in two, so that each half has fewer of them."""


class Outcome(Enum):
    """What else there is than a cover."""

    HOLE = "some point is in no box"
    SPENT = "the steps ended before the answer"


def clips(piece: Box, boxes: Iterable[Clip]) -> list[Clip]:
    """Of each box what lies in the piece, without boxes that have nothing in it."""
    found: list[Clip] = []
    for place, box in boxes:
        inside = tuple(map(clip, piece, box))
        if all(inside):
            found.append((place, inside))
    return found


def clip(piece: Intervals, side: Intervals) -> Intervals:
    """The integers in both, and the very piece if that is all of it."""
    if side is piece:
        return piece
    if len(side) == len(piece) == 1:  # which nearly all are
        (first, last), (least, most) = side[0], piece[0]
        if first <= least:
            return piece if most <= last else ((least, last),) if least <= last else ()
        return side if last <= most else ((first, most),) if first <= most else ()
    inside = intersection(piece, side)
    return piece if inside == piece else inside


def split(box: Box, live: list[Clip], preferred: Bits, steps: Steps) -> list[int] | Outcome:
    """Places of boxes that cover the box together, not all needed; of the preferred ones as long as any has a part."""
    used: dict[int, None] = {}
    pieces = [(box, live)]
    while pieces:
        piece, live = pieces.pop()
        if not steps.take(len(live) + 1):
            return Outcome.SPENT
        extents = [size(side) for side in piece]
        shares = [_share(piece, extents, inside) for _, inside in live]
        whole = prod(extents)
        if sum(shares) < whole:
            return Outcome.HOLE
        chosen = _widest(live, shares, preferred)
        used[live[chosen][0]] = None
        if shares[chosen] < whole:
            place, along = live[chosen]
            # The widest part first: a hole is likeliest there.
            pieces += reversed(_parts(piece, along, [other for other in live if other[0] != place]))
    return list(used)


def _share(piece: Box, extents: Sequence[int], inside: Box) -> int:
    """How many points of the piece are in the box."""
    share = 1
    for side, within, extent in zip(inside, piece, extents, strict=True):
        share *= extent if side is within else size(side)
    return share


def _widest(live: Sequence[Clip], shares: Sequence[int], preferred: Bits) -> int:
    """Where the box stands that holds most of the piece: of equals the middle one, so that the others fall in halves."""
    among = range(len(live))
    if preferred:
        among = [at for at in among if preferred >> live[at][0] & 1] or among  # type: ignore[assignment]
    most = max(shares[at] for at in among)
    equals = [at for at in among if shares[at] == most]
    return equals[len(equals) // 2]


def _parts(piece: Box, along: Box, live: list[Clip]) -> list[tuple[Box, list[Clip]]]:
    """Disjoint parts of the piece whose union is all of it outside the box, the one cut off by most first."""
    open_sides = [at for at, side in enumerate(along) if side is not piece[at]]
    open_sides.sort(key=lambda at: size(along[at]) / size(piece[at]))
    parts: list[tuple[Box, list[Clip]]] = []
    for at in open_sides:
        outside = difference(piece[at], along[at])
        halves = _halves(outside, along[at]) if len(live) > MANY else (outside,)
        parts += ((_with(piece, at, half), _narrowed(live, at, half)) for half in halves)
        if at != open_sides[-1]:
            live = _narrowed(live, at, along[at])
            piece = _with(piece, at, along[at])
    return parts


def _halves(outside: Intervals, along: Intervals) -> tuple[Intervals, ...]:
    """What lies outside, cut where the box has its middle interval."""
    middle = along[len(along) // 2][0]
    below = tuple(pair for pair in outside if pair[1] < middle)
    above = outside[len(below) :]
    return (below, above) if below and above else (outside,)


def _narrowed(live: list[Clip], at: int, side: Intervals) -> list[Clip]:
    """The boxes that overlap the piece when it has that side in dimension `at`."""
    found: list[Clip] = []
    for place, inside in live:
        kept = clip(side, inside[at])
        if kept:
            found.append((place, inside if kept is inside[at] else _with(inside, at, kept)))
    return found


def _with(box: Box, at: int, side: Intervals) -> Box:
    """The box with another side in dimension `at`."""
    return (*box[:at], side, *box[at + 1 :])
