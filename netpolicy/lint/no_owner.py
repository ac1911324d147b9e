"""NP513."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.dsl.syntax import Verb
from netpolicy.lint import Context, LintRule, Profile

PAGE = """\
# NP513: an allow without an owner

Somebody has to answer when it is asked whether this allow may go. Name the `owner`: a team rather than a person, since
people leave. Only the profile `production` asks for it. Policies that are shipped with the product are not judged.

## Bad

```netpol
policy shop "a shop"
role web "the shop"
role db "its database"
option egress = enforced
allow web -> db : tcp 3306 because "orders"
never outside -> db : any  because "only the shop reads it"
```

## Good

```netpol
policy shop "a shop"
role web "the shop"
role db "its database"
option egress = enforced
allow web -> db : tcp 3306 because "orders" owner "data team"
never outside -> db : any  because "only the shop reads it"
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found at each such allow in the user's own files."""
    for flow, one in context.own(Verb.ALLOW):
        if not one.attributes.owner:
            hint = 'name the team that answers for it: `owner "…"`'
            yield RULE.finding("nobody owns this `allow`", flow.span, hint=hint, about=one.text)


RULE = LintRule(
    "NP513",
    Severity.WARNING,
    PAGE,
    of_policy=check,
    profile=Profile.PRODUCTION,
    strict=Severity.ERROR,
    standards=("PCI DSS 1.2.5",),
)
