"""What two rulesets of one node let pass differently, exactly: every hook, state and match, also unknown ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netpolicy.packet import interfaces
from netpolicy.packet.diagram import FALSE, Node, difference, intersection
from netpolicy.packet.family import Family
from netpolicy.packet.grid import Grid
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.packets import Packet
from netpolicy.packet.packetset import Axis, PacketSet

_NO_CARD: Intervals = ((interfaces.NONE, interfaces.NONE),)
HOOKS: Mapping[str, Mapping[Axis, Intervals]] = {
    "INPUT": {Axis.IN_INTERFACE: interfaces.SOME, Axis.OUT_INTERFACE: _NO_CARD},
    "FORWARD": {Axis.IN_INTERFACE: interfaces.SOME, Axis.OUT_INTERFACE: interfaces.SOME},
    "OUTPUT": {Axis.IN_INTERFACE: _NO_CARD, Axis.OUT_INTERFACE: interfaces.SOME},
}


@dataclass(frozen=True, slots=True)
class Part:
    """The packets of a hook that pass on one side alone, the new one if they are `opened`; addresses are of `grid`.

    `depends` are the texts of the matches that are not modelled and matter: the part is there where these hold, or
    do not, as its boxes say.
    """

    hook: str
    family: Family
    opened: bool
    packets: Node
    grid: Grid
    witness: Packet
    depends: tuple[str, ...]


def rules_diff(old: PacketSet, new: PacketSet, grids: Mapping[Family, Grid]) -> Iterator[Part]:
    """What is opened and closed, in each hook and family of the grids; what is opened comes first."""
    for opened, here, there in ((True, new, old), (False, old, new)):
        for family, grid in grids.items():
            changed = difference(here.of(family), there.of(family))
            for hook, cards in HOOKS.items():
                packets = intersection(changed, PacketSet.where(family, cards).of(family))
                if packets is not FALSE:
                    whole = PacketSet.only(family, packets)
                    witness = whole.witness(grids)
                    assert witness is not None, "what is not empty has a member"
                    yield Part(hook, family, opened, packets, grid, witness, whole.opaques())
