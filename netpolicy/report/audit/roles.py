"""Who takes part: roles, networks, and who is outside, by the names of the matrix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from netpolicy.packet.addresses import FAMILIES, AddressSet, network_text, networks
from netpolicy.packet.intervals import size
from netpolicy.policy.cluster import Node
from netpolicy.policy.model import Policy
from netpolicy.policy.selectors import address_set
from netpolicy.report.audit.witness import NO_ROLE, SELF
from netpolicy.report.matrix import natural

MOST_MEMBERS = 50
_OUTSIDE = {
    "world": "every address, of nodes too",
    "outside": "every address of no node",
    SELF: "the node itself, over loopback",
    NO_ROLE: "nodes that hold no role",
}


def roles(policy: Policy, named: Iterable[str], peers: Mapping[str, AddressSet]) -> list[dict[str, Any]]:
    """Every role and network that is declared, and everybody else whom the matrix names."""
    held: dict[str, list[Node]] = {}
    for node in policy.cluster.nodes:
        for name in [role.text for role in node.roles] or [NO_ROLE]:
            held.setdefault(name, []).append(node)
    words = {one.name: one.description for one in (*policy.roles, *policy.networks)}
    found = [_role(one.name, one.description, held.get(one.name, ())) for one in policy.roles]
    found += [_other(one.name, "network", one.description, one.addresses) for one in policy.networks]
    for name in sorted(set(named) - {one["name"] for one in found}):
        text = words.get(name) or _OUTSIDE.get(name, "")
        if name in (NO_ROLE, SELF):
            found.append(_role(name, text, held.get(name, ())))
        else:
            found.append(_other(name, "outside", text, peers.get(name, AddressSet())))
    return sorted(found, key=lambda one: (_KINDS.index(one["kind"]), one["name"]))


_KINDS = ("role", "network", "outside")


def _role(name: str, description: str, nodes: Sequence[Node]) -> dict[str, Any]:
    members = sorted((node.name for node in nodes), key=natural)
    addresses = address_set(address for node in nodes for address in node.addresses)
    return {
        "name": name,
        "kind": "role",
        "description": description,
        "nodes": len(nodes),
        "members": members[:MOST_MEMBERS],
        "addresses": _listed(addresses),
    }


def _other(name: str, kind: str, description: str, addresses: AddressSet) -> dict[str, Any]:
    told = {"name": name, "kind": kind, "description": description, "nodes": 0, "members": []}
    return told | {"addresses": _listed(addresses)}


def _listed(addresses: AddressSet) -> list[str]:
    """The first networks that are exactly these addresses; all but a few nodes are all."""
    found: list[str] = []
    for family in FAMILIES:
        if size(addresses.of(family)) > (1 << family.bits) * 9 // 10:
            found.append(network_text(family, 0, 0))
            continue
        part = addresses.of(family)[:MOST_MEMBERS]
        found += [network_text(family, *one) for one in networks(family, part)]
    return found[:MOST_MEMBERS]
