"""What Neutron's security groups do with one packet, the first of a flow: naive, rule by rule, never optimised."""

from __future__ import annotations

import ipaddress

from netpolicy.packet.addresses import Family, address_text
from netpolicy.packet.packets import Packet
from netpolicy.securitygroups.inventory import Inventory, Stop
from netpolicy.targets.neutron.rules import INGRESS, GroupRule, Ruleset, SecurityGroup

_NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "sctp": 132}


def decide(ruleset: Ruleset, inventory: Inventory, stop: Stop) -> bool:
    """True when a rule of a group that the interface carries admits the packet; nothing is admitted by itself."""
    return admitting(ruleset, inventory, stop) is not None


def admitting(ruleset: Ruleset, inventory: Inventory, stop: Stop) -> tuple[SecurityGroup, GroupRule] | None:
    """The first rule that admits the packet, and its group."""
    carried = {
        group
        for port in ruleset.ports
        if port.interface == stop.interface and stop.node in port.nodes
        for group in port.groups
    }
    for group in ruleset.groups:
        if group.name in carried:
            for rule in group.rules:
                if rule.direction == stop.direction.value and _admits(rule, ruleset, inventory, stop.packet):
                    return group, rule
    return None


def _admits(rule: GroupRule, ruleset: Ruleset, inventory: Inventory, packet: Packet) -> bool:
    if rule.ethertype != ("IPv4" if packet.family is Family.V4 else "IPv6"):
        return False
    other = packet.source if rule.direction == INGRESS else packet.destination
    if rule.remote_group is not None and not _in_group(rule.remote_group, ruleset, inventory, packet.family, other):
        return False
    if rule.remote_ip_prefix is not None:
        address = ipaddress.ip_address(address_text(packet.family, other))
        if address not in ipaddress.ip_network(rule.remote_ip_prefix):
            return False
    return _speaks(rule, packet)


def _in_group(name: str, ruleset: Ruleset, inventory: Inventory, family: Family, address: int) -> bool:
    for port in ruleset.ports:
        if name in port.groups:
            for node in port.nodes:
                if (family, address) in inventory.get((node, port.interface), ()):
                    return True
    return False


def _speaks(rule: GroupRule, packet: Packet) -> bool:
    if rule.protocol is None:
        return True
    if packet.protocol != (_NUMBERS.get(rule.protocol) or int(rule.protocol)):
        return False
    if rule.port_range_min is None:
        return True
    if rule.protocol in ("icmp", "ipv6-icmp"):
        kind, code = packet.port >> 8, packet.port & 255
        return kind == rule.port_range_min and rule.port_range_max in (None, code)
    assert rule.port_range_max is not None
    return rule.port_range_min <= packet.port <= rule.port_range_max
