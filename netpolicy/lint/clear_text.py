"""NP406."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.lint import Context, LintRule
from netpolicy.verify.exposure import Degree
from netpolicy.verify.wellknown import CLEAR

PAGE = """\
# NP406: a clear-text protocol is used from outside

What this port is known for sends all that it carries as it is, passwords too, and here it comes by networks that
nobody of yours keeps. Open the port of the same service with TLS instead (993 for IMAP, 636 for LDAP), or make sure
that the service asks for STARTTLS, and suppress this finding with that reason. Telnet and its like are NP403.

## Bad

```netpol
role mail
allow world -> mail : tcp 143
```

## Good

```netpol
role mail
allow world -> mail : tcp 993
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once a port and whom, from the world or from a wide network."""
    for port, one in context.exposure().on(CLEAR, Degree.WORLD, Degree.WIDE):
        hint = "open the port of the same service with TLS, or say why it may be so"
        yield RULE.exposed(one, f"`{port.text}` ({port.name}, in clear text)", hint)


RULE = LintRule(
    "NP406",
    Severity.NOTICE,
    PAGE,
    of_policy=check,
    strict=Severity.WARNING,
    standards=("PCI DSS 1.2.6",),
)
