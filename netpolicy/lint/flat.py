"""NP409."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.dsl.syntax import Verb
from netpolicy.lint import Context, LintRule, blamed
from netpolicy.packet.addresses import FAMILIES
from netpolicy.packet.intervals import Intervals, intersection, size
from netpolicy.packet.ports import PortSet, Protocol
from netpolicy.verify.exposure import MANY_PORTS, in_order
from netpolicy.verify.flatness import is_flat

_TCP = PortSet.protocol(Protocol.TCP)

PAGE = """\
# NP409: nothing is closed between nodes

All nodes reach every other one on half of the ports of TCP or more, so roles tell nothing apart, and who holds one node
is at the door of all programs on all nodes. It is a beginning, and often what a vendor's page advises; say then by
roles who needs what. All statements are judged together, net of denies. Nodes that all have the same roles are not
meant.

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
    if len({one.node_class.roles for one in context.plans}) < 2 or not is_flat(context.policy, context.plans):
        return
    nodes = context.policy.nodes
    opening = [
        one
        for one in context.policy.of(Verb.ALLOW)
        if one.ports.overlaps(_TCP) and one.who.addresses.overlaps(nodes) and one.whom.addresses.overlaps(nodes)
    ]
    most = [one for one in opening if any(_size(one.ports.of(family)) >= MANY_PORTS for family in FAMILIES)]
    labels = blamed(in_order(most or opening))
    hint = "say by roles who needs which ports"
    message = "most ports of TCP are open between all nodes"
    yield RULE.finding(message, *labels, hint=hint, about="all -> all : tcp any")


def _size(keys: Intervals) -> int:
    """How many ports of TCP there are among keys."""
    return size(intersection(keys, _TCP.v4))


RULE = LintRule(
    "NP409",
    Severity.NOTICE,
    PAGE,
    of_policy=check,
    strict=Severity.WARNING,
    standards=("PCI DSS 1.2.5", "NIST 800-171 3.13.6"),
)
