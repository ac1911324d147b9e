"""NP213."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Label, Severity
from netpolicy.lint import LintRule, Profile
from netpolicy.packet.addresses import address_text
from netpolicy.policy.cluster import Cluster

PAGE = """\
# NP213: the MBUS address is public

`mbus:` is the address by which the nodes of a cluster find each other, so it has to be an internal one. Here it stands
on the interface that its node faces the world with (`public_interface`): the message bus would listen there. Give the
internal address of that node, or correct `public_interface`.

## Bad

```yaml
policy: ./policy.netpol
mbus: 203.0.113.1
nodes:
  core: {interfaces: {eth0: [10.0.0.1], eth1: [203.0.113.1]}, public_interface: eth1}
```

## Good

```yaml
policy: ./policy.netpol
mbus: 10.0.0.1
nodes:
  core: {interfaces: {eth0: [10.0.0.1], eth1: [203.0.113.1]}, public_interface: eth1}
```
"""


def check(cluster: Cluster) -> Iterator[Diagnostic]:
    """Found where the node's public interface holds the address; a node that names none is not judged."""
    if cluster.mbus is None:
        return
    for node in cluster.nodes:
        for interface in node.interfaces:
            if interface.name == node.public_interface and cluster.mbus in interface.addresses:
                message = f"the MBUS address is on `{interface.name}`, the public interface of `{node.name}`"
                others = [one for one in node.addresses if one not in interface.addresses]
                internal = f", such as `{address_text(*others[0])}`" if others else ""
                label = Label(node.span, "this node holds it") if node.span is not None else None
                yield RULE.finding(
                    message, cluster.mbus_span, label, hint=f"give an internal address{internal}", about="mbus"
                )


RULE = LintRule("NP213", Severity.ERROR, PAGE, of_cluster=check, profile=Profile.MINIMAL)
