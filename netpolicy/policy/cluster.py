"""The cluster: who the roles are. Types only; `clusterfile` reads them from YAML."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from netpolicy.packet.addresses import AddressSet, Family
from netpolicy.source import Source, Span

if TYPE_CHECKING:  # a node knows its identity without the syntax of policies
    from netpolicy.dsl.syntax import Name, Value

Address = tuple[Family, int]


class AddressesAre(Enum):
    """How a node comes by its addresses."""

    STATIC = "static"
    LEASED = "leased"
    PERSISTENT = "persistent"


@dataclass(frozen=True, slots=True)
class Interface:
    """A declared interface and its addresses."""

    name: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """One node. Its addresses are those of its interfaces and no other."""

    name: str
    roles: tuple[Name, ...]
    labels: tuple[Name, ...]
    interfaces: tuple[Interface, ...]
    addresses_are: AddressesAre = AddressesAre.STATIC
    hostname: str = ""
    public_interface: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def addresses(self) -> tuple[Address, ...]:
        if len(self.interfaces) == 1:  # as most nodes are; this is asked very often
            return self.interfaces[0].addresses
        return tuple(address for interface in self.interfaces for address in interface.addresses)


@dataclass(frozen=True, slots=True)
class Network:
    """A network's name and addresses."""

    name: Name
    addresses: AddressSet


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster file. `router_spans` are the places of `load_balancer_routers`, one an address.

    `clouds` are those that get security groups: none when it is empty, every one when it is None.
    """

    source: Source = field(compare=False, repr=False)
    name: str
    policy: str
    nodes: tuple[Node, ...]
    networks: tuple[Network, ...] = ()
    params: tuple[tuple[Name, Value], ...] = ()
    mbus: Address | None = None
    hostname: str = ""
    api_name: str = ""
    load_balancer_routers: tuple[Address, ...] = ()
    clouds: tuple[Name, ...] | None = None
    policy_span: Span | None = field(default=None, compare=False, repr=False)
    mbus_span: Span | None = field(default=None, compare=False, repr=False)
    hostname_span: Span | None = field(default=None, compare=False, repr=False)
    api_name_span: Span | None = field(default=None, compare=False, repr=False)
    router_spans: tuple[Span, ...] = field(default=(), compare=False, repr=False)
