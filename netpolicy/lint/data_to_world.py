"""NP401."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.lint import Context, LintRule, Profile
from netpolicy.verify.exposure import Degree
from netpolicy.verify.wellknown import DATA

PAGE = """\
# NP401: a port of data is open to the world

Databases, caches, message buses, file services and control planes listen there by custom, and many of them ask for no
password as they are installed. Half of the public addresses or more reach this one. Let in the roles or the network
that need it, and put a service in front for all others.

All statements are judged together, net of denies: a range that holds the port opens it, and a dozen CIDRs may be the
world.

## Bad

```netpol
role dea, mysql
allow dea -> mysql : tcp 3306
allow 0.0.0.0/1, 128.0.0.0/1 -> mysql : tcp 3300-3310
```

## Good

```netpol
role dea, mysql
network partners
allow dea, partners -> mysql : tcp 3306
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once a port and whom, however many statements open it."""
    for port, one in context.exposure().on(DATA, Degree.WORLD):
        hint = "name the roles or the network that need it as who"
        yield RULE.exposed(one, f"`{port.text}` ({port.name})", hint)


RULE = LintRule(
    "NP401",
    Severity.WARNING,
    PAGE,
    of_policy=check,
    profile=Profile.MINIMAL,
    strict=Severity.ERROR,
    standards=("PCI DSS 1.3.1", "PCI DSS 1.4.4", "NIST 800-53 SC-7"),
)
