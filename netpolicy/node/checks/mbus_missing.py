"""NP706."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import MBUS_MOVED, STATIC_IP, NodeRule, View
from netpolicy.packet.addresses import address_text


def check(view: View) -> Iterator[Diagnostic]:
    """Found on the node of the MBUS address where its declared interface does not hold it."""
    for name, address in view.declared():
        link = view.state.link(name)
        if not view.is_mbus(address) or (link is not None and link.holding(address) is not None):
            continue
        holders = view.state.holders(address)
        where = f"; `{holders[0].name}` holds it" if holders else ""
        message = f"`{name}` does not hold {address_text(*address)}, the MBUS address{where}"
        held = [
            f"{address_text(*one.address)}/{one.prefix} ({found.name})"
            for found, one in view.state.addresses()
            if found.name != "lo"
        ]
        notes = [f"this machine holds {', '.join(held) or 'no address'}"]
        hint = "name the right interface in the cluster file" if holders else f"{STATIC_IP}; {MBUS_MOVED}"
        yield RULE.finding(message, hint, notes)


RULE = NodeRule("NP706", Severity.ERROR, check)
