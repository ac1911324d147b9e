"""NP215."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.lint import LintRule, Profile
from netpolicy.policy.cluster import Cluster

PAGE = """\
# NP215: the API name does not fit the hostname

Clients reach the cluster at `api.` before its hostname, and certificates and DNS records are made for that name. This
cluster gives `api_name` and `hostname`, and the one is not `api.` and the other. Correct one of them, or leave
`api_name` out.

## Bad

```yaml
policy: ./policy.netpol
hostname: als.example.com
api_name: als.example.com
nodes:
  core: {address: 10.0.0.1}
```

## Good

```yaml
policy: ./policy.netpol
hostname: als.example.com
api_name: api.als.example.com
nodes:
  core: {address: 10.0.0.1}
```
"""


def check(cluster: Cluster) -> Iterator[Diagnostic]:
    """Found where both are given and do not fit."""
    wanted = f"api.{cluster.hostname}"
    if cluster.hostname and cluster.api_name and cluster.api_name != wanted:
        message = f"the API name `{cluster.api_name}` does not fit the hostname `{cluster.hostname}`"
        yield RULE.finding(message, cluster.api_name_span, hint=f"clients ask for `{wanted}`", about="api_name")


RULE = LintRule("NP215", Severity.WARNING, PAGE, of_cluster=check, profile=Profile.MINIMAL)
