"""NP521."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.dsl.syntax import Verb
from netpolicy.lint import Context, LintRule, Profile

PAGE = """\
# NP521: no promise guards the policy

A `never` or an `expect` is a test of the policy that is asked at every compile: what must not be open, what must not
break. There is none that holds in this cluster, so a change that opens too much, or closes what is needed, is found by
people or not at all. Promise at least what the policy is for. Only the profile `production` asks for it.

## Bad

```netpol
policy shop "a shop"
role web "the shop"
role db "its database"
option egress = enforced
allow web -> db : tcp 3306 because "orders" owner "data team"
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
    """Found once, where the cluster names its policy."""
    if not context.policy.of(Verb.NEVER, Verb.EXPECT):
        hint = "say what must never be open, such as `never outside -> ROLE : any`"
        message = "no `never` and no `expect` guards this policy"
        yield RULE.finding(message, context.cluster.policy_span, hint=hint, about="promises")


RULE = LintRule("NP521", Severity.WARNING, PAGE, of_policy=check, profile=Profile.PRODUCTION)
