"""What passes between nodes and those who are no nodes: networks, CIDRs, `world`, `outside`, virtual addresses, `self`.

A peer has the rows of the statements that name it, as long as something passes for some of its addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from netpolicy.dsl.syntax import Verb
from netpolicy.flow.model import Plan
from netpolicy.packet.addresses import AddressSet, Family, address_text
from netpolicy.packet.intervals import intersection, union_all
from netpolicy.policy.cluster import Address
from netpolicy.policy.model import Egress, Named, Policy, Selection, Statement, Virtual
from netpolicy.verify.admitted import Admitted, admitted_between, admitted_of_some

Found = Iterator[tuple[str, Admitted]]
"""The name of a peer, and what passes."""


def incoming(policy: Policy, address: Address) -> Found:
    """What passes from peers to a declared address of a node."""
    met = [one for one in policy.of(Verb.ALLOW, Verb.DENY) if address in one.whom.addresses]
    return _peers(met, address[0], lambda one: one.who)


def outgoing(policy: Policy, plans: Sequence[Plan], sender: Plan, address: Address) -> Found:
    """What passes from a declared address of a node to peers, also where egress is open, to virtual ones and `self`."""
    family = address[0]
    met = [one for one in policy.of(Verb.ALLOW, Verb.DENY) if address in one.who.addresses]
    yield from _peers(met, family, lambda one: one.whom)
    for virtual in _virtual(met, family):
        others = [plan for plan in plans if plan is not sender or len(plan.node_class.members) > 1]
        admitted = [one for plan in others for one in admitted_between(plan.virtual, address, virtual)]
        if policy.egress is Egress.ENFORCED:
            leaving = union_all([keys for _, keys, _ in admitted_between(sender.outbound, address, virtual)])
            admitted = [(family, intersection(keys, leaving), ids) for _, keys, ids in admitted]
        if any(keys for _, keys, _ in admitted):
            yield address_text(*virtual), admitted
    to_self = [(one.id, one.ports) for one in met if one.to_self]
    if admitted := admitted_of_some(_one(address), family, to_self, ()):
        yield "self", admitted


def between_strangers(policy: Policy, plans: Sequence[Plan]) -> Iterator[tuple[str, str, Admitted]]:
    """What nodes receive from peers for virtual addresses, as (peer, virtual address, what passes)."""
    for one in policy.of(Verb.ALLOW):
        for virtual in one.whom.virtual if one.who.peers else ():
            for plan in plans:
                if _receives(plan, virtual):
                    denying = [(each.who.addresses, each.ports) for each in _closing(policy, plan, virtual)]
                    for peer in one.who.peers:
                        allowing = [(one.id, one.ports)]
                        if admitted := admitted_of_some(peer.addresses, virtual.family, allowing, denying):
                            yield peer.name, address_text(virtual.family, virtual.address), admitted


def _receives(plan: Plan, virtual: Virtual) -> bool:
    return virtual.nodes.overlaps(plan.node_class.own)


def _closing(policy: Policy, plan: Plan, virtual: Virtual) -> Iterator[Statement]:
    """The denies about the virtual address that these nodes keep."""
    address = (virtual.family, virtual.address)
    for one in policy.of(Verb.DENY):
        at = [each for each in one.whom.virtual if (each.family, each.address) == address]
        if address in one.whom.addresses or any(_receives(plan, each) for each in at):
            yield one


def _peers(met: Sequence[Statement], family: Family, side: Callable[[Statement], Selection]) -> Found:
    """What passes for each peer that these statements name on one side."""
    allowing = [one for one in met if one.verb is Verb.ALLOW]
    denying = [(side(one).addresses, one.ports) for one in met if one.verb is Verb.DENY]
    peers = {peer.name: peer for one in allowing for peer in side(one).peers}
    for name, peer in sorted(peers.items()):
        naming = [(one.id, one.ports) for one in allowing if _names(side(one), peer)]
        if admitted := admitted_of_some(peer.addresses, family, naming, denying):
            yield name, admitted


def _names(side: Selection, peer: Named) -> bool:
    return any(one.name == peer.name for one in side.peers)


def _virtual(met: Sequence[Statement], family: Family) -> list[Address]:
    """The virtual addresses of a family that allows among the statements open."""
    opened = {(one.family, one.address) for each in met if each.verb is Verb.ALLOW for one in each.whom.virtual}
    return sorted(one for one in opened if one[0] is family)


def _one(address: Address) -> AddressSet:
    pair = ((address[1], address[1]),)
    return AddressSet(v4=pair) if address[0] is Family.V4 else AddressSet(v6=pair)
