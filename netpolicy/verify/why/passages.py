"""A witness on its way: the places at which rules judge one packet of a question, and its reply."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from netpolicy.packet.addresses import Family
from netpolicy.packet.intervals import Intervals, contains, intersection
from netpolicy.packet.packets import ICMP_OF, Packet, State
from netpolicy.packet.ports import PORTED, VALUE_BITS, VALUE_LAST, Protocol
from netpolicy.policy.cluster import Address, Node
from netpolicy.policy.model import Policy
from netpolicy.verify.why.ends import End, Kind
from netpolicy.verify.why.fates import Fate, Where

CLIENT_PORT = 40000
_CONTAINER = {Family.V4: 0xAC110002, Family.V6: 0xFD00 << 112 | 2}
_BRIDGES = ("docker0", "br0", "br1", "br2")
# For documentation (RFC 5737 and 3849): nobody takes it for somebody's address.
_SOMEBODY = {Family.V4: 0xC0000201, Family.V6: 0x20010DB8FFFF << 80 | 1}
_FIRST_ASKED = 80


@dataclass(frozen=True, slots=True)
class Passage:
    """A packet at one place of a node, with the interface of the node that it comes or goes by."""

    where: Where
    node: str
    packet: Packet

    @property
    def interface(self) -> str:
        return self.packet.in_interface or self.packet.out_interface


def passages(policy: Policy, fate: Fate, family: Family, ends: tuple[End, End]) -> list[Passage]:
    """Where a packet of that fate is judged between two ends of a family, and where its reply is, if it passes."""
    (sender, source), (receiver, destination) = _different(*ends)
    packet = _packet(family, source, destination, fate.ports.of(family))
    nodes = {node.name: node for node in policy.cluster.nodes if node.name in (sender, receiver)}
    way = _Way(nodes.get(sender), nodes.get(receiver), packet)
    if sender and sender == receiver:
        return [way.loop()]
    found = list(way.there())
    published = intersection(fate.published.of(family), fate.ports.of(family))
    if published:
        found.append(way.published(_packet(family, source, destination, published)))
    if fate.passes:
        found += way.back()
    return found or [Passage(Where.SENDER, sender, packet)]


@dataclass(frozen=True, slots=True)
class _Way:
    sender: Node | None
    receiver: Node | None
    packet: Packet

    def loop(self) -> Passage:
        assert self.receiver is not None
        return Passage(Where.RECEIVER, self.receiver.name, replace(self.packet, in_interface="lo"))

    def there(self) -> Iterator[Passage]:
        if self.sender is not None:
            card = _card(self.sender, (self.packet.family, self.packet.source))
            yield Passage(Where.SENDER, self.sender.name, replace(self.packet, out_interface=card))
        if self.receiver is not None:
            card = _card(self.receiver, (self.packet.family, self.packet.destination))
            yield Passage(Where.RECEIVER, self.receiver.name, replace(self.packet, in_interface=card))

    def published(self, packet: Packet) -> Passage:
        """A packet that the receiver sends on to a container, behind DNAT."""
        assert self.receiver is not None
        declared = {card.name for card in self.receiver.interfaces}
        sent_on = replace(
            packet,
            destination=_CONTAINER[packet.family],
            in_interface=_card(self.receiver, (packet.family, packet.destination)),
            out_interface=next(name for name in _BRIDGES if name not in declared),
            dnat=True,
            original_destination=packet.destination,
            original_port=packet.port,
        )
        return Passage(Where.PUBLISHED, self.receiver.name, sent_on)

    def back(self) -> Iterator[Passage]:
        """The reply, which connection tracking knows."""
        one = self.packet
        ported = one.protocol in PORTED
        reply = replace(
            one,
            source=one.destination,
            destination=one.source,
            port=one.source_port if ported else one.port,
            source_port=one.port if ported else 0,
            state=State.ESTABLISHED,
        )
        if self.receiver is not None:
            card = _card(self.receiver, (one.family, one.destination))
            yield Passage(Where.REPLY_SENT, self.receiver.name, replace(reply, out_interface=card))
        if self.sender is not None:
            card = _card(self.sender, (one.family, one.source))
            yield Passage(Where.REPLY_RECEIVED, self.sender.name, replace(reply, in_interface=card))


def _different(sender: End, receiver: End) -> tuple[tuple[str, int], tuple[str, int]]:
    """A member of each: two different nodes where there are two."""
    pairs = [(one, other) for one in _some(sender) for other in _some(receiver)]
    return next((pair for pair in pairs if pair[0][0] != pair[1][0]), pairs[0])


def _some(end: End) -> list[tuple[str, int]]:
    """Two members of the end; an address of no node has no name."""
    if end.kind is Kind.STRANGERS:
        return [("", _stranger(end.family, end.addresses))]
    return list(end.members[:2])


def _stranger(family: Family, addresses: Intervals) -> int:
    """An address that a host may have: not the first of a network, where there are more."""
    if contains(addresses, _SOMEBODY[family]):
        return _SOMEBODY[family]
    first, last = addresses[0]
    return min(first + 1, last)


def _packet(family: Family, source: int, destination: int, keys: Intervals) -> Packet:
    """A first packet, as usual a one as there is among the keys."""
    key = _usual(family, keys)
    protocol, port = key >> VALUE_BITS, key & VALUE_LAST
    source_port = CLIENT_PORT if protocol in PORTED else 0
    return Packet(family, source, destination, protocol, port, source_port)


def _usual(family: Family, keys: Intervals) -> int:
    for protocol in (Protocol.TCP, Protocol.UDP, ICMP_OF[family]):
        start = int(protocol) << VALUE_BITS
        if inside := intersection(keys, ((start, start + VALUE_LAST),)):
            asked = start + _FIRST_ASKED
            first, last = inside[0]
            if protocol is Protocol.TCP and contains(inside, asked):
                return asked
            return min(first + 1, last) if first == start and protocol in PORTED else first
    # Protocol 0 stands for every protocol in rules.
    known = intersection(keys, ((1 << VALUE_BITS, (256 << VALUE_BITS) - 1),)) or keys
    return known[0][0]


def _card(node: Node, address: Address) -> str:
    """The interface that holds the address; one of its family where none does."""
    holding = [card.name for card in node.interfaces if address in card.addresses]
    of_family = [card.name for card in node.interfaces if any(family is address[0] for family, _ in card.addresses)]
    return (holding or of_family or [node.interfaces[0].name])[0]
