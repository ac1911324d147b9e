"""NP612."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.lint import Context, LintRule
from netpolicy.packet.addresses import FAMILIES, Family

MOST = 60
"""Rules of a family and direction that a group may hold, if the quota is as it was; a group as peer counts in both."""

PAGE = """\
# NP612: a security group has more rules than AWS takes at first

The default quota of an account is 60 rules in each direction of a group, counted apart for IPv4 and IPv6, and this
group will have more: AWS would refuse the rest of them. Have the quota raised, or give the policy fewer networks and
ports. An address left out of a CIDR costs up to a rule for each bit. It is told where the cluster asks for AWS.

## Bad

```netpol
role web
allow 8.0.0.0/6 except 8.8.8.8 -> web : tcp 8080, 8443, 9000
```
```yaml
policy: ./policy.netpol
clouds: [aws]
nodes:
  web: {roles: [web], address: 10.0.0.1}
```

## Good

```netpol
role web
allow 8.0.0.0/6 -> web : tcp 8080, 8443, 9000
```
```yaml
policy: ./policy.netpol
clouds: [aws]
nodes:
  web: {roles: [web], address: 10.0.0.1}
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once a group of which a direction is too long, where the cluster asks for AWS."""
    written = context.written_for("aws")
    if written is None:
        return
    ruleset, place = written
    for group in ruleset.groups:
        longest = max(_counted(way, family) for way in (group.ingress, group.egress) for family in FAMILIES)
        if longest > MOST:
            message = f"the security group `{group.name}` has {longest} rules one way, and AWS takes {MOST} at first"
            hint = "have the quota of rules raised, or name fewer networks and ports"
            yield RULE.finding(message, place, hint=hint, about=f"aws {group.name}")


def _counted(rules: Sequence[Any], family: Family) -> int:
    """The rules of a direction that count for a family."""
    return sum(one.network is None or (":" in one.network) is (family is Family.V6) for one in rules)


RULE = LintRule("NP612", Severity.NOTICE, PAGE, of_policy=check)
