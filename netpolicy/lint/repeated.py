"""NP507."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import date

from netpolicy.diagnostic import Diagnostic, Label, Severity
from netpolicy.dsl import syntax as s
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
    """Found at each statement after the first of equal meaning; at the first where only the later one says why."""
    first: dict[str, s.Flow] = {}
    told: set[Span] = set()
    for flow, statement in context.active():
        before = first.setdefault(statement.id, flow)
        if before.span != flow.span and flow.span not in told:
            told.add(flow.span)
            later_goes = _stands_for(before.attributes, flow.attributes)
            earlier_goes = _stands_for(flow.attributes, before.attributes)
            goes, stays = (before, flow) if earlier_goes and not later_goes else (flow, before)
            message = f"this `{flow.verb.value}` is repeated: `{statement.text}`"
            yield RULE.finding(
                message,
                goes.span,
                Label(stays.span, "said here"),
                hint="keep one of them",
                about=statement.text,
                removable=later_goes or earlier_goes,
            )


def _stands_for(stays: s.Attributes, goes: s.Attributes) -> bool:
    """Whether nothing is lost with the attributes of the one that goes, today and on every later day."""
    return _says(stays) >= _says(goes) and (stays.expires or date.max) >= (goes.expires or date.max)


def _says(attributes: s.Attributes) -> set[tuple[str, object]]:
    """What the attributes say, but for how long."""
    told = {one.name: getattr(attributes, one.name) for one in fields(attributes) if one.compare}
    return {(name, value) for name, value in told.items() if value and name != "expires"}


RULE = LintRule("NP507", Severity.WARNING, PAGE, of_policy=check)
