"""NP217."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.lint import LintRule
from netpolicy.policy.cluster import Cluster

PAGE = """\
# NP217: the hostname is not fully qualified

Clients and certificates know the cluster by `hostname`, DNS has a record of it, and a wildcard record below it leads to
the applications. A name without a dot is known on some machines only, and `api.` before it is no name on the Internet.
Give the name as DNS has it.

## Bad

```yaml
policy: ./policy.netpol
hostname: als
nodes:
  core: {address: 10.0.0.1}
```

## Good

```yaml
policy: ./policy.netpol
hostname: als.example.com
nodes:
  core: {address: 10.0.0.1}
```
"""


def check(cluster: Cluster) -> Iterator[Diagnostic]:
    """Found where the hostname has one part."""
    if cluster.hostname and "." not in cluster.hostname:
        hint = "give the name as DNS has it, such as `als.example.com`"
        message = f"`{cluster.hostname}` is not fully qualified"
        yield RULE.finding(message, cluster.hostname_span, hint=hint, about="hostname")


RULE = LintRule("NP217", Severity.WARNING, PAGE, of_cluster=check)
