"""NP507."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Label, Severity
from netpolicy.lint import Context, LintRule
from netpolicy.source import Span

PAGE = """\
# NP507: a statement is repeated

Two active statements say the same of the same flows, perhaps in other words: a service and its port, an alias and its
role. Whoever removes one of them changes nothing, and an `expires` of the one is worth nothing beside the other. Keep
one, with the attributes of both.

## Bad

```netpol
role dea, mysql
alias "MySQL nodes" = mysql
allow dea -> mysql         : tcp 3306
allow dea -> "MySQL nodes" : tcp 3306 because "MySQL"
```

## Good

```netpol
role dea, mysql
alias "MySQL nodes" = mysql
allow dea -> "MySQL nodes" : tcp 3306 because "MySQL"
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found at each statement after the first of equal meaning."""
    first: dict[str, Span] = {}
    told: set[Span] = set()
    for flow, statement in context.active():
        before = first.setdefault(statement.id, flow.span)
        if before != flow.span and flow.span not in told:
            told.add(flow.span)
            message = f"this `{flow.verb.value}` is repeated: `{statement.text}`"
            label = Label(before, "said here")
            yield RULE.finding(message, flow.span, label, hint="keep one of them", about=statement.text)


RULE = LintRule("NP507", Severity.WARNING, PAGE, of_policy=check)
