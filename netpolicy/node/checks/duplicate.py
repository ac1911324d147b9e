"""NP711."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import NodeRule, View
from netpolicy.packet.addresses import address_text


def check(view: View) -> Iterator[Diagnostic]:
    """Found for each own address that another machine on the link has: a warning where it is not a declared one."""
    own = set(view.identity.addresses)
    for one in view.state.duplicates:
        mbus = ", the MBUS address" if view.is_mbus(one.address) else ""
        message = f"{one.machine} on `{one.interface}` has {address_text(*one.address)}{mbus} too"
        how = "it answered an ARP probe" if one.probed else "the kernel's neighbour table says so"
        hint = "find the machine by its link-layer address, and take the address from one of the two"
        severity = Severity.ERROR if one.address in own else Severity.WARNING
        yield RULE.finding(message, hint, [how], severity)


RULE = NodeRule("NP711", Severity.ERROR, check)
