"""What a node looks like: links, addresses, routes, names. Types only; `nodestatejson` has their form as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netpolicy.packet.addresses import Family
from netpolicy.policy.cluster import Address


def is_loopback(address: Address) -> bool:
    """True for 127.0.0.0/8 and ::1."""
    family, number = address
    return number >> 24 == 127 if family is Family.V4 else number == 1


@dataclass(frozen=True, slots=True)
class LiveAddress:
    """An address that an interface holds. `valid` and `preferred` are seconds left, None for ever."""

    address: Address
    prefix: int
    label: str = ""
    scope: str = "global"
    secondary: bool = False
    valid: int | None = None
    preferred: int | None = None
    tentative: bool = False
    duplicate: bool = False
    deprecated: bool = False

    @property
    def permanent(self) -> bool:
        """True for an address without an end: static, or of a DHCP client that sets no lifetime."""
        return self.valid is None


@dataclass(frozen=True, slots=True)
class Link:
    """An interface: `up` is what the administrator wants, `carrier` and `operstate` what the wire says."""

    name: str
    index: int = 0
    up: bool = True
    carrier: bool = True
    operstate: str = "UP"
    addresses: tuple[LiveAddress, ...] = ()

    def holding(self, address: Address) -> LiveAddress | None:
        """The address as this interface holds it."""
        return next((one for one in self.addresses if one.address == address), None)


@dataclass(frozen=True, slots=True)
class DefaultRoute:
    """A route to everywhere; one without a gateway reaches its whole world on the link."""

    family: Family
    interface: str
    gateway: Address | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """How the kernel would send to an address; `failure` is why it would not, in the kernel's words."""

    target: Address
    source: Address | None = None
    interface: str = ""
    gateway: Address | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a name resolves to; `failure` is why it does not."""

    name: str
    addresses: tuple[Address, ...] = ()
    failure: str = ""


@dataclass(frozen=True, slots=True)
class HostsLine:
    """A line of /etc/hosts, by its number."""

    number: int
    address: Address
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """The hostname of the machine, the answers of its resolver, and the lines of /etc/hosts with a name of ours."""

    hostname: str = ""
    answers: tuple[Answer, ...] = ()
    hosts: tuple[HostsLine, ...] = ()

    def answer(self, name: str) -> Answer | None:
        """The answer for a name, where it was asked."""
        return next((one for one in self.answers if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Configured:
    """What a file of the system gives an interface at the next start of networking; `leases` when DHCP adds to it."""

    interface: str
    file: str
    addresses: tuple[Address, ...] = ()
    leases: bool = False


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Another machine (its link-layer address) that has an address of ours; `probed` when it answered just then."""

    address: Address
    interface: str
    machine: str
    probed: bool = False


@dataclass(frozen=True, slots=True)
class NodeState:
    """A machine as it was seen. What is None was not looked at, and nothing is found there."""

    links: tuple[Link, ...] = ()
    routes: tuple[DefaultRoute, ...] | None = None
    path: Path | None = None
    names: Names | None = None
    configured: tuple[Configured, ...] | None = None
    duplicates: tuple[Duplicate, ...] = ()

    def link(self, name: str) -> Link | None:
        """The interface of that name."""
        return next((one for one in self.links if one.name == name), None)

    def holders(self, address: Address) -> tuple[Link, ...]:
        """The interfaces that hold the address."""
        return tuple(one for one in self.links if one.holding(address) is not None)

    def addresses(self) -> Iterator[tuple[Link, LiveAddress]]:
        """Every address with its interface."""
        return ((link, address) for link in self.links for address in link.addresses)
