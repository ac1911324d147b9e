"""NP514."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.dsl.syntax import Verb
from netpolicy.lint import Context, LintRule

SOON = timedelta(days=30)
"""How long before it expires an allow is told of."""

PAGE = """\
# NP514: an allow expires soon

On the day after its `expires` this allow is an error (NP501), and it holds on the nodes until somebody compiles again.
That is within 30 days. Decide now: move what uses it, remove the allow, or agree on a later date with those who asked
for it. The good example was read on 2026-06-01, as the bad one.

## Bad

```netpol
role dea, mysql
allow dea -> mysql : tcp 3306 expires 2026-06-30
```

## Good

```netpol
role dea, mysql
allow dea -> mysql : tcp 3306 expires 2026-12-31
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found at each such allow in the user's own files, from 30 days before the day until that day."""
    for flow, one in context.own(Verb.ALLOW):
        expires = one.attributes.expires
        if expires is not None and context.day <= expires <= context.day + SOON:
            left = (expires - context.day).days
            when = "today" if not left else "tomorrow" if left == 1 else f"in {left} days"
            place = one.attributes.expires_span or flow.span
            hint = "remove what needs it, or agree on a later date"
            yield RULE.finding(f"this `allow` expires {when}", place, hint=hint, about=one.text)


RULE = LintRule(
    "NP514",
    Severity.NOTICE,
    PAGE,
    of_policy=check,
    strict=Severity.WARNING,
    standards=("NIST 800-53 SC-7(4)",),
)
