"""NP509."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Label, Severity
from netpolicy.dsl.syntax import Verb
from netpolicy.lint import Context, LintRule
from netpolicy.packet.cover import Kind
from netpolicy.policy.model import Statement
from netpolicy.verify.needless import Unneeded

_SHOWN = 4
"""Statements that are shown beside the one that could go."""

PAGE = """\
# NP509: a statement is redundant

Without this statement the same packets pass in this cluster. Other statements open all that this allow opens, or deny
it; or other denies refuse all that this deny refuses. Those that are shown do so together, and none of them can be left
out. All statements that are found in one run can go at once. It may be meant: two statements that coincide only because
roles sit on the same nodes here differ in another cluster.

A statement is judged by all that it opens or refuses here: addresses of both families, both directions of `<->`,
virtual addresses, forwarded services, and with `option egress = enforced` what nodes may send. One that logs is
redundant only beside others with the same log, and one that expires later than others is not redundant beside them.
Where the search would take too long, one notice says of how many statements nothing was found out.

## Bad

```netpol
role dea, mysql, redis
allow dea, mysql -> redis        : tcp 3306
allow dea        -> mysql        : tcp 3306
allow dea        -> mysql, redis : tcp 3306
```

## Good

```netpol
role dea, mysql, redis
allow dea, mysql -> redis : tcp 3306
allow dea        -> mysql : tcp 3306
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found at each such statement in the user's own files; one notice tells of those that were given up."""
    answer = context.needless()
    yield from map(_finding, answer.of(Kind.REDUNDANT))
    if answer.given_up:
        count = len(answer.given_up)
        many = f"{count} statement{'s' if count > 1 else ''}"
        message = f"gave up after {answer.steps:,} steps on {many}: whether others make them needless is not known"
        first = answer.given_up[0].span
        place = Label(first, "the first of them" if count > 1 else "this one") if first is not None else None
        yield RULE.finding(
            message, place, hint="nothing is wrong with the policy; this search has a limit", about="given up"
        )


def _finding(one: Unneeded) -> Diagnostic:
    labels = (Label(by.span, _note(by, len(one.by))) for by in one.by[:_SHOWN] if by.span is not None)
    more = f" ({len(one.by)} statements)" if len(one.by) > _SHOWN else ""
    verb = one.statement.verb
    if verb is Verb.DENY:
        told = "this `deny` refuses only what other denies refuse"
    elif any(by.verb is Verb.DENY for by in one.by):
        told = "this `allow` opens only what others open or deny"
    else:
        told = "this `allow` opens only what others open"
    message = f"{told} in this cluster{more}"
    hint = "remove it, or say what only it should say"
    return RULE.finding(message, one.statement.span, *labels, hint=hint, about=one.statement.text, removable=True)


def _note(by: Statement, count: int) -> str:
    part = "all" if count == 1 else "a part"
    return f"this refuses {part} of it" if by.verb is Verb.DENY else f"this opens {part} of it"


RULE = LintRule("NP509", Severity.NOTICE, PAGE, of_policy=check)
