"""NP411."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.lint import Context, LintRule, Profile
from netpolicy.verify.exposure import Degree
from netpolicy.verify.wellknown import AMPLIFIERS

PAGE = """\
# NP411: a UDP service that amplifies is open to the world

Over UDP nothing proves who asks. A service that answers a small packet with large ones (DNS, NTP, SNMP, memcached)
sends them to whatever address the packet names, and floods somebody else's victim. Let in the networks that need it.
A name server of a public zone has to be public: limit the rate of its answers, and suppress this finding with that
reason.

## Bad

```netpol
role dns
allow world -> dns : tcp+udp 53
```

## Good

```netpol
role dns
network customers
allow customers -> dns : tcp+udp 53
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once a port and whom, however many statements open it."""
    for port, one in context.exposure().on(AMPLIFIERS, Degree.WORLD):
        yield RULE.exposed(one, f"`{port.text}` ({port.name})", "name the networks that need it as who")


RULE = LintRule(
    "NP411",
    Severity.WARNING,
    PAGE,
    of_policy=check,
    profile=Profile.MINIMAL,
    standards=("US-CERT TA14-017A", "PCI DSS 1.3.1"),
)
