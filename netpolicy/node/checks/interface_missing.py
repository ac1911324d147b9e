"""NP703."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import NodeRule, View
from netpolicy.packet.addresses import address_text


def check(view: View) -> Iterator[Diagnostic]:
    """Found for each declared interface that the machine has not."""
    there = [f"`{one.name}`" for one in view.state.links if one.name != "lo"]
    for card in view.identity.interfaces:
        if view.state.link(card.name) is None:
            elsewhere = [
                f"; {address_text(*address)} is on `{link.name}`"
                for address in card.addresses
                for link in view.state.holders(address)
            ]
            message = f"`{view.identity.node}` has no interface `{card.name}`{''.join(elsewhere[:1])}"
            listed = f"it has {', '.join(there)}" if there else "it has none but loopback"
            yield RULE.finding(message, f"{listed}: name the right one in the cluster file's `interfaces`")


RULE = NodeRule("NP703", Severity.ERROR, check)
