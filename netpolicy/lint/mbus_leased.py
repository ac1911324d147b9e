"""NP214."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Label, Severity
from netpolicy.lint import LintRule, Profile
from netpolicy.policy.cluster import AddressesAre, Cluster

PAGE = """\
# NP214: the MBUS address is leased

All nodes know the message bus by its address. If the lease of that address runs out, the cluster has to be set up anew
and the rules of every node are stale. Give the node that holds it a static address; where the cloud keeps a leased
address for good, say `addresses_are: persistent`.

## Bad

```yaml
policy: ./policy.netpol
mbus: 10.0.0.1
nodes:
  core: {address: 10.0.0.1, addresses_are: leased}
```

## Good

```yaml
policy: ./policy.netpol
mbus: 10.0.0.1
nodes:
  core: {address: 10.0.0.1, addresses_are: persistent}
```
"""


def check(cluster: Cluster) -> Iterator[Diagnostic]:
    """Found where the node that holds the address has leased ones."""
    for node in cluster.nodes if cluster.mbus is not None else ():
        if node.addresses_are is AddressesAre.LEASED and cluster.mbus in node.addresses:
            label = Label(node.span, "this node holds it") if node.span is not None else None
            hint = "make it static, or say `addresses_are: persistent` where the cloud keeps it"
            message = f"the MBUS address is leased, and `{node.name}` may lose it"
            yield RULE.finding(message, cluster.mbus_span, label, hint=hint, about="mbus")


RULE = LintRule("NP214", Severity.WARNING, PAGE, of_cluster=check, profile=Profile.MINIMAL)
