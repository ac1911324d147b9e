"""What is taken for an arrival and for an answer: by sockets that say what they are told to, without any namespace."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import product
from typing import Any

import pytest

from netpolicy.lab.ask import Question
from netpolicy.lab.pairs import Pair, Way
from netpolicy.lab.party import Kind, Party
from netpolicy.lab.volley import Batch, Odd, Volley
from netpolicy.lab.wire import number_in
from netpolicy.packet.family import Family
from netpolicy.packet.ports import Protocol
from netpolicy.policy.cluster import Interface

HERE, THERE, OTHER = ((Family.V4, 0x0A000001 + place) for place in range(3))
SENDER, RECEIVER, STRANGER = (
    Party(name, Kind.NODE, (Interface("eth0", (address,)),))
    for name, address in (("web", HERE), ("db", THERE), ("other", OTHER))
)


class Ear:
    """Says the numbers that it is given."""

    lost = 0

    def __init__(self, party: Party, protocol: int) -> None:
        self.party, self.protocol = party, protocol
        self.socket, self._bell = socket.socketpair()
        self._given: list[int] = []

    def give(self, number: int) -> None:
        self._given.append(number)
        self._bell.send(b"!")

    def numbers(self) -> Iterator[int]:
        given, self._given = self._given, []
        self.socket.recv(1 << 16)
        yield from given

    def close(self) -> None:
        self.socket.close()
        self._bell.close()


class Post:
    """Whoever is among `telling` hears a packet that is sent, by the protocol that stands there."""

    def __init__(self, ears: list[Ear], telling: Iterable[Ear]) -> None:
        self.ears, self._telling = ears, telling
        self.sent = 0

    def send(self, card: str, via: object, packets: Iterable[bytes]) -> None:
        for packet in packets:
            self.sent += 1
            for ear in self._telling:
                ear.give(number_in(Family.V4, packet[9], packet[20:]))


@pytest.mark.parametrize(
    ("told", "arrives", "answered"),
    [
        ([], False, False),
        ([(RECEIVER, Protocol.TCP)], True, False),
        ([(RECEIVER, Protocol.ICMP)], False, False),
        ([(SENDER, Protocol.TCP)], False, True),
        ([(SENDER, Protocol.ICMP)], False, True),
        ([(RECEIVER, Protocol.ICMP), (SENDER, Protocol.TCP)], False, True),
        ([(RECEIVER, Protocol.TCP), (SENDER, Protocol.TCP)], True, True),
        ([(STRANGER, Protocol.TCP)], False, False),
    ],
)
def test_an_error_that_quotes_a_packet_answers_it_and_is_no_arrival(
    told: list[tuple[Party, Protocol]], arrives: bool, answered: bool
) -> None:
    seen = [(bool(one.arrived), bool(one.answered)) for one in _odd(told, not arrives, answered)[0]]
    assert seen == [(arrives, answered)]
    assert _odd(told, arrives, answered)[0] == []


@pytest.mark.parametrize(("arrives", "answered"), [*product((False, True), repeat=2)])
def test_silence_is_asked_three_times_where_something_is_to_be_heard(arrives: bool, answered: bool) -> None:
    assert _odd([], arrives, answered)[1] == (3 if arrives or answered else 1)


def _odd(told: Iterable[tuple[Party, Protocol]], arrives: bool, answered: bool) -> tuple[list[Odd], int]:
    """What is odd of a TCP packet, and how often it was sent."""
    protocols = (Protocol.TCP, Protocol.ICMP)
    ears = {(party, one): Ear(party, one) for party, one in product((SENDER, RECEIVER, STRANGER), protocols)}
    telling = [ears[one] for one in told]
    posts: Any = {
        party: Post([ears[party, one] for one in protocols], telling) for party in (SENDER, RECEIVER, STRANGER)
    }
    pair = Pair(Way.PLAIN, SENDER, "eth0", HERE, RECEIVER, THERE, THERE, "eth0", RECEIVER, HERE)
    batch = Batch(pair, (Question(Protocol.TCP, 22),), bytes([arrives]), bytes([answered]))
    try:
        with closing(Volley(posts, 40_000, quiet=0.001)) as volley:
            return volley.run([batch]), posts[SENDER].sent
    finally:
        for ear in ears.values():
            ear.close()
