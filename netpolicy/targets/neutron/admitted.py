"""What Neutron's security groups admit, as sets of packets."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network

from netpolicy.packet.addresses import EVERYWHERE, AddressSet, Family
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.ports import ANY_PORT, PortSet
from netpolicy.securitygroups.inventory import Inventory, Passing, members
from netpolicy.targets.neutron.rules import EGRESS, INGRESS, GroupRule, Ruleset

_NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "sctp": 132}


def admitted(ruleset: Ruleset, inventory: Inventory) -> list[Passing]:
    """For each kind of port what passes in and out: the union over the rules of all groups that it carries."""
    held = members(ruleset.ports, inventory)
    passing = {
        (group.name, direction): FlowSet.union_all(
            [_packets(rule, held) for rule in group.rules if rule.direction == direction]
        )
        for group in ruleset.groups
        for direction in (INGRESS, EGRESS)
    }
    return [
        Passing(port, *(FlowSet.union_all([passing[name, way] for name in port.groups]) for way in (INGRESS, EGRESS)))
        for port in ruleset.ports
    ]


def _packets(rule: GroupRule, held: Mapping[str, AddressSet]) -> FlowSet:
    family = Family.V4 if rule.ethertype == "IPv4" else Family.V6
    peers = _peers(rule, held)
    ends = (peers, EVERYWHERE) if rule.direction == INGRESS else (EVERYWHERE, peers)
    packets = FlowSet.box(*ends, _ports(rule))
    return FlowSet(v4=packets.v4) if family is Family.V4 else FlowSet(v6=packets.v6)


def _peers(rule: GroupRule, held: Mapping[str, AddressSet]) -> AddressSet:
    if rule.remote_group is not None:
        return held.get(rule.remote_group, AddressSet())
    return AddressSet.of_networks([ip_network(rule.remote_ip_prefix)]) if rule.remote_ip_prefix else EVERYWHERE


def _ports(rule: GroupRule) -> PortSet:
    if rule.protocol is None:
        return ANY_PORT
    number = _NUMBERS.get(rule.protocol) or int(rule.protocol)
    if rule.port_range_min is None:
        return PortSet.protocol(number)
    first, last = rule.port_range_min, rule.port_range_max
    if rule.protocol in ("icmp", "ipv6-icmp"):
        codes = (0, 255) if last is None else (last, last)
        return PortSet.ports(number, [(first << 8 | codes[0], first << 8 | codes[1])])
    assert last is not None
    return PortSet.ports(number, [(first, last)])
