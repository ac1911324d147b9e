"""Who is no node and may come in: every source from outside, what it reaches, worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netpolicy.dsl.syntax import Verb
from netpolicy.packet.addresses import FAMILIES, NOWHERE, AddressSet, Family, network_text, networks
from netpolicy.packet.intervals import Intervals, covers, difference, intersection, overlaps, size, union_all
from netpolicy.policy.cluster import Address, Node
from netpolicy.policy.model import Policy
from netpolicy.report.audit.matrix import Cell, Service
from netpolicy.report.audit.witness import NO_ROLE, keys_of
from netpolicy.verify.peers import incoming
from netpolicy.verify.reachability import Row

_MOST_NETWORKS = 4


def exposed(policy: Policy, cells: Sequence[Cell], peers: Mapping[str, AddressSet]) -> list[dict[str, Any]]:
    """A line for each service that somebody outside reaches, what asks most to be looked at first."""
    reach = _Reach(policy)
    found = [
        (one.risk.score, peers[cell.source].size(), _line(policy, cell, one, reach, peers))
        for cell in cells
        if cell.source in peers
        for one in cell.services
    ]
    found.sort(key=lambda one: (-one[0], -one[1], one[2]["source"], one[2]["destination"], one[2]["service"]))
    return [line for _, _, line in found]


def _line(policy: Policy, cell: Cell, one: Service, reach: _Reach, peers: Mapping[str, AddressSet]) -> dict[str, Any]:
    nodes, families, denied = reach.of(one.row)
    return {
        "source": cell.source,
        "destination": cell.destination,
        "service": one.text,
        "addresses": addresses_text(peers[cell.source], families or FAMILIES, policy.nodes, denied),
        "nodes": nodes,
        "statements": list(one.row.statements),
        "risk": one.risk.level,
        "score": one.risk.score,
        "reasons": one.risk.reasons,
    }


class _Reach:
    """Which nodes are reached from outside; addresses of which statements say the same are asked about once."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.ruling = policy.of(Verb.ALLOW, Verb.DENY)
        self.nodes: dict[str, list[Node]] = {}
        for node in policy.cluster.nodes:
            for name in [role.text for role in node.roles] or [NO_ROLE]:
                self.nodes.setdefault(name, []).append(node)
        self._known: dict[tuple[object, ...], dict[str, Intervals]] = {}

    def of(self, row: Row) -> tuple[int, tuple[Family, ...], AddressSet]:
        """How many nodes a row reaches, by addresses of which families, and who is kept from all that it opens."""
        if row.destination not in self.nodes:
            return (*self._receiving(row), NOWHERE)
        count = 0
        denied: dict[Family, Intervals] = {}
        for node in self.nodes[row.destination]:
            met = [one for one in node.addresses if overlaps(self._passing(row, one), keys_of(row, one[0]))]
            count += bool(met)
            for family, value in met:
                here = self._denied(row, (family, value))
                denied[family] = intersection(denied[family], here) if family in denied else here
        families = tuple(family for family in FAMILIES if family in denied)
        return count, families, AddressSet(denied.get(Family.V4, ()), denied.get(Family.V6, ()))

    def _denied(self, row: Row, address: Address) -> Intervals:
        """Whom one deny keeps from all keys of the row at an address; kept from a part of them, one still comes in."""
        family, keys = address[0], keys_of(row, address[0])
        denying = (one for one in self.ruling if one.verb is Verb.DENY and address in one.whom.addresses)
        return union_all([one.who.addresses.of(family) for one in denying if covers(one.ports.of(family), keys)])

    def _passing(self, row: Row, address: Address) -> Intervals:
        """The keys that pass from the source of the row to an address of a node."""
        likeness = (address[0], *(address in one.whom.addresses for one in self.ruling))
        if likeness not in self._known:
            found = incoming(self.policy, address)
            self._known[likeness] = {name: union_all([keys for _, keys, _ in admitted]) for name, admitted in found}
        return self._known[likeness].get(row.source, ())

    def _receiving(self, row: Row) -> tuple[int, tuple[Family, ...]]:
        """The nodes that receive for an address that none declares."""
        virtual = [each for one in self.ruling if one.id in row.statements for each in one.whom.virtual]
        held = AddressSet.union_all([NOWHERE, *(one.nodes for one in virtual)])
        count = sum(any(address in held for address in node.addresses) for node in self.policy.cluster.nodes)
        return count, tuple(dict.fromkeys(one.family for one in virtual))


def addresses_text(
    addresses: AddressSet, families: Sequence[Family], nodes: AddressSet, denied: AddressSet = NOWHERE
) -> str:
    """`all of IPv4 but 203.0.113.0/24`, `256 addresses: 198.51.100.0/24`; what only nodes lack is all."""
    told: list[str] = []
    for family in families:
        whole = addresses.of(family)
        held = difference(whole, denied.of(family))
        count = size(held)
        if not count:
            continue
        if size(whole) + size(nodes.of(family)) >= 1 << family.bits:
            refused = intersection(denied.of(family), whole)
            but = f" but {_networks(family, refused)}" if refused else ""
            told.append(f"all of IPv{family.value}{but}")
        elif count >= 1 << family.bits - 4:
            told.append(f"{100 * count // (1 << family.bits)} % of IPv{family.value}")
        else:
            word = "address" if count == 1 else "addresses"
            shown = f"{count:,}" if family is Family.V4 else "IPv6"
            told.append(f"{shown} {word}: {_networks(family, held)}")
    return ", ".join(told)


def _networks(family: Family, held: Intervals) -> str:
    """The first of the networks that hold these addresses, and how many more."""
    listed = [network_text(family, *one) for one in networks(family, held)]
    more = f" and {len(listed) - _MOST_NETWORKS:,} more" if len(listed) > _MOST_NETWORKS else ""
    return f"{', '.join(listed[:_MOST_NETWORKS])}{more}"
