"""Proves that security groups admit the same flows as the hosts: what the policy says of each address of each node.

What a cloud lets pass by itself (answers, neighbours, DHCP) is left out on both sides, and so are interfaces and
states, which groups do not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from netpolicy.flow.model import NodeClass
from netpolicy.packet.diagram import Node, difference, intersection, union_all
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.grid import Atoms, Grid
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.packets import Packet
from netpolicy.packet.packetset import Axis, PacketSet
from netpolicy.policy.model import Policy
from netpolicy.policy.selectors import address_set
from netpolicy.securitygroups.inventory import Card, Passing
from netpolicy.securitygroups.model import Attachment
from netpolicy.verify.meaning import grids, incoming, outgoing


@dataclass(frozen=True, slots=True)
class GroupDifference:
    """A flow that groups and policy judge differently at an interface of the node; the groups admit it if `opened`."""

    node: str
    attachment: Attachment
    coming: bool
    opened: bool
    witness: Packet


def peers(listed: Iterable[Passing]) -> dict[Family, list[Intervals]]:
    """Every set of addresses that the groups tell apart."""
    sets: dict[Family, list[Intervals]] = {family: [] for family in FAMILIES}
    for one in listed:
        for flows, coming in ((one.ingress, True), (one.egress, False)):
            for family, sources, destinations, _ in flows.boxes():
                sets[family].append(sources if coming else destinations)
    return sets


def unattached(listed: Iterable[Passing], cards: Iterable[Card]) -> list[Card]:
    """Interfaces that carry no group: nobody says what passes there."""
    carried = {(node, one.attachment.interface) for one in listed for node in one.attachment.nodes}
    return sorted(set(cards) - carried)


def unplaced(listed: Iterable[Passing], cards: Iterable[Card]) -> list[Card]:
    """Interfaces that carry groups and that the cluster does not have: whoever has them is a peer of the others."""
    carried = {(node, one.attachment.interface) for one in listed for node in one.attachment.nodes}
    return sorted(carried - set(cards))


def group_differences(
    policy: Policy, classes: Sequence[NodeClass], known: Mapping[Family, Atoms], listed: Iterable[Passing]
) -> Iterator[GroupDifference]:
    """A flow for each interface of a class, direction and way in which groups and policy differ."""
    class_of = {name: one for one in classes for name in one.members}
    nodes = {node.name: node for node in policy.cluster.nodes}
    for passing in listed:
        known_nodes = [name for name in reversed(passing.attachment.nodes) if name in class_of]
        firsts = {id(class_of[name]): name for name in known_nodes}
        for name in firsts.values():
            # The first of a class may be another one, and only a node's own addresses stand apart on its axes.
            here = replace(class_of[name], own=address_set(nodes[name].addresses))
            axes = grids(known, here.own)
            cards = (card for card in nodes[name].interfaces if card.name == passing.attachment.interface)
            for family, address in (address for card in cards for address in card.addresses):
                yield from _at(policy, here, axes[family], address, (name, passing))


def _at(
    policy: Policy, node_class: NodeClass, grid: Grid, address: int, carried: tuple[str, Passing]
) -> Iterator[GroupDifference]:
    name, passing = carried
    for coming in (True, False):
        far = Axis.SOURCE if coming else Axis.DESTINATION
        wanted = (incoming if coming else outgoing)(policy, node_class, grid, address)
        have = _flows(passing.ingress if coming else passing.egress, grid, far)
        possible = PacketSet.where(grid.family, {far: grid.every}, grid).of(grid.family)
        for opened, wrong in ((True, difference(have, wanted)), (False, difference(wanted, have))):
            found = PacketSet.only(grid.family, intersection(wrong, possible))
            witness = found.witness(dict.fromkeys(FAMILIES, grid))
            if witness is not None:
                met = replace(witness, destination=address) if coming else replace(witness, source=address)
                yield GroupDifference(name, passing.attachment, coming, opened, met)


def _flows(flows: FlowSet, grid: Grid, far: Axis) -> Node:
    """The peers and keys of the flows of one family, on a grid."""
    boxes = []
    for family, sources, destinations, keys in flows.boxes():
        if family is grid.family:
            placed = grid.place(sources if far is Axis.SOURCE else destinations)
            assert placed is not None, "every peer of a group is a union of atoms"
            boxes.append(PacketSet.where(family, {far: placed, Axis.KEY: keys}, grid).of(family))
    return union_all(boxes)
