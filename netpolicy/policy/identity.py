"""What a node knows about itself: `node.json` of a build, or a node of a cluster file."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from netpolicy.packet.addresses import Family, address_text
from netpolicy.policy.cluster import Address, AddressesAre, Cluster, Interface, Node

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Identity:
    """A node and what it must load; `digest` names its class, `serial` orders builds (0: unordered).

    `hostname` is the node's own, empty where the cluster file gives none. `core_name` is the hostname of the cluster's
    core, which resolves to `mbus`; `api_name` is the name that clients use.
    """

    cluster: str
    node: str
    roles: tuple[str, ...]
    labels: tuple[str, ...]
    interfaces: tuple[Interface, ...]
    addresses_are: AddressesAre = AddressesAre.STATIC
    mbus: Address | None = None
    hostname: str = ""
    core_name: str = ""
    api_name: str = ""
    digest: str = ""
    serial: int = 0

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(address for interface in self.interfaces for address in interface.addresses)

    @property
    def has_mbus(self) -> bool:
        """True for the node that holds the address of the message bus."""
        return self.mbus is not None and self.mbus in self.addresses


def identity_of(cluster: Cluster, node: Node, digest: str = "", serial: int = 0) -> Identity:
    """The identity of a node of a cluster."""
    return Identity(
        cluster.name,
        node.name,
        tuple(sorted(role.text for role in node.roles)),
        tuple(sorted(label.text for label in node.labels)),
        tuple(sorted(node.interfaces, key=lambda one: one.name)),
        node.addresses_are,
        cluster.mbus,
        node.hostname,
        cluster.hostname,
        cluster.api_name,
        digest,
        serial,
    )


def as_dict(one: Identity) -> dict[str, Any]:
    """The identity as `node.json` says it."""
    return {
        "format_version": FORMAT_VERSION,
        "cluster": one.cluster,
        "node": one.node,
        "roles": list(one.roles),
        "labels": list(one.labels),
        "interfaces": {card.name: [address_text(*address) for address in card.addresses] for card in one.interfaces},
        "addresses_are": one.addresses_are.value,
        "mbus": address_text(*one.mbus) if one.mbus else None,
        "hostname": one.hostname,
        "core_name": one.core_name,
        "api_name": one.api_name,
        "class": one.digest,
        "serial": one.serial,
    }


def from_dict(tree: Any) -> Identity:
    """The identity that `node.json` says; what is no such thing is a ValueError, a TypeError or a LookupError."""
    if tree["format_version"] != FORMAT_VERSION:
        raise ValueError(f"format version {tree['format_version']!r}")
    return Identity(
        str(tree["cluster"]),
        str(tree["node"]),
        tuple(tree["roles"]),
        tuple(tree["labels"]),
        tuple(
            Interface(name, tuple(_address(one) for one in held)) for name, held in sorted(tree["interfaces"].items())
        ),
        AddressesAre(tree["addresses_are"]),
        _address(tree["mbus"]) if tree["mbus"] is not None else None,
        str(tree["hostname"]),
        str(tree["core_name"]),
        str(tree["api_name"]),
        str(tree["class"]),
        int(tree["serial"]),
    )


def _address(text: str) -> Address:
    address = ip_address(text)
    return Family(address.version), int(address)
