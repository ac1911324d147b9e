"""What a policy says of a packet at each node that it meets, by the meaning that rules are proved against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netpolicy.flow.model import NodeClass
from netpolicy.packet import diagram, interfaces
from netpolicy.packet.diagram import Variable
from netpolicy.packet.family import Family
from netpolicy.packet.grid import Grid
from netpolicy.packet.packets import Packet
from netpolicy.packet.packetset import NO_PORT, STATES, Axis
from netpolicy.policy.model import Policy
from netpolicy.verify.meaning import Hook, atoms, grids, meaning

INPUT, FORWARD, OUTPUT = "INPUT", "FORWARD", "OUTPUT"


@dataclass(frozen=True, slots=True)
class Stop:
    """A packet where the rules of a node judge it."""

    node: str
    hook: str
    packet: Packet


@dataclass(frozen=True, slots=True)
class _Class:
    number: int
    own: tuple[tuple[Family, int], ...]
    grids: dict[Family, Grid]
    hooks: dict[tuple[Family, str], Hook]


class Judge:
    """Says what the policy wants. Nodes of a class are judged as the first of them, with its addresses for theirs."""

    def __init__(self, policy: Policy, classes: Sequence[NodeClass]) -> None:
        self.policy = policy
        self.known = atoms(policy)
        self._own = {node.name: node.addresses for node in policy.cluster.nodes}
        self._of = {
            one: (number, node_class) for number, node_class in enumerate(classes) for one in node_class.members
        }
        self._classes: dict[int, _Class] = {}
        self._numbers: dict[tuple[str, Family, int], int] = {}

    def admits(self, stop: Stop) -> bool | None:
        """True if the packet passes there; None for one of which the rules of the node need not say anything."""
        wanted = self.wanted(stop)
        return None if wanted is None else diagram.contains(wanted, varying(stop.packet))

    def wanted(self, stop: Stop) -> diagram.Node | None:
        """Which packets with the ends and interfaces of that at the stop pass there, by what `varying` has of them.

        None where the rules of the node need not say anything about such packets.
        """
        one = self._class(stop.node)
        hook = one.hooks[stop.packet.family, stop.hook]
        asked, wanted = hook.asked, hook.wanted
        for axis, value in self._fixed(one, stop).items():
            asked, wanted = diagram.at(asked, axis.variable, value), diagram.at(wanted, axis.variable, value)
        return None if asked is diagram.FALSE else wanted

    def likeness(self, stop: Stop) -> tuple[object, ...]:
        """Equal for packets of which the policy says the same, but for their protocols and ports."""
        one = self._class(stop.node)
        return (one.number, stop.hook, stop.packet.family, *self._fixed(one, stop).values())

    def _fixed(self, one: _Class, stop: Stop) -> dict[Axis, int]:
        packet, grid = stop.packet, one.grids[stop.packet.family]
        original = packet.original_destination
        return {
            Axis.SOURCE: self._number(one, stop.node, packet.family, packet.source),
            Axis.DESTINATION: self._number(one, stop.node, packet.family, packet.destination),
            Axis.ORIGINAL_DESTINATION: grid.last + 1
            if original is None
            else self._number(one, stop.node, packet.family, original),
            Axis.TRANSLATED: int(packet.dnat),
            Axis.IN_INTERFACE: interfaces.number(packet.in_interface),
            Axis.OUT_INTERFACE: interfaces.number(packet.out_interface),
            Axis.FRAGMENT: 0,
        }

    def _number(self, one: _Class, node: str, family: Family, address: int) -> int:
        asked = node, family, address
        if asked not in self._numbers:
            own = self._own[node]
            first = one.own[own.index((family, address))][1] if (family, address) in own else address
            self._numbers[asked] = one.grids[family].number(first)
        return self._numbers[asked]

    def _class(self, node: str) -> _Class:
        number, node_class = self._of[node]
        if number not in self._classes:
            axes = grids(self.known, node_class.own)
            hooks = {(hook.family, hook.name): hook for hook in meaning(self.policy, node_class, axes)}
            self._classes[number] = _Class(number, self._own[node_class.members[0]], axes, hooks)
        return self._classes[number]


def varying(packet: Packet) -> dict[Variable, int]:
    """What packets between the same ends by the same interfaces may differ in."""
    return {
        Axis.STATE.variable: STATES.index(packet.state),
        Axis.KEY.variable: packet.key,
        Axis.ORIGINAL_PORT.variable: NO_PORT if packet.original_port is None else packet.original_port,
        Axis.SOURCE_PORT.variable: packet.source_port,
        Axis.FLAGS.variable: packet.flags,
    }
