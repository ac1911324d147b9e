"""NP713."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import NodeRule, View
from netpolicy.packet.addresses import address_text


def check(view: View) -> Iterator[Diagnostic]:
    """Found where the kernel has no way to the MBUS address; on its own node that is told by NP706."""
    path = view.state.path
    if path is not None and path.failure and not view.identity.has_mbus:
        message = f"there is no way to {address_text(*path.target)}, the MBUS address: {path.failure}"
        hint = "bring up the interface, or add a route to the core's network"
        yield RULE.finding(message, hint)


RULE = NodeRule("NP713", Severity.ERROR, check, needs="path")
