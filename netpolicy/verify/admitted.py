"""What passes from one address to another, and the statements to thank for it."""

from __future__ import annotations

from collections.abc import Iterable

from netpolicy.flow.model import Effect, Flow
from netpolicy.packet.addresses import EVERYWHERE, AddressSet, Family
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.intervals import Intervals, difference, union_all
from netpolicy.packet.ports import PortSet
from netpolicy.policy.cluster import Address

Admitted = list[tuple[Family, Intervals, tuple[str, ...]]]
"""Keys that pass in a family, and the statements to thank."""


def admitted_between(flows: Iterable[Flow], source: Address, destination: Address) -> Admitted:
    """What the flows let pass from one address to another: deny beats allow."""
    family = source[0]
    if family is not destination[0]:
        return []
    met = [flow for flow in flows if source in flow.sources and destination in flow.destinations]
    denied = union_all([flow.ports.of(family) for flow in met if flow.effect is Effect.DENY])
    allowed = [
        (family, difference(flow.ports.of(family), denied), flow.statements)
        for flow in met
        if flow.effect is Effect.ALLOW
    ]
    return [one for one in allowed if one[1]]


def admitted_of_some(
    addresses: AddressSet,
    family: Family,
    allowing: Iterable[tuple[str, PortSet]],
    denying: Iterable[tuple[AddressSet, PortSet]],
) -> Admitted:
    """What passes for some of the addresses: each allow holds for all of them, each deny for its own."""
    denied = FlowSet.union_all([FlowSet.box(side & addresses, EVERYWHERE, ports) for side, ports in denying])
    found: Admitted = []
    for name, ports in allowing:
        left = FlowSet.box(addresses, EVERYWHERE, ports) - denied
        keys = union_all([keys for own, _, _, keys in left.boxes() if own is family])
        if keys:
            found.append((family, keys, (name,)))
    return found
