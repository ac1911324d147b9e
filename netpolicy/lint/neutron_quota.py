"""NP613."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.lint import Context, LintRule

GROUPS, RULES = 10, 100
"""Security groups and their rules that a project may have, unless the quota was raised."""
IN_DEFAULT = 4
"""Rules of the group `default`, which every project has and which count."""

PAGE = """\
# NP613: more security groups or rules than Neutron gives at first

The default quota of an OpenStack project is 10 security groups and 100 rules, those of the group `default` included,
and this cluster needs more: the service would refuse the rest of them. Have the quota raised before you deploy, with
room for what else the project has. It is told where the cluster asks for Neutron.

## Bad

```netpol
role web
allow 8.0.0.0/6 except 8.8.8.8 -> web : tcp 8080, 8443, 9000, 9443
```
```yaml
policy: ./policy.netpol
clouds: [neutron]
nodes:
  web: {roles: [web], address: 10.0.0.1}
```

## Good

```netpol
role web
allow 8.0.0.0/6 -> web : tcp 8080, 8443, 9000, 9443
```
```yaml
policy: ./policy.netpol
clouds: [neutron]
nodes:
  web: {roles: [web], address: 10.0.0.1}
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once for both quotas, where the cluster asks for Neutron."""
    written = context.written_for("neutron")
    if written is None:
        return
    ruleset, place = written
    groups = len(ruleset.groups) + 1
    rules = sum(len(group.rules) for group in ruleset.groups) + IN_DEFAULT
    if groups > GROUPS or rules > RULES:
        needed = f"{groups} security groups and {rules:,} rules"
        message = f"this needs {needed}, and Neutron gives {GROUPS} and {RULES} at first"
        hint = f"`openstack quota set --secgroups {groups} --secgroup-rules {rules}`, or more"
        yield RULE.finding(message, place, hint=hint, about="neutron quota")


RULE = LintRule("NP613", Severity.NOTICE, PAGE, of_policy=check)
