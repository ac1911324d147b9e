"""NP402."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.lint import Context, LintRule, Profile
from netpolicy.verify.exposure import Degree
from netpolicy.verify.wellknown import SSH

PAGE = """\
# NP402: SSH is open to the world

Half of the public addresses or more reach SSH on these nodes, so every stolen key and every guessed password is worth
a try. Let in a network of administrators, or a bastion. Where users are meant to come by SSH, suppress this finding
with the reason and a date.

All statements are judged together, net of denies: a range that holds 22 opens it, and a dozen CIDRs may be the world.

## Bad

```netpol
role router
allow world -> router : tcp 22, 443
```

## Good

```netpol
role router
network admins
allow admins -> router : tcp 22
allow world  -> router : tcp 443
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once a whom, however many statements open it."""
    for port, one in context.exposure().on(SSH, Degree.WORLD):
        yield RULE.exposed(
            one, f"`{port.text}` ({port.name})", "name a network of administrators, or a bastion, as who"
        )


RULE = LintRule(
    "NP402",
    Severity.WARNING,
    PAGE,
    of_policy=check,
    profile=Profile.MINIMAL,
    strict=Severity.ERROR,
    standards=("CKV_AWS_24", "CKV_OPENSTACK_2", "CIS AWS 5.2", "CIS AWS 5.3", "PCI DSS 1.4.2", "NIST 800-53 SC-7"),
)
