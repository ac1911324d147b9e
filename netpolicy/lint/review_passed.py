"""NP515."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.dsl.syntax import Verb
from netpolicy.lint import Context, LintRule

PAGE = """\
# NP515: a review is overdue

The `review` of this statement was to be done by a day that has passed. Nothing changes on the nodes by that, but
whether it is still needed is no longer known. Look at it, and give it the day of its next review; half a year is what
auditors of payment systems ask for. The good example was read on 2026-06-01, as the bad one.

## Bad

```netpol
role dea, mysql
allow dea -> mysql : tcp 3306 review 2026-05-31
```

## Good

```netpol
role dea, mysql
allow dea -> mysql : tcp 3306 review 2026-12-01
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found at each such allow or deny in the user's own files."""
    for flow, one in context.own(Verb.ALLOW, Verb.DENY):
        review = one.attributes.review
        if review is not None and review < context.day:
            message = f"the review of this `{flow.verb.value}` was due on {review}"
            hint = "look whether it is needed, and give the day of the next review"
            yield RULE.finding(message, flow.span, hint=hint, about=one.text)


RULE = LintRule(
    "NP515",
    Severity.WARNING,
    PAGE,
    of_policy=check,
    strict=Severity.ERROR,
    standards=("PCI DSS 1.2.7",),
)
