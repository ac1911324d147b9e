"""NP508."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Label, Severity
from netpolicy.lint import Context, LintRule, Profile
from netpolicy.packet.cover import Kind

_SHOWN = 4
"""Denies that are shown."""

PAGE = """\
# NP508: an allow admits nothing, since denies take all of it

A deny beats every allow, wherever the two stand. What this allow says, one deny or several together refuse: whole, in
this cluster. Either the deny is wider than it was meant to be, or the allow can go. The denies that are shown are to
blame together: without any one of them the allow would admit something.

An allow is judged by all that it opens here: addresses of both families, both directions of `<->`, virtual addresses,
forwarded services, and with `option egress = enforced` what nodes may send.

## Bad

```netpol
role dea, mysql, redis
deny  dea -> mysql        : tcp 1-4000
deny  dea -> redis        : tcp 1-65535
allow dea -> mysql, redis : tcp 3306
```

## Good

```netpol
role dea, mysql, redis
deny  dea -> mysql        : tcp 1-3000
deny  dea -> redis        : tcp 1-65535
allow dea -> mysql, redis : tcp 3306
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found at each such allow in the user's own files."""
    for one in context.needless().of(Kind.CONFLICT):
        count = len(one.by)
        said = "this deny takes all of it" if count == 1 else "these denies together take all of it"
        notes = (said, *["and this one"] * count)
        labels = (Label(by.span, note) for by, note in zip(one.by[:_SHOWN], notes, strict=False) if by.span is not None)
        taken = "a deny takes" if count == 1 else f"{count} denies together take"
        message = f"this `allow` admits nothing in this cluster: {taken} all of it"
        hint = "narrow what is denied, or remove the allow"
        yield RULE.finding(message, one.statement.span, *labels, hint=hint, about=one.statement.text, removable=True)


RULE = LintRule("NP508", Severity.WARNING, PAGE, of_policy=check, profile=Profile.MINIMAL)
