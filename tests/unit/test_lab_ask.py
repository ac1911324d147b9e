"""What a rehearsal asks: both sides of every edge that a policy names, and nothing that nobody can send."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import pytest

from netpolicy.data import folder
from netpolicy.lab.ask import STRAYS, Question, Shape, edges, error, forwarded, free_ports, lease, strays, unasked
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.packets import ICMP_OF, State
from netpolicy.packet.ports import PORTED, Protocol
from netpolicy.policy.model import Policy
from tests.compiling import compiled

CLUSTER = """
policy: ./policy.netpol
networks: {admins: [198.51.100.0/24, "2001:db8:a::/48"]}
nodes:
  web: {roles: [web], address: [10.0.0.1, "2001:db8::1"]}
"""
POLICY = """
role web
network admins
forwarded service apps = tcp 41000-41010
allow admins -> web : tcp 80, udp 5000-5010, icmp echo-request, proto 99, ah, proto 41, apps
allow outside -> web : tcp 65535, sctp 7, tcp 1-2
"""


@cache
def policy(text: str = POLICY) -> Policy:
    found = compiled({"cluster.yaml": CLUSTER, "policy.netpol": text}).policy
    assert found is not None
    return found


def asked(family: Family, protocol: int, text: str = POLICY) -> set[int]:
    return {one.port for one in edges(policy(text), family) if one.protocol == protocol}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
def test_both_sides_of_both_ends_and_the_inside_of_each_range_are_asked(family: Family, protocol: int) -> None:
    """A port of one protocol is asked of the other, too; 0 and what is behind the last port are none."""
    ports = {79, 80, 81, 4999, 5000, 5005, 5010, 5011, 40999, 41000, 41005, 41010, 41011, 65534, 65535, 1, 2, 3}
    assert asked(family, protocol) == ports


@pytest.mark.parametrize("family", FAMILIES)
def test_other_protocols_are_asked_with_those_beside_them(family: Family) -> None:
    found = {one.protocol for one in edges(policy(), family)}
    assert {98, 99, 100, 50, Protocol.ESP, Protocol.GRE, Protocol.SCTP, ICMP_OF[family]} <= found
    assert asked(family, Protocol.SCTP) == {6, 7, 8}
    assert (Protocol.AH in found) is (family is Family.V4), "a header of IPv6 is no packet by itself"
    assert not found & {0, 4, 33, 41, 136, 255}
    assert ICMP_OF[Family.V6 if family is Family.V4 else Family.V4] not in found


def test_icmp_is_asked_with_the_types_beside() -> None:
    v4, v6 = asked(Family.V4, Protocol.ICMP), asked(Family.V6, Protocol.ICMPV6)
    assert {(8 << 8) - 1, 8 << 8, (8 << 8) + 255, 9 << 8} <= v4
    assert {(3 << 8) + 3, (3 << 8) + 4, (3 << 8) + 5} <= v4, "what always passes is an edge, too"
    assert {
        (128 << 8) - 1,
        128 << 8,
        (2 << 8) - 1,
        2 << 8,
        130 << 8,
        (136 << 8) + 255,
        (143 << 8) + 255,
        144 << 8,
    } <= v6


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_named_and_cannot_be_sent_is_told(family: Family) -> None:
    assert unasked(policy(), family) == ((41,) if family is Family.V4 else (41, 51))


def test_the_lease_of_an_address_is_asked_by_the_ports_of_both() -> None:
    """RFC 2131 and 9915."""
    for family, client, server in ((Family.V4, 68, 67), (Family.V6, 546, 547)):
        request, answer = lease(family)
        assert (request.source_port, request.port) == (client, server)
        assert (answer.source_port, answer.port) == (server, client)
        assert {request.protocol, answer.protocol} == {Protocol.UDP}


def test_edges_of_forwarded_services_are_known() -> None:
    found = forwarded(policy(), {family: edges(policy(), family) for family in FAMILIES})
    for family in FAMILIES:
        assert {one.port for one in found[family]} == {40999, 41000, 41005, 41010, 41011}
        assert {one.protocol for one in found[family]} == {Protocol.TCP}


@pytest.mark.parametrize("ports", [(), (80,), (32_767, 49_151), range(1, 65_536, 200), (65_535,), (1024,)])
@pytest.mark.parametrize("count", [1, 70, 144])
def test_our_own_ports_are_asked_by_nobody(ports: Sequence[int], count: int) -> None:
    first = free_ports([Question(Protocol.UDP, port) for port in ports], count)
    assert 0 < first <= first + count - 1 <= 65_535
    assert not set(ports) & set(range(first, first + count))


def test_our_own_ports_are_high_where_there_is_room() -> None:
    assert free_ports([Question(Protocol.TCP, 1024)], 100) >= 1024
    assert free_ports([Question(ICMP_OF[Family.V4], 2048)], 100) == free_ports([], 100), "a type is no port"


def test_shipped_policies_leave_room_and_are_asked_at_their_edges() -> None:
    found = compiled({}, cluster=str(folder("rules") / "clusters" / "twenty-dual-stack.yaml")).policy
    assert found is not None
    every = {family: edges(found, family) for family in FAMILIES}
    ports = {one.port for questions in every.values() for one in questions if one.protocol in PORTED}
    first = free_ports([one for questions in every.values() for one in questions], 200)
    assert not ports & set(range(first, first + 200))
    for family, questions in every.items():
        numbers = {one.protocol << 16 | one.port for one in questions}
        for low, high in (pair for one in found.statements for pair in one.ports.of(family)):
            if low >> 16 == high >> 16 == Protocol.TCP:
                near = {low - 1, low, (low + high) // 2, high, high + 1}
                assert {one for one in near if one & 0xFFFF and one >> 16 == Protocol.TCP} <= numbers


def test_strays_are_of_no_connection() -> None:
    found = strays([(Protocol.TCP, 80), (Protocol.UDP, 53), (Protocol.ESP, 0)])
    assert [one.shape for one in found] == [*STRAYS, Shape.FRAGMENTS, Shape.LONE_FRAGMENT]
    states = {one.shape: one.state for one in found}
    assert {shape for shape, state in states.items() if state is State.NEW} == {Shape.ACK, Shape.FRAGMENTS}
    assert error(Family.V4).port == 3 << 8 | 3
    assert error(Family.V6).port == 1 << 8 | 4
    assert {error(family).state for family in FAMILIES} == {State.INVALID}


def test_packets_of_two_shapes_have_two_ports() -> None:
    places = sorted(shape.place for shape in Shape)
    assert all(one < other for one, other in pairwise(places))


@pytest.mark.parametrize(
    ("family", "new", "untracked", "invalid"),
    [
        (Family.V4, (8, 13, 15, 17), (), (0, 3, 4, 5, 9, 10, 11, 12, 14, 16, 18, 255)),
        (Family.V6, (128, 139), (130, 131, 132, 133, 134, 135, 136, 143), (1, 2, 3, 4, 129, 137, 138, 140, 144)),
    ],
)
def test_connection_tracking_knows_requests_of_icmp_alone(
    family: Family, new: tuple[int, ...], untracked: tuple[int, ...], invalid: tuple[int, ...]
) -> None:
    for kinds, state in ((new, State.NEW), (untracked, State.UNTRACKED), (invalid, State.INVALID)):
        assert {Question(ICMP_OF[family], kind << 8).state for kind in kinds} <= {state}
