"""Ways for packets between two parties: from which address and interface, to which, and the nodes that judge them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from netpolicy.lab.ask import Question, Shape
from netpolicy.lab.judge import FORWARD, INPUT, OUTPUT, Stop
from netpolicy.lab.party import BRIDGE, Kind, Party, is_local, masks
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.packets import SYN, Packet
from netpolicy.packet.ports import PORTED, Protocol
from netpolicy.policy.cluster import Address

CONTAINED = 8080
"""The port of a container to which every published port leads."""


class Way(Enum):
    """How a packet comes to its destination; the value is how people read it."""

    PLAIN = ""
    SERVED = "as a DHCP server answers"
    SPOOFED = "with the source of another"
    FORGED = "with a source that is none of the sender's"
    BESIDE = "by another interface than the one with that address"
    RECEIVED = "to an address that no node declares"
    PUBLISHED = "to a port that leads to a container"
    CONTAINED = "from a container"


_PLACES = {way: place for place, way in enumerate(Way)}
PORTS = len(Way) * len(Shape)
"""How many source ports a rehearsal has."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Packets from an address to an address of one family.

    They leave the sender by `card`, arrive at `arrives` of the receiver, where `via` lives, and are heard by `hears`.
    `seen` is the source that the receiver sees.
    """

    way: Way
    sender: Party
    card: str
    source: Address
    receiver: Party
    destination: Address
    via: Address
    arrives: str
    hears: Party
    seen: Address

    @property
    def family(self) -> Family:
        return self.source[0]

    @property
    def parties(self) -> tuple[Party, Party, Party]:
        return self.sender, self.receiver, self.hears

    def source_port(self, question: Question, base: int) -> int:
        """A port that no other way and shape of packets has."""
        return question.source_port or base + _PLACES[self.way] * len(Shape) + question.shape.place

    def stops(self, question: Question, base: int = 0) -> Iterator[Stop]:
        """Where rules judge the packet of a question on its way; `base` is the first of our source ports.

        No policy asks about source ports but those of DHCP, which a question names.
        """
        family, source = self.source
        protocol = question.protocol
        packet = Packet(
            family,
            source,
            self.destination[1],
            protocol,
            question.port,
            self.source_port(question, base) if protocol in PORTED else 0,
            state=question.state,
            flags=question.shape.flags if protocol == Protocol.TCP else SYN,
        )
        if self.sender.judges:
            yield Stop(self.sender.name, OUTPUT, replace(packet, out_interface=self.card))
        if self.sender.kind is Kind.CONTAINER:
            yield from self._leaving(packet)
            packet = replace(packet, source=self.seen[1])
        if self.hears.kind is Kind.CONTAINER:
            yield self._published(packet)
        elif self.receiver.judges:
            yield Stop(self.receiver.name, INPUT, replace(packet, in_interface=self.arrives))

    def _leaving(self, packet: Packet) -> Iterator[Stop]:
        yield Stop(self.sender.host, FORWARD, replace(packet, in_interface=BRIDGE, out_interface=self.card))

    def _published(self, packet: Packet) -> Stop:
        inner = next(number for _, (family, number) in self.hears.addresses if family is packet.family)
        ported = packet.protocol in PORTED
        sent_on = replace(
            packet,
            destination=inner,
            port=CONTAINED if ported else packet.port,
            in_interface=self.arrives,
            out_interface=BRIDGE,
            dnat=True,
            original_destination=packet.destination,
            original_port=packet.port if ported else 0,
        )
        return Stop(self.receiver.name, FORWARD, sent_on)


def plain(parties: Sequence[Party]) -> Iterator[Pair]:
    """Every ordered pair of addresses of two parties of which one has rules."""
    for sender in parties:
        for receiver in parties:
            if sender is not receiver and (sender.judges or receiver.judges):
                yield from _between(sender, receiver)


def served(parties: Sequence[Party]) -> Iterator[Pair]:
    """To every address of a node, as a DHCP server answers. Asked before nodes ask: nobody takes it for an answer."""
    for receiver in parties:
        for sender in parties if receiver.judges else ():
            for pair in _between(sender, receiver) if sender is not receiver else ():
                yield replace(pair, way=Way.SERVED)


def spoofed(parties: Sequence[Party], outside: Party) -> Iterator[Pair]:
    """To every node, from outside, with each address of another node or network."""
    for receiver in parties:
        for other in parties if receiver.judges else ():
            if other not in (receiver, outside):
                for pair in _between(other, receiver):
                    yield replace(pair, way=Way.SPOOFED, sender=outside, card=outside.cards[0].name)


def forged(parties: Sequence[Party], outside: Party) -> Iterator[Pair]:
    """From every node, with an address of each family that nobody's node has, to everybody."""
    sources = {family: number for _, (family, number) in reversed(list(outside.addresses))}
    for sender in parties:
        for receiver in parties if sender.judges else ():
            for pair in _between(outside, receiver) if receiver not in (sender, outside) else ():
                if pair.source == (pair.family, sources[pair.family]):
                    yield replace(pair, way=Way.FORGED, sender=sender, card=sender.cards[0].name)


def beside(parties: Sequence[Party]) -> Iterator[Pair]:
    """To every address of a node by each of its interfaces that does not hold it."""
    for receiver in parties:
        if not receiver.judges or len(receiver.cards) < 2:
            continue
        for sender in parties:
            for pair in _between(sender, receiver) if sender is not receiver and not sender.judges else ():
                for card in receiver.cards:
                    via = next((one for one in card.addresses if one[0] is pair.family), None)
                    if via is not None and card.name != pair.arrives:
                        yield replace(pair, way=Way.BESIDE, via=via, arrives=card.name)


def received(parties: Sequence[Party], addresses: Sequence[Address]) -> Iterator[Pair]:
    """To addresses that no node declares, as every node gets them from everybody."""
    for receiver in parties:
        for sender in parties:
            for pair in _between(sender, receiver) if sender is not receiver and receiver.judges else ():
                for address in addresses:
                    if address[0] is pair.family:
                        yield replace(pair, way=Way.RECEIVED, destination=address)


def published(parties: Sequence[Party], containers: Sequence[Party]) -> Iterator[Pair]:
    """To every address of a node whose ports lead to its container, from everybody but containers."""
    nodes = {one.name: one for one in parties if one.judges}
    for container in containers:
        receiver = nodes[container.host]
        for sender in parties:
            for pair in _between(sender, receiver) if sender is not receiver else ():
                if not is_local(pair.source):
                    yield replace(pair, way=Way.PUBLISHED, hears=container)


def contained(parties: Sequence[Party], containers: Sequence[Party]) -> Iterator[Pair]:
    """From every container to everybody; its packets leave with the address of its node that masks them."""
    nodes = {one.name: one for one in parties if one.judges}
    for container in containers:
        host = nodes[container.host]
        seen = masks(host)
        for receiver in parties:
            for pair in _between(container, receiver) if receiver is not host else ():
                if pair.family in seen and not is_local(pair.destination):
                    mask = (pair.family, seen[pair.family])
                    yield replace(pair, way=Way.CONTAINED, card=host.cards[0].name, seen=mask)


def _between(sender: Party, receiver: Party) -> Iterator[Pair]:
    for family in FAMILIES:
        for card, source in sender.addresses:
            for arrives, destination in receiver.addresses if source[0] is family else ():
                if destination[0] is family:
                    yield Pair(
                        Way.PLAIN, sender, card, source, receiver, destination, destination, arrives, receiver, source
                    )
