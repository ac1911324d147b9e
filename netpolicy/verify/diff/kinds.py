"""The nodes of two clusters, by name, in kinds: nodes that nothing tells apart on either side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netpolicy.packet.family import Family
from netpolicy.packet.grid import Atoms
from netpolicy.policy.cluster import Address
from netpolicy.policy.identity import Identity
from netpolicy.verify.emitted import Emitted

OLD, NEW = 0, 1
SIDES = (OLD, NEW)
NO_ROLE = "(no role)"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a node holds an address: the interface, the family, and the how manieth of that family there it is."""

    card: str
    family: Family
    ordinal: int


@dataclass(frozen=True, slots=True)
class Half:
    """What one side says of the nodes of a kind: class, roles, and the atom of the address at each place."""

    digest: str
    roles: tuple[str, ...]
    atoms: tuple[tuple[Place, int], ...]

    def of(self, family: Family) -> list[tuple[Place, int]]:
        return [one for one in self.atoms if one[0].family is family]

    @property
    def cards(self) -> list[str]:
        return sorted({place.card for place, _ in self.atoms})


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Nodes of equal halves; one of the two is None where the nodes are on the other side alone."""

    number: int
    names: tuple[str, ...]
    halves: tuple[Half | None, Half | None]

    @property
    def stays(self) -> bool:
        """True for nodes of both sides."""
        return None not in self.halves

    def roles(self, side: int) -> tuple[str, ...]:
        """The roles on that side, or on the only one."""
        half = self.halves[side] or self.halves[1 - side]
        assert half is not None
        return half.roles


def places(node: Identity) -> dict[Place, Address]:
    """The addresses of a node by place."""
    found: dict[Place, Address] = {}
    for card in node.interfaces:
        counted: dict[Family, int] = {}
        for family, address in card.addresses:
            ordinal = counted[family] = counted.get(family, -1) + 1
            found[Place(card.name, family, ordinal)] = (family, address)
    return found


def kinds(sides: Sequence[Emitted], atoms: Mapping[Family, Atoms]) -> list[Kind]:
    """The kinds of all nodes, in order of their first name."""
    halves = [{node.node: _half(node, atoms) for node in side.nodes} for side in sides]
    found: dict[tuple[Half | None, Half | None], list[str]] = {}
    for name in sorted({*halves[OLD], *halves[NEW]}):
        found.setdefault((halves[OLD].get(name), halves[NEW].get(name)), []).append(name)
    return [Kind(number, tuple(names), pair) for number, (pair, names) in enumerate(found.items())]


def _half(node: Identity, atoms: Mapping[Family, Atoms]) -> Half:
    told = tuple((place, atoms[family].number(address)) for place, (family, address) in places(node).items())
    return Half(node.digest, node.roles or (NO_ROLE,), told)
