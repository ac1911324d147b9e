"""The port table of an ALS cluster as data (`als.csv`), and the packets that it lets a node take, forward and send.

It is written from the documents, not from the policies; nothing here reads a policy or shares a pass with the compiler.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from netpolicy.packet.addresses import EVERYWHERE, FAMILIES, NOWHERE, AddressSet
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.ports import PortSet, Protocol
from netpolicy.policy.cluster import Address, Cluster, Node

CSV = Path(__file__).parent / "als.csv"
ECHO_REQUEST = {4: 8, 6: 128}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: who reaches whom by what, in which layer, under which conditions, and who says so."""

    line: str
    layer: str
    protocol: str
    ports: str
    source: str
    destination: str
    when: str
    sent_on: str
    tag: str
    cite: str

    def holds(self, facts: Collection[str]) -> bool:
        """True when all its conditions are among the facts."""
        needed = [one for one in self.when.split(" and ") if one]
        return all((one.removeprefix("not ") in facts) is not one.startswith("not ") for one in needed)

    @property
    def keys(self) -> PortSet:
        if self.protocol == "icmp":
            kinds = [
                PortSet.icmp_any(one) if self.ports == "any" else PortSet.icmp(one, ECHO_REQUEST[one.value], None)
                for one in FAMILIES
            ]
            return PortSet.union_all(kinds)
        first, _, last = self.ports.partition("-")
        return PortSet.ports(Protocol[self.protocol.upper()], [(int(first), int(last or first))])


def rows() -> list[Row]:
    """The whole table."""
    with CSV.open(encoding="utf-8", newline="") as file:
        return [Row(**each) for each in csv.DictReader(file)]


def holders(cluster: Cluster, name: str) -> list[Node]:
    """The nodes with all the roles and labels of `router&public`."""
    wanted = name.split("&")
    held = {node.name: {"all", *(one.text for one in (*node.roles, *node.labels))} for node in cluster.nodes}
    return [node for node in cluster.nodes if held[node.name].issuperset(wanted)]


def addresses(cluster: Cluster, name: str) -> AddressSet:
    """The addresses of a role, a network, `all` or `world`; none where the cluster has no such thing."""
    if name == "world":
        return EVERYWHERE
    networks = [one.addresses for one in cluster.networks if one.name.text == name]
    return AddressSet.union_all([*networks, *(own(node) for node in holders(cluster, name))])


def own(node: Node) -> AddressSet:
    return AddressSet.of_addresses(ip_address(text) for text in map(_text, node.addresses))


def _text(address: Address) -> str:
    family, number = address
    return str(ip_address(number.to_bytes(family.bits // 8, "big")))


def received(cluster: Cluster, node: Node, active: Iterable[Row]) -> FlowSet:
    """What the node takes for itself: for its own addresses, and for groups that it listens to."""
    found = []
    for row in active:
        whom, _, virtual = row.destination.partition("@")
        mine = node in holders(cluster, whom)
        here = (AddressSet.of_addresses([ip_address(virtual)]) if virtual else own(node)) if mine else NOWHERE
        found.append(FlowSet.box(addresses(cluster, row.source), here, row.keys))
    return FlowSet.union_all(found)


def sent_on(cluster: Cluster, node: Node, active: Iterable[Row]) -> FlowSet:
    """What the node hands to its containers, by what the sender wrote."""
    return received(cluster, node, [row for row in active if row.sent_on])


def sent(cluster: Cluster, node: Node, active: Iterable[Row]) -> FlowSet:
    """What the node sends by itself, when its outgoing flows are held to the table."""
    found = []
    for row in active:
        there = addresses(cluster, row.destination)
        mine = own(node) & addresses(cluster, row.source)
        found.append(FlowSet.box(mine, there, row.keys))
    return FlowSet.union_all(found)
