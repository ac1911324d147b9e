"""NP717."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import NodeRule, View


def check(view: View) -> Iterator[Diagnostic]:
    """Found where the machine has another hostname than its node; a first label alone is the same name."""
    names = view.state.names
    declared = view.identity.hostname or (view.identity.core_name if view.identity.has_mbus else "")
    live = names.hostname if names is not None else ""
    if not declared or not live:
        return
    wanted, found = declared.lower().rstrip("."), live.lower().rstrip(".")
    if found not in (wanted, wanted.partition(".")[0]) and wanted != found.partition(".")[0]:
        message = f"the hostname of this machine is `{live}`, and that of `{view.identity.node}` must be `{declared}`"
        yield RULE.finding(message, f"rename it with `kato node rename {declared} --no-restart`, or correct the file")


RULE = NodeRule("NP717", Severity.WARNING, check, needs="names")
