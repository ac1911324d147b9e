"""NP404."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.lint import Context, LintRule, Profile

PAGE = """\
# NP404: most ports are open to the world

Half of the public addresses or more reach half of the ports of a protocol or more on these nodes: whatever starts to
listen there is public the same moment. Name the ports that are meant. The single ports among them that are known for
data or administration are not told as well.

The policy says so in plain words, so it compiles; in the profile `production` it is an error.

## Bad

```netpol
role router, dea
allow world -> router : tcp any
allow router -> dea   : tcp 80
```

## Good

```netpol
role router, dea
allow world -> router : tcp 80, 443
allow router -> dea   : tcp 80
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once for protocols and whom, however many statements open them together."""
    for one in context.exposure().wholly():
        yield RULE.exposed(one, f"`{one.what}`, or most of it,", "name the ports that are meant to be public")


RULE = LintRule(
    "NP404",
    Severity.WARNING,
    PAGE,
    of_policy=check,
    profile=Profile.MINIMAL,
    strict=Severity.ERROR,
    standards=("CKV_AWS_277", "PCI DSS 1.3.1", "PCI DSS 1.2.5", "NIST 800-53 SC-7", "NIST 800-171 3.13.6"),
)
