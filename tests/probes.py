"""Packets worth asking about: at the edges of what a policy and a cluster name, and a step beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from hypothesis import strategies as st

from netpolicy.dsl import syntax as s
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.packets import Packet, State
from netpolicy.policy.cluster import Address, Cluster, Node
from tests.draws import pick
from tests.specification import ICMP, Specification, Way

PORTED = (6, 17, 132)
UNDECLARED_CARD = "docker0"
CONTAINER = {Family.V4: 0xAC110005, Family.V6: 0xFD00 << 112 | 5}
# Broadcast, multicast, the unspecified address, link-local, and a host that nobody has heard of.
STRAY = {
    Family.V4: (0xC6120001, 0xFFFFFFFF, 0xE0000001, 0),
    Family.V6: (0x20010DB8FFFF << 80 | 1, 0xFF02 << 112 | 1, 0xFE80 << 112 | 1, 0),
}
STATES = [State.NEW] * 14 + [State.UNTRACKED] * 2 + [State.ESTABLISHED, State.RELATED, State.INVALID]


@dataclass(frozen=True, slots=True)
class Wire:
    """Protocol, destination port (or icmp type and code) and source port of a packet."""

    protocol: int
    port: int
    source_port: int = 0


class Place(Enum):
    """Where a node meets a packet."""

    IN = "in"
    OUT = "out"
    PUBLISHED = "published"
    SENT_ON = "sent on"


PLACES = [Place.IN] * 6 + [Place.OUT, Place.PUBLISHED, Place.SENT_ON]


@dataclass(frozen=True, slots=True)
class Aim:
    """What one direction of a statement speaks of in one family and place; nothing here is empty."""

    family: Family
    place: Place
    spans: list[tuple[int, int, int]]
    sources: list[int]
    arrivals: list[tuple[Node, int]]


# What the baseline speaks of, replies and requests of DHCP, and their neighbours.
KNOWN_WIRES = {
    Family.V4: (
        *(Wire(1, 3 << 8 | code) for code in (3, 4, 5)),
        *(Wire(1, 8 << 8), Wire(17, 68, 67), Wire(17, 67, 68), Wire(17, 68, 66), Wire(58, 0)),
    ),
    Family.V6: (
        *(Wire(58, kind << 8) for kind in (1, 2, 3, 128, 129, 130, 135, 136, 137, 143, 144)),
        *(Wire(17, 546, 547), Wire(17, 547, 546), Wire(1, 0)),
    ),
}
PLAIN_WIRES = (*(Wire(number, 0) for number in (50, 51, 47, 89, 201)), Wire(6, 22, 40000), Wire(17, 53, 40000))


class Ground:
    """What a policy and a cluster name: the places where verdicts change."""

    def __init__(self, policy: s.PolicyFile, cluster: Cluster) -> None:
        self.specification = Specification([policy], cluster)
        self.cluster = cluster
        self.ways = self.specification.ways
        selectors = [one for way in self.ways for one in (way.who, way.whom)]
        self.virtual = [at for selector in selectors for at in _inside(selector) if isinstance(at, s.AtAddress)]
        self.addresses = {family: self._addresses(family, selectors) for family in FAMILIES}
        self.wires = {family: self._wires(family) for family in FAMILIES}
        weighted = [way for way in self.ways for _ in range(2 if way.allows else 1)]
        self.aims = [aim for way in weighted for family in FAMILIES for aim in self._aims(way, family)]

    def _addresses(self, family: Family, selectors: Sequence[s.Selector]) -> list[int]:
        """Node addresses, virtual and stray ones, and both sides of both edges of every network."""
        found = [number for node in self.cluster.nodes for of, number in node.addresses if of == family]
        found += [at.address.first for at in self.virtual if at.address.family == family]
        spans = [part for network in self.cluster.networks for part in self.specification.network(network.name.text)]
        literals = [one for selector in selectors for one in _inside(selector) if isinstance(one, s.Literal)]
        spans += [(one.family, one.first, one.last) for one in literals]
        for of, first, last in spans:
            if of == family:
                found += [number for number in (first - 1, first, last, last + 1) if 0 <= number <= family.last]
        return list(dict.fromkeys([*found, *STRAY[family]]))

    def _wires(self, family: Family) -> list[Wire]:
        found = [*KNOWN_WIRES[family], *PLAIN_WIRES]
        for way in self.ways:
            for protocol, first, last in self.spans(way.what, family):
                edges = (first - 1, first, last, last + 1)
                found += [wire_of(protocol, port) for port in edges if 0 <= port <= 65535]
        return list(dict.fromkeys(found))

    def spans(self, what: s.What, family: Family, only_forwarded: bool = False) -> list[tuple[int, int, int]]:
        """Protocol, first and last port of every part of the list, services opened up."""
        found: list[tuple[int, int, int]] = []
        for one in what.items:
            if isinstance(one, s.ServiceNamed):
                service = self.specification.services[one.name]
                found += self.spans(service.what, family, only_forwarded and not service.forwarded)
            elif not only_forwarded:
                found += self._item_spans(one, family)
        return found

    def _item_spans(self, one: s.WhatItem, family: Family) -> Iterator[tuple[int, int, int]]:
        match one:
            case s.Ports(protocols, first, last):
                yield from ((protocol, first, last) for protocol in protocols)
            case s.PortsOf(protocols, param):
                pairs = self.specification.params[param].ports
                yield from ((protocol, first, last) for protocol in protocols for first, last in pairs)
            case s.WholeProtocol(number):
                yield number, 0, 65535 if number in PORTED else 0
            case s.Icmp(kinds):
                for of, kind, code in kinds:
                    first = (kind or 0) << 8 | (code or 0)
                    width = 65535 if kind is None else 255 if code is None else 0
                    yield from [(ICMP[family], first, first + width)] if of == family else []
            case _:
                yield from ((protocol, 0, 65535) for protocol in (*PORTED, ICMP[family]))
                yield from ((protocol, 0, 0) for protocol in (50, 47, ICMP[Family(10 - family)]))

    def _aims(self, way: Way, family: Family) -> Iterator[Aim]:
        sources = self._members(way.who, family)
        reached = self._members(way.whom, family)
        virtual = [
            (node, at.address.first)
            for at in _inside(way.whom)
            if isinstance(at, s.AtAddress) and at.address.family == family
            for node in self.specification.nodes_of(at.base)
        ]
        owned = [(self.owner(family, number), number) for number in reached]
        arrivals = [(node, number) for node, number in owned if node is not None] + virtual
        spans = self.spans(way.what, family)
        published = self.spans(way.what, family, only_forwarded=True)
        senders = [number for number in sources if self.owner(family, number) is not None]
        if spans and sources and arrivals:
            yield from [Aim(family, Place.IN, spans, sources, arrivals)] * 4
        if published and sources and arrivals:
            yield from [Aim(family, Place.PUBLISHED, published, sources, arrivals)] * 3
        if self.specification.egress_enforced and spans and senders and (reached or virtual):
            somewhere = [(self.cluster.nodes[0], number) for number in reached] + virtual
            yield from [Aim(family, Place.OUT, spans, senders, somewhere)] * 2

    def _members(self, selector: s.Selector, family: Family) -> list[int]:
        """The named addresses that are in the selector."""
        return [number for number in self.addresses[family] if self.specification.holds(selector, (family, number))]

    def owner(self, family: Family, number: int) -> Node | None:
        return self.specification.owner((family, number))

    def near(self, node: Node, family: Family) -> list[int]:
        """The named addresses that packets may come to and go from at the node: its own, and those of no node."""
        return [number for number in self.addresses[family] if self.owner(family, number) in (node, None)]


def wire_of(protocol: int, port: int) -> Wire:
    """The wire with that port, and a source port where the protocol has one."""
    return Wire(protocol, port, 40000 if protocol in PORTED else 0)


@st.composite
def probes(draw: st.DrawFn, ground: Ground) -> tuple[str, Packet]:
    """A node and a packet that it judges; most begin at a flow of the policy, and many of these step aside."""
    if not ground.aims or draw(st.integers(0, 3)) == 3:
        return _anything(draw, ground)
    node, packet = _aimed(draw, ground, pick(draw, ground.aims))
    if draw(st.integers(0, 4)) > 2:
        packet = _aside(draw, ground, node, packet)
    return node.name, packet


def _aimed(draw: st.DrawFn, ground: Ground, aim: Aim) -> tuple[Node, Packet]:
    """A packet that the statement speaks of."""
    protocol, first, last = pick(draw, aim.spans)
    wire = wire_of(protocol, pick(draw, (first, last, (first + last) // 2)))
    source = pick(draw, aim.sources)
    node, destination = pick(draw, aim.arrivals)
    if aim.place is Place.OUT:
        owner = ground.owner(aim.family, source) or node
        packet = _sent(owner, aim.family, source, destination, wire)
        return owner, (_contained(draw, packet) if draw(st.integers(0, 3)) == 3 else packet)
    packet = _received(node, aim.family, source, destination, wire)
    return node, (_translated(packet, wire) if aim.place is Place.PUBLISHED else packet)


def _anything(draw: st.DrawFn, ground: Ground) -> tuple[str, Packet]:
    """Any node, addresses, wire and place."""
    node = pick(draw, ground.cluster.nodes)
    family = pick(draw, FAMILIES)
    wire = pick(draw, ground.wires[family])
    place = pick(draw, PLACES)
    own = [number for of, number in node.addresses if of == family]
    # Its own addresses come oftener than the many strangers.
    near = pick(draw, own if own and draw(st.integers(0, 3)) < 3 else ground.near(node, family))
    far = pick(draw, ground.addresses[family])
    if place in (Place.IN, Place.PUBLISHED):
        packet = _received(node, family, far, near, wire)
        packet = _translated(packet, wire) if place is Place.PUBLISHED else packet
    else:
        packet = _sent(node, family, near, far, wire)
        if place is Place.SENT_ON:
            packet = _contained(draw, packet)
    return node.name, _tracked(packet, pick(draw, STATES))


def _aside(draw: st.DrawFn, ground: Ground, node: Node, packet: Packet) -> Packet:
    """The packet with one thing changed."""
    incoming = bool(packet.in_interface)
    near, anywhere = ground.near(node, packet.family), ground.addresses[packet.family]
    match pick(draw, ("port", "source", "destination", "wire", "state", "card")):
        case "port":
            before = packet.port if packet.original_port is None else packet.original_port
            port = min(max(before + pick(draw, (-1, 1)), 0), 65535)
            if packet.dnat:
                return replace(packet, original_port=port)
            return replace(packet, port=port) if packet.protocol in (*PORTED, ICMP[packet.family]) else packet
        case "source":
            leaves = bool(packet.out_interface) and not packet.dnat
            return replace(packet, source=pick(draw, near if leaves else anywhere))
        case "destination" if packet.dnat:
            return replace(packet, original_destination=pick(draw, near))
        case "destination":
            return replace(packet, destination=pick(draw, near if incoming else anywhere))
        case "wire":
            wire = pick(draw, ground.wires[packet.family])
            changed = replace(packet, protocol=wire.protocol, port=wire.port, source_port=wire.source_port)
            return _translated(changed, wire) if packet.dnat else changed
        case "state":
            return _tracked(packet, pick(draw, tuple(State)))
        case _:
            card = pick(draw, ("lo", UNDECLARED_CARD, *(card.name for card in node.interfaces)))
            if incoming and packet.out_interface:
                card = UNDECLARED_CARD if card == "lo" else card
                outwards = draw(st.booleans())
                return replace(packet, out_interface=card) if outwards else replace(packet, in_interface=card)
            return replace(packet, in_interface=card) if incoming else replace(packet, out_interface=card)


def _received(node: Node, family: Family, source: int, destination: int, wire: Wire) -> Packet:
    """The packet as it comes in, by the interface that holds its destination if there is one."""
    card = _card(node, (family, destination))
    return Packet(family, source, destination, wire.protocol, wire.port, wire.source_port, in_interface=card)


def _sent(node: Node, family: Family, source: int, destination: int, wire: Wire) -> Packet:
    card = _card(node, (family, source))
    return Packet(family, source, destination, wire.protocol, wire.port, wire.source_port, out_interface=card)


def _tracked(packet: Packet, state: State) -> Packet:
    """The packet in that state; what is not tracked cannot have been translated."""
    return replace(packet, state=State.NEW if packet.dnat and state is State.UNTRACKED else state)


def _contained(draw: st.DrawFn, packet: Packet) -> Packet:
    """The packet as a container sends it, perhaps with the container's own address."""
    source = CONTAINER[packet.family] if draw(st.booleans()) else packet.source
    return replace(packet, in_interface=UNDECLARED_CARD, source=source)


def _translated(packet: Packet, wire: Wire) -> Packet:
    """The packet on its way to a container; what it was sent to is its original destination and port."""
    ported = wire.protocol in PORTED
    return replace(
        packet,
        destination=CONTAINER[packet.family],
        original_destination=packet.destination if not packet.dnat else packet.original_destination,
        port=8080 if ported else wire.port,
        original_port=wire.port if ported else 0,
        out_interface=UNDECLARED_CARD,
        dnat=True,
    )


def _card(node: Node, address: Address) -> str:
    return next((card.name for card in node.interfaces if address in card.addresses), node.interfaces[0].name)


def _inside(selector: s.Selector) -> Iterator[s.Selector]:
    """The selector and every selector in it."""
    yield selector
    match selector:
        case s.AnyOf(parts) | s.AllOf(parts):
            for part in parts:
                yield from _inside(part)
        case s.Except(base, without):
            yield from _inside(base)
            yield from _inside(without)
        case s.OnInterface(base) | s.AtAddress(base):
            yield from _inside(base)
        case _:
            return
