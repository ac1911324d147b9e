"""NP710."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import STATIC_IP, NodeRule, View
from netpolicy.packet.addresses import address_text
from netpolicy.policy.cluster import AddressesAre


def check(view: View) -> Iterator[Diagnostic]:
    """Found where a file asks for DHCP on an interface whose declared addresses stay: an error if they come from it.

    Some DHCP clients set addresses without an end, so that these look static.
    """
    for card in view.identity.interfaces:
        entries = [one for one in view.state.configured or () if one.interface == card.name]
        given = {address for entry in entries for address in entry.addresses}
        mbus = next((one for one in card.addresses if view.must_stay(one)), None)
        if view.identity.addresses_are is not AddressesAre.STATIC and mbus is None:
            continue
        for entry in entries:
            if not entry.leases:
                continue
            if mbus is not None and mbus not in given:
                text = f"{address_text(*mbus)}, the MBUS address"
                message = f"{entry.file} asks for DHCP on `{card.name}`, and no file gives it {text}"
                yield RULE.finding(message, STATIC_IP, severity=Severity.ERROR)
            else:
                message = f"{entry.file} asks for DHCP on `{card.name}`, whose addresses the cluster file calls static"
                yield RULE.finding(message, f"{STATIC_IP}, and take DHCP out of the file")


RULE = NodeRule("NP710", Severity.WARNING, check, needs="configured")
