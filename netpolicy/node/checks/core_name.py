"""NP715."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import NodeRule, View
from netpolicy.packet.addresses import address_text
from netpolicy.policy.nodestate import Names, is_loopback


def check(view: View) -> Iterator[Diagnostic]:
    """Found where the core's name does not resolve to the MBUS address, or to loopback as well."""
    names, mbus, name = view.state.names, view.identity.mbus, view.identity.core_name
    answer = names.answer(name) if names is not None and name else None
    if names is None or answer is None or mbus is None:
        return
    text = address_text(*mbus)
    hint = f"let /etc/hosts of every node, or DNS, give `{name}` the address {text}"
    if answer.failure:
        yield RULE.finding(f"the core's name `{name}` does not resolve: {answer.failure}", hint)
    elif mbus not in answer.addresses or any(is_loopback(one) for one in answer.addresses):
        given = ", ".join(address_text(*one) for one in answer.addresses)
        wanted = f"{text} alone" if mbus in answer.addresses else text
        message = f"the core's name `{name}` resolves to {given}, and not to {wanted}, the MBUS address"
        yield RULE.finding(message, hint, _lines(names, name))


def _lines(names: Names, name: str) -> list[str]:
    return [
        f"/etc/hosts:{line.number} gives it {address_text(*line.address)}"
        for line in names.hosts
        if name.lower() in (one.lower() for one in line.names)
    ]


RULE = NodeRule("NP715", Severity.WARNING, check, needs="names")
