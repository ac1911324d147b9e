"""Prints the neutral form as JSON: what every cloud's file is made from, for people and programs that read neither."""

from __future__ import annotations

import json
from typing import Any

from netpolicy.securitygroups.model import FORMAT_VERSION, Form, Rule

FORMAT = "netpolicy-groups"
EXEMPT = (
    "a node's packets to itself",
    "established and related traffic",
    "IPv6 neighbour discovery, router advertisements and multicast listener discovery",
    "path MTU discovery",
    "DHCP",
)
"""What clouds let pass by themselves; no rule says it, and comparisons with the hosts leave it out."""


def as_json(form: Form) -> str:
    """The text of the form, the same for equal forms."""
    whole = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "cluster": form.cluster,
        "exempt": EXEMPT,
        "groups": [{"name": group.name, "description": group.description} for group in form.groups],
        "rules": [_rule(rule) for rule in form.rules],
        "attachments": [
            {"interface": one.interface, "nodes": one.nodes, "groups": one.groups} for one in form.attachments
        ],
    }
    return json.dumps(whole, indent=1) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    service = rule.service
    fields = {
        "id": rule.id,
        "group": rule.group,
        "direction": rule.direction.value,
        "family": f"IPv{rule.family.value}",
        "protocol": None if service.protocol == -1 else service.protocol,
        "first": None if service.first == -1 else service.first,
        "last": None if service.last == -1 else service.last,
    }
    fields |= {"peer_group": rule.peer} if isinstance(rule.peer, str) else {"peer_network": rule.peer.text}
    return {key: value for key, value in fields.items() if value is not None} | {"statements": rule.statements}
