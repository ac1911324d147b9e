"""Security groups as Neutron has them. Field names and values are those of its Networking API v2.0."""

from __future__ import annotations

from dataclasses import dataclass

from netpolicy.securitygroups.model import Attachment

FORMAT = "netpolicy-neutron"
FORMAT_VERSION = 1
INGRESS, EGRESS = "ingress", "egress"
ETHERTYPES = ("IPv4", "IPv6")
NAMED_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "ipv6-icmp", 132: "sctp"}
"""Protocols that have ports, or types, here; all others are written by their number."""
PORTED = frozenset({6, 17, 132})
LAST_PORT = 65535
"""The service stores the ports from 1 to this one as all ports, so that such a rule opens port 0, too."""
IPV6_HEADERS = frozenset({41, 43, 44, 58, 59, 60})
"""Protocols that Neutron's API refuses in a rule of IPv4 (29.0, `SecurityGroupEthertypeConflictWithProtocol`)."""


@dataclass(frozen=True, slots=True)
class GroupRule:
    """A rule of a group. `remote_group` is a name; without it and a prefix the rule is for every address.

    `port_range_min` and `port_range_max` are ports, or an ICMP type and code. A protocol of None is every protocol.
    """

    direction: str
    ethertype: str
    protocol: str | None
    port_range_min: int | None
    port_range_max: int | None
    remote_group: str | None
    remote_ip_prefix: str | None
    description: str


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """A group with its rules; it is stateful."""

    name: str
    description: str
    rules: tuple[GroupRule, ...]


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All groups of a cluster, and the ports that carry them."""

    cluster: str
    groups: tuple[SecurityGroup, ...]
    ports: tuple[Attachment, ...]
