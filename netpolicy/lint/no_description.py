"""NP520."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.dsl import syntax as s
from netpolicy.lint import Context, LintRule, Profile

PAGE = """\
# NP520: a name without a description

A role, label or network says in one line what it stands for; the report and the descriptions of security groups show
it. Who reads the policy for the first time, an auditor among them, has nothing else to go by. Only the profile
`production` asks for it. Policies that are shipped with the product are not judged.

## Bad

```netpol
policy shop "a shop"
role web "the shop"
role db
option egress = enforced
allow web -> db : tcp 3306 because "orders" owner "data team"
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
    """Found at each such declaration in the user's own files."""
    for file in context.files:
        for one in file.statements if file.source not in context.shipped else ():
            if isinstance(one, s.Declaration) and not one.description.strip():
                named = f"{one.kind.value} {one.name.text}"
                message = f"{one.kind.value} `{one.name.text}` has no description"
                yield RULE.finding(message, one.name.span, hint=f'say what it is: `{named} "…"`', about=named)


RULE = LintRule("NP520", Severity.WARNING, PAGE, of_policy=check, profile=Profile.PRODUCTION)
