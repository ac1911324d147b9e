"""What differs in meaning: from a policy that says what is needed, and from what stood before."""

from __future__ import annotations

from typing import Any

from netpolicy.dsl.syntax import Verb
from netpolicy.packet.intervals import size
from netpolicy.policy.model import Policy
from netpolicy.report.audit.model import Since, Surplus
from netpolicy.report.diff import as_value
from netpolicy.verify.diff.naming import Change


def surplus(found: Surplus | None) -> dict[str, Any] | None:
    """What passes and is not needed; `tuples` counts sender, receiver and port of what passes between nodes."""
    if found is None:
        return None
    told = as_value(found.difference)
    opened = [one for one in found.difference.changes if one.opened]
    flows = [
        {
            "text": flow["text"],
            "way": flow["way"],
            "nodes": {"from": flow["source"].get("nodes", 0), "to": flow["destination"].get("nodes", 0)},
            "statements": sorted({cause["id"] for cause in flow["statements"] if cause["side"] == "new"}),
            "witness": flow["witness"],
            "tuples": _tuples(one),
        }
        for one, flow in zip(opened, told["opened"], strict=True)
    ]
    return {
        "needed": found.needed,
        "flows": flows,
        "tuples": sum(_tuples(one) for one in opened),
        "lacking": [{"text": one["text"], "way": one["way"], "witness": one["witness"]} for one in told["closed"]],
    }


def since(found: Since | None, policy: Policy) -> dict[str, Any] | None:
    """What changed in meaning since a revision, and the statements that came and went."""
    if found is None:
        return None
    before, now = ({one.id: one for one in reversed(each.of(Verb.ALLOW, Verb.DENY))} for each in (found.before, policy))
    return {
        "revision": found.revision,
        **as_value(found.difference),
        "rules_added": sorted(set(now) - set(before)),
        "rules_removed": [{"id": name, "text": before[name].text} for name in sorted(set(before) - set(now))],
    }


def _tuples(one: Change) -> int:
    """Pairs of nodes, less each with itself, times the keys of the wider family."""
    pairs = len(one.source.nodes) * len(one.destination.nodes)
    pairs -= len(set(one.source.nodes) & set(one.destination.nodes))
    return pairs * max(size(one.ports.v4), size(one.ports.v6))
