"""NP712."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import NodeRule, View


def check(view: View) -> Iterator[Diagnostic]:
    """Found for each family of the declared addresses in which no route leads to everywhere."""
    there = {one.family for one in view.state.routes or ()}
    for family in sorted({family for family, _ in view.identity.addresses} - there):
        message = f"`{view.identity.node}` has no default route over IPv{family.value}"
        hint = "add the gateway of its network; without it, it reaches nothing but its own links"
        yield RULE.finding(message, hint)


RULE = NodeRule("NP712", Severity.WARNING, check, needs="routes")
