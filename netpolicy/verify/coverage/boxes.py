"""Boxes of packets as bit masks, and the search for a packet of a box that is in no other box."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Box(NamedTuple):
    """Every packet from one of the sources to one of the destinations with one of the keys; each a mask of atoms."""

    sources: int
    destinations: int
    keys: int

    def overlaps(self, other: Box) -> bool:
        """True when some packet is in both."""
        return bool(self.keys & other.keys and self.sources & other.sources and self.destinations & other.destinations)

    def meet(self, other: Box) -> Box:
        """The packets of both."""
        return Box(self.sources & other.sources, self.destinations & other.destinations, self.keys & other.keys)

    def without(self, other: Box) -> list[Box]:
        """Disjoint boxes of what is in this and not in the other."""
        sources, destinations, keys = self
        parts = (
            Box(sources & ~other.sources, destinations, keys),
            Box(sources & other.sources, destinations & ~other.destinations, keys),
            Box(sources & other.sources, destinations & other.destinations, keys & ~other.keys),
        )
        return [part for part in parts if all(part)]

    def __bool__(self) -> bool:
        return bool(self.sources and self.destinations and self.keys)


@dataclass(frozen=True, slots=True)
class Side:
    """The members of one side: the node that each belongs to, where it is one, and the members of each node."""

    owner: tuple[int | None, ...]
    of: dict[int, int]


@dataclass(frozen=True, slots=True)
class Ends:
    """Both sides of a place where packets are judged."""

    sources: Side
    destinations: Side

    def pair(self, box: Box) -> tuple[int, int] | None:
        """A source and a destination of the box that are not of one node: a node reaches itself over loopback."""
        source = _lowest(box.sources)
        destination = _lowest(box.destinations)
        node = self.sources.owner[source]
        if node is None:
            return source, destination
        if others := box.destinations & ~self.destinations.of.get(node, 0):
            return source, _lowest(others)
        if others := box.sources & ~self.sources.of[node]:
            return _lowest(others), destination
        return None


def left_over(box: Box, others: Iterable[Box], ends: Ends) -> Box | None:
    """A part of the box that none of the others meets and that holds a packet between different ends, or None."""
    stack: list[tuple[Box, Sequence[Box]]] = [(box, tuple(others))] if box else []
    while stack:
        part, near = stack.pop()
        sources, destinations, keys = part
        near = [one for one in near if one[2] & keys and one[0] & sources and one[1] & destinations]
        if any(not (keys & ~one[2] or sources & ~one[0] or destinations & ~one[1]) for one in near):
            continue
        if ends.pair(part) is None:
            continue
        if not near:
            return part
        stack += [(piece, near[1:]) for piece in part.without(near[0])]
    return None


class BoxIndex:
    """Places of boxes, found by boxes that they meet. Few sides are distinct, and each is asked about once."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        self._sides: tuple[dict[int, int], ...] = ({}, {}, {})
        self._found: tuple[dict[int, int], ...] = ({}, {}, {})
        for place, box in enumerate(boxes):
            for known, side in zip(self._sides, box, strict=True):
                known[side] = known.get(side, 0) | 1 << place

    def meeting(self, box: Box) -> int:
        """The places of the boxes that meet it, as a mask."""
        held = -1
        for known, found, side in zip(self._sides, self._found, box, strict=True):
            if side not in found:
                found[side] = 0
                for other, places in known.items():
                    if side & other:
                        found[side] |= places
            held &= found[side]
        return held


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1
