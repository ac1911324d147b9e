"""Security groups as EC2 has them. Field names and values are those of its API's `IpPermission`."""

from __future__ import annotations

from dataclasses import dataclass

from netpolicy.securitygroups.model import Attachment

FORMAT = "netpolicy-aws"
FORMAT_VERSION = 1
MOST_GROUPS = 5
"""Groups that an interface may carry, unless the quota was raised."""
MOST_RULES = 1000
"""Rules of all groups of an interface, each way: the quota of rules times that of groups cannot be raised above it."""
NAMED_PROTOCOLS = {-1: "-1", 1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
"""Protocols whose ports or types EC2 looks at, and all of them; others it opens whole, whatever ports stand there."""


@dataclass(frozen=True, slots=True)
class Permission:
    """One `IpPermission` with one peer: a group by its name, or a network.

    `first` and `last` are ports, or an ICMP type and code with -1 for all; None where the protocol has neither. A
    group is a peer in both families.
    """

    protocol: str
    first: int | None
    last: int | None
    group: str | None
    network: str | None
    description: str


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """A group with what it lets in and out."""

    name: str
    description: str
    ingress: tuple[Permission, ...]
    egress: tuple[Permission, ...]


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All groups of a cluster, and the interfaces that carry them."""

    cluster: str
    groups: tuple[SecurityGroup, ...]
    interfaces: tuple[Attachment, ...]
