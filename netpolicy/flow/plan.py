"""Plans the flows of each class of nodes from the statements of a policy. The order of statements means nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netpolicy.dsl.syntax import Verb
from netpolicy.flow.classes import classes
from netpolicy.flow.minimise import minimise
from netpolicy.flow.model import Effect, Flow, NodeClass, Plan
from netpolicy.packet.addresses import EVERYWHERE, FAMILIES, AddressSet, Family
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.ports import PortSet
from netpolicy.policy.model import Egress, Policy, Selection, Statement, Virtual

_EFFECTS = {Verb.ALLOW: Effect.ALLOW, Verb.DENY: Effect.DENY}


def plan(policy: Policy, *, apart: bool = False) -> tuple[Plan, ...]:
    """A plan for each class of nodes; `apart` makes every node a class of its own."""
    ruling = [one for one in policy.of(Verb.ALLOW, Verb.DENY) if not one.to_self]
    planning = _Planning(policy, ruling)
    return tuple(planning.of(one) for one in classes(policy, apart=apart))


class _Planning:
    def __init__(self, policy: Policy, ruling: Sequence[Statement]) -> None:
        self.policy = policy
        self.ruling = ruling
        # The part of each side that nodes hold, once for all classes.
        self.held = {id(side): side.addresses & policy.nodes for one in ruling for side in (one.who, one.whom)}
        self.virtual = _addresses((one.family, one.address) for each in ruling for one in each.whom.virtual)

    def of(self, node_class: NodeClass) -> Plan:
        enforced = self.policy.egress is Egress.ENFORCED
        return Plan(
            node_class=node_class,
            nodes=self.policy.nodes,
            inbound=minimise(self.inbound(node_class)),
            virtual=minimise(self.virtual_flows(node_class), idle_denies=False),
            forward=minimise(self.forward(node_class), idle_denies=False),
            outbound=minimise(self.outbound(node_class)) if enforced else (),
            egress=self.policy.egress,
            refuse=self.policy.refuse,
        )

    def inbound(self, node_class: NodeClass) -> Iterable[Flow]:
        for one in self.ruling:
            yield from _flow(one, one.who.addresses, self.part(one.whom, node_class), one.ports)

    def virtual_flows(self, node_class: NodeClass) -> Iterable[Flow]:
        """Flows to undeclared addresses: opened by `whom@ADDRESS` only, denied by any whom that holds them."""
        for one in self.ruling:
            opened = _virtual_addresses(one.whom, node_class)
            if one.verb is Verb.DENY:
                opened = opened | (self.virtual & one.whom.addresses)
            yield from _flow(one, one.who.addresses, opened, one.ports)

    def forward(self, node_class: NodeClass) -> Iterable[Flow]:
        """What was sent on by DNAT, by original destination and port: only forwarded services; every deny holds."""
        for one in self.ruling:
            ports = one.forwarded if one.verb is Verb.ALLOW else one.ports
            destinations = self.part(one.whom, node_class) | _virtual_addresses(one.whom, node_class)
            if one.verb is Verb.DENY:
                destinations = destinations | (self.virtual & one.whom.addresses)
            yield from _flow(one, one.who.addresses, destinations, ports)

    def outbound(self, node_class: NodeClass) -> Iterable[Flow]:
        for one in self.ruling:
            # What nobody receives is no destination.
            received = [(each.family, each.address) for each in one.whom.virtual if each.nodes]
            destinations = one.whom.addresses | _addresses(received)
            yield from _flow(one, self.part(one.who, node_class), destinations, one.ports)

    def part(self, side: Selection, node_class: NodeClass) -> AddressSet:
        """A side as the node sees it: everything where it holds all its addresses, nothing where it holds none."""
        v4, v6 = (self._part(side, node_class, family) for family in FAMILIES)
        return AddressSet(v4, v6)

    def _part(self, side: Selection, node_class: NodeClass, family: Family) -> Intervals:
        own = node_class.own.of(family)
        inside = [(family, address) in side.addresses for first, last in own for address in range(first, last + 1)]
        if not any(inside):
            return ()
        return EVERYWHERE.of(family) if all(inside) else self.held[id(side)].of(family)


def _flow(one: Statement, sources: AddressSet, destinations: AddressSet, ports: PortSet) -> Iterable[Flow]:
    """The flow, cut to the families that both sides and the ports have; none when nothing is left."""
    families = [family for family in FAMILIES if sources.of(family) and destinations.of(family) and ports.of(family)]
    if not families:
        return
    yield Flow(
        effect=_EFFECTS[one.verb],
        sources=_only(sources, families),
        destinations=_only(destinations, families),
        ports=PortSet(*(ports.of(family) if family in families else () for family in FAMILIES)),
        statements=(one.id,),
        log=one.attributes.log,
        head=one.who.text,
        tail=one.whom.text,
    )


def _only(addresses: AddressSet, families: Sequence[Family]) -> AddressSet:
    if len(families) == len(FAMILIES):
        return addresses
    return AddressSet(*(addresses.of(family) if family in families else () for family in FAMILIES))


def _virtual_addresses(whom: Selection, node_class: NodeClass) -> AddressSet:
    return _addresses((one.family, one.address) for one in whom.virtual if _touches(one, node_class))


def _touches(virtual: Virtual, node_class: NodeClass) -> bool:
    """True when the nodes of the class are among those that receive for the virtual address."""
    return virtual.nodes.overlaps(node_class.own)


def _addresses(pairs: Iterable[tuple[Family, int]]) -> AddressSet:
    listed = sorted(set(pairs))
    return AddressSet.union_all(
        [AddressSet(**{f"v{family.value}": ((address, address),)}) for family, address in listed]
    )
