"""NP705."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import STATIC_IP, NodeRule, View
from netpolicy.packet.addresses import address_text


def check(view: View) -> Iterator[Diagnostic]:
    """Found for each declared address that its interface does not hold; NP703 and NP706 tell of some."""
    for name, address in view.declared():
        link = view.state.link(name)
        if link is None or view.is_mbus(address) or link.holding(address) is not None:
            continue
        text = address_text(*address)
        holders = view.state.holders(address)
        if holders:
            message = f"{text} is on `{holders[0].name}`, and the cluster file declares it on `{name}`"
            hint = "name the right interface in the cluster file's `interfaces`, or move the address"
        else:
            message = f"`{name}` does not hold {text}, the address of `{view.identity.node}`"
            hint = f"{STATIC_IP}; if it has another one for good, correct the cluster file and compile again"
        held = [f"{address_text(*one.address)}/{one.prefix}" for one in link.addresses]
        yield RULE.finding(message, hint, [f"`{name}` holds {', '.join(held) or 'no address'}"])


RULE = NodeRule("NP705", Severity.ERROR, check)
