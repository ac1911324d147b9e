"""NP407."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.lint import Context, LintRule
from netpolicy.verify.exposure import Degree
from netpolicy.verify.wellknown import DATA, REMOTE, SSH

PAGE = """\
# NP407: a wide network reaches data or administration

More than a /16 of public IPv4 addresses, or a /32 of IPv6, reaches a port that is known for data or for the
administration of machines. So many addresses are of many owners: a whole provider, a country. Name the addresses that
are meant. Private networks are not counted, whatever their size; where half of all addresses come in, NP401 to NP403
tell it.

## Bad

```netpol
role redis
allow 8.0.0.0/9 -> redis : tcp 6379
```

## Good

```netpol
role redis
allow 8.8.8.0/24 -> redis : tcp 6379
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once a port and whom, however many statements open it."""
    for port, one in context.exposure().on((*SSH, *REMOTE, *DATA), Degree.WIDE):
        yield RULE.exposed(one, f"`{port.text}` ({port.name})", "name the addresses that are meant")


RULE = LintRule(
    "NP407",
    Severity.WARNING,
    PAGE,
    of_policy=check,
    standards=("PCI DSS 1.3.1", "NIST 800-53 SC-7"),
)
