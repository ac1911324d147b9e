"""The security groups of a cluster: who carries which, and what each of their rules says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from netpolicy.packet.packets import ICMP_OF
from netpolicy.packet.ports import Protocol
from netpolicy.securitygroups.model import Direction, Form, Rule

_NAMES = {int(one): one.name.lower() for one in Protocol if one not in ICMP_OF.values()}


def groups(form: Form | None) -> list[dict[str, Any]]:
    """Every group by name; none where the policy has no security groups."""
    if form is None:
        return []
    rules: dict[str, list[Rule]] = {}
    for rule in form.rules:
        rules.setdefault(rule.group, []).append(rule)
    interfaces: dict[str, int] = {}
    nodes: dict[str, set[str]] = {}
    for one in form.attachments:
        for name in one.groups:
            interfaces[name] = interfaces.get(name, 0) + len(one.nodes)
            nodes.setdefault(name, set()).update(one.nodes)
    return [
        {
            "name": group.name,
            "description": group.description,
            "interfaces": interfaces.get(group.name, 0),
            "nodes": len(nodes.get(group.name, ())),
            "rules": _rules(rules.get(group.name, ())),
        }
        for group in form.groups
    ]


def rule_text(rule: Rule) -> str:
    """`ingress tcp 22 from als-dea (IPv4)`."""
    way = "from" if rule.direction is Direction.INGRESS else "to"
    return f"{rule.direction.value} {service(rule)} {way} {peer(rule)} (IPv{rule.family.value})"


def service(rule: Rule) -> str:
    """`tcp 22`, `udp 35000-40000`, `icmpv4 8/0`, `any`."""
    one = rule.service
    if one.protocol == -1:
        return "any"
    icmp = one.protocol == ICMP_OF[rule.family]
    name = f"icmpv{rule.family.value}" if icmp else _NAMES.get(one.protocol, str(one.protocol))
    if one.first == -1:
        return name
    if icmp:
        return f"{name} {one.first}" + (f"/{one.last}" if one.last != -1 else "")
    return f"{name} {one.first}" + (f"-{one.last}" if one.last != one.first else "")


def peer(rule: Rule) -> str:
    """The name of the group, or the network."""
    return rule.peer if isinstance(rule.peer, str) else rule.peer.text


def _rules(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    return [
        {
            "id": one.id,
            "direction": one.direction.value,
            "family": f"v{one.family.value}",
            "service": service(one),
            "peer": peer(one),
            "statements": list(one.statements),
        }
        for one in rules
    ]
