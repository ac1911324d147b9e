"""Who is no node and may come in: every source from outside, what it reaches, worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netpolicy.dsl.syntax import Verb
from netpolicy.packet.addresses import FAMILIES, NOWHERE, AddressSet, Family, network_text, networks
from netpolicy.packet.intervals import size
from netpolicy.policy.cluster import Address, Node
from netpolicy.policy.model import Policy
from netpolicy.report.audit.matrix import Cell, Service
from netpolicy.report.audit.witness import NO_ROLE

_MOST_NETWORKS = 4


def exposed(policy: Policy, cells: Sequence[Cell], peers: Mapping[str, AddressSet]) -> list[dict[str, Any]]:
    """A line for each service that somebody outside reaches, what asks most to be looked at first."""
    roles: dict[str, list[Node]] = {}
    for node in policy.cluster.nodes:
        for name in [role.text for role in node.roles] or [NO_ROLE]:
            roles.setdefault(name, []).append(node)
    found = [
        (
            one.risk.score,
            sum(size(peers[cell.source].of(family)) for family in FAMILIES),
            _line(policy, cell, one, roles, peers),
        )
        for cell in cells
        if cell.source in peers
        for one in cell.services
    ]
    found.sort(key=lambda one: (-one[0], -one[1], one[2]["source"], one[2]["destination"], one[2]["service"]))
    return [line for _, _, line in found]


def _line(
    policy: Policy, cell: Cell, one: Service, roles: Mapping[str, Sequence[Node]], peers: Mapping[str, AddressSet]
) -> dict[str, Any]:
    nodes, families = _reached(policy, roles.get(cell.destination, ()), one.row.statements)
    return {
        "source": cell.source,
        "destination": cell.destination,
        "service": one.text,
        "addresses": addresses_text(peers[cell.source], families or FAMILIES, policy.nodes),
        "nodes": nodes,
        "statements": list(one.row.statements),
        "risk": one.risk.level,
        "score": one.risk.score,
        "reasons": one.risk.reasons,
    }


def _reached(policy: Policy, nodes: Sequence[Node], statements: Sequence[str]) -> tuple[int, tuple[Family, ...]]:
    """How many of the nodes these statements mean, and the families of the addresses that they mean."""
    means = [one for one in policy.of(Verb.ALLOW) if one.id in statements]
    held = AddressSet.union_all([NOWHERE, *(one.whom.addresses for one in means)])
    virtual = AddressSet.union_all([NOWHERE, *(each.nodes for one in means for each in one.whom.virtual)])
    met: list[list[Address]] = [[each for each in node.addresses if each in held or each in virtual] for node in nodes]
    families = {family for each in met for family, _ in each}
    return sum(bool(each) for each in met), tuple(family for family in FAMILIES if family in families)


def addresses_text(addresses: AddressSet, families: Sequence[Family], nodes: AddressSet) -> str:
    """`all of IPv4`, `256 addresses: 198.51.100.0/24`; what only nodes lack is all."""
    told: list[str] = []
    for family in families:
        held = addresses.of(family)
        count = size(held)
        if not count:
            continue
        if count + size(nodes.of(family)) >= 1 << family.bits:
            told.append(f"all of IPv{family.value}")
        elif count >= 1 << family.bits - 4:
            told.append(f"{100 * count // (1 << family.bits)} % of IPv{family.value}")
        else:
            listed = [network_text(family, *one) for one in networks(family, held)]
            more = f" and {len(listed) - _MOST_NETWORKS:,} more" if len(listed) > _MOST_NETWORKS else ""
            word = "address" if count == 1 else "addresses"
            shown = f"{count:,}" if family is Family.V4 else "IPv6"
            told.append(f"{shown} {word}: {', '.join(listed[:_MOST_NETWORKS])}{more}")
    return ", ".join(told)
