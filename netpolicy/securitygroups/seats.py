"""Seats: the places for addresses in a cluster, one for all nodes of a class, so that no cost grows with the nodes.

A *kind* is an interface of a class of nodes, a *seat* one address of it. What a statement says of an address it says of
the same address of every node of the class, so sets of seats stand for sets of addresses, exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from netpolicy.flow.model import NodeClass
from netpolicy.packet.addresses import FAMILIES, AddressSet, Family
from netpolicy.packet.intervals import Intervals, canonical, union_all
from netpolicy.policy.cluster import Cluster, Node


@dataclass(frozen=True, slots=True)
class Kind:
    """An interface of the nodes of a class."""

    node_class: NodeClass
    place: int
    interface: str


@dataclass(frozen=True, slots=True)
class _Seat:
    kind: int
    place: int
    address: int


class Seats:
    """The kinds and seats of a cluster; seats are numbered in each family, those of a kind one after the other."""

    def __init__(self, cluster: Cluster, classes: Sequence[NodeClass]) -> None:
        self.nodes: dict[str, Node] = {node.name: node for node in cluster.nodes}
        self.kinds: list[Kind] = []
        self._seats: dict[Family, list[_Seat]] = {family: [] for family in FAMILIES}
        self._addresses: dict[tuple[Family, int], Intervals] = {}
        for node_class in classes:
            for place, interface in enumerate(self.nodes[node_class.members[0]].interfaces):
                for number, (family, address) in enumerate(interface.addresses):
                    self._seats[family].append(_Seat(len(self.kinds), number, address))
                self.kinds.append(Kind(node_class, place, interface.name))
        self._count = {family: Counter(seat.kind for seat in seats) for family, seats in self._seats.items()}

    def of(self, family: Family, addresses: AddressSet) -> Intervals:
        """The seats of a family whose addresses are in the set."""
        inside = (number for number, seat in enumerate(self._seats[family]) if (family, seat.address) in addresses)
        return canonical((number, number) for number in inside)

    def kinds_of(self, family: Family, seats: Intervals) -> tuple[frozenset[int], Intervals]:
        """The kinds of which every seat of the family is among these, and the seats of the others."""
        listed = self._seats[family]
        taken = [number for first, last in seats for number in range(first, last + 1)]
        held = Counter(listed[number].kind for number in taken)
        whole = frozenset(kind for kind, count in held.items() if count == self._count[family][kind])
        return whole, canonical((number, number) for number in taken if listed[number].kind not in whole)

    def holding(self, family: Family) -> frozenset[int]:
        """The kinds that have an address of the family."""
        return frozenset(self._count[family])

    def addresses(self, family: Family, seats: Intervals) -> Intervals:
        """The addresses of all nodes at these seats."""
        return union_all(self._at(family, number) for first, last in seats for number in range(first, last + 1))

    def _at(self, family: Family, number: int) -> Intervals:
        if (family, number) not in self._addresses:
            seat = self._seats[family][number]
            kind = self.kinds[seat.kind]
            members = (self.nodes[name].interfaces[kind.place] for name in kind.node_class.members)
            held = (interface.addresses[seat.place][1] for interface in members)
            self._addresses[family, number] = canonical((address, address) for address in held)
        return self._addresses[family, number]
