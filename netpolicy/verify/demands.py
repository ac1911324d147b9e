"""Judges `require` and `advise` on the cluster."""

from __future__ import annotations

from collections.abc import Iterable

from netpolicy.diagnostic import Diagnostic, error, warning
from netpolicy.dsl.syntax import DemandKind
from netpolicy.policy.cluster import Node
from netpolicy.policy.model import Demand, Policy, Selection


def _holders(policy: Policy, selection: Selection) -> list[Node]:
    return [node for node in policy.cluster.nodes if any(address in selection.addresses for address in node.addresses)]


def judge_demand(policy: Policy, demand: Demand) -> Iterable[Diagnostic]:
    """A diagnostic when the cluster is not as the demand wants it."""
    holders = _holders(policy, demand.selector)
    wrong = _wrong(policy, demand, holders)
    if not wrong:
        return
    said = demand.attributes.because
    hint = f"because {said}" if said else _DEMAND_HINTS[demand.kind]
    if demand.attributes.sources:
        hint += f" (source {', '.join(demand.attributes.sources)})"
    make = error if demand.binding else warning
    yield make("NP304" if demand.binding else "NP305", wrong, demand.span, hint=hint)


_DEMAND_HINTS = {
    DemandKind.EXACTLY: "change the roles of the cluster's nodes",
    DemandKind.AT_LEAST: "add a node with this role",
    DemandKind.NONE: "take the role from these nodes",
    DemandKind.EXISTS: "give a node the role, or the network an address",
    DemandKind.WITH: "give these nodes the missing roles",
    DemandKind.ALONE: "give these nodes no other role",
}


def _wrong(policy: Policy, demand: Demand, holders: list[Node]) -> str:
    """Why the demand does not hold, or nothing."""
    what, count = demand.selector.text, len(holders)
    match demand.kind:
        case DemandKind.EXACTLY if count != demand.number:
            return f"the cluster has {count} `{what}`, not {demand.number}{_names(holders)}"
        case DemandKind.AT_LEAST if count < demand.number:
            return f"the cluster has {count} `{what}`, fewer than {demand.number}{_names(holders)}"
        case DemandKind.NONE if demand.selector:
            return f"the cluster has `{what}`{_names(holders)}"
        case DemandKind.EXISTS if not demand.selector:
            return f"the cluster has no `{what}`"
        case DemandKind.WITH:
            assert demand.other is not None
            others = {node.name for node in _holders(policy, demand.other)}
            lacking = [node for node in holders if node.name not in others]
            return f"not every `{what}` is `{demand.other.text}`{_names(lacking)}" if lacking else ""
        case DemandKind.ALONE:
            busy = [node for node in holders if len(node.roles) > 1]
            return f"not every `{what}` stands alone{_names(busy)}" if busy else ""
        case _:
            return ""


def _names(nodes: list[Node]) -> str:
    if not nodes:
        return ""
    shown = ", ".join(node.name for node in nodes[:5])
    return f": {shown}" + (f" and {len(nodes) - 5} more" if len(nodes) > 5 else "")
