"""Ways between parties: each pair is there, and its packets are judged where, and as what, they pass."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

import pytest

from netpolicy.lab.ask import ACK, Question, Shape, lease
from netpolicy.lab.judge import FORWARD, INPUT, OUTPUT, Stop
from netpolicy.lab.pairs import (
    CONTAINED,
    PORTS,
    Pair,
    Way,
    beside,
    contained,
    plain,
    published,
    received,
    served,
    spoofed,
)
from netpolicy.lab.party import BRIDGE, CARD, Kind, Party, containers
from netpolicy.packet.family import Family
from netpolicy.packet.packets import SYN, Packet, State
from netpolicy.packet.ports import Protocol
from netpolicy.policy.cluster import Address, Interface


def of(text: str) -> Address:
    one = ip_address(text)
    return Family(one.version), int(one)


A1, A6, B1, N1, O1, O6 = map(of, ("10.0.0.1", "2001:db8::1", "10.1.0.1", "198.51.100.9", "192.0.2.9", "2001:db8:f::9"))
C1 = of("10.0.0.3")
A = Party("a", Kind.NODE, (Interface("eth0", (A1, A6)), Interface("eth1", (B1,))))
C = Party("c", Kind.NODE, (Interface("ens3", (C1,)),))
N = Party("n", Kind.NETWORK, (Interface(CARD, (N1,)),))
OUT = Party("outside", Kind.OUTSIDE, (Interface(CARD, (O1, O6)),))
PARTIES = (A, C, N, OUT)
WEB = Question(Protocol.TCP, 80, source_port=40_000)


def ends(pairs: Iterable[Pair]) -> set[tuple[str, Address, str, Address]]:
    return {(one.sender.name, one.source, one.receiver.name, one.destination) for one in pairs}


def only(pairs: Iterable[Pair], sender: Party, receiver: Party, destination: Address) -> Pair:
    (found,) = (one for one in pairs if (one.sender, one.receiver, one.destination) == (sender, receiver, destination))
    return found


def packet(source: Address, destination: Address, port: int, **more: Any) -> Packet:
    return Packet(source[0], source[1], destination[1], Protocol.TCP, port, 40_000, state=State.NEW, flags=SYN, **more)


def test_every_ordered_pair_of_addresses_of_one_family_is_there() -> None:
    assert ends(plain(PARTIES)) == {
        *{("a", source, "c", C1) for source in (A1, B1)},
        *{("c", C1, "a", destination) for destination in (A1, B1)},
        *{("a", source, "n", N1) for source in (A1, B1)},
        *{("n", N1, "a", destination) for destination in (A1, B1)},
        *{("a", source, "outside", O1) for source in (A1, B1)},
        *{("outside", O1, "a", destination) for destination in (A1, B1)},
        *{("a", A6, "outside", O6), ("outside", O6, "a", A6)},
        *{("c", C1, "n", N1), ("n", N1, "c", C1), ("c", C1, "outside", O1), ("outside", O1, "c", C1)},
    }


def test_between_nodes_both_judge_by_the_interfaces_of_the_addresses() -> None:
    there = only(plain(PARTIES), C, A, B1)
    assert list(there.stops(WEB, 40_000)) == [
        Stop("c", OUTPUT, packet(C1, B1, 80, out_interface="ens3")),
        Stop("a", INPUT, packet(C1, B1, 80, in_interface="eth1")),
    ]
    (back,) = (one for one in plain(PARTIES) if (one.source, one.destination) == (B1, C1))
    assert [(stop.packet.out_interface, stop.packet.in_interface) for stop in back.stops(WEB)] == [
        ("eth1", ""),
        ("", "ens3"),
    ]


def test_who_has_no_rules_does_not_judge() -> None:
    assert [(one.node, one.hook) for one in only(plain(PARTIES), N, C, C1).stops(WEB)] == [("c", INPUT)]
    assert [(one.node, one.hook) for one in only(plain(PARTIES), C, N, N1).stops(WEB)] == [("c", OUTPUT)]


def test_state_and_flags_are_of_the_shape() -> None:
    pair = only(plain(PARTIES), N, C, C1)
    (stop,) = pair.stops(Question(Protocol.TCP, 80, Shape.NULL))
    assert (stop.packet.state, stop.packet.flags) == (State.INVALID, 0)
    (stop,) = pair.stops(Question(Protocol.TCP, 80, Shape.ACK))
    assert (stop.packet.state, stop.packet.flags) == (State.NEW, ACK)
    (stop,) = pair.stops(Question(Protocol.ICMP, 8 << 8), 40_000)
    assert (stop.packet.source_port, stop.packet.port) == (0, 8 << 8)


def test_dhcp_servers_answer_from_their_port() -> None:
    _, answer = lease(Family.V4)
    pair = only(served(PARTIES), N, C, C1)
    assert pair.way is Way.SERVED
    assert [one.packet.source_port for one in pair.stops(answer, 40_000)] == [67]
    assert {one.receiver.name for one in served(PARTIES)} == {"a", "c"}


def test_the_outside_sends_with_the_source_of_each_other() -> None:
    found = list(spoofed(PARTIES, OUT))
    assert ends(found) == {
        *{("outside", C1, "a", destination) for destination in (A1, B1)},
        *{("outside", N1, "a", destination) for destination in (A1, B1)},
        *{("outside", source, "c", C1) for source in (A1, B1, N1)},
    }
    assert {one.card for one in found} == {CARD}
    (pair,) = (one for one in found if (one.source, one.destination) == (N1, C1))
    assert list(pair.stops(WEB, 40_000)) == [Stop("c", INPUT, packet(N1, C1, 80, in_interface="ens3"))]


def test_a_packet_comes_by_another_interface_than_that_of_its_address() -> None:
    found = list(beside(PARTIES))
    assert {(one.sender.name, one.destination, one.arrives, one.via) for one in found} == {
        (name, *way) for name in ("n", "outside") for way in ((A1, "eth1", B1), (B1, "eth0", A1))
    }
    pair = next(one for one in found if one.sender is N and one.destination == A1)
    assert list(pair.stops(WEB, 40_000)) == [Stop("a", INPUT, packet(N1, A1, 80, in_interface="eth1"))]


def test_every_node_gets_what_is_sent_to_an_address_of_none() -> None:
    nobody, group = of("10.0.0.77"), of("ff02::9")
    found = list(received(PARTIES, (nobody, group)))
    assert {one.receiver.name for one in found} == {"a", "c"}
    assert {one.destination for one in found} == {nobody, group}
    assert all(one.destination[0] is one.family for one in found)
    pair = next(one for one in found if (one.sender, one.receiver, one.via) == (N, A, B1))
    assert list(pair.stops(WEB, 40_000)) == [Stop("a", INPUT, packet(N1, nobody, 80, in_interface="eth1"))]


(INNER,) = containers([A], ())
INNER4 = next(address for _, address in INNER.addresses if address[0] is Family.V4)


def test_a_published_port_is_judged_as_it_is_forwarded() -> None:
    pair = only(published(PARTIES, (INNER,)), C, A, B1)
    assert pair.hears is INNER
    wanted = packet(
        C1,
        INNER4,
        CONTAINED,
        in_interface="eth1",
        out_interface=BRIDGE,
        dnat=True,
        original_destination=B1[1],
        original_port=80,
    )
    out = packet(C1, B1, 80, out_interface="ens3")
    assert list(pair.stops(WEB, 40_000)) == [Stop("c", OUTPUT, out), Stop("a", FORWARD, wanted)]


def test_what_a_container_sends_is_judged_before_its_node_puts_its_address() -> None:
    found = list(contained(PARTIES, (INNER,)))
    assert {one.receiver.name for one in found} == {"c", "n", "outside"}
    pair = only(found, INNER, C, C1)
    assert list(pair.stops(WEB, 40_000)) == [
        Stop("a", FORWARD, packet(INNER4, C1, 80, in_interface=BRIDGE, out_interface="eth0")),
        Stop("c", INPUT, packet(A1, C1, 80, in_interface="ens3")),
    ]


@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
def test_no_two_ways_or_shapes_share_a_port_of_ours(protocol: int) -> None:
    pair = only(plain(PARTIES), N, C, C1)
    ports = [
        Pair(way, *(getattr(pair, name) for name in Pair.__slots__[1:])).source_port(
            Question(protocol, 80, shape), 40_000
        )
        for way in Way
        for shape in Shape
    ]
    assert sorted(ports) == list(range(40_000, 40_000 + PORTS))
