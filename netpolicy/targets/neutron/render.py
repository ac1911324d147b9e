"""Prints Neutron's security groups as JSON: the bodies of the requests, in order."""

from __future__ import annotations

import json
from typing import Any

from netpolicy.targets.neutron.rules import FORMAT, FORMAT_VERSION, GroupRule, Ruleset, SecurityGroup

STEPS = (
    "POST /v2.0/security-groups with each `security_group`; its name stands for its id in what follows",
    "DELETE every rule that the service gave the new groups by itself: egress is stated here",
    "POST /v2.0/security-group-rules with the `security_group_rules` of one group at a time, if any, ids for names",
    "PUT /v2.0/ports/ID with the `security_groups` of each interface",
)
"""What an operator, or a program, does with the file."""


def render(ruleset: Ruleset) -> str:
    """The text of the file, the same for equal rulesets."""
    whole = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "cluster": ruleset.cluster,
        "steps": STEPS,
        "groups": [_group(group) for group in ruleset.groups],
        "ports": [
            {"interface": one.interface, "nodes": one.nodes, "security_groups": one.groups} for one in ruleset.ports
        ],
    }
    return json.dumps(whole, indent=1) + "\n"


def _group(group: SecurityGroup) -> dict[str, Any]:
    return {
        "security_group": {"name": group.name, "description": group.description, "stateful": True},
        "security_group_rules": [rule_fields(group.name, rule) for rule in group.rules],
    }


def rule_fields(group: str, rule: GroupRule) -> dict[str, Any]:
    """A rule with all that a request may hold and that means something here."""
    fields = {
        "security_group_id": group,
        "direction": rule.direction,
        "ethertype": rule.ethertype,
        "protocol": rule.protocol,
        "port_range_min": rule.port_range_min,
        "port_range_max": rule.port_range_max,
        "remote_group_id": rule.remote_group,
        "remote_ip_prefix": rule.remote_ip_prefix,
        "description": rule.description,
    }
    return {key: value for key, value in fields.items() if value is not None}
