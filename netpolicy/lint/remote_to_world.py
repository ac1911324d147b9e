"""NP403."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.lint import Context, LintRule, Profile
from netpolicy.verify.exposure import Degree
from netpolicy.verify.wellknown import REMOTE

PAGE = """\
# NP403: remote administration is open to the world

Remote desktop, VNC, telnet, rsh, WinRM, IPMI and their like give away a whole machine, and half of the public addresses
or more reach one of their ports here. Let in a network of administrators, or have them come by a VPN or a bastion.

All statements are judged together, net of denies: a range that holds the port opens it.

## Bad

```netpol
role desktop
allow world -> desktop : tcp+udp 3389
```

## Good

```netpol
role desktop
network admins
allow admins -> desktop : tcp+udp 3389
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once a port and whom, however many statements open it."""
    for port, one in context.exposure().on(REMOTE, Degree.WORLD):
        hint = "name a network of administrators as who, or have them come by a VPN or a bastion"
        yield RULE.exposed(one, f"`{port.text}` ({port.name})", hint)


RULE = LintRule(
    "NP403",
    Severity.WARNING,
    PAGE,
    of_policy=check,
    profile=Profile.MINIMAL,
    strict=Severity.ERROR,
    standards=("CKV_AWS_25", "CKV_OPENSTACK_3", "CIS AWS 5.2", "CIS AWS 5.3", "PCI DSS 1.4.2", "NIST 800-53 SC-7"),
)
