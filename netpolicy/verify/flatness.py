"""Whether anything is closed between the nodes of a cluster: on most ports of TCP, and net of denies."""

from __future__ import annotations

from collections.abc import Sequence

from netpolicy.flow.model import Plan
from netpolicy.packet.addresses import Family
from netpolicy.packet.intervals import Intervals, covers, difference, intersection, size
from netpolicy.packet.ports import VALUE_BITS, VALUE_LAST, Protocol
from netpolicy.policy.model import Policy
from netpolicy.verify.exposure import MANY_PORTS, Border, stretches

_TCP: Intervals = ((Protocol.TCP << VALUE_BITS, (Protocol.TCP << VALUE_BITS) + VALUE_LAST),)


def is_flat(policy: Policy, plans: Sequence[Plan]) -> bool:
    """True when all nodes reach every other one, at each address that it shares a family with, on most ports of TCP."""
    asking = _Asking(policy)
    return all(asking.open_to_all(plan) for plan in plans)


class _Asking:
    def __init__(self, policy: Policy) -> None:
        self.nodes = policy.nodes
        self._parts: dict[tuple[Family, int], tuple[Intervals, Intervals]] = {}

    def open_to_all(self, plan: Plan) -> bool:
        own, alone = plan.node_class.own, len(plan.node_class.members) == 1
        asked = False
        for family in own.families():
            others = self.nodes.of(family)
            border = self.border(plan, family)
            for first, last in own.of(family):
                for address in range(first, last + 1):
                    senders = difference(others, own.of(family)) if alone else others
                    asked = asked or bool(senders)
                    met = [one for one in border if (family, address) in one.flow.destinations]
                    if senders and _common(met, senders) < MANY_PORTS:
                        return False
        return asked

    def border(self, plan: Plan, family: Family) -> list[Border]:
        """The flows from nodes over TCP."""
        found = [
            Border(one, self.part(one.sources.of(family), family), intersection(one.ports.of(family), _TCP))
            for one in plan.inbound
        ]
        return [one for one in found if one.sources and one.keys]

    def part(self, sources: Intervals, family: Family) -> Intervals:
        """The nodes among sources; many flows share one set of sources, which is kept so that its id is."""
        known = self._parts.get((family, id(sources)))
        if known is None:
            known = self._parts[family, id(sources)] = (sources, intersection(sources, self.nodes.of(family)))
        return known[1]


def _common(met: Sequence[Border], senders: Intervals) -> int:
    """On how many ports all senders get there."""
    return sum(size(((first, last),)) for first, last, _, reached in stretches(met) if covers(reached, senders))
