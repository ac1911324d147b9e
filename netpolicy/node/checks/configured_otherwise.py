"""NP709."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import MBUS_MOVED, STATIC_IP, NodeRule, View
from netpolicy.packet.addresses import address_text
from netpolicy.policy.nodestate import Configured, Link


def check(view: View) -> Iterator[Diagnostic]:
    """Found where the files of the system say something else than the kernel, about a declared interface.

    A file that gives the interface no address of the family says nothing about it.
    """
    for card in view.identity.interfaces:
        link = view.state.link(card.name)
        entries = [one for one in view.state.configured or () if one.interface == card.name]
        if link is not None and entries:
            yield from _not_live(link, entries)
            yield from _not_configured(view, link, entries)


def _not_live(link: Link, entries: list[Configured]) -> Iterator[Diagnostic]:
    """Addresses of the files that the interface does not hold."""
    for entry in entries:
        for address in entry.addresses:
            if link.holding(address) is None:
                message = (
                    f"{entry.file} gives `{link.name}` {address_text(*address)}, which the interface does not hold"
                )
                hint = "restart networking or the node, or correct the file with `kato op static_ip`"
                yield RULE.finding(message, hint)


def _not_configured(view: View, link: Link, entries: list[Configured]) -> Iterator[Diagnostic]:
    """Declared addresses that are live, and that the files replace by others."""
    given = {address for entry in entries for address in entry.addresses}
    files = ", ".join(sorted({entry.file for entry in entries if entry.addresses}))
    for name, address in view.declared():
        replaced = [one for one in sorted(given) if one[0] is address[0]]
        if name != link.name or link.holding(address) is None or address in given or not replaced:
            continue
        texts = ", ".join(address_text(*one) for one in replaced)
        message = f"`{name}` holds {address_text(*address)}, and {files} gives it {texts} at the next start"
        if view.must_stay(address):
            yield RULE.finding(message, f"{STATIC_IP}; {MBUS_MOVED}", severity=Severity.ERROR)
        else:
            yield RULE.finding(message, STATIC_IP)


RULE = NodeRule("NP709", Severity.WARNING, check, needs="configured")
