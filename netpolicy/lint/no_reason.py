"""NP512."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.dsl.syntax import Verb
from netpolicy.lint import Context, LintRule, Profile

PAGE = """\
# NP512: an allow without a reason

Nobody can tell later whether this allow is still needed, so nobody will dare to remove it. Say `because` what needs it;
the reason travels to the rules on the nodes, to the security groups and to the report. Only the profile `production`
asks for it. Policies that are shipped with the product are not judged.

## Bad

```netpol
policy shop "a shop"
role web "the shop"
role db "its database"
option egress = enforced
allow web -> db : tcp 3306 owner "data team"
never outside -> db : any because "only the shop reads it"
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
        if not one.attributes.because:
            hint = 'say what needs it: `because "…"`'
            yield RULE.finding("this `allow` gives no reason", flow.span, hint=hint, about=one.text)


RULE = LintRule(
    "NP512",
    Severity.WARNING,
    PAGE,
    of_policy=check,
    profile=Profile.PRODUCTION,
    strict=Severity.ERROR,
    standards=("CKV_AWS_23", "PCI DSS 1.2.5", "NIST 800-53 SC-7(4)"),
)
