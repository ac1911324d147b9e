"""The addresses behind the names: groups hold interfaces of nodes, and these hold addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from netpolicy.packet.addresses import AddressSet
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.packets import Packet
from netpolicy.policy.cluster import Address, Cluster
from netpolicy.policy.selectors import address_set
from netpolicy.securitygroups.model import Attachment, Direction

Card = tuple[str, str]
"""A node and the name of its interface."""

Inventory = Mapping[Card, tuple[Address, ...]]
"""The addresses of every interface of a cluster."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A packet that comes to an interface of a node, or leaves by it."""

    node: str
    interface: str
    direction: Direction
    packet: Packet


@dataclass(frozen=True, slots=True)
class Passing:
    """What the interfaces of an attachment let in, whatever its destination, and out, whatever its source."""

    attachment: Attachment
    ingress: FlowSet
    egress: FlowSet


def inventory(cluster: Cluster) -> dict[Card, tuple[Address, ...]]:
    """The addresses of a cluster by node and interface."""
    return {(node.name, one.name): one.addresses for node in cluster.nodes for one in node.interfaces}


def members(attachments: Iterable[Attachment], addresses: Inventory) -> dict[str, AddressSet]:
    """The addresses of each group: those of every interface that carries it."""
    held: dict[str, list[Address]] = {}
    for one in attachments:
        own = [address for node in one.nodes for address in addresses.get((node, one.interface), ())]
        for group in one.groups:
            held.setdefault(group, []).extend(own)
    return {group: address_set(listed) for group, listed in held.items()}
