"""The neutral form of a cluster's security groups: groups, rules with symbolic peers, and who carries which group."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum

from netpolicy.packet.addresses import Family, network_text
from netpolicy.source import Span

FORMAT_VERSION = 1
EVERY_NODE = "all"
"""Head of the group that every interface carries; the word is reserved, so no role has it."""


class Direction(Enum):
    """Whose packets a rule judges: those that come to a member, or those that it sends."""

    INGRESS = "ingress"
    EGRESS = "egress"


@dataclass(frozen=True, slots=True, order=True)
class Service:
    """What passes: a protocol number with a range of ports, or an ICMP type (`first`) and code (`last`).

    A protocol of -1 is every protocol. Without `first` it is all of the protocol; an ICMP type without `last` is all
    of its codes. -1 stands for what is left out, so that services have an order.
    """

    protocol: int = -1
    first: int = -1
    last: int = -1


@dataclass(frozen=True, slots=True, order=True)
class Network:
    """Addresses of one family by their prefix."""

    family: Family
    first: int
    length: int

    @property
    def text(self) -> str:
        return network_text(self.family, self.first, self.length)


Peer = str | Network
"""A group by its name, or a network."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Packets of one family that the members of `group` may receive from, or send to, a peer.

    `statements` are the sorted ids that ask for it, `text` and `span` are of the first of them; none of these is part
    of what the rule is.
    """

    group: str
    direction: Direction
    family: Family
    service: Service
    peer: Peer
    statements: tuple[str, ...] = field(default=(), compare=False)
    text: str = field(default="", compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> tuple[str, ...]:
        """All that the rule means, as texts: what its order and its identity come from."""
        peer = self.peer if isinstance(self.peer, str) else self.peer.text
        service = (self.service.protocol, self.service.first, self.service.last)
        return (
            self.group,
            self.direction.value,
            f"IPv{self.family.value}",
            *(f"{part:05d}" for part in service),
            "group" if isinstance(self.peer, str) else "network",
            peer,
        )

    @property
    def id(self) -> str:
        """A short hash of what the rule means: adding another rule never changes it."""
        return hashlib.sha256(" ".join(self.key).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Group:
    """A security group; its members are the interfaces that carry it."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """The groups that an interface of some nodes carries, sorted by name."""

    interface: str
    groups: tuple[str, ...]
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """The security groups of a cluster: canonical, sorted, the same for any order of the input."""

    cluster: str
    groups: tuple[Group, ...]
    rules: tuple[Rule, ...]
    attachments: tuple[Attachment, ...]
