"""The laws of intervals, addresses and ports, and how a packet is written."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_network
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netpolicy.packet import intervals as lines
from netpolicy.packet.addresses import (
    EVERYWHERE,
    FAMILIES,
    NOWHERE,
    AddressSet,
    Family,
    address_text,
    network_text,
    networks,
)
from netpolicy.packet.intervals import Interval, Intervals
from netpolicy.packet.packets import Packet, State, describe
from netpolicy.packet.ports import ANY_PORT, NO_PORT, PortSet, Protocol, by_protocol

# Intervals


small_pairs = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)).map(lambda t: (t[0], t[0] + t[1])), max_size=12)


def integers(pairs: Intervals | list[Interval]) -> set[int]:
    """The integers in the pairs, one by one."""
    return {value for first, last in pairs for value in range(first, last + 1)}


@given(small_pairs, small_pairs)
def test_interval_functions_mean_what_they_mean_for_sets(pairs: list[Interval], more: list[Interval]) -> None:
    a, b = lines.canonical(pairs), lines.canonical(more)
    in_a, in_b = integers(pairs), integers(more)
    assert (integers(a), lines.size(a)) == (in_a, len(in_a))
    assert integers(lines.union(a, b)) == in_a | in_b
    assert integers(lines.union_all([a, b, a])) == in_a | in_b
    assert integers(lines.intersection(a, b)) == in_a & in_b
    assert integers(lines.difference(a, b)) == in_a - in_b
    assert (lines.covers(a, b), lines.overlaps(a, b)) == (in_a >= in_b, bool(in_a & in_b))
    assert {value for value in range(-2, 40) if lines.contains(a, value)} == in_a


@given(small_pairs.filter(lambda pairs: len(pairs) < 3), st.integers(2, 5), st.integers(0, 6))
def test_a_few_intervals_meet_many_as_they_do_one_by_one(pairs: list[Interval], step: int, start: int) -> None:
    few = lines.canonical(pairs)
    many = tuple((start + step * place, start + step * place + step - 2) for place in range(2 * lines.FEW + 1))
    expected = lines.canonical((value, value) for value in integers(few) & integers(many))
    assert lines.intersection(few, many) == lines.intersection(many, few) == expected


@given(small_pairs, small_pairs)
def test_interval_results_are_sorted_and_never_touch(pairs: list[Interval], more: list[Interval]) -> None:
    a, b = lines.canonical(pairs), lines.canonical(more)
    results = [a, lines.union(a, b), lines.union_all([a, b]), lines.intersection(a, b), lines.difference(a, b)]
    for result in results:
        assert all(first <= last for first, last in result)
        assert all(last + 1 < first for (_, last), (first, _) in pairwise(result))


def test_a_backwards_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="3-2 runs backwards"):
        lines.canonical([(0, 9), (3, 2)])


# Addresses


wide_pairs = {
    family: st.lists(
        st.tuples(st.integers(0, family.last), st.integers(0, family.last)).map(lambda t: (min(t), max(t))), max_size=3
    )
    for family in FAMILIES
}


@given(st.sampled_from(FAMILIES).flatmap(lambda family: st.tuples(st.just(family), wide_pairs[family])), small_pairs)
@example((Family.V4, [(0, Family.V4.last)]), [])
@example((Family.V6, [(0, Family.V6.last)]), [])
@example((Family.V6, [(1, Family.V6.last)]), [])
def test_networks_cover_exactly_with_the_fewest(chosen: tuple[Family, list[Interval]], low: list[Interval]) -> None:
    family, pairs = chosen
    wanted = lines.canonical(pairs + low)
    cover = networks(family, wanted)
    # `ip_network` is strict: host bits would be an error.
    parsed = [ip_network(network_text(family, value, prefix)) for value, prefix in cover]
    assert AddressSet.of_networks(parsed).of(family) == wanted
    of_one_family: Any = parsed
    assert list(collapse_addresses(of_one_family)) == parsed


@given(st.lists(st.ip_addresses(), max_size=6), st.ip_addresses())
def test_a_set_of_addresses_holds_these_and_no_other(
    addresses: list[IPv4Address | IPv6Address], other: IPv4Address | IPv6Address
) -> None:
    made = AddressSet.of_addresses(addresses)
    for address in [*addresses, other]:
        assert ((Family(address.version), int(address)) in made) == (address in addresses)
        assert address_text(Family(address.version), int(address)) == str(address)
    assert made.size() == len(set(addresses))


def test_a_set_of_networks_holds_their_first_and_last_address() -> None:
    v4, v6 = IPv4Network("10.1.0.0/16"), IPv6Network("2001:db8::/32")
    made = AddressSet.of_networks([v4, v6, IPv4Network("10.1.2.0/24")])
    assert made.v4 == ((int(v4[0]), int(v4[-1])),)
    assert made.v6 == ((int(v6[0]), int(v6[-1])),)
    assert made.families() == FAMILIES


def test_everywhere_is_every_address_of_both_families() -> None:
    assert AddressSet.of_networks([IPv4Network("0.0.0.0/0"), IPv6Network("::/0")]) == EVERYWHERE
    assert not NOWHERE
    assert network_text(Family.V4, 0, 0) == "0.0.0.0/0"
    assert network_text(Family.V6, 1, 128) == "::1/128"


# Ports


protocols = st.one_of(st.sampled_from(list(Protocol)), st.integers(0, 255))
values = st.integers(0, 0xFFFF)
value_pairs = st.lists(
    st.one_of(st.just((0, 0xFFFF)), st.tuples(values, values).map(lambda t: (min(t), max(t)))), max_size=3
)


@given(st.lists(st.tuples(protocols, value_pairs), max_size=5))
@example([(5, [(0, 0xFFFF)]), (6, [(0, 0xFFFF)]), (7, [(0, 0)])])
@example([(255, [(0xFFFF, 0xFFFF)]), (0, [(0, 0)])])
def test_ports_by_protocol_and_back(listed: list[tuple[int, list[Interval]]]) -> None:
    keys = PortSet.union_all(PortSet.ports(protocol, pairs) for protocol, pairs in listed)
    assert keys.v4 == keys.v6
    split = by_protocol(keys.v4)
    expected: dict[int, list[Interval]] = {}
    for protocol, pairs in listed:
        expected.setdefault(protocol, []).extend(pairs)
    assert split == sorted((protocol, lines.canonical(pairs)) for protocol, pairs in expected.items() if pairs)
    assert PortSet.union_all(PortSet.ports(protocol, pairs) for protocol, pairs in split) == keys


def test_any_port_is_every_protocol_whole() -> None:
    assert by_protocol(ANY_PORT.v4) == [(number, ((0, 0xFFFF),)) for number in range(256)]
    assert PortSet.union_all(PortSet.protocol(number) for number in range(256)) == ANY_PORT
    assert by_protocol(NO_PORT.v6) == []


@given(protocols, values, values)
def test_a_port_opens_its_protocol_and_value_only(protocol: int, value: int, other: int) -> None:
    one = PortSet.ports(protocol, [(value, value)])
    for family in FAMILIES:
        assert ((family, protocol << 16 | other) in one) == (value == other)
        assert (family, ((protocol + 1) % 256) << 16 | value) not in one
        assert (family, protocol << 16 | other) in PortSet.protocol(protocol)


def test_icmp_is_of_one_family() -> None:
    echo = PortSet.icmp(Family.V4, 8, 0)
    assert (echo.v4, echo.v6) == (((1 << 16 | 8 << 8, 1 << 16 | 8 << 8),), ())
    neighbours = PortSet.icmp(Family.V6, 135, None)
    assert (neighbours.v4, by_protocol(neighbours.v6)) == ((), [(58, ((135 << 8, 135 << 8 | 255),))])
    for family, number in ((Family.V4, 1), (Family.V6, 58)):
        assert PortSet.icmp_any(family) == PortSet.union_all(PortSet.icmp(family, kind, None) for kind in range(256))
        assert PortSet.icmp_any(family).families() == (family,)
        assert by_protocol(PortSet.icmp_any(family).of(family)) == [(number, ((0, 0xFFFF),))]


@pytest.mark.parametrize("ends", [(-1, 5), (5, 0x10000)])
def test_a_value_never_leaks_into_the_next_protocol(ends: Interval) -> None:
    with pytest.raises(ValueError, match="outside the port space"):
        PortSet.ports(Protocol.TCP, [ends])


@pytest.mark.parametrize(("kind", "code"), [(256, None), (-1, 0), (8, 256), (8, -1)])
def test_an_icmp_code_never_leaks_into_the_next_type(kind: int, code: int | None) -> None:
    with pytest.raises(ValueError, match="is not two bytes"):
        PortSet.icmp(Family.V4, kind, code)


def test_a_protocol_is_one_byte() -> None:
    with pytest.raises(ValueError, match="outside the port space"):
        PortSet.protocol(256)


# Packets


A4, B4 = int(IPv4Address("10.0.0.1")), int(IPv4Address("10.0.0.2"))
A6, B6 = int(IPv6Address("2001:db8::1")), int(IPv6Address("2001:db8::2"))


@pytest.mark.parametrize(
    ("packet", "line"),
    [
        (
            Packet(Family.V4, A4, B4, 6, 22, 40000, in_interface="eth0"),
            "tcp 10.0.0.1:40000 -> 10.0.0.2:22 in eth0, new",
        ),
        (
            Packet(Family.V6, A6, B6, 17, 53, 5353, out_interface="eth1", state=State.UNTRACKED),
            "udp [2001:db8::1]:5353 -> [2001:db8::2]:53 out eth1, untracked",
        ),
        (Packet(Family.V4, A4, B4, 1, 8 << 8), "icmp 10.0.0.1 -> 10.0.0.2 type 8 code 0, new"),
        (
            Packet(Family.V6, A6, B6, 58, 1 << 8 | 4, state=State.RELATED),
            "icmpv6 2001:db8::1 -> 2001:db8::2 type 1 code 4, related",
        ),
        (Packet(Family.V4, A4, B4, 50), "esp 10.0.0.1 -> 10.0.0.2, new"),
        (Packet(Family.V4, A4, B4, 89), "proto 89 10.0.0.1 -> 10.0.0.2, new"),
        (
            Packet(
                Family.V4, A4, B4, 6, 80, 1, "eth0", "cni0", dnat=True, original_destination=A4, original_port=41000
            ),
            "tcp 10.0.0.1:1 -> 10.0.0.2:80 in eth0 out cni0, new, dnat from 10.0.0.1:41000",
        ),
        (
            Packet(Family.V4, A4, B4, 6, 80, 1, dnat=True, original_port=41000),
            "tcp 10.0.0.1:1 -> 10.0.0.2:80, new, dnat from port 41000",
        ),
        (Packet(Family.V4, A4, B4, 6, 80, 1, dnat=True), "tcp 10.0.0.1:1 -> 10.0.0.2:80, new, dnat"),
    ],
)
def test_a_packet_on_one_line(packet: Packet, line: str) -> None:
    assert describe(packet) == line
