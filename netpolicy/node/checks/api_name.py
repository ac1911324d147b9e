"""NP716."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.checks import NodeRule, View
from netpolicy.packet.addresses import address_text
from netpolicy.policy.nodestate import is_loopback


def check(view: View) -> Iterator[Diagnostic]:
    """Found where the name that clients use does not resolve, or resolves to this machine itself by loopback.

    It may be an address of the core, a router, a load balancer, or of a cloud before them.
    """
    names, name = view.state.names, view.identity.api_name
    answer = names.answer(name) if names is not None and name else None
    if answer is None:
        return
    hint = f"let DNS give `{name}` the address of the core, or of the load balancer or router before the cluster"
    if answer.failure:
        yield RULE.finding(f"the API's name `{name}` does not resolve: {answer.failure}", hint)
    elif loops := [address_text(*one) for one in answer.addresses if is_loopback(one)]:
        yield RULE.finding(f"the API's name `{name}` resolves to {', '.join(loops)}, which is loopback", hint)


RULE = NodeRule("NP716", Severity.WARNING, check, needs="names")
