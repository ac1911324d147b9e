"""NP409."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Label, Severity
from netpolicy.dsl.syntax import Verb
from netpolicy.flow.model import Plan
from netpolicy.lint import Context, LintRule
from netpolicy.packet.addresses import FAMILIES
from netpolicy.packet.intervals import intersection, size, union_all
from netpolicy.packet.ports import VALUE_BITS, VALUE_LAST, Protocol
from netpolicy.policy.cluster import Address
from netpolicy.verify.admitted import admitted_between
from netpolicy.verify.exposure import MANY_PORTS, in_order

_TCP = ((Protocol.TCP << VALUE_BITS, (Protocol.TCP << VALUE_BITS) + VALUE_LAST),)
_SHOWN = 4
"""Statements that are shown."""

PAGE = """\
# NP409: nothing is closed between nodes

Every node reaches every other on most ports of TCP, so roles tell nothing apart, and who holds one node is at the door
of all programs on all nodes. It is a beginning, and often what a vendor's page advises; say then by roles who needs
what. All statements are judged together, net of denies. A cluster of nodes that all have the same roles is not meant.

## Bad

```netpol
role dea, mysql
allow all -> all : any
```

## Good

```netpol
role dea, mysql
allow all -> all   : tcp 22
allow dea -> mysql : tcp 3306
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once, at the statements that open all nodes to all."""
    plans = context.plans
    if len({one.node_class.roles for one in plans}) < 2 or not all(
        _open(one, other) for one in plans for other in plans
    ):
        return
    nodes = context.policy.nodes
    opening = [
        one
        for one in context.policy.of(Verb.ALLOW)
        if _most(union_all([one.ports.of(family) for family in FAMILIES]))
        and one.who.addresses.overlaps(nodes)
        and one.whom.addresses.overlaps(nodes)
    ]
    spans = [one.span for one in in_order(opening) if one.span is not None]
    places = [Label(span, "and this one" if number else "") for number, span in enumerate(spans[:_SHOWN])]
    hint = "say by roles who needs which ports"
    message = "every node reaches every other on most ports of TCP"
    yield RULE.finding(message, *places, hint=hint, about="all -> all : tcp any")


def _open(sender: Plan, receiver: Plan) -> bool:
    """Whether nodes of the one class reach most TCP ports of another node of the other, at each address they share."""
    if sender is receiver and len(sender.node_class.members) == 1:
        return True
    pairs = [
        (source, destination)
        for source in _addresses(sender)
        for destination in _addresses(receiver)
        if source[0] is destination[0]
    ]
    return bool(pairs) and all(
        _most(union_all([keys for _, keys, _ in admitted_between(receiver.inbound, source, destination)]))
        for source, destination in pairs
    )


def _addresses(plan: Plan) -> Iterator[Address]:
    for family in FAMILIES:
        for first, last in plan.node_class.own.of(family):
            yield from ((family, address) for address in range(first, last + 1))


def _most(keys: tuple[tuple[int, int], ...]) -> bool:
    return size(intersection(keys, _TCP)) >= MANY_PORTS


RULE = LintRule(
    "NP409",
    Severity.NOTICE,
    PAGE,
    of_policy=check,
    strict=Severity.WARNING,
    standards=("PCI DSS 1.2.5", "NIST 800-171 3.13.6"),
)
