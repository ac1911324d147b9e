"""Proves that what some rules admit is what the policy means, or finds a packet on which they differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from netpolicy.dsl.syntax import Verb
from netpolicy.flow.model import NodeClass
from netpolicy.packet.diagram import FALSE, Node, difference, intersection
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.grid import Atoms, Grid
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.packets import Packet
from netpolicy.packet.packetset import PacketSet
from netpolicy.packet.ports import VALUE_BITS
from netpolicy.policy.cluster import Address
from netpolicy.policy.cluster import Node as ClusterNode
from netpolicy.policy.model import Policy, Statement
from netpolicy.verify.meaning import Hook


@dataclass(frozen=True, slots=True)
class Difference:
    """A packet that rules and policy judge differently; the rules admit it if it is `opened`, else they refuse it."""

    hook: str
    opened: bool
    witness: Packet


def differences(hooks: Iterable[Hook], admitted: PacketSet, grids: Mapping[Family, Grid]) -> Iterator[Difference]:
    """A packet for each hook, family and way in which the admitted set is not what the policy means."""
    for hook in hooks:
        passing = admitted.of(hook.family)
        for opened, wrong in ((True, difference(passing, hook.wanted)), (False, difference(hook.wanted, passing))):
            found = intersection(wrong, hook.asked)
            witness = _witness(hook.family, found, grids)
            if witness is not None:
                yield Difference(hook.name, opened, witness)


def _witness(family: Family, found: Node, grids: Mapping[Family, Grid]) -> Packet | None:
    return None if found is FALSE else PacketSet.only(family, found).witness(grids)


def untold(known: Mapping[Family, Atoms], sets: Mapping[Family, Iterable[Intervals]]) -> dict[Family, list[Intervals]]:
    """Those of the sets that are no union of atoms."""
    return {family: [one for one in sets[family] if known[family].place(one) is None] for family in FAMILIES}


def speaking(policy: Policy, verb: Verb, packet: Packet) -> list[Statement]:
    """The statements with this verb that speak of the packet, or of what it was before its translation."""
    source = (packet.family, packet.source)
    ways = [((packet.family, packet.destination), packet.key)]
    if packet.original_destination is not None and packet.original_port is not None:
        original = packet.protocol << VALUE_BITS | packet.original_port
        ways.append(((packet.family, packet.original_destination), original))
    return [
        one
        for one in policy.of(verb)
        if not one.to_self
        and source in one.who.addresses
        and any(_aims(one, destination) and (packet.family, key) in one.ports for destination, key in ways)
    ]


def _aims(one: Statement, destination: Address) -> bool:
    virtual = ((each.family, each.address) for each in one.whom.virtual)
    return destination in one.whom.addresses or destination in virtual


def strays(policy: Policy, node_class: NodeClass, known: Mapping[Family, Atoms]) -> list[ClusterNode]:
    """Nodes of a class about whose addresses the policy does not say what it says about those of the first."""
    by_name = {node.name: node for node in policy.cluster.nodes}
    members = [by_name[name] for name in node_class.members]
    wanted = _likeness(members[0], known)
    return [one for one in members if _likeness(one, known) != wanted]


def alike(policy: Policy, node_class: NodeClass, known: Mapping[Family, Atoms]) -> list[list[ClusterNode]]:
    """The nodes of a class in groups whose addresses are of the same atoms; the first node is in the first."""
    by_name = {node.name: node for node in policy.cluster.nodes}
    found: dict[tuple[object, ...], list[ClusterNode]] = {}
    for name in node_class.members:
        found.setdefault(_likeness(by_name[name], known), []).append(by_name[name])
    return list(found.values())


def _likeness(node: ClusterNode, known: Mapping[Family, Atoms]) -> tuple[object, ...]:
    """All that a proof asks of a node: its interfaces, its lease, and the atom of each of its addresses."""
    cards = tuple(
        (card.name, tuple((family, known[family].number(address)) for family, address in card.addresses))
        for card in node.interfaces
    )
    return (node.addresses_are, *cards)
