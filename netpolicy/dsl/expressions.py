"""The parts of which statements are made: selectors (who and whom), lists of services (what), conditions (when).

Names are in normal form (lower case, `_`); spans are carried, not compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from netpolicy.packet.addresses import Family
from netpolicy.source import Span


class Builtin(Enum):
    """Selectors that every policy has."""

    ALL = "all"
    WORLD = "world"
    OUTSIDE = "outside"
    SELF = "self"


# Selectors: a set of addresses of both families.


@dataclass(frozen=True, slots=True)
class Named:
    """A role, group, label or network by name."""

    name: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Quoted:
    """An alias by its quoted text."""

    text: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NodeNamed:
    """`node NAME`, where the name may hold ranges: `dea[1-12]`."""

    pattern: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Literal:
    """An address or CIDR written out: first and last address of one family."""

    family: Family
    first: int
    last: int
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Standard:
    """`all`, `world`, `outside` or `self`."""

    which: Builtin
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`a, b`: union."""

    parts: tuple[Selector, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AllOf:
    """`a & b`: intersection."""

    parts: tuple[Selector, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Except:
    """`a except b`: difference."""

    base: Selector
    without: Selector
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class OnInterface:
    """`a@eth1`: those addresses of a's nodes that the cluster gives to that interface."""

    base: Selector
    interface: str
    span: Span = field(compare=False, repr=False)

    @property
    def interface_span(self) -> Span:
        """The place of the interface's name, which ends the selector."""
        return Span(self.span.source, self.span.end - len(self.interface), self.span.end)


@dataclass(frozen=True, slots=True)
class AtAddress:
    """`a@224.0.0.251`: what a's nodes receive for a virtual or multicast address."""

    base: Selector
    address: Literal
    span: Span = field(compare=False, repr=False)


Selector = Named | Quoted | NodeNamed | Literal | Standard | AnyOf | AllOf | Except | OnInterface | AtAddress

# What: protocols with ports, icmp types, portless protocols, services.


@dataclass(frozen=True, slots=True)
class Ports:
    """`tcp+udp 80-90`: protocols and one range of ports, both ends inclusive."""

    protocols: tuple[int, ...]
    first: int
    last: int
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class PortsOf:
    """`tcp $ldap_ports`: protocols and the ports of a parameter."""

    protocols: tuple[int, ...]
    param: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Icmp:
    """`icmp echo-request`, `icmpv4 8/0`, `icmpv6 any`: a row a family; a type of None is every type."""

    kinds: tuple[tuple[Family, int | None, int | None], ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class WholeProtocol:
    """`esp`, `proto 47`."""

    number: int
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Anything:
    """`any`: every packet."""

    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ServiceNamed:
    """A service by name."""

    name: str
    span: Span = field(compare=False, repr=False)


WhatItem = Ports | PortsOf | Icmp | WholeProtocol | Anything | ServiceNamed


@dataclass(frozen=True, slots=True)
class What:
    """A list of protocols, ports and services: their union."""

    items: tuple[WhatItem, ...]
    span: Span = field(compare=False, repr=False)


# Conditions.


@dataclass(frozen=True, slots=True)
class IsSet:
    """A flag parameter is on."""

    param: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Compared:
    """`param == VALUE` or `param != VALUE`: a choice, `on`, `off`, or ports in normal form (`22`, `41000-61000`)."""

    param: str
    value: str
    equal: bool
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Exists:
    """A node holds the role or label, or the network has an address."""

    selector: Selector
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Count:
    """`count(SELECTOR) OP N`: how many nodes."""

    selector: Selector
    operator: str
    number: int
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Negation:
    """`not c`."""

    condition: Condition
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Both:
    """`a and b`."""

    parts: tuple[Condition, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Either:
    """`a or b`."""

    parts: tuple[Condition, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Broken:
    """A condition that could not be read; its error is already told."""

    span: Span = field(compare=False, repr=False)


Condition = IsSet | Compared | Exists | Count | Negation | Both | Either | Broken
