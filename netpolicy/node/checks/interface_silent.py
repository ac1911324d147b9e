"""NP704."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import NodeRule, View


def check(view: View) -> Iterator[Diagnostic]:
    """Found for each declared interface that is down, or has no carrier."""
    for card in view.identity.interfaces:
        link = view.state.link(card.name)
        if link is None:
            continue
        if not link.up:
            yield RULE.finding(f"interface `{link.name}` is down", f"bring it up with `ip link set {link.name} up`")
        elif not link.carrier:
            message = f"interface `{link.name}` is up and has no carrier (it is {link.operstate.lower()})"
            yield RULE.finding(message, "see the cable, the switch, or the virtual network of the hypervisor")


RULE = NodeRule("NP704", Severity.ERROR, check)
