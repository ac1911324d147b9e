"""Sets of packets over every dimension that a firewall asks about, of both families.

A packet is a point: its connection's state, its interfaces, protocol with port or icmp type, addresses, and so on
(`Axis`), and one yes or no for every match that is not modelled, by the text of the match. Equal sets are equal values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from netpolicy.packet import diagram, interfaces
from netpolicy.packet.addresses import EVERYWHERE, AddressSet
from netpolicy.packet.diagram import FALSE, TRUE, Node, Variable
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.grid import Grid
from netpolicy.packet.intervals import Intervals, canonical, contains
from netpolicy.packet.packets import SYN, Packet, State, connection_protocol
from netpolicy.packet.ports import PORT_SPACE_LAST, VALUE_BITS, VALUE_LAST, PortSet


class Axis(IntEnum):
    """A dimension of packets, in the order in which a set asks for it: those with few answers first."""

    STATE = 0
    TRANSLATED = 1
    IN_INTERFACE = 2
    OUT_INTERFACE = 3
    KEY = 4
    ORIGINAL_PORT = 5
    ORIGINAL_DESTINATION = 6
    DESTINATION = 7
    SOURCE = 8
    SOURCE_PORT = 9
    FLAGS = 10
    FRAGMENT = 11
    MAC = 12
    ORIGINAL_PROTOCOL = 13
    SOURCE_TRANSLATED = 14
    OPAQUE = 15

    @property
    def variable(self) -> Variable:
        return _VARIABLES[self]


ADDRESSES = (Axis.SOURCE, Axis.DESTINATION, Axis.ORIGINAL_DESTINATION)
STATES = tuple(State)
MAC_LAST = (1 << 48) - 1
_VARIABLES = {axis: (int(axis), "") for axis in Axis}
_LAST = {
    Axis.STATE: len(STATES) - 1,
    Axis.TRANSLATED: 1,
    Axis.IN_INTERFACE: interfaces.LAST,
    Axis.OUT_INTERFACE: interfaces.LAST,
    Axis.KEY: PORT_SPACE_LAST,
    Axis.ORIGINAL_PORT: VALUE_LAST + 1,  # one more: the packet carries none
    Axis.SOURCE_PORT: VALUE_LAST,
    Axis.FLAGS: 255,
    Axis.FRAGMENT: 1,
    Axis.MAC: MAC_LAST + 1,  # as above
    Axis.ORIGINAL_PROTOCOL: 255,
    Axis.SOURCE_TRANSLATED: 1,
    Axis.OPAQUE: 1,
}
NO_PORT = VALUE_LAST + 1
NO_MAC = MAC_LAST + 1
_ETHERNETS = (interfaces.number("eth0"), interfaces.number("eth1"))
_USUAL: Mapping[Axis, tuple[int, ...]] = {
    Axis.IN_INTERFACE: (interfaces.NONE, *_ETHERNETS),
    Axis.OUT_INTERFACE: (interfaces.NONE, *_ETHERNETS),
    Axis.KEY: (6 << VALUE_BITS | 80,),
    Axis.ORIGINAL_PORT: (NO_PORT,),
    Axis.SOURCE_PORT: (40000,),
    Axis.FLAGS: (SYN,),
    Axis.MAC: (NO_MAC,),
    Axis.ORIGINAL_PROTOCOL: (6, 17),
}
"""What a witness has where it may, the first of these that is possible."""


@dataclass(frozen=True, slots=True)
class PacketSet:
    """A set of packets; equal members are an equal value.

    Sets that were made on a grid stand for addresses by the numbers of that grid, and only meet others of it.
    """

    v4: Node = FALSE
    v6: Node = FALSE

    @classmethod
    def where(cls, family: Family, asked: Mapping[Axis, Intervals], grid: Grid | None = None) -> PacketSet:
        """The packets of a family whose coordinates are among those asked for; the rest is free."""
        cube = {axis.variable: (inside, last(axis, family, grid)) for axis, inside in asked.items()}
        return cls.only(family, diagram.cube(cube))

    @classmethod
    def opaque(cls, family: Family, text: str, *, holds: bool = True) -> PacketSet:
        """The packets of a family for which the match with this text holds, or does not."""
        value = int(holds)
        return cls.only(family, diagram.cube({(int(Axis.OPAQUE), text): (((value, value),), 1)}))

    @classmethod
    def only(cls, family: Family, node: Node) -> PacketSet:
        """The packets of one family."""
        return cls(v4=node) if family is Family.V4 else cls(v6=node)

    @classmethod
    def of_flows(cls, flows: FlowSet) -> PacketSet:
        """All packets of some flows, whatever else they are."""
        asked = (
            cls.where(family, {Axis.SOURCE: sources, Axis.DESTINATION: destinations, Axis.KEY: keys})
            for family, sources, destinations, keys in flows.boxes()
        )
        return cls.union_all(asked)

    @classmethod
    def union_all(cls, sets: Iterable[PacketSet]) -> PacketSet:
        """The packets in any of the sets."""
        given = tuple(sets)
        return cls(diagram.union_all(one.v4 for one in given), diagram.union_all(one.v6 for one in given))

    def of(self, family: Family) -> Node:
        """The packets of one family, as a diagram."""
        return self.v4 if family is Family.V4 else self.v6

    def families(self) -> tuple[Family, ...]:
        """The families that have a member, IPv4 first."""
        return tuple(family for family in FAMILIES if self.of(family) is not FALSE)

    def covers(self, other: PacketSet) -> bool:
        """True if every packet of the other set is in this one."""
        return all(diagram.covers(self.of(family), other.of(family)) for family in FAMILIES)

    def overlaps(self, other: PacketSet) -> bool:
        """True if some packet is in both sets."""
        return any(diagram.overlaps(self.of(family), other.of(family)) for family in FAMILIES)

    def without(self, *axes: Axis) -> PacketSet:
        """The set that says nothing of these axes any more: a packet is in it if it is in this one with some values.

        Of `OPAQUE` all matches that are not modelled are meant.
        """

        def projected(node: Node) -> Node:
            for variable in diagram.variables(node):
                if variable[0] in axes:
                    node = diagram.without(node, variable)
            return node

        return self._each(projected)

    def at(self, axis: Axis, value: int) -> PacketSet:
        """The packets that are in the set with this value, whatever they have there."""
        return self._each(lambda node: diagram.at(node, axis.variable, value))

    def opaques(self) -> tuple[str, ...]:
        """The texts of the matches that are not modelled and matter for this set, sorted."""
        asked = (variable for family in FAMILIES for variable in diagram.variables(self.of(family)))
        return tuple(sorted({text for rank, text in asked if rank == Axis.OPAQUE}))

    def boxes(self) -> Iterator[tuple[Family, dict[Variable, Intervals]]]:
        """Disjoint boxes whose union is the set, in order; an axis that a box does not name is free."""
        for family in FAMILIES:
            for box in diagram.boxes(self.of(family)):
                yield family, box

    def flows(self, grid: Mapping[Family, Grid] | None = None) -> FlowSet:
        """The flows of the packets: everything but addresses and key is left out. On a grid, in its numbers."""
        boxes = []
        kept = self.without(*(axis for axis in Axis if axis not in (Axis.KEY, Axis.SOURCE, Axis.DESTINATION)))
        for family, box in kept.boxes():
            whole = EVERYWHERE.of(family) if grid is None else grid[family].every
            sources, destinations = (box.get(axis.variable, whole) for axis in (Axis.SOURCE, Axis.DESTINATION))
            keys = box.get(Axis.KEY.variable, ((0, PORT_SPACE_LAST),))
            boxes.append(_flows(family, sources, destinations, keys))
        return FlowSet.union_all(boxes)

    def witness(self, grid: Mapping[Family, Grid] | None = None) -> Packet | None:
        """A member, as usual a packet as there is; None if there is none."""
        for family in self.families():
            axis = None if grid is None else grid[family]
            return _packet(family, _chosen(self.of(family), last(Axis.ORIGINAL_DESTINATION, family, axis)), axis)
        return None

    def _each(self, change: Callable[[Node], Node]) -> PacketSet:
        return PacketSet(change(self.v4), change(self.v6))

    def __contains__(self, packet: Packet) -> bool:
        return diagram.contains(self.of(packet.family), point(packet))

    def __or__(self, other: PacketSet) -> PacketSet:
        return PacketSet(diagram.union(self.v4, other.v4), diagram.union(self.v6, other.v6))

    def __and__(self, other: PacketSet) -> PacketSet:
        return PacketSet(diagram.intersection(self.v4, other.v4), diagram.intersection(self.v6, other.v6))

    def __sub__(self, other: PacketSet) -> PacketSet:
        return PacketSet(diagram.difference(self.v4, other.v4), diagram.difference(self.v6, other.v6))

    def __invert__(self) -> PacketSet:
        return self._each(diagram.complement)

    def __bool__(self) -> bool:
        return self.v4 is not FALSE or self.v6 is not FALSE


EMPTY = PacketSet()
EVERYTHING = PacketSet(TRUE, TRUE)


def last(axis: Axis, family: Family, grid: Grid | None = None) -> int:
    """The greatest value on an axis. On that of original destinations it says that the packet carries none."""
    if axis not in ADDRESSES:
        return _LAST[axis]
    greatest = family.last if grid is None else grid.last
    return greatest + 1 if axis is Axis.ORIGINAL_DESTINATION else greatest


def state(*states: State) -> Intervals:
    """The values of these states on their axis."""
    return canonical((STATES.index(one), STATES.index(one)) for one in states)


def point(packet: Packet) -> dict[Variable, int]:
    """The coordinates of a packet, its addresses as themselves."""
    original, port = packet.original_destination, packet.original_port
    values = {
        Axis.STATE: STATES.index(packet.state),
        Axis.TRANSLATED: int(packet.dnat),
        Axis.IN_INTERFACE: interfaces.number(packet.in_interface),
        Axis.OUT_INTERFACE: interfaces.number(packet.out_interface),
        Axis.KEY: packet.key,
        Axis.ORIGINAL_PORT: NO_PORT if port is None else port,
        Axis.ORIGINAL_DESTINATION: packet.family.last + 1 if original is None else original,
        Axis.DESTINATION: packet.destination,
        Axis.SOURCE: packet.source,
        Axis.SOURCE_PORT: packet.source_port,
        Axis.FLAGS: packet.flags,
        Axis.FRAGMENT: int(packet.fragment),
        Axis.MAC: NO_MAC if packet.mac is None else packet.mac,
        Axis.ORIGINAL_PROTOCOL: connection_protocol(packet),
        Axis.SOURCE_TRANSLATED: int(packet.snat),
    }
    found = {axis.variable: value for axis, value in values.items()}
    return found | {(int(Axis.OPAQUE), text): 1 for text in packet.holds}


def _flows(family: Family, sources: Intervals, destinations: Intervals, keys: Intervals) -> FlowSet:
    def of(one: Intervals) -> tuple[Intervals, Intervals]:
        return (one, ()) if family is Family.V4 else ((), one)

    return FlowSet.box(AddressSet(*of(sources)), AddressSet(*of(destinations)), PortSet(*of(keys)))


def _chosen(node: Node, no_original: int) -> dict[Variable, Intervals]:
    """The values of one way to a member: the usual ones where these are possible."""
    usual = {**_USUAL, Axis.ORIGINAL_DESTINATION: (no_original,)}
    found: dict[Variable, Intervals] = {}
    while node.edges:
        ways = [(values, rest) for values, rest in node.edges if rest is not FALSE]
        wanted = usual.get(Axis(node.variable[0]), (0,))
        likely = ((one, way) for one in wanted for way in ways if contains(way[0], one))
        value, (values, rest) = next(likely, (None, ways[0]))
        found[node.variable] = values if value is None else ((value, value),)
        node = rest
    return found


def _packet(family: Family, chosen: Mapping[Variable, Intervals], grid: Grid | None) -> Packet:
    def value(axis: Axis, usual: int = 0) -> int:
        found = chosen.get(axis.variable)
        return usual if found is None else found[0][0]

    def interface(axis: Axis) -> str:
        found = chosen.get(axis.variable)
        return "" if found is None else interfaces.name(found)

    def address(axis: Axis) -> int:
        number = value(axis, 0 if grid is None else grid.every[0][0])
        return number if grid is None else grid.address(number)

    key = value(Axis.KEY, _USUAL[Axis.KEY][0])
    none = last(Axis.ORIGINAL_DESTINATION, family, grid)
    port, mac = value(Axis.ORIGINAL_PORT, NO_PORT), value(Axis.MAC, NO_MAC)
    source_port = chosen.get(Axis.SOURCE_PORT.variable)
    about = value(Axis.ORIGINAL_PROTOCOL, key >> VALUE_BITS)
    return Packet(
        family,
        address(Axis.SOURCE),
        address(Axis.DESTINATION),
        protocol=key >> VALUE_BITS,
        port=key & VALUE_LAST,
        source_port=0 if source_port is None else source_port[0][0],
        in_interface=interface(Axis.IN_INTERFACE),
        out_interface=interface(Axis.OUT_INTERFACE),
        state=STATES[value(Axis.STATE)],
        dnat=bool(value(Axis.TRANSLATED)),
        original_destination=None
        if value(Axis.ORIGINAL_DESTINATION, none) == none
        else address(Axis.ORIGINAL_DESTINATION),
        original_port=None if port == NO_PORT else port,
        flags=value(Axis.FLAGS, SYN),
        mac=None if mac == NO_MAC else mac,
        fragment=bool(value(Axis.FRAGMENT)),
        holds=frozenset(text for (rank, text), found in chosen.items() if rank == Axis.OPAQUE and found[0][0]),
        original_protocol=None if about == key >> VALUE_BITS else about,
        snat=bool(value(Axis.SOURCE_TRANSLATED)),
    )
