"""The number of a probe is found again in the packet, in all answers to it and in its fragments; sums are right."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netpolicy.lab.ask import ACK, ECHO, RST, UNREACHABLE, Question, Shape
from netpolicy.lab.wire import FIRST, LAST, datagram, fragments, frame, number_in, pseudo
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.packets import ICMP_OF
from netpolicy.packet.ports import Protocol

HEADER = {Family.V4: 20, Family.V6: 40}
KEPT = {Family.V4: 28, Family.V6: 1232}
"""How much of a packet an error quotes at least (RFC 792, where 8 bytes follow the header) or usually (RFC 4443)."""
SUMMED = {Protocol.TCP: 16, Protocol.UDP: 6}


@dataclass(frozen=True)
class Sent:
    """A packet of a probe, above IP."""

    family: Family
    question: Question
    source: int
    destination: int
    number: int
    body: bytes

    def quoted(self, length: int) -> bytes:
        """What an error says of it."""
        ends = (self.family, self.source), (self.family, self.destination)
        return datagram(*ends, self.question.protocol, self.body)[: HEADER[self.family] + length]


@st.composite
def sent(draw: st.DrawFn, shapes: tuple[Shape, ...] = tuple(Shape)) -> Sent:
    family = draw(st.sampled_from(FAMILIES))
    icmp = ICMP_OF[family]
    shape = draw(st.sampled_from(shapes))
    if shape is Shape.ERROR:
        question = Question(icmp, UNREACHABLE[family], shape)
    elif shape is Shape.FIRST:
        protocol = draw(
            st.sampled_from((*Protocol, 99, 253)).filter(lambda one: one not in ICMP_OF.values() or one == icmp)
        )
        port = draw(st.integers(0, 0xFFFF)) if protocol in (Protocol.TCP, Protocol.UDP, Protocol.SCTP, icmp) else 0
        question = Question(int(protocol), port)
    else:
        protocol = Protocol.UDP if shape in (Shape.FRAGMENTS, Shape.LONE_FRAGMENT) else Protocol.TCP
        question = Question(protocol, draw(st.integers(0, 0xFFFF)), shape)
    source, destination = draw(st.integers(0, family.last)), draw(st.integers(0, family.last))
    number, port = draw(st.integers(FIRST, LAST >> 1)), draw(st.integers(1, 0xFFFF))
    body = frame(family, question, port).bytes(number, pseudo(family, question.protocol, source, destination))
    return Sent(family, question, source, destination, number, body)


def total(data: bytes) -> int:
    """The sum that a receiver makes, folded: nothing but ones if the packet is right (RFC 1071)."""
    even = data + bytes(len(data) % 2)
    found = sum(even[place] << 8 | even[place + 1] for place in range(0, len(even), 2))
    while found >> 16:
        found = (found & 0xFFFF) + (found >> 16)
    return found


def error(one: Sent, kind: int, code: int, length: int) -> bytes:
    return struct.pack("!BBHI", kind, code, 0, 0) + one.quoted(length)


# Numbers.


@given(sent())
def test_a_packet_has_its_number(one: Sent) -> None:
    assert number_in(one.family, one.question.protocol, one.body) == one.number


@given(sent(), st.data())
def test_an_error_about_it_quotes_its_number(one: Sent, data: st.DataObject) -> None:
    """As all that it quotes has a place of its own for the number: at least the first 8 bytes behind the header."""
    kind, code = data.draw(
        st.sampled_from(
            [(3, 3), (3, 13), (3, 10), (11, 0)] if one.family is Family.V4 else [(1, 4), (1, 1), (3, 0), (1, 6)]
        )
    )
    length = data.draw(st.integers(20, len(one.body) + 20))
    assert number_in(one.family, ICMP_OF[one.family], error(one, kind, code, length)) == one.number


@given(sent((Shape.FIRST, Shape.ACK)).filter(lambda one: one.question.protocol == Protocol.TCP), st.booleans())
def test_a_reset_has_its_number(one: Sent, acknowledges: bool) -> None:
    """As RFC 9293, 3.10.7.1: what acknowledges is reset with that sequence number, other segments by acknowledging."""
    source, port, sequence, acknowledged = struct.unpack("!HHII", one.body[:12])
    if one.question.shape is Shape.ACK:
        reset = struct.pack("!HHIIBBHHH", port, source, acknowledged, 0, 5 << 4, RST, 0, 0, 0)
    else:
        reset = struct.pack("!HHIIBBHHH", port, source, 0, sequence + 1, 5 << 4, RST | ACK, 0, 0, 0)
    assert number_in(one.family, Protocol.TCP, reset) == one.number


@given(st.sampled_from(FAMILIES), st.integers(FIRST, LAST >> 1), st.integers(1, 0xFFFF))
def test_an_echo_has_its_number(family: Family, number: int, port: int) -> None:
    asked = frame(family, Question(ICMP_OF[family], ECHO[family]), port).bytes(number, 0)
    reply = bytes([0 if family is Family.V4 else 129]) + asked[1:]
    assert number_in(family, ICMP_OF[family], reply) == number


@given(st.sampled_from(FAMILIES), st.binary(max_size=80), st.sampled_from([*Protocol, 99]))
def test_whatever_comes_has_a_number_or_none(family: Family, body: bytes, protocol: int) -> None:
    assert 0 <= number_in(family, protocol, body) <= LAST


@given(st.integers(FIRST, LAST >> 1), st.integers(FIRST, LAST >> 1))
def test_two_numbers_are_two_packets(one: int, other: int) -> None:
    made = frame(Family.V4, Question(Protocol.TCP, 80), 40_000)
    assert (made.bytes(one, 0) == made.bytes(other, 0)) is (one == other)


# Sums.


@given(sent())
def test_sums_are_right(one: Sent) -> None:
    protocol = one.question.protocol
    octets = one.family.bits // 8
    ends = one.source.to_bytes(octets, "big") + one.destination.to_bytes(octets, "big")
    both = ends + struct.pack("!II", len(one.body), protocol)
    if protocol in SUMMED or (protocol == Protocol.ICMPV6 and one.family is Family.V6):
        assert total(both + one.body) == 0xFFFF
    elif protocol == Protocol.ICMP and one.family is Family.V4:
        assert total(one.body) == 0xFFFF
    elif protocol not in (Protocol.SCTP, Protocol.GRE):
        # What a kernel rejects of other protocols is to sum to nothing, with the addresses where they are of IPv6.
        assert total(one.body if one.family is Family.V4 else both + one.body) == 0xFFFF
    if protocol == Protocol.UDP:
        assert one.body[6:8] != bytes(2), "no sum at all"
        assert int.from_bytes(one.body[4:6], "big") == len(one.body)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_sum_of_nothing_is_written_as_one(family: Family) -> None:
    """RFC 768: no sum at all is what nothing would say."""
    made = frame(family, Question(Protocol.UDP, 53), 40_000)
    sums = {made.bytes(FIRST, addresses)[6:8] for addresses in range(1 << 16)}
    assert bytes(2) not in sums
    assert bytes([255, 255]) in sums


# Fragments.


def parts(one: Sent) -> list[tuple[int, bool, int, bytes]]:
    """Where each fragment begins, in bytes, whether there is more behind it, what it belongs to, and what it holds."""
    ends = (one.family, one.source), (one.family, one.destination)
    made = frame(one.family, one.question, 40_000)
    found = []
    for packet in fragments(*ends, made, one.body, one.number):
        if one.family is Family.V4:
            length, identity, place = struct.unpack("!HHH", packet[2:8])
            assert (length, packet[9]) == (len(packet), one.question.protocol)
            found.append(((place & 0x1FFF) * 8, bool(place & 0x2000), identity, packet[20:]))
        else:
            assert (packet[6], int.from_bytes(packet[4:6], "big")) == (44, len(packet) - 40)
            protocol, _, place, identity = struct.unpack("!BBHI", packet[40:48])
            assert protocol == one.question.protocol
            found.append((place & ~7, bool(place & 1), identity, packet[48:]))
    return found


@given(sent((Shape.FRAGMENTS,)))
def test_fragments_put_together_are_the_packet(one: Sent) -> None:
    (first, more, identity, head), (second, last, same, tail) = parts(one)
    assert (first, more, second, last) == (0, True, len(head), False)
    assert identity == same != 0
    assert head + tail == one.body
    assert len(head) % 8 == 0
    assert number_in(one.family, Protocol.UDP, head + tail) == one.number


@given(sent((Shape.LONE_FRAGMENT,)), sent((Shape.FRAGMENTS,)))
@example(
    Sent(Family.V4, Question(17, 9, Shape.LONE_FRAGMENT), 1, 2, 1 << 27, bytes(60)),
    Sent(Family.V4, Question(17, 9, Shape.FRAGMENTS), 1, 2, (1 << 27) + 1, bytes(60)),
)
@example(
    Sent(Family.V4, Question(17, 9, Shape.LONE_FRAGMENT), 1, 2, 1 << 27, bytes(60)),
    Sent(Family.V4, Question(17, 9, Shape.FRAGMENTS), 1, 2, 1 << 28, bytes(60)),
)
def test_a_lone_fragment_is_never_the_rest_of_another_probe(one: Sent, other: Sent) -> None:
    ((place, more, identity, _),) = parts(one)
    assert place > 0
    assert not more
    if one.family is other.family and one.number != other.number:
        assert identity not in {belongs for _, _, belongs, _ in parts(other)}
