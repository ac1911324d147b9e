"""What the nodes of a class let pass of new packets, in the three ways in which these meet a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import assert_never

from netpolicy.packet import interfaces
from netpolicy.packet.diagram import FALSE, TRUE, Node, at, boxes, cube, union_all, variables, without
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.grid import Atoms
from netpolicy.packet.intervals import Intervals, canonical, intersection
from netpolicy.packet.packets import Packet, State
from netpolicy.packet.packetset import NO_PORT, STATES, Axis, PacketSet, last
from netpolicy.packet.ports import PORT_SPACE_LAST, VALUE_BITS, VALUE_LAST, by_protocol
from netpolicy.verify.emitted import Emitted

BRIDGE = "docker0"
"""Where what is sent on goes to; rules ask for declared interfaces alone."""
_EVERY_KEY: Intervals = ((0, PORT_SPACE_LAST),)


class Way(Enum):
    """Where a packet is judged last: by the node that it is for, by one that sends it on to what it publishes behind
    DNAT, or by its sender, where no node receives it.
    """

    RECEIVED = "received"
    PUBLISHED = "published"
    SENT = "sent"


RECEIVING = (Way.RECEIVED, Way.PUBLISHED)


class Gates:
    """The classes of one side. A gate is a set over keys, sources and destinations; what was published has the
    destination and port that its sender wrote.
    """

    def __init__(self, emitted: Emitted, atoms: Mapping[Family, Atoms]) -> None:
        self._rules = emitted.on(atoms)
        self._nowhere = {family: len(atoms[family].sizes) for family in FAMILIES}
        self._known: dict[tuple[str, Family, str, Way], Node] = {}

    def into(self, digest: str, family: Family, card: str, way: Way) -> Node:
        """What comes in by a declared interface and passes."""
        place = (digest, family, card, way)
        if place not in self._known:
            made = self._received if way is Way.RECEIVED else self._published
            self._known[place] = made(digest, family, card)
        return self._known[place]

    def out_of(self, digest: str, family: Family, card: str) -> Node:
        """What goes out by an interface and passes; everything where nothing is filtered."""
        place = (digest, family, card, Way.SENT)
        if place not in self._known:
            self._known[place] = self._untouched(digest, family, interfaces.NONE, interfaces.number(card))
        return self._known[place]

    def _received(self, digest: str, family: Family, card: str) -> Node:
        return self._untouched(digest, family, interfaces.number(card), interfaces.NONE)

    def _untouched(self, digest: str, family: Family, comes: int, goes: int) -> Node:
        return untouched(self._rules[digest, family], comes, goes, self._nowhere[family])

    def _published(self, digest: str, family: Family, card: str) -> Node:
        asked = {
            Axis.STATE: STATES.index(State.NEW),
            Axis.TRANSLATED: 1,
            Axis.SOURCE_TRANSLATED: 0,
            Axis.IN_INTERFACE: interfaces.number(card),
            Axis.OUT_INTERFACE: interfaces.number(BRIDGE),
            Axis.FRAGMENT: 0,
        }
        sent_on = without(_fixed(self._rules[digest, family], asked), Axis.DESTINATION.variable)
        return _as_written(sent_on, self._nowhere[family] - 1)


def untouched(node: Node, comes: int, goes: int, nowhere: int) -> Node:
    """The new packets of a set that nobody translated, by interface; `nowhere` stands for no original destination."""
    asked = {
        Axis.STATE: STATES.index(State.NEW),
        Axis.TRANSLATED: 0,
        Axis.SOURCE_TRANSLATED: 0,
        Axis.IN_INTERFACE: comes,
        Axis.OUT_INTERFACE: goes,
        Axis.ORIGINAL_PORT: NO_PORT,
        Axis.ORIGINAL_DESTINATION: nowhere,
        Axis.FRAGMENT: 0,  # a later fragment begins no flow, and has no ports to ask for
    }
    return _fixed(node, asked)


def _fixed(node: Node, asked: Mapping[Axis, int]) -> Node:
    for axis, value in asked.items():
        node = at(node, axis.variable, value)
    return node


def _as_written(sent_on: Node, greatest: int) -> Node:
    """What was translated, as its sender wrote it: by original port and destination."""
    cubes = []
    for box in boxes(sent_on):
        rest = dict(box)
        keys = rest.pop(Axis.KEY.variable, _EVERY_KEY)
        ports = intersection(rest.pop(Axis.ORIGINAL_PORT.variable, ((0, VALUE_LAST),)), ((0, VALUE_LAST),))
        originals = intersection(rest.pop(Axis.ORIGINAL_DESTINATION.variable, ((0, greatest),)), ((0, greatest),))
        if ports == ((0, VALUE_LAST),):
            written = keys
        else:
            written = canonical(
                (protocol << VALUE_BITS | low, protocol << VALUE_BITS | high)
                for protocol, _ in by_protocol(keys)
                for low, high in ports
            )
        asked = {variable: (values, _last(variable[0], greatest)) for variable, values in rest.items()}
        asked[Axis.KEY.variable] = (written, PORT_SPACE_LAST)
        asked[Axis.DESTINATION.variable] = (originals, greatest)
        cubes.append(cube(asked))
    return union_all(cubes)


def _last(rank: int, last_address: int) -> int:
    return last_address if rank == Axis.SOURCE else last(Axis(rank), Family.V4)


def between(into: Node, out_of: Node, source: int, destination: int) -> tuple[Node, Node]:
    """What the receiver takes and what the sender lets out, between two atoms."""
    taken, sent = into, out_of
    for axis, value in ((Axis.DESTINATION, destination), (Axis.SOURCE, source)):
        taken, sent = at(taken, axis.variable, value), at(sent, axis.variable, value)
    return taken, sent


def keys(node: Node) -> Intervals:
    """The keys of the packets, whatever else they are."""
    for variable in variables(node):
        if variable != Axis.KEY.variable:
            node = without(node, variable)
    if node is FALSE or node is TRUE:
        return _EVERY_KEY if node is TRUE else ()
    return next(values for values, rest in node.edges if rest is TRUE)


def of_keys(found: Intervals) -> Node:
    """All packets with these keys."""
    return cube({Axis.KEY.variable: (found, PORT_SPACE_LAST)})


def packet_of(node: Node, family: Family, ends: tuple[int, int], card: str, way: Way) -> Packet:
    """A member, from the first of the ends to the second, as the one who judges it last meets it at that interface."""
    found = PacketSet.only(family, node).witness()
    assert found is not None, "a difference has a packet"
    source, destination = ends
    found = replace(found, source=source, destination=destination)
    match way:
        case Way.SENT:
            return replace(found, out_interface=card)
        case Way.RECEIVED:
            return replace(found, in_interface=card)
        case Way.PUBLISHED:
            sent_on = replace(found, in_interface=card, out_interface=BRIDGE, dnat=True)
            return replace(sent_on, original_destination=destination, original_port=found.port)
    assert_never(way)
