"""The bytes of a probe, and of the packets of its flow that go before it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace

from netpolicy.lab.ask import Question, Shape
from netpolicy.lab.wire import Frame, datagram, fragments, frame, pseudo
from netpolicy.packet.family import Family
from netpolicy.packet.packets import ICMP_OF
from netpolicy.packet.ports import PORTED
from netpolicy.policy.cluster import Address
from tests.crossing import places
from tests.crossing.probe import ECHO, ERROR_KEY, IN_PARTS, RARE, Probe, Way, Which

_TYPES = {Family.V4: 0x0800, Family.V6: 0x86DD}
_MORE = 1 << 13
_EIGHTS = 2  # where the second part of a packet begins


def openings(probe: Probe, number: int) -> list[tuple[str, bytes]]:
    """The packets of its flow that go before it, each with the party that sends it."""
    if not probe.opened:
        return []
    first = replace(probe, which=Which.FIRST)
    found = [(first.sender, packets(first, number)[0])]
    if probe.which is Which.AGAIN:
        reply = replace(probe, which=Which.REPLY)
        found.append((reply.sender, packets(reply, number)[0]))
    return found


def packets(probe: Probe, number: int) -> list[bytes]:
    """The probe as it is sent, above Ethernet: one packet, or two parts of it."""
    source, destination = _ends(probe)
    if probe.which is Which.RELATED:
        return [_related(probe, source, destination, number)]
    one = _frame(probe)
    body = one.bytes(number, pseudo(probe.family, one.protocol, source[1], destination[1]))
    if probe.which in IN_PARTS:
        shape = Shape.LONE_FRAGMENT if probe.which is Which.TAIL else Shape.FRAGMENTS
        parts = fragments(source, destination, replace(one, shape=shape), body, number)
        return [_summed(part) for part in (parts[:1] if probe.which is Which.HEAD else parts)]
    return [_summed(datagram(source, destination, one.protocol, body))]


def _ends(probe: Probe) -> tuple[Address, Address]:
    """Source and destination as the sender writes them."""
    source, destination = probe.source, probe.destination
    if probe.which not in (Which.REPLY, Which.RELATED):
        ends = source, destination
    else:
        match probe.way:
            case Way.PUBLISHED:
                ends = places.PUBLISHED_TO[0], source
            case Way.REDIRECTED:
                ends = places.REDIRECTED_TO[0], source
            case Way.MASKED:
                ends = destination, places.MASK
            case _:
                ends = destination, source
    family = probe.family
    return (family, places.at(family, ends[0])), (family, places.at(family, ends[1]))


def _frame(probe: Probe) -> Frame:
    """The packet above IP, of the direction of the flow or the other."""
    family, question = probe.family, probe.question
    if probe.which in IN_PARTS:
        question = replace(question, shape=Shape.FRAGMENTS)
    if probe.which is Which.AGAIN and question.protocol == 6:
        question = replace(question, shape=Shape.ACK)
    if probe.protocol in RARE:
        one = frame(family, question, 0)
        # Four bytes that sum to 1 stand where the ports belong.
        head = struct.pack("!HH", probe.source_port, probe.port)
        return replace(one, head=head, total=one.total - 1 + probe.source_port + probe.port)
    if probe.which is not Which.REPLY:
        return frame(family, question, probe.source_port)
    if probe.is_icmp:
        asked, answer = ECHO[family]
        # The identifier is made of both, and has to be the same.
        return frame(family, Question(probe.protocol, answer << 8), probe.source_port + (asked - answer) * 257)
    shape = Shape.SYN_ACK if probe.protocol == 6 else Shape.FIRST
    return frame(family, Question(probe.protocol, probe.source_port, shape), _port_there(probe))


def _port_there(probe: Probe) -> int:
    """The port of the flow at its other end."""
    to = {Way.PUBLISHED: places.PUBLISHED_TO[1], Way.REDIRECTED: places.REDIRECTED_TO[1]}
    return to.get(probe.way, probe.port)


def _related(probe: Probe, source: Address, destination: Address, number: int) -> bytes:
    """An ICMP error about the first packet of the flow, as that came to the other end."""
    family = probe.family
    question = Question(probe.protocol, _port_there(probe) if probe.protocol in PORTED else probe.port)
    quoted = frame(family, question, probe.source_port)
    began = quoted.bytes(number, pseudo(family, quoted.protocol, destination[1], source[1]))
    inner = _summed(datagram(destination, source, quoted.protocol, began))
    protocol = ICMP_OF[family]
    head = struct.pack("!HHI", ERROR_KEY[family], 0, 0) + inner
    length = len(head)
    total = pseudo(family, protocol, source[1], destination[1]) + (protocol + length if family is Family.V6 else 0)
    return _summed(datagram(source, destination, protocol, _with_sum(head, 2, total)))


def _with_sum(body: bytes, at: int, more: int = 0) -> bytes:
    total = more + _sum(body)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return body[:at] + (~total & 0xFFFF).to_bytes(2, "big") + body[at + 2 :]


def _summed(packet: bytes) -> bytes:
    """The packet with the checksum of its header, which IPv4 has."""
    if packet[0] >> 4 == 6:
        return packet
    return _with_sum(packet[:20], 10) + packet[20:]


def _sum(data: Sequence[int] | bytes) -> int:
    even = bytes(data) + bytes(len(data) % 2)
    return sum(struct.unpack(f"!{len(even) // 2}H", even))


def ethernet(family: Family, to: int, by: int, packet: bytes) -> bytes:
    """The packet on the wire, between two Ethernet addresses."""
    return to.to_bytes(6, "big") + by.to_bytes(6, "big") + struct.pack("!H", _TYPES[family]) + packet
