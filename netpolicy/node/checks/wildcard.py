"""NP718."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import NodeRule, View
from netpolicy.node.resolver import wildcard_name


def check(view: View) -> Iterator[Diagnostic]:
    """Found where a name that only a wildcard record has does not resolve."""
    names, name = view.state.names, wildcard_name(view.identity)
    answer = names.answer(name) if names is not None and name else None
    if answer is not None and answer.failure:
        domain = name.partition(".")[2]
        message = f"no wildcard record answers for `*.{domain}`: {answer.failure}"
        hint = f"add a record for `*.{domain}`: every application of the cluster has a name there"
        yield RULE.finding(message, hint)


RULE = NodeRule("NP718", Severity.NOTICE, check, needs="names")
