"""NP505."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.dsl import syntax as s
from netpolicy.lint import Context, LintRule
from netpolicy.policy.selectors import parts
from netpolicy.source import Span

PAGE = """\
# NP505: declared and not used

No statement names this role, group, label, network, alias, service or param, neither an active one nor one under a
`when`; and no node holds the role or label. Often the statement that should name it names another one by mistake. Use
it, or remove it. Policies that are shipped with the product are not judged.

## Bad

```netpol
role dea, mysql
service database = tcp 3306
allow dea -> mysql : tcp 3307
```

## Good

```netpol
role dea, mysql
service database = tcp 3306
allow dea -> mysql : database
```
"""


Key = tuple[str, str]
"""A name space (`selector`, `alias`, `service` or `param`) and a name."""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found at each such declaration in the user's own files."""
    used = {("selector", name.text) for node in context.cluster.nodes for name in (*node.roles, *node.labels)}
    used.update(key for statement in context.statements() for key in _uses(statement))
    for file in context.files:
        for statement in file.statements if file.source not in context.shipped else ():
            declared = _declares(statement)
            if declared is not None and declared[0] not in used:
                (_, name), kind, span = declared
                hint, about = "name it in a statement, or remove it", f"{kind} {name}"
                yield RULE.finding(f"{kind} `{name}` is not used", span, hint=hint, about=about, removable=True)


def _declares(statement: s.Statement) -> tuple[Key, str, Span] | None:
    """What it declares: name space and name, kind, place of the name."""
    match statement:
        case s.Declaration(kind=kind, name=name):
            return ("selector", name.text), kind.value, name.span
        case s.Group(name=name):
            return ("selector", name.text), "group", name.span
        case s.Alias(text=text):
            return ("alias", text.text), "alias", text.span
        case s.Service(name=name):
            return ("service", name.text), "service", name.span
        case s.Param(name=name):
            return ("param", name.text), "param", name.span
        case _:
            return None


def _uses(statement: s.Statement) -> Iterator[Key]:
    """What it names."""
    match statement:
        case s.Group(members=members):
            for member in members:
                yield from _in_selector(member)
        case s.Alias(target=target):
            yield "selector", target.text
        case s.Service(what=what):
            yield from _in_what(what)
        case s.Flow(who=who, whom=whom, what=what):
            yield from _in_selector(who)
            yield from _in_selector(whom)
            yield from _in_what(what)
        case s.Requirement(selector=selector, other=other):
            yield from _in_selector(selector)
            yield from _in_selector(other) if other is not None else ()
        case s.When(condition=condition):
            yield from _in_condition(condition)
        case _:
            pass


def _in_selector(selector: s.Selector) -> Iterator[Key]:
    for part in parts(selector):
        if isinstance(part, s.Named):
            yield "selector", part.name
        elif isinstance(part, s.Quoted):
            yield "alias", part.text


def _in_what(what: s.What) -> Iterator[Key]:
    for item in what.items:
        if isinstance(item, s.ServiceNamed):
            yield "service", item.name
        elif isinstance(item, s.PortsOf):
            yield "param", item.param


def _in_condition(condition: s.Condition) -> Iterator[Key]:
    match condition:
        case s.IsSet(param=param) | s.Compared(param=param):
            yield "param", param
        case s.Exists(selector=selector) | s.Count(selector=selector):
            yield from _in_selector(selector)
        case s.Negation(condition=inner):
            yield from _in_condition(inner)
        case s.Both(parts=conditions) | s.Either(parts=conditions):
            for one in conditions:
                yield from _in_condition(one)
        case _:
            pass


RULE = LintRule("NP505", Severity.WARNING, PAGE, of_policy=check)
