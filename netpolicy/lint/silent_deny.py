"""NP522."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.dsl.syntax import Verb
from netpolicy.lint import Context, LintRule, Profile

PAGE = """\
# NP522: a deny that leaves no trace

A deny refuses what some allow may open: who runs into it does what somebody thought worth forbidding by name. Without
`log` nobody sees it. A line a second, `log 1/second`, is enough to notice and floods nothing. Only the profile
`production` asks for it. Policies that are shipped with the product are not judged.

## Bad

```netpol
policy shop "a shop"
role web "the shop"
role db "its database"
option egress = enforced
allow all -> db : tcp 3306 because "orders" owner "data team"
deny  web -> db : tcp 3306 because "it has a replica of its own"
never outside -> db : any  because "only nodes read it"
```

## Good

```netpol
policy shop "a shop"
role web "the shop"
role db "its database"
option egress = enforced
allow all -> db : tcp 3306 because "orders" owner "data team"
deny  web -> db : tcp 3306 because "it has a replica of its own" log 1/second
never outside -> db : any  because "only nodes read it"
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found at each such deny in the user's own files."""
    for flow, one in context.own(Verb.DENY):
        if not one.attributes.log:
            hint = "add `log 1/second`, or another rate"
            yield RULE.finding("nobody sees who runs into this `deny`", flow.span, hint=hint, about=one.text)


RULE = LintRule("NP522", Severity.NOTICE, PAGE, of_policy=check, profile=Profile.PRODUCTION)
