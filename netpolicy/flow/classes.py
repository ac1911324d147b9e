"""Classes of nodes: every answer that a policy can ask is the same for all nodes of a class."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from ipaddress import IPv6Network

from netpolicy.flow.model import NodeClass
from netpolicy.packet.addresses import AddressSet
from netpolicy.policy.cluster import Node
from netpolicy.policy.model import Policy
from netpolicy.policy.selectors import address_set

_LINK_LOCAL = AddressSet.of_networks([IPv6Network("fe80::/10")])
"""DHCP of IPv6 answers from there, so every node tells these addresses apart."""


def classes(policy: Policy, *, apart: bool = False) -> tuple[NodeClass, ...]:
    """The classes of a cluster's nodes, in order of their first member; `apart` gives every node its own."""
    sides = _sides(policy)
    found: dict[Hashable, list[Node]] = {}
    for node in policy.cluster.nodes:
        found.setdefault((node.name,) if apart else _likeness(node, sides), []).append(node)
    return tuple(_class(nodes) for nodes in found.values())


def _sides(policy: Policy) -> list[AddressSet]:
    """Every set of addresses that an active statement or the baseline asks about, however it is spelt."""
    sides = (side for one in policy.statements for side in (one.who, one.whom))
    sets = (held for side in sides for held in (side.addresses, *(virtual.nodes for virtual in side.virtual)))
    return list(dict.fromkeys((*sets, _LINK_LOCAL)))


def _likeness(node: Node, sides: Sequence[AddressSet]) -> Hashable:
    """All that can tell nodes apart: roles, labels, interfaces with families, leases, and each side per address."""
    return (
        frozenset(role.text for role in node.roles),
        frozenset(label.text for label in node.labels),
        tuple((one.name, tuple(family for family, _ in one.addresses)) for one in node.interfaces),
        node.addresses_are,
        tuple(address in side for side in sides for address in node.addresses),
    )


def _class(nodes: list[Node]) -> NodeClass:
    first = nodes[0]
    return NodeClass(
        members=tuple(node.name for node in nodes),
        roles=tuple(sorted(role.text for role in first.roles)),
        labels=tuple(sorted(label.text for label in first.labels)),
        interfaces=tuple(sorted({one.name for one in first.interfaces})),
        addresses_are=first.addresses_are,
        own=address_set(first.addresses),
    )
