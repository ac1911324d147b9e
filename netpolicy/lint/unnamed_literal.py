"""NP519."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from netpolicy.diagnostic import Diagnostic, Label, Severity
from netpolicy.dsl import syntax as s
from netpolicy.lint import Context, LintRule, inside
from netpolicy.policy.selectors import parts
from netpolicy.source import Span

OFTEN = 3
"""So many times the same is written before it asks for a name."""

PAGE = """\
# NP519: the same addresses or ports are written again and again

An address, a CIDR or a list of ports stands in three statements or more. Who changes it has to find them all, and one
that is forgotten stays open. Give it a name: a `network`, whose addresses the cluster file gives, or a `service`.
Single ports are not counted, nor are policies that are shipped with the product.

## Bad

```netpol
role dea, mysql, redis
allow 192.0.2.0/24 -> dea   : tcp 22
allow 192.0.2.0/24 -> mysql : tcp 3306
allow 192.0.2.0/24 -> redis : tcp 6379
```

## Good

```netpol
role dea, mysql, redis
network office
allow office -> dea   : tcp 22
allow office -> mysql : tcp 3306
allow office -> redis : tcp 6379
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once for the same, at the first place."""
    written: dict[tuple[str, Hashable], list[Span]] = {}
    for file in context.files:
        for one in inside(file.statements) if file.source not in context.shipped else ():
            for meaning, span in _addresses(one).items():
                written.setdefault(("network", meaning), []).append(span)
            for meaning, span in _ports(one).items():
                written.setdefault(("service", meaning), []).append(span)
    for (kind, _), spans in written.items():
        if len(spans) >= OFTEN:
            text = " ".join(spans[0].text.split())
            labels = (Label(span, "and here") for span in spans[1:OFTEN])
            message = f"`{text}` is written in {len(spans)} statements"
            yield RULE.finding(message, spans[0], *labels, hint=f"give it a name as a `{kind}`", about=text)


def _addresses(one: s.Statement) -> dict[Hashable, Span]:
    """The addresses and CIDRs of a flow, each once."""
    sides = (one.who, one.whom) if isinstance(one, s.Flow) else ()
    literals = (part for side in sides for part in parts(side) if isinstance(part, s.Literal))
    return {(part.family, part.first, part.last): part.span for part in literals}


def _ports(one: s.Statement) -> dict[Hashable, Span]:
    """The list of a flow where it has ports alone, and more than one."""
    if not isinstance(one, s.Flow):
        return {}
    items = [item for item in one.what.items if isinstance(item, s.Ports)]
    several = len(items) > 1 or any(item.first < item.last for item in items)
    if not several or len(items) < len(one.what.items):
        return {}
    return {tuple(sorted((item.protocols, item.first, item.last) for item in items)): one.what.span}


RULE = LintRule("NP519", Severity.NOTICE, PAGE, of_policy=check)
