"""Sets of addresses, ports and flows by example: what the laws say, at the places where it is easily wrong."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from netpolicy.packet import intervals as lines
from netpolicy.packet.addresses import EVERYWHERE, NOWHERE, AddressSet, Family, address_text, network_text, networks
from netpolicy.packet.flowset import EMPTY, EVERYTHING, FlowSet
from netpolicy.packet.intervals import FEW, Intervals
from netpolicy.packet.packets import Packet
from netpolicy.packet.ports import ANY_PORT, NO_PORT, PortSet, Protocol, by_protocol

V4, V6 = Family.V4, Family.V6
A: Intervals = ((2, 4), (8, 8), (10, 14))

COMBINED: list[tuple[Intervals, Intervals, Intervals, Intervals]] = [
    # two sets, what is in both, what is in the first only
    (A, (), (), A),
    (A, A, A, ()),
    (A, ((0, 1),), (), A),
    (A, ((15, 20),), (), A),
    (A, ((0, 20),), A, ()),
    (A, ((4, 4),), ((4, 4),), ((2, 3), (8, 8), (10, 14))),
    (A, ((4, 8),), ((4, 4), (8, 8)), ((2, 3), (10, 14))),
    (A, ((5, 7), (9, 9)), (), A),
    (A, ((2, 2), (14, 14)), ((2, 2), (14, 14)), ((3, 4), (8, 8), (10, 13))),
    (A, ((11, 12),), ((11, 12),), ((2, 4), (8, 8), (10, 10), (13, 14))),
    (A, ((3, 11),), ((3, 4), (8, 8), (10, 11)), ((2, 2), (12, 14))),
    (A, ((11, 11), (13, 13)), ((11, 11), (13, 13)), ((2, 4), (8, 8), (10, 10), (12, 12), (14, 14))),
    (((0, 9),), ((0, 0), (9, 9)), ((0, 0), (9, 9)), ((1, 8),)),
]


@pytest.mark.parametrize(("a", "b", "both", "first_only"), COMBINED)
def test_two_sets_of_integers(a: Intervals, b: Intervals, both: Intervals, first_only: Intervals) -> None:
    assert lines.intersection(a, b) == lines.intersection(b, a) == both
    assert lines.difference(a, b) == first_only
    assert lines.union(a, b) == lines.union(b, a) == lines.union_all([b, a]) == lines.canonical([*a, *b])
    assert lines.union(both, first_only) == a
    assert lines.overlaps(a, b) is lines.overlaps(b, a) is bool(both)
    assert lines.covers(a, b) is (lines.difference(b, a) == ())
    assert lines.covers(b, a) is (first_only == ())


def test_a_few_intervals_meet_each_of_many() -> None:
    many = tuple((10 * at, 10 * at + 4) for at in range(3 * FEW))
    for few, both in (
        (((4, 10),), ((4, 4), (10, 10))),
        (((5, 9),), ()),
        (((5, 20),), ((10, 14), (20, 20))),
        (((3, 3), (24, 31)), ((3, 3), (24, 24), (30, 31))),
        (((many[-1][1], 10_000),), ((many[-1][1], many[-1][1]),)),
    ):
        assert lines.intersection(few, many) == lines.intersection(many, few) == both
        assert lines.overlaps(few, many) is lines.overlaps(many, few) is bool(both)


def test_neighbours_are_one_interval_and_order_means_nothing() -> None:
    assert lines.canonical([(5, 6), (1, 2), (3, 4), (9, 9), (8, 8)]) == ((1, 6), (8, 9))
    assert lines.canonical([(1, 9), (2, 3), (9, 9), (11, 11)]) == ((1, 9), (11, 11))
    assert lines.canonical([(0, 0)]) == ((0, 0),)
    assert lines.union(((1, 2),), ((3, 3),)) == ((1, 3),)
    assert lines.union_all([]) == lines.union_all([(), ()]) == ()
    assert lines.union_all([((1, 1),), (), ((1, 1),)]) == ((1, 1),)
    assert lines.size(A) == 9
    assert [value for value in range(17) if lines.contains(A, value)] == [2, 3, 4, 8, 10, 11, 12, 13, 14]


# Addresses


@pytest.mark.parametrize(
    ("first", "last", "cover"),
    [
        (0, 0, [(0, 32)]),
        (0, 1, [(0, 31)]),
        (1, 2, [(1, 32), (2, 32)]),
        (1, 6, [(1, 32), (2, 31), (4, 31), (6, 32)]),
        (8, 15, [(8, 29)]),
        (0, V4.last, [(0, 0)]),
        (0, V4.last - 1, [(V4.last - (1 << at) + 1 - (1 << at), 32 - at) for at in range(31, -1, -1)]),
    ],
)
def test_the_fewest_networks(first: int, last: int, cover: list[tuple[int, int]]) -> None:
    found = networks(V4, ((first, last),))
    assert found == cover
    assert networks(V6, ((first, last),))[0][0] == first


def test_addresses_and_networks_are_of_their_family() -> None:
    addresses = [ip_address(text) for text in ("10.0.0.2", "10.0.0.1", "::1", "10.0.0.9")]
    assert AddressSet.of_addresses(addresses) == AddressSet(
        ((0x0A000001, 0x0A000002), (0x0A000009, 0x0A000009)), ((1, 1),)
    )
    nets = [ip_network(text) for text in ("10.0.0.0/31", "::/126", "10.0.0.2/32")]
    assert AddressSet.of_networks(nets) == AddressSet(((0x0A000000, 0x0A000002),), ((0, 3),))
    assert (address_text(V4, 1), address_text(V6, 1)) == ("0.0.0.1", "::1")
    assert (network_text(V4, 0, 8), network_text(V6, 1, 128)) == ("0.0.0.0/8", "::1/128")
    assert (EVERYWHERE.v4, EVERYWHERE.v6) == (((0, 2**32 - 1),), ((0, 2**128 - 1),))
    assert (NOWHERE.v4, NOWHERE.v6, bool(NOWHERE)) == ((), (), False)


def test_the_first_member_is_the_witness() -> None:
    assert AddressSet(((3, 4), (7, 9)), ((1, 1),)).witness() == (V4, 3)
    assert AddressSet((), ((5, 6), (9, 9))).witness() == (V6, 5)
    assert AddressSet().witness() is None


def test_each_family_is_asked_for_itself() -> None:
    four, six = AddressSet(((1, 1),)), AddressSet((), ((1, 1),))
    both = four | six
    assert (four.families(), six.families(), both.families()) == ((V4,), (V6,), (V4, V6))
    assert ((V4, 1) in four, (V6, 1) in four, (V6, 1) in six, (V4, 1) in six) == (True, False, True, False)
    assert (both.covers(four), both.covers(six), four.covers(both), six.covers(both)) == (True, True, False, False)
    assert (four.overlaps(six), both.overlaps(six), both.overlaps(four)) == (False, True, True)
    assert (both & four, both & six, both - four, both - six) == (four, six, six, four)
    assert (both.size(), bool(four), bool(six), bool(four - both)) == (2, True, True, False)
    assert (~four).v4 == ((0, 0), (2, V4.last))
    assert (~four).v6 == EVERYWHERE.v6


# Ports


def test_a_key_is_protocol_and_value() -> None:
    assert PortSet.ports(6, [(22, 23)]) == PortSet(((6 << 16 | 22, 6 << 16 | 23),), ((6 << 16 | 22, 6 << 16 | 23),))
    assert PortSet.ports(0, [(0, 0)]).v4 == ((0, 0),)
    assert PortSet.ports(255, [(65535, 65535)]).v6 == (((1 << 24) - 1, (1 << 24) - 1),)
    assert PortSet.protocol(47).v4 == ((47 << 16, (48 << 16) - 1),)
    assert PortSet.icmp(V4, 8, None) == PortSet(((1 << 16 | 0x0800, 1 << 16 | 0x08FF),))
    assert PortSet.icmp(V6, 255, 255) == PortSet((), ((58 << 16 | 0xFFFF, 58 << 16 | 0xFFFF),))
    assert PortSet.icmp(V4, 0, 0) == PortSet(((1 << 16, 1 << 16),))
    assert PortSet.icmp_any(V6) == PortSet((), ((58 << 16, (59 << 16) - 1),))
    assert PortSet.icmp_any(V4) == PortSet(((1 << 16, (2 << 16) - 1),))
    assert (NO_PORT.v4, ANY_PORT.v4, ANY_PORT.v6) == ((), ((0, (1 << 24) - 1),), ((0, (1 << 24) - 1),))


@pytest.mark.parametrize(("protocol", "value"), [(-1, 0), (256, 0), (0, -1), (0, 65536)])
def test_what_is_no_key_is_refused(protocol: int, value: int) -> None:
    with pytest.raises(ValueError, match=f"protocol {protocol} value {value} is outside the port space"):
        PortSet.ports(protocol, [(value, value)])


@pytest.mark.parametrize(("kind", "code"), [(-1, None), (256, None), (0, -1), (0, 256)])
def test_what_is_no_icmp_type_is_refused(kind: int, code: int | None) -> None:
    with pytest.raises(ValueError, match=f"icmp type {kind} code {code} is not two bytes"):
        PortSet.icmp(V4, kind, code)


def test_keys_by_protocol() -> None:
    whole = ((0, 65535),)
    assert by_protocol(()) == []
    assert by_protocol(((6 << 16 | 22, 6 << 16 | 22), (6 << 16 | 80, 6 << 16 | 81))) == [(6, ((22, 22), (80, 81)))]
    assert by_protocol(((5 << 16, (8 << 16) - 1),)) == [(5, whole), (6, whole), (7, whole)]
    assert by_protocol(((5 << 16 | 9, 6 << 16),)) == [(5, ((9, 65535),)), (6, ((0, 0),))]
    assert by_protocol(((5 << 16 | 9, 6 << 16 | 65534),)) == [(5, ((9, 65535),)), (6, ((0, 65534),))]
    numbers = {name.name: int(name) for name in Protocol}
    assert numbers == {"ICMP": 1, "TCP": 6, "UDP": 17, "GRE": 47, "ESP": 50, "AH": 51, "ICMPV6": 58, "SCTP": 132}


# Flows


def some(first: int, last: int) -> AddressSet:
    return AddressSet(((first, last),), ((first, last),))


SSH, WEB = PortSet.ports(6, [(22, 22)]), PortSet.ports(6, [(80, 80)])


def test_a_box_is_from_to_and_on() -> None:
    box = FlowSet.box(some(1, 2), some(7, 9), SSH)
    assert Packet(V4, 2, 7, 6, 22) in box
    assert Packet(V6, 1, 9, 6, 22) in box
    for source, destination, protocol, port in (
        (7, 2, 6, 22),
        (3, 7, 6, 22),
        (2, 6, 6, 22),
        (2, 7, 17, 22),
        (2, 7, 6, 23),
    ):
        assert Packet(V4, source, destination, protocol, port) not in box
    ends = ((1, 2),), ((7, 9),), ((6 << 16 | 22, 6 << 16 | 22),)
    assert box.boxes() == [(V4, *ends), (V6, *ends)]
    assert (box.size(), EMPTY.boxes(), EMPTY.size()) == (12, [], 0)
    assert EVERYTHING.boxes() == [
        (family, ((0, family.last),), ((0, family.last),), ((0, (1 << 24) - 1),)) for family in Family
    ]


def test_the_witness_of_flows_is_their_first_packet() -> None:
    two = FlowSet.box(some(5, 6) | some(9, 9), some(7, 8) | some(20, 30), WEB | SSH)
    assert two.witness() == Packet(V4, 5, 7, 6, 22)
    assert (two - FlowSet.box(some(0, 9), some(7, 8), SSH)).witness() == Packet(V4, 5, 7, 6, 80)
    assert FlowSet.box(AddressSet((), ((3, 4),)), EVERYWHERE, SSH).witness() == Packet(V6, 3, 0, 6, 22)
    assert EMPTY.witness() is None


def test_flows_combine_in_every_dimension() -> None:
    a, b = FlowSet.box(some(1, 4), some(1, 4), SSH), FlowSet.box(some(3, 6), some(4, 9), SSH | WEB)
    assert a & b == FlowSet.box(some(3, 4), some(4, 4), SSH)
    assert a - b == FlowSet.box(some(1, 2), some(1, 4), SSH) | FlowSet.box(some(3, 4), some(1, 3), SSH)
    assert (a | b).size() == a.size() + b.size() - (a & b).size()
    assert FlowSet.box(some(1, 2), some(1, 4), SSH) | FlowSet.box(some(3, 4), some(1, 4), SSH) == a
    assert FlowSet.box(some(1, 4), some(1, 2), SSH) | FlowSet.box(some(1, 4), some(3, 4), SSH) == a
    assert (a.covers(a & b), a.covers(b), a.overlaps(b), a.overlaps(b - a), (a | b).covers(b)) == (
        *(True, False, True, False, True),
    )
    assert FlowSet.union_all([a, b, EMPTY, a]) == a | b == b | a
    assert FlowSet.union_all([]) == EMPTY
    pieces = [FlowSet.box(some(at, at), some(at % 3, at % 3), SSH) for at in range(7)]
    whole = FlowSet.union_all(pieces)
    assert [Packet(V4, at, at % 3, 6, 22) in whole for at in range(7)] == [True] * 7
    assert whole.size() == 14
