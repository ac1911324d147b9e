"""Whether boxes cover a box, by splitting it along them; what it was split along is a cover.

A piece is split along the box that holds most of it: what lies outside that box in one dimension, then what lies
inside there and outside in the next, and so on. Each part keeps the boxes that overlap it. Where the boxes together
hold fewer points than the piece, counted with repetition, a point is left over without looking further.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from math import prod

from netpolicy.packet.sides import Bits, Side, Sides, clip, extent, halves, outside
from netpolicy.packet.steps import Steps

Clip = tuple[int, Sides]
"""The place of a box, and what of it lies in a piece; a side that covers the piece's is the same value as that."""

MANY = 8
"""With more boxes than these, what is left outside one is cut in two, so that each half has fewer of them."""


class Outcome(Enum):
    """What else there is than a cover."""

    HOLE = "some point is in no box"
    SPENT = "the steps ended before the answer"


def clips(piece: Sides, boxes: Iterable[Clip]) -> list[Clip]:
    """Of each box what lies in the piece, without boxes that have nothing in it."""
    found: list[Clip] = []
    for place, box in boxes:
        inside = tuple(map(clip, piece, box))
        if all(inside):
            found.append((place, inside))
    return found


def split(box: Sides, live: list[Clip], preferred: Bits, steps: Steps) -> list[int] | Outcome:
    """Places of boxes that cover the box together, not all needed; of the preferred ones as long as any has a part."""
    used: dict[int, None] = {}
    pieces = [(box, live)]
    while pieces:
        piece, live = pieces.pop()
        if not steps.take(len(live) + 1):
            return Outcome.SPENT
        extents = [extent(side) for side in piece]
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


def _share(piece: Sides, extents: Sequence[int], inside: Sides) -> int:
    """How many points of the piece are in the box."""
    share = 1
    for side, whole, measure in zip(inside, piece, extents, strict=True):
        share *= measure if side is whole else extent(side)
    return share


def _widest(live: Sequence[Clip], shares: Sequence[int], preferred: Bits) -> int:
    """Where the box stands that holds most of the piece: of equals the middle one, so that the others fall in two."""
    among: Sequence[int] = range(len(live))
    if preferred:
        among = [at for at in among if preferred >> live[at][0] & 1] or among
    most = max(shares[at] for at in among)
    equals = [at for at in among if shares[at] == most]
    return equals[len(equals) // 2]


def _parts(piece: Sides, along: Sides, live: list[Clip]) -> list[tuple[Sides, list[Clip]]]:
    """Disjoint parts of the piece whose union is all of it outside the box, the one cut off by most first."""
    open_sides = [at for at, side in enumerate(along) if side is not piece[at]]
    open_sides.sort(key=lambda at: extent(along[at]) / extent(piece[at]))
    parts: list[tuple[Sides, list[Clip]]] = []
    for at in open_sides:
        left = outside(piece[at], along[at])
        cut = halves(left, along[at]) if len(live) > MANY else (left,)
        parts += ((_with(piece, at, half), _narrowed(live, at, half)) for half in cut)
        if at != open_sides[-1]:
            live = _narrowed(live, at, along[at])
            piece = _with(piece, at, along[at])
    return parts


def _narrowed(live: list[Clip], at: int, side: Side) -> list[Clip]:
    """The boxes that overlap the piece when it has that side in dimension `at`."""
    found: list[Clip] = []
    for place, inside in live:
        kept = clip(side, inside[at])
        if kept:
            found.append((place, inside if kept is inside[at] else _with(inside, at, kept)))
    return found


def _with(box: Sides, at: int, side: Side) -> Sides:
    """The box with another side in dimension `at`."""
    return (*box[:at], side, *box[at + 1 :])
