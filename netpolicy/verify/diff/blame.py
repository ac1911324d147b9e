"""A packet for each change, as its receiver and its sender meet it, and the statements that decide it there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from netpolicy.packet.addresses import AddressSet
from netpolicy.packet.diagram import Node
from netpolicy.packet.packets import Packet
from netpolicy.policy.citation import Citation
from netpolicy.verify.diff.crossing import Behind, Crossing, Ground, Stranger
from netpolicy.verify.diff.gates import packet_of
from netpolicy.verify.diff.kinds import NEW, OLD, Kind, places

_EXAMPLES = AddressSet(
    v4=((0xCB007101, 0xCB007101),),  # 203.0.113.1 (RFC 5737)
    v6=((0x20010DB8 << 96 | 0xFFFF0001, 0x20010DB8 << 96 | 0xFFFF0001),),  # 2001:db8::ffff:1 (RFC 3849)
)


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """A statement, and on which side it stands: what it admits, or what it denies."""

    side: int
    id: str
    text: str = field(compare=False)
    place: str = field(compare=False)
    owner: str = field(default="", compare=False)
    because: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Witness:
    """A packet as the one who judges it last meets it; `receiver` is empty where it leaves for a stranger."""

    packet: Packet
    sender: str
    sender_card: str
    receiver: str


def seen(ground: Ground, crossing: Crossing, packets: Node) -> Witness:
    """One of the packets, of the first nodes of the kinds."""
    side = NEW if crossing.opened else OLD
    nodes = {node.node: node for node in ground.sides[side].nodes}
    sender = receiver = ""
    source = destination = 0
    card = ""
    if isinstance(crossing.source, Kind):
        sender = crossing.source.names[0]
        assert crossing.source_place is not None
        source = places(nodes[sender])[crossing.source_place][1]
    elif isinstance(crossing.source, Stranger):
        source = _example(ground, side, crossing.source)
    to = crossing.destination
    if isinstance(to, Stranger):
        destination = _example(ground, side, to)
        assert crossing.source_place is not None
        card = crossing.source_place.card
    elif isinstance(to, Behind):
        receiver = _other(to.kind, sender)
        destination = _example(ground, side, to.stranger)
        card = sorted(one.name for one in nodes[receiver].interfaces)[0]
    else:
        receiver = _other(to, sender)
        assert crossing.destination_place is not None
        destination = places(nodes[receiver])[crossing.destination_place][1]
        card = crossing.destination_place.card
    packet = packet_of(packets, crossing.family, (source, destination), card, crossing.way)
    return Witness(packet, sender, crossing.source_place.card if crossing.source_place else "", receiver)


def _other(kind: Kind, sender: str) -> str:
    return next(name for name in kind.names if name != sender)


def _example(ground: Ground, side: int, one: Stranger) -> int:
    """An address of the stranger: one of those for documentation, where it holds one."""
    held = ground.addresses(side, one)
    usual = (held & _EXAMPLES).witness() or held.witness()
    assert usual is not None, "a stranger has an address"
    return usual[1]


def causes(ground: Ground, one: Witness, *, opened: bool) -> Iterator[Cause]:
    """The statements that let the packet pass on one side, and those that refuse it on the other."""
    here, there = (NEW, OLD) if opened else (OLD, NEW)
    for side, packet in ((here, one.packet), (there, _elsewhere(ground, one, here, there))):
        if packet is None:
            continue
        emitted = ground.sides[side]
        asked = [(one.receiver, packet)] if one.receiver else []
        if one.sender:
            asked.append((one.sender, _sent(packet, one.sender_card)))
        for name, met in asked:
            passes, statements = emitted.why(name, met)
            for statement in statements if passes == (side == here) else ():
                cited = emitted.citations.get(statement, Citation(""))
                yield Cause(side, statement, cited.text, cited.place, cited.owner, cited.because)


def _sent(packet: Packet, card: str) -> Packet:
    """The packet as its sender meets it."""
    return replace(
        packet, in_interface="", out_interface=card, dnat=False, original_destination=None, original_port=None
    )


def _elsewhere(ground: Ground, one: Witness, here: int, there: int) -> Packet | None:
    """The packet between the same nodes on the other side; None where these, or their addresses, are not there."""
    before, after = ({node.node: node for node in ground.sides[side].nodes} for side in (here, there))
    packet = one.packet
    for name, address in ((one.sender, packet.source), (one.receiver, packet.destination)):
        if not name:
            continue
        if name not in after:
            return None
        at = [place for place, held in places(before[name]).items() if held == (packet.family, address)]
        if not at:
            continue  # one that no node declares
        found = places(after[name]).get(at[0])
        if found is None:
            return None
        packet = _moved(packet, address, found[1], of_source=name == one.sender)
    return packet


def _moved(packet: Packet, before: int, after: int, *, of_source: bool) -> Packet:
    if of_source:
        return replace(packet, source=after)
    original = after if packet.original_destination == before else packet.original_destination
    return replace(packet, destination=after, original_destination=original)
