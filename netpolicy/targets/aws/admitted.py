"""What EC2's security groups admit, as sets of packets."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network

from netpolicy.packet.addresses import EVERYWHERE, AddressSet
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.ports import ANY_PORT, PortSet, Protocol
from netpolicy.securitygroups.inventory import Inventory, Passing, members
from netpolicy.targets.aws.rules import Permission, Ruleset

_NUMBERS = {"icmp": Protocol.ICMP, "tcp": Protocol.TCP, "udp": Protocol.UDP, "icmpv6": Protocol.ICMPV6}


def admitted(ruleset: Ruleset, inventory: Inventory) -> list[Passing]:
    """For each kind of interface what passes in and out: the union over the permissions of all its groups."""
    held = members(ruleset.interfaces, inventory)
    coming, going = {}, {}
    for group in ruleset.groups:
        coming[group.name] = FlowSet.union_all(
            [FlowSet.box(_peers(one, held), EVERYWHERE, _ports(one)) for one in group.ingress]
        )
        going[group.name] = FlowSet.union_all(
            [FlowSet.box(EVERYWHERE, _peers(one, held), _ports(one)) for one in group.egress]
        )
    return [
        Passing(
            one,
            FlowSet.union_all([coming[name] for name in one.groups]),
            FlowSet.union_all([going[name] for name in one.groups]),
        )
        for one in ruleset.interfaces
    ]


def _peers(one: Permission, held: Mapping[str, AddressSet]) -> AddressSet:
    if one.group is not None:
        return held.get(one.group, AddressSet())
    assert one.network is not None
    return AddressSet.of_networks([ip_network(one.network)])


def _ports(one: Permission) -> PortSet:
    if one.protocol == "-1":
        return ANY_PORT
    if one.protocol.startswith("icmp"):
        return _icmp(one)
    number = _NUMBERS.get(one.protocol)
    if number is None:
        return PortSet.protocol(int(one.protocol))
    assert one.first is not None and one.last is not None
    return PortSet.ports(number, [(one.first, one.last)])


def _icmp(one: Permission) -> PortSet:
    """Types and codes, of the family that the protocol belongs to."""
    assert one.first is not None and one.last is not None
    kinds = (0, 255) if one.first == -1 else (one.first, one.first)
    codes = (0, 255) if one.last == -1 else (one.last, one.last)
    both = PortSet.ports(_NUMBERS[one.protocol], [(kinds[0] << 8 | codes[0], kinds[1] << 8 | codes[1])])
    return PortSet(v4=both.v4) if one.protocol == "icmp" else PortSet(v6=both.v6)
