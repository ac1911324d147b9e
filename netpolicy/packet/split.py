"""Whether boxes cover a box, by splitting it along them; what it was split along is a cover.

A piece is split along the box that holds most of it: what lies outside that box in one dimension, then what lies
inside there and outside in the next, and so on. Each part keeps the boxes that overlap it. Where the boxes together
hold fewer points than the piece, counted with repetition, a point is left over without looking further.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import prod

from netpolicy.packet.sides import Bits, Side, Sides, clip, extent, filled, halves, outside
from netpolicy.packet.steps import Steps

Clip = tuple[int, Sides]
"""The place of a box, and what of it lies in a piece; a side that covers the piece's is the same value as that."""

MANY = 8
"""With more boxes than these, what is left outside one is cut in two, and dimensions that ask nothing are left out."""


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


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the box, what of each box lies in it, and how many points that is."""

    sides: Sides
    live: list[Clip]
    shares: list[int]
    whole: int

    @classmethod
    def of(cls, sides: Sides, live: list[Clip]) -> _Piece:
        """The piece with its points counted."""
        extents = [extent(side) for side in sides]
        return cls(sides, live, [_share(sides, extents, inside) for _, inside in live], prod(extents))

    def has_hole(self) -> bool:
        """True if it is plain that a point is in no box: too few points are held, or some value in one dimension."""
        if sum(self.shares) < self.whole:
            return True
        return any(not filled(side, [inside[at] for _, inside in self.live]) for at, side in enumerate(self.sides))

    def held(self) -> float:
        """How often a point of the piece is held, in the mean."""
        return sum(self.shares) / self.whole


def split(box: Sides, live: list[Clip], preferred: Bits, steps: Steps) -> list[int] | Outcome:
    """Places of boxes that cover the box together, not all needed; the widest preferred one is among them."""
    used: dict[int, None] = {}
    parts, todo = [_open(box, live) if len(live) > MANY else (box, live)], list[_Piece]()
    while parts or todo:
        if not steps.take(sum(len(live) + 1 for _, live in parts)):
            return Outcome.SPENT
        pieces = [_Piece.of(sides, live) for sides, live in parts]
        if any(piece.has_hole() for piece in pieces):
            return Outcome.HOLE
        # What is held least goes first: a hole is likeliest there.
        todo += sorted(pieces, key=_Piece.held, reverse=True)
        piece = todo.pop()
        chosen = _widest(piece.live, piece.shares, preferred)
        place, along = piece.live[chosen]
        used[place] = None
        preferred = 0
        others = piece.live[:chosen] + piece.live[chosen + 1 :]
        parts = _parts(piece.sides, along, others) if piece.shares[chosen] < piece.whole else []
    return list(used)


def _open(box: Sides, live: list[Clip]) -> tuple[Sides, list[Clip]]:
    """The box and the others without the dimensions in which each of them holds all of it."""
    kept = [at for at, side in enumerate(box) if any(inside[at] is not side for _, inside in live)]
    return tuple(box[at] for at in kept), [(place, tuple([inside[at] for at in kept])) for place, inside in live]


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
