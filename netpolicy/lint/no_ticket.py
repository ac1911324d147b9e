"""NP523."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.dsl.syntax import Verb
from netpolicy.lint import Context, LintRule, Profile

PAGE = """\
# NP523: an exception that nobody can look up

An allow that expires is an exception. Who asked for it, who agreed, and what is to happen on that day stands in a
ticket: name it, so that the reviewer of the next one finds the last. Only the profile `production` asks for it.
Policies that are shipped with the product are not judged.

## Bad

```netpol
policy shop "a shop"
role web "the shop"
role db "its database"
option egress = enforced
allow web -> db : tcp 3306 because "import" owner "data team" expires 2026-12-31
never outside -> db : any  because "only the shop reads it"
```

## Good

```netpol
policy shop "a shop"
role web "the shop"
role db "its database"
option egress = enforced
allow web -> db : tcp 3306 because "import" owner "data team" expires 2026-12-31 ticket "NET-7"
never outside -> db : any  because "only the shop reads it"
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found at each such allow in the user's own files."""
    for flow, one in context.own(Verb.ALLOW):
        if one.attributes.expires is not None and not one.attributes.ticket:
            hint = 'name where it was agreed: `ticket "…"`'
            yield RULE.finding("this `allow` expires and names no ticket", flow.span, hint=hint, about=one.text)


RULE = LintRule(
    "NP523",
    Severity.WARNING,
    PAGE,
    of_policy=check,
    profile=Profile.PRODUCTION,
    standards=("NIST 800-53 SC-7(4)", "PCI DSS 1.2.2"),
)
