"""Prints EC2's security groups as JSON: the parameters of the calls, in two phases."""

from __future__ import annotations

import json
from typing import Any

from netpolicy.targets.aws.rules import FORMAT, FORMAT_VERSION, Permission, Ruleset

STEPS = (
    "create-security-group with each of `groups`, in the cluster's VPC; its name stands for its id in what follows",
    "revoke-security-group-egress of every rule that the service gave the new groups by itself: egress is stated here",
    "authorize-security-group-ingress with each of `ingress`, authorize-security-group-egress with each of `egress`",
    "modify-network-interface-attribute with the `Groups` of each interface",
)
"""What an operator, or a program, does with the file."""


def render(ruleset: Ruleset) -> str:
    """The text of the file, the same for equal rulesets."""
    whole = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "cluster": ruleset.cluster,
        "steps": STEPS,
        "groups": [{"GroupName": group.name, "Description": group.description} for group in ruleset.groups],
        "ingress": [_rules(group.name, group.ingress) for group in ruleset.groups if group.ingress],
        "egress": [_rules(group.name, group.egress) for group in ruleset.groups if group.egress],
        "interfaces": [
            {"interface": one.interface, "nodes": one.nodes, "Groups": one.groups} for one in ruleset.interfaces
        ],
    }
    return json.dumps(whole, indent=1) + "\n"


def _rules(group: str, permissions: tuple[Permission, ...]) -> dict[str, Any]:
    return {"GroupId": group, "IpPermissions": [permission_fields(one) for one in permissions]}


def permission_fields(one: Permission) -> dict[str, Any]:
    """A permission with all that a call may hold."""
    fields: dict[str, Any] = {"IpProtocol": one.protocol}
    if one.first is not None:
        fields |= {"FromPort": one.first, "ToPort": one.last}
    return fields | _peer(one)


def _peer(one: Permission) -> dict[str, Any]:
    """One peer, with a description of its own: EC2 keeps each as a rule by itself."""
    if one.group is not None:
        return {"UserIdGroupPairs": [{"GroupId": one.group, "Description": one.description}]}
    if one.network is not None and ":" in one.network:
        return {"Ipv6Ranges": [{"CidrIpv6": one.network, "Description": one.description}]}
    return {"IpRanges": [{"CidrIp": one.network, "Description": one.description}]}
