"""What every node lets pass whatever its policy says, as sets of packets.

It is written down once more on purpose: what is proved here shares nothing with what writes the rules.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations

from netpolicy.packet import interfaces
from netpolicy.packet.diagram import FALSE, Node, union_all
from netpolicy.packet.family import Family
from netpolicy.packet.grid import Grid
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.packets import State
from netpolicy.packet.packetset import Axis, PacketSet, state
from netpolicy.packet.ports import PortSet, Protocol

LINK_LOCAL: Intervals = ((0xFE80 << 112, (0xFEC0 << 112) - 1),)
"""fe80::/10."""

_MTU = {
    Family.V4: PortSet.icmp(Family.V4, 3, 4),  # fragmentation needed (RFC 1191)
    Family.V6: PortSet.icmp(Family.V6, 2, None),  # packet too big (RFC 8201)
}
# Routers and neighbours (RFC 4861), listeners of multicast groups (RFC 2710 and 3810).
_NEIGHBOURS = PortSet.union_all([PortSet.icmp(Family.V6, kind, None) for kind in (*range(130, 137), 143)])
DHCP = {Family.V4: (68, 67), Family.V6: (546, 547)}
"""The ports of a DHCP client and of its server."""


def open_icmp(family: Family) -> Intervals:
    """The keys of ICMP that always pass."""
    return (_MTU[family] | _NEIGHBOURS).of(family)


def established(family: Family) -> Node:
    """Packets of connections that are known, and the errors about them."""
    return PacketSet.where(family, {Axis.STATE: state(State.ESTABLISHED, State.RELATED)}).of(family)


def unplaced(family: Family) -> Node:
    """What connection tracking cannot place."""
    return PacketSet.where(family, {Axis.STATE: state(State.INVALID)}).of(family)


def loopback(family: Family, axis: Axis) -> Node:
    """What comes, or goes, by the loopback interface."""
    number = interfaces.number("lo")
    return PacketSet.where(family, {axis: ((number, number),)}).of(family)


def icmp(family: Family) -> Node:
    """What tells the size of a path, and in IPv6 what finds neighbours and routers."""
    return PacketSet.where(family, {Axis.KEY: open_icmp(family)}).of(family)


@cache
def always(family: Family) -> Node:
    """New packets that some nodes let pass whatever their policy says: icmp as above, DHCP between any two."""
    asked = [icmp(family)]
    for port, source_port in permutations(DHCP[family]):
        keys = PortSet.ports(Protocol.UDP, [(port, port)]).of(family)
        box = {Axis.KEY: keys, Axis.SOURCE_PORT: ((source_port, source_port),)}
        asked.append(PacketSet.where(family, box).of(family))
    return union_all(asked)


def dhcp(family: Family, grid: Grid, *, leased: bool, answers: bool) -> Node:
    """DHCP of a node whose addresses are leased: answers come in, requests go out."""
    if not leased:
        return FALSE
    client, server = DHCP[family]
    port, source_port = (client, server) if answers else (server, client)
    asked = {
        Axis.KEY: PortSet.ports(Protocol.UDP, [(port, port)]).of(family),
        Axis.SOURCE_PORT: ((source_port, source_port),),
    }
    if family is Family.V6 and answers:
        placed = grid.place(LINK_LOCAL)
        assert placed is not None
        asked[Axis.SOURCE] = placed
    return PacketSet.where(family, asked, grid).of(family)
