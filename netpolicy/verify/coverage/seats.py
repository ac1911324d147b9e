"""Where nodes judge packets that are not theirs by address alone: a seat is a kind of node and an address it is met by.

Nodes are of a kind when no set of addresses that is asked about tells them apart. A kind has a seat for each atom of
its own addresses, for each virtual address, and one for every other address, which stands for the node as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from netpolicy.packet.family import FAMILIES, Family
from netpolicy.policy.cluster import Address, Node
from netpolicy.verify.coverage.boxes import Side
from netpolicy.verify.coverage.masks import Masks, bits

FamilyMasks = dict[Family, int]
"""A mask of atoms of addresses for each family."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Nodes by their places in the cluster, and the atoms of the addresses of each."""

    nodes: tuple[int, ...]
    own: FamilyMasks

    @property
    def owner(self) -> int | None:
        """The node, when there is no other of the kind."""
        return self.nodes[0] if len(self.nodes) == 1 else None

    def touches(self, held: FamilyMasks) -> bool:
        """True when a node of the kind holds one of the addresses."""
        return any(self.own[family] & held[family] for family in FAMILIES)


def kinds(nodes: Sequence[Node], atoms: dict[Family, Masks]) -> list[Kind]:
    """The kinds of a cluster's nodes, in order of their first node."""
    found: dict[tuple[int, ...], list[int]] = {}
    for place, node in enumerate(nodes):
        own = dict.fromkeys(FAMILIES, 0)
        for family, address in node.addresses:
            own[family] |= 1 << atoms[family].at(address)
        found.setdefault(tuple(own.values()), []).append(place)
    return [Kind(tuple(places), dict(zip(FAMILIES, own, strict=True))) for own, places in found.items()]


def address_side(nodes: Sequence[Node], family: Family, atoms: Masks) -> Side:
    """The atoms of the addresses of a family as sources or destinations."""
    holders: dict[int, set[int]] = {}
    for place, node in enumerate(nodes):
        for its, address in node.addresses:
            if its is family:
                holders.setdefault(atoms.at(address), set()).add(place)
    return side([_only(holders.get(atom, ())) for atom in range(atoms.count)])


def side(owners: Sequence[int | None]) -> Side:
    """The side whose members belong to these nodes."""
    of: dict[int, int] = {}
    for member, node in enumerate(owners):
        if node is not None:
            of[node] = of.get(node, 0) | 1 << member
    return Side(tuple(owners), of)


class Seats:
    """The seats of a family."""

    def __init__(self, all_kinds: Sequence[Kind], family: Family, virtual: Sequence[Address]) -> None:
        self.kinds = all_kinds
        self.family = family
        self.virtual = [address for its, address in virtual if its is family]
        self._whole: list[int] = []
        self._own: list[list[tuple[int, int]]] = []
        self._at: list[dict[int, int]] = []
        self._standing: dict[int, int] = {}
        owners: list[int | None] = []
        for kind in all_kinds:
            begin = len(owners)
            self._own.append([(1 << atom, 1 << begin + at) for at, atom in enumerate(bits(kind.own[family]))])
            begin_virtual = begin + len(self._own[-1])
            self._at.append({address: 1 << begin_virtual + at for at, address in enumerate(self.virtual)})
            end = begin_virtual + len(self.virtual) + 1
            self._whole.append((1 << end) - (1 << begin))
            owners += [kind.owner] * (end - begin)
        self.side = side(owners)

    def own(self, held: int) -> int:
        """The seats of these addresses."""
        return sum(seat for seats in self._own for atom, seat in seats if atom & held)

    def standing(self, held: int) -> int:
        """The seats of these addresses, and every seat of a kind that holds no other address of the family."""
        if held not in self._standing:
            found = 0
            for kind, seats, whole in zip(self.kinds, self._own, self._whole, strict=True):
                own = kind.own[self.family]
                if own & held:
                    found |= whole if not own & ~held else sum(seat for atom, seat in seats if atom & held)
            self._standing[held] = found
        return self._standing[held]

    def receiving(self, held: FamilyMasks, address: int) -> int:
        """The seats of a virtual address at the nodes that hold some of these addresses."""
        return sum(at[address] for kind, at in zip(self.kinds, self._at, strict=True) if kind.touches(held))

    def at(self, addresses: Collection[int]) -> int:
        """The seats of virtual addresses at all nodes."""
        return sum(at[address] for at in self._at for address in addresses)


def _only(nodes: Iterable[int]) -> int | None:
    listed = list(nodes)
    return listed[0] if len(listed) == 1 else None
