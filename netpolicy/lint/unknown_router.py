"""NP216."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.lint import LintRule, Profile
from netpolicy.packet.addresses import address_text
from netpolicy.policy.cluster import Cluster

PAGE = """\
# NP216: the load balancer sends to no node

`load_balancer_routers` lists the addresses that the load balancer hands requests to. No node of the cluster holds one
of them, so requests would go to a stranger, or nowhere, and no rule opens that way. Correct the address, or declare it
at its node.

## Bad

```yaml
policy: ./policy.netpol
load_balancer_routers: [10.0.0.1, 10.0.0.9]
nodes:
  router1: {address: 10.0.0.1}
```

## Good

```yaml
policy: ./policy.netpol
load_balancer_routers: [10.0.0.1]
nodes:
  router1: {address: 10.0.0.1}
```
"""


def check(cluster: Cluster) -> Iterator[Diagnostic]:
    """Found for each listed address that no interface of the cluster holds."""
    if not cluster.load_balancer_routers:
        return
    held = {address for node in cluster.nodes for address in node.addresses}
    for address, span in zip_longest(cluster.load_balancer_routers, cluster.router_spans):
        if address is not None and address not in held:
            router = address_text(*address)
            message = f"no node holds `{router}`, which the load balancer sends to"
            hint = "correct it, or give that address to its node"
            yield RULE.finding(message, span, hint=hint, about=f"load_balancer_routers {router}")


RULE = LintRule("NP216", Severity.ERROR, PAGE, of_cluster=check, profile=Profile.MINIMAL)
