"""NP707."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import STATIC_IP, NodeRule, View
from netpolicy.packet.addresses import address_text
from netpolicy.policy.cluster import AddressesAre


def check(view: View) -> Iterator[Diagnostic]:
    """Found for each declared address with an end: an error for the MBUS address unless it is persistent.

    Elsewhere it is a notice, where the cluster file says that the address is static.
    """
    for name, address in view.declared():
        link = view.state.link(name)
        live = link.holding(address) if link is not None else None
        if live is None or live.permanent:
            continue
        text = address_text(*address)
        notes = [f"the kernel ends it in {live.valid} s, unless its lease is renewed"]
        persistent = "where the cloud keeps it for good, say `addresses_are: persistent` in the cluster file"
        if view.must_stay(address):
            message = f"{text} on `{name}`, the MBUS address, is leased"
            yield RULE.finding(message, f"{STATIC_IP}; {persistent}", notes)
        elif view.identity.addresses_are is AddressesAre.STATIC:
            message = f"{text} on `{name}` is leased, and the cluster file says that it is static"
            yield RULE.finding(message, f"{STATIC_IP}; {persistent}, or `leased`", notes, Severity.NOTICE)


RULE = NodeRule("NP707", Severity.ERROR, check)
