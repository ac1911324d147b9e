"""Crossings by what they have in common: the same pairs of ends, on the same keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.intervals import Interval, Intervals, canonical
from netpolicy.packet.ports import VALUE_BITS, PortSet, Protocol
from netpolicy.verify.diff.crossing import Crossing, Share, Side
from netpolicy.verify.diff.gates import Way, keys

Pair = tuple[Side, Side]
Like = tuple[Share, bool, Way]
Segment = tuple[Family, Interval]
_USUAL = Protocol.TCP << VALUE_BITS | 80


@dataclass(frozen=True, slots=True)
class Group:
    """Crossings of all of these pairs on all of these segments of the keys; `known` has them by pair."""

    like: Like
    pairs: tuple[Pair, ...]
    segments: tuple[Segment, ...]
    known: Mapping[tuple[Family, Pair], Sequence[Crossing]]

    @property
    def ports(self) -> PortSet:
        return PortSet(*(canonical(pair for its, pair in self.segments if its is family) for family in FAMILIES))


def groups(found: Iterable[Crossing]) -> list[Group]:
    """Groups that together are all crossings: keys are cut where any of them begins or ends."""
    known: dict[Like, dict[tuple[Family, Pair], list[Crossing]]] = {}
    for one in found:
        alike = known.setdefault((one.share, one.opened, one.way), {})
        alike.setdefault((one.family, (one.source, one.destination)), []).append(one)
    return [group for like, alike in known.items() for group in _of_like(like, alike)]


def _of_like(like: Like, known: Mapping[tuple[Family, Pair], Sequence[Crossing]]) -> list[Group]:
    holders: dict[Segment, dict[Pair, None]] = {}
    for family in FAMILIES:
        held = {
            pair: canonical(span for one in every for span in keys(one.packets))
            for (its, pair), every in known.items()
            if its is family
        }
        for pair, span in _cut(held):
            holders.setdefault((family, span), {})[pair] = None
    segments: dict[frozenset[Pair], list[Segment]] = {}
    for segment, pairs in holders.items():
        segments.setdefault(frozenset(pairs), []).append(segment)
    return [
        Group(like, tuple(holders[of_pairs[0]]), tuple(sorted(of_pairs, key=_usual_first)), known)
        for of_pairs in segments.values()
    ]


def _cut(held: Mapping[Pair, Intervals]) -> Iterable[tuple[Pair, Interval]]:
    """Each pair with its spans, cut at every edge of any."""
    edges = {edge for spans in held.values() for first, last in spans for edge in (first, last + 1)}
    following = dict(pairwise(sorted(edges)))
    for pair, spans in held.items():
        for first, last in spans:
            begin = first
            while begin <= last:
                end = following[begin]
                yield pair, (begin, end - 1)
                begin = end


def _usual_first(segment: Segment) -> tuple[bool, int, Interval]:
    """A packet that people know is a better witness than one of protocol 0."""
    family, (first, last) = segment
    return (not first <= _USUAL <= last, family.value, (first, last))
