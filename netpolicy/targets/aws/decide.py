"""What EC2's security groups do with one packet, the first of a flow: naive, rule by rule, never optimised."""

from __future__ import annotations

import ipaddress

from netpolicy.packet.addresses import Family, address_text
from netpolicy.packet.packets import Packet
from netpolicy.securitygroups.inventory import Inventory, Stop
from netpolicy.securitygroups.model import Direction
from netpolicy.targets.aws.rules import Permission, Ruleset, SecurityGroup

_ICMP = {Family.V4: "icmp", Family.V6: "icmpv6"}


def decide(ruleset: Ruleset, inventory: Inventory, stop: Stop) -> bool:
    """True when a permission of a group that the interface carries admits the packet; nothing is admitted by itself."""
    return admitting(ruleset, inventory, stop) is not None


def admitting(ruleset: Ruleset, inventory: Inventory, stop: Stop) -> tuple[SecurityGroup, Permission] | None:
    """The first permission that admits the packet, and its group."""
    coming = stop.direction is Direction.INGRESS
    other = stop.packet.source if coming else stop.packet.destination
    for one in ruleset.interfaces:
        if one.interface == stop.interface and stop.node in one.nodes:
            for group in ruleset.groups:
                if group.name in one.groups:
                    for permission in group.ingress if coming else group.egress:
                        if _speaks(permission, stop.packet) and _is_peer(
                            permission, ruleset, inventory, stop.packet.family, other
                        ):
                            return group, permission
    return None


def _is_peer(one: Permission, ruleset: Ruleset, inventory: Inventory, family: Family, address: int) -> bool:
    if one.network is not None:
        return ipaddress.ip_address(address_text(family, address)) in ipaddress.ip_network(one.network)
    for held in ruleset.interfaces:
        if one.group in held.groups:
            for node in held.nodes:
                if (family, address) in inventory.get((node, held.interface), ()):
                    return True
    return False


def _speaks(one: Permission, packet: Packet) -> bool:
    if one.protocol == "-1":
        return True
    if one.protocol in ("icmp", "icmpv6"):
        kind, code = packet.port >> 8, packet.port & 255
        its = packet.protocol == (1 if one.protocol == "icmp" else 58)
        # ICMP of the other family is no ICMP.
        return its and one.protocol == _ICMP[packet.family] and one.first in (-1, kind) and one.last in (-1, code)
    if one.protocol in ("tcp", "udp"):
        assert one.first is not None and one.last is not None
        return packet.protocol == (6 if one.protocol == "tcp" else 17) and one.first <= packet.port <= one.last
    return packet.protocol == int(one.protocol)
