"""NP702."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import NodeRule, View
from netpolicy.packet.addresses import address_text
from netpolicy.policy.cluster import Address


def check(view: View) -> Iterator[Diagnostic]:
    """Found once for each other node of which this machine holds an address."""
    own = set(view.identity.addresses)
    others = {one.node: one.addresses for one in view.nodes if one.node != view.identity.node}
    if view.identity.mbus and not any(view.identity.mbus in held for held in others.values()):
        others["the core"] = (view.identity.mbus,)
    for name, addresses in sorted(others.items()):
        for address in addresses:
            if address not in own and (found := _finding(view, name, address)):
                yield found
                break


def _finding(view: View, name: str, address: Address) -> Diagnostic | None:
    holders = view.state.holders(address)
    if not holders:
        return None
    whose = name if name == "the core" else f"`{name}`"
    message = f"`{holders[0].name}` holds {address_text(*address)}, the address of {whose}, on `{view.identity.node}`"
    return RULE.finding(message, "take the address from one of the two, or name the right node with `--node`")


RULE = NodeRule("NP702", Severity.ERROR, check)
