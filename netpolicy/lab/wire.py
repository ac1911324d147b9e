"""Packets as bytes, each with the number of its probe, and that number back out of whatever an answer quotes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from netpolicy.lab.ask import ACK, RST, Question, Shape
from netpolicy.packet.family import Family
from netpolicy.packet.packets import ICMP_OF
from netpolicy.packet.ports import Protocol
from netpolicy.policy.cluster import Address

FIRST = 1 << 26
"""The least number of a probe: what hosts send by themselves has smaller ones in that place."""
LAST = (1 << 31) - 1
_TTL = 64
_FRAGMENT = 16  # bytes of the first fragment
_LONG = 48
_FRAGMENT_HEADER = 44
_ERRORS = {Family.V4: (3, 4, 5, 11, 12), Family.V6: (1, 2, 3, 4)}
_NUMBER = struct.Struct("!I")


@dataclass(frozen=True)
class Frame:
    """A packet above IP without its number and checksum: the number stands `copies` times behind `head`.

    The checksum is two bytes at `at`, None where there is none; `total` is the sum of everything else.
    """

    protocol: int
    head: bytes
    tail: bytes
    copies: int = 1
    at: int | None = None
    total: int = 0
    shape: Shape = Shape.FIRST

    @cached_property
    def length(self) -> int:
        """How long it is, in bytes."""
        return len(self.head) + 4 * self.copies + len(self.tail)

    def bytes(self, number: int, pseudo: int) -> bytes:
        """The packet of that probe; `pseudo` is the sum of the addresses."""
        doubled = number << 1  # an answer that adds one can be told
        body = self.head + _NUMBER.pack(doubled) * self.copies + self.tail
        if self.at is None:
            return body
        total = pseudo + self.total + self.copies * ((doubled >> 16) + (doubled & 0xFFFF))
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        check = ~total & 0xFFFF or 0xFFFF
        return body[: self.at] + check.to_bytes(2, "big") + body[self.at + 2 :]


def frame(family: Family, question: Question, source_port: int) -> Frame:
    """The packet of a question."""
    protocol, port, shape = question.protocol, question.port, question.shape
    icmp = ICMP_OF[family]
    at: int | None
    copies, at, tail = 1, None, b""
    if protocol == Protocol.TCP:
        # The number is what it counts from, and what it acknowledges.
        head, copies, at = struct.pack("!HH", source_port, port), 2, 16
        tail = struct.pack("!BBHHH", 5 << 4, shape.flags, 0xFFFF, 0, 0)
    elif protocol == Protocol.UDP:
        tail = bytes(_LONG if shape in (Shape.FRAGMENTS, Shape.LONE_FRAGMENT) else 0)
        head, at = struct.pack("!HHHH", source_port, port, 12 + len(tail), 0), 6
    elif protocol == icmp:
        # An identifier is a port to connection tracking; an answer has the one that was asked with.
        identifier = (source_port + (port >> 8) * 257) & 0xFFFF or 1
        head, at = struct.pack("!HHHH", port, 0, identifier, 0), 2
        if shape is Shape.ERROR:
            tail = _quoted_nothing(family)
    elif protocol == Protocol.SCTP:  # INIT (RFC 9260); the kernel is told not to check sums
        head = struct.pack("!HHIIBBH", source_port, port, 0, 0, 1, 0, 20)
        tail = struct.pack("!IHHI", 0xFFFF, 1, 1, 1)
    elif protocol == Protocol.GRE:
        head, tail = struct.pack("!HH", 0, 0x0800), bytes(8)
    else:
        # Before it rejects a packet of a protocol that it does not know, the kernel checks that all of it sums to
        # nothing (nf_reject_verify_csum, 6.18).
        head, tail, at = struct.pack("!I", 1), bytes(8), 8
    length = len(head) + 4 * copies + len(tail)
    total = 0
    if at is not None:
        spread = head + bytes(4 * copies) + tail
        total = _sum(spread) + (protocol + length if _is_pseudo(family, protocol) else 0)
    return Frame(protocol, head, tail, copies, at, total, shape)


def pseudo(family: Family, protocol: int, source: int, destination: int) -> int:
    """The sum of the addresses that a checksum is about."""
    if not _is_pseudo(family, protocol):
        return 0
    octets = family.bits // 8
    return _sum(source.to_bytes(octets, "big") + destination.to_bytes(octets, "big"))


def _is_pseudo(family: Family, protocol: int) -> bool:
    return family is Family.V6 or protocol in (Protocol.TCP, Protocol.UDP)


def datagram(source: Address, destination: Address, protocol: int, body: bytes) -> bytes:
    """The packet with its IP header; the kernel fills in the checksum of IPv4."""
    return header(source, destination, protocol, len(body)) + body


def header(source: Address, destination: Address, protocol: int, length: int) -> bytes:
    """The IP header of a packet of that length above IP."""
    family = source[0]
    octets = family.bits // 8
    ends = source[1].to_bytes(octets, "big") + destination[1].to_bytes(octets, "big")
    if family is Family.V4:
        return struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, _TTL, protocol, 0) + ends
    return struct.pack("!IHBB", 6 << 28, length, protocol, _TTL) + ends


def fragments(source: Address, destination: Address, one: Frame, body: bytes, number: int) -> list[bytes]:
    """The packet in two fragments, or as the later fragment of one that nobody sends."""
    places = [(body[:_FRAGMENT], 0, True), (body[_FRAGMENT:], _FRAGMENT // 8, False)]
    alone = one.shape is Shape.LONE_FRAGMENT
    if alone:
        places = [(body, _FRAGMENT // 8, False)]
    # What waits for its other part must not find it in another probe; a kernel chooses for itself in place of 0.
    identity = number if source[0] is Family.V6 else (number << 1 & 0xFFFF | alone) or 0xFFFE
    return [_fragment(source, destination, one.protocol, (*place, identity)) for place in places]


def _fragment(source: Address, destination: Address, protocol: int, place: tuple[bytes, int, bool, int]) -> bytes:
    """A part of a packet, which begins at so many eights of bytes; there may be more of it behind."""
    part, at, more, identity = place
    if source[0] is Family.V4:
        whole = bytearray(header(source, destination, protocol, len(part)))
        struct.pack_into("!HH", whole, 4, identity, more << 13 | at)
        return bytes(whole) + part
    extension = struct.pack("!BBHI", protocol, 0, at << 3 | more, identity)
    return header(source, destination, _FRAGMENT_HEADER, 8 + len(part)) + extension + part


def number_in(family: Family, protocol: int, body: bytes) -> int:
    """The number of the probe that a packet above IP is, or answers; 0 where there is none."""
    if protocol == ICMP_OF[family]:
        return _in_icmp(family, body)
    if protocol == Protocol.TCP:
        if len(body) < 20:
            return _at(body, 4)
        flags = body[13]
        return _at(body, 8 if flags & (RST | ACK) == RST | ACK else 4)
    return _at(body, _PLACES.get(protocol, 4))


_PLACES: dict[int, int] = {Protocol.UDP: 8, Protocol.SCTP: 16}


def _in_icmp(family: Family, body: bytes) -> int:
    if not body:
        return 0
    # What hosts say by themselves of an error has nothing there, but for the size of a path.
    if body[0] not in _ERRORS[family] or any(body[4:8]):
        return _at(body, 8)
    quoted = body[8:]
    if family is Family.V4:
        return _quoted(family, quoted[9], quoted[(quoted[0] & 15) * 4 :]) if len(quoted) > 20 else 0
    return _quoted(family, quoted[6], quoted[40:]) if len(quoted) > 40 else 0


def _quoted(family: Family, protocol: int, body: bytes) -> int:
    """The number in a packet that an error quotes."""
    if protocol == ICMP_OF[family]:
        return _at(body, 8)
    return _at(body, 4 if protocol == Protocol.TCP else _PLACES.get(protocol, 4))


def _at(body: bytes, place: int) -> int:
    return int.from_bytes(body[place : place + 4], "big") >> 1 if len(body) >= place + 4 else 0


def _quoted_nothing(family: Family) -> bytes:
    """A packet that nobody sent, as an error quotes it."""
    body = struct.pack("!HHHH", 9, 9, 12, 0) + bytes(4)
    nobody = {Family.V4: 0xC0000209, Family.V6: (0x20010DB8FFFF << 80) + 9}
    return datagram((family, nobody[family]), (family, nobody[family] + 1), Protocol.UDP, body)


def _sum(data: Sequence[int] | bytes) -> int:
    even = bytes(data) + bytes(len(data) % 2)
    return sum(struct.unpack(f"!{len(even) // 2}H", even))
