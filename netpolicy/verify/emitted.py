"""What emitted text, read back, says of every node of a cluster: one value, wherever the text came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from netpolicy.packet.diagram import Node, renumbered
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.grid import Atoms
from netpolicy.packet.packets import Packet
from netpolicy.packet.packetset import Axis, PacketSet
from netpolicy.policy.citation import Citation
from netpolicy.policy.identity import Identity
from netpolicy.policy.model import Named

Why = Callable[[str, Packet], tuple[bool, tuple[str, ...]]]
"""Whether a packet passes at the node of this name, and the statements that decide it, by the rules that it meets."""
Thanks = tuple[tuple[tuple[str, ...], PacketSet], ...]
"""Statements, and what their rules let pass in one hook, for each of these rules."""


@dataclass(frozen=True, slots=True, eq=False)
class Emitted:
    """The nodes of a cluster, and what the rules of each class (by the digest that its nodes name) let pass.

    Addresses are told by `atoms`, which hold every set that some rule asks about. `networks` are names for addresses
    that no node declares, `citations` the statements by the ids in the rules.
    """

    nodes: tuple[Identity, ...]
    admitted: Mapping[str, PacketSet]
    atoms: Mapping[Family, Atoms]
    why: Why = field(repr=False)
    thanks: Callable[[], Mapping[str, Thanks]] = field(repr=False)
    networks: tuple[Named, ...] = ()
    citations: Mapping[str, Citation] = field(default_factory=dict, repr=False)

    def on(self, finer: Mapping[Family, Atoms]) -> dict[tuple[str, Family], Node]:
        """What each class lets pass in each family, where addresses are told by finer atoms."""
        found: dict[tuple[str, Family], Node] = {}
        for family in FAMILIES:
            parts = self.atoms[family].within(finer[family])
            nowhere = len(finer[family].sizes)
            numbers = {
                Axis.SOURCE.variable: parts,
                Axis.DESTINATION.variable: parts,
                Axis.ORIGINAL_DESTINATION.variable: (*parts, ((nowhere, nowhere),)),
            }
            for digest, admitted in self.admitted.items():
                found[digest, family] = renumbered(admitted.of(family), numbers)
        return found


def together(sides: Iterable[Emitted]) -> dict[Family, Atoms]:
    """The atoms of all that is told apart on any of the sides."""
    listed = tuple(sides)
    return {
        family: Atoms.of(family.last, (one for side in listed for one in side.atoms[family].known))
        for family in FAMILIES
    }
