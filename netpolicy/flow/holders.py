"""Finds the flows that hold a packet: only those that hold a packet of a flow can cover it.

A flow is noted under the block of each of its ranges: the smallest run of numbers, aligned to a power of two, in which
the range lies. A flow of many ranges has one block, that of all of them. A packet is in one block of each size, and
few sizes occur, so finding does not slow down with the flows that hold other packets.
"""

from __future__ import annotations

from itertools import product

from netpolicy.flow.model import Flow
from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.packet.intervals import Interval, Intervals

FEW_RANGES = 4
"""Ranges up to which each has a block of its own."""

_Numbers = tuple[int, int, int]
"""One for ports, one for sources, one for destinations."""


class Holders:
    """Places of flows, found by packets that the flows hold."""

    def __init__(self) -> None:
        # By family and the free bits of a block, then by its other bits.
        self._known: dict[Family, dict[_Numbers, dict[_Numbers, list[int]]]] = {family: {} for family in FAMILIES}

    def add(self, flow: Flow, place: int) -> None:
        """Notes the place of a flow."""
        for family in FAMILIES:
            sizes = self._known[family]
            for (a, ports), (b, sources), (c, destinations) in product(*map(_blocks, _sides(flow, family))):
                sizes.setdefault((a, b, c), {}).setdefault((ports, sources, destinations), []).append(place)

    def of(self, flow: Flow) -> list[int]:
        """The places of all flows that cover the flow, and of some others, in order; none when it holds no packet."""
        for family in FAMILIES:
            sides = _sides(flow, family)
            if all(sides):
                port, source, destination = (ranges[0][0] for ranges in sides)
                found: set[int] = set()
                for (a, b, c), blocks in self._known[family].items():
                    found.update(blocks.get((port >> a, source >> b, destination >> c), ()))
                return sorted(found)
        return []


def _sides(flow: Flow, family: Family) -> tuple[Intervals, Intervals, Intervals]:
    return flow.ports.of(family), flow.sources.of(family), flow.destinations.of(family)


def _blocks(ranges: Intervals) -> set[tuple[int, int]]:
    if len(ranges) > FEW_RANGES:
        ranges = ((ranges[0][0], ranges[-1][1]),)
    return {_block(one) for one in ranges}


def _block(one: Interval) -> tuple[int, int]:
    """How many low bits are free in the block of a range, and its other bits."""
    first, last = one
    free = (first ^ last).bit_length()
    return free, first >> free
