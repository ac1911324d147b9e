"""NP714."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import NodeRule, View
from netpolicy.packet.addresses import address_text


def check(view: View) -> Iterator[Diagnostic]:
    """Found where packets to the MBUS address would bear a source that is no declared address of the node."""
    path, one = view.state.path, view.identity
    if path is None or path.failure or path.source is None or one.has_mbus:
        return
    if path.source not in one.addresses and path.source != path.target:
        source, target = address_text(*path.source), address_text(*path.target)
        leave = f"packets to {target}, the MBUS address, leave `{path.interface}` from {source}"
        message = f"{leave}, which is no address of `{one.node}`"
        own = next((address_text(*each) for each in one.addresses if each[0] is path.target[0]), "its own address")
        hint = f"the core's rules refuse them: let the route prefer {own} (`src`), or correct the cluster file"
        yield RULE.finding(message, hint)


RULE = NodeRule("NP714", Severity.ERROR, check, needs="path")
