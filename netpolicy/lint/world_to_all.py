"""NP405."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.lint import Context, LintRule, blamed
from netpolicy.verify.exposure import in_order

PAGE = """\
# NP405: the world reaches every node

Half of the public addresses or more reach some port of each node, so the cluster has no inside: a fault of any program
is one of the border. Name the roles that face the world, and let them reach the others. A cluster of nodes that all
have the same roles is not meant, nor are pings.

## Bad

```netpol
role router, dea
allow world -> all : tcp 443
```

## Good

```netpol
role router, dea
allow world  -> router : tcp 443
allow router -> dea    : tcp 8080
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once, at the statements that let the world in."""
    found = context.exposure().open_to_world()
    nodes = context.cluster.nodes
    reached = {name for one in found for name in one.node_class.members}
    kinds = {frozenset(role.text for role in node.roles) for node in nodes}
    if len(kinds) > 1 and len(reached) == len(nodes):
        labels = blamed(in_order(each for one in found for each in one.statements))
        hint = "name the roles that face the world as whom"
        message = f"each of the {len(nodes):,} nodes is open to the world on some port"
        yield RULE.finding(message, *labels, hint=hint, about="world -> every node")


RULE = LintRule(
    "NP405",
    Severity.WARNING,
    PAGE,
    of_policy=check,
    standards=("PCI DSS 1.4.2", "PCI DSS 1.4.4", "NIST 800-53 SC-7"),
)
