"""NP708."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import NodeRule, View
from netpolicy.packet.addresses import address_text


def check(view: View) -> Iterator[Diagnostic]:
    """Found for each declared address that the kernel does not use: its test failed, or is not over."""
    for name, address in view.declared():
        link = view.state.link(name)
        live = link.holding(address) if link is not None else None
        if live is None:
            continue
        text = address_text(*address)
        if live.duplicate:
            message = f"{text} on `{name}` is not used: another machine had it when it was set"
            again = f"ip address change {text}/{live.prefix} dev {name}"
            hint = f"take it from the other machine, then set it again: `{again}`"
            yield RULE.finding(message, hint)
        elif live.tentative:
            message = f"{text} on `{name}` is not used yet: the kernel still tests whether another machine has it"
            hint = "look again in a few seconds; without carrier the test never ends"
            yield RULE.finding(message, hint, severity=Severity.WARNING)


RULE = NodeRule("NP708", Severity.ERROR, check)
