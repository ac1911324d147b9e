"""NP412."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.dsl import syntax as s
from netpolicy.lint import Context, LintRule, Profile
from netpolicy.policy.model import Egress

PAGE = """\
# NP412: outgoing traffic is open

Nodes may send whatever they like to whomever they like, so a program that was taken over fetches its tools and sends
away what it finds. With `option egress = enforced` a node sends what some allow says and no more: say then what the
nodes need outside, such as name servers, time servers and mirrors. Only the profile `production` asks for it.

## Bad

```netpol
policy shop "a shop"
role web "the shop"
option egress = open
never outside -> web : tcp 22 because "nobody administrates from outside" owner "ops"
```

## Good

```netpol
policy shop "a shop"
role web "the shop"
network resolvers "name servers"
option egress = enforced
allow web -> resolvers : tcp+udp 53 because "names" owner "ops"
never outside -> web   : tcp 22     because "nobody administrates from outside" owner "ops"
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once: at the option, else where the cluster names its policy."""
    if context.policy.egress is Egress.OPEN:
        options = (one for one in context.statements() if isinstance(one, s.Option) and one.name.text == "egress")
        option = next(options, None)
        place = option.span if option is not None else context.cluster.policy_span
        hint = "say `option egress = enforced`, and what nodes need outside"
        yield RULE.finding("nodes may send anything to anybody", place, hint=hint, about="egress")


RULE = LintRule(
    "NP412",
    Severity.WARNING,
    PAGE,
    of_policy=check,
    profile=Profile.PRODUCTION,
    standards=("CKV_AWS_382", "PCI DSS 1.3.2", "NIST 800-53 SC-7"),
)
