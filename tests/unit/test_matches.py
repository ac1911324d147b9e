"""Pieces of rules: ways to match ports, addresses and translated packets, and the names of sets."""

from __future__ import annotations

import pytest

from netpolicy.flow.model import Effect, Flow
from netpolicy.packet.addresses import EVERYWHERE, AddressSet, Family
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.ports import ANY_PORT, PortSet, Protocol
from netpolicy.targets.iptables.matches import ports, translated, wanted
from netpolicy.targets.iptables.rules import (
    AddressList,
    AddressRange,
    IcmpIs,
    InSet,
    Limit,
    Log,
    Network,
    OriginalPort,
    PortIn,
    ProtocolIs,
    Return,
    Rule,
    Side,
)
from netpolicy.targets.iptables.sets import Sets

V4, V6 = Family.V4, Family.V6
SRC, DST = Side.SOURCE, Side.DESTINATION
TCP, SCTP, ESP = ProtocolIs(Protocol.TCP), ProtocolIs(Protocol.SCTP), ProtocolIs(Protocol.ESP)


def tcp(*pairs: tuple[int, int]) -> Intervals:
    return PortSet.ports(Protocol.TCP, pairs).v4


def singles(count: int) -> Intervals:
    return tuple((2 * at, 2 * at) for at in range(1, count + 1))


@pytest.mark.parametrize("count", [15, 16, 31])
def test_a_list_of_ports_is_filled_to_its_last_slot(count: int) -> None:
    found = [match.ports for _, match in ports(V4, tcp(*singles(count))) if isinstance(match, PortIn)]
    assert found == [singles(count)[at : at + 15] for at in range(0, count, 15)]


def test_a_range_takes_two_slots() -> None:
    pairs = tuple((10 * at, 10 * at + 1) for at in range(1, 8))
    for last, parts in (((99, 99), 1), ((98, 99), 2)):
        assert ports(V4, tcp(*pairs, last)) == (
            [(TCP, PortIn(DST, (*pairs, last)))]
            if parts == 1
            else [(TCP, PortIn(DST, pairs)), (TCP, PortIn(DST, (last,)))]
        )
    assert len(ports(V4, tcp(*pairs, (99, 99), (101, 101)))) == 2


def test_a_whole_protocol_has_no_ports() -> None:
    assert ports(V4, tcp((0, 65535))) == [(TCP,)]
    assert ports(V4, tcp((0, 65534))) == [(TCP, PortIn(DST, ((0, 65534),)))]
    assert ports(V4, PortSet.protocol(Protocol.ESP).v4) == [(ESP,)]
    assert ports(V6, PortSet.protocol(Protocol.SCTP).v6) == [(SCTP,)]


def test_icmp_is_told_by_types_and_codes() -> None:
    icmp = ProtocolIs(Protocol.ICMP)
    kinds = PortSet.icmp(V4, 3, 4) | PortSet.icmp(V4, 8, None) | PortSet.icmp(V4, 9, None) | PortSet.icmp(V4, 11, 0)
    assert ports(V4, kinds.v4) == [
        (icmp, IcmpIs(3, 4)),
        (icmp, IcmpIs(8)),
        (icmp, IcmpIs(9)),
        (icmp, IcmpIs(11, 0)),
    ]
    nearly = PortSet.ports(Protocol.ICMP, [(8 << 8 | 254, 9 << 8 | 254)]).v4
    found = ports(V4, nearly)
    assert found[:3] == [(icmp, IcmpIs(8, 254)), (icmp, IcmpIs(8, 255)), (icmp, IcmpIs(9, 0))]
    assert found[-1] == (icmp, IcmpIs(9, 254))
    assert len(found) == 2 + 255
    assert ports(V6, PortSet.icmp(V6, 128, None).v6) == [(ProtocolIs(Protocol.ICMPV6), IcmpIs(128))]


def test_only_protocols_with_ports_are_sent_on() -> None:
    assert translated(ANY_PORT.v4) == [()]
    assert translated(tcp((80, 80), (90, 99))) == [(TCP, OriginalPort((80, 80))), (TCP, OriginalPort((90, 99)))]
    esp_and_sctp = PortSet.protocol(Protocol.ESP) | PortSet.protocol(Protocol.SCTP)
    assert translated(esp_and_sctp.v4) == [(SCTP,)]


def test_a_flow_that_logs_has_two_rules() -> None:
    flow = Flow(Effect.ALLOW, EVERYWHERE, EVERYWHERE, ANY_PORT, ("s1", "s2"), log="5/sec")
    assert wanted(flow, (TCP,), Return()) == [
        Rule((TCP, Limit("5/sec")), Log("np:s1 "), "np:s1,s2"),
        Rule((TCP,), Return(), "np:s1,s2"),
    ]


# Addresses


NODES = AddressSet(v4=((5, 9),), v6=((5, 9),))


def test_everything_needs_no_match_and_nothing_has_none() -> None:
    for inline in (True, False):
        sets = Sets(NODES, inline=inline)
        assert sets.match(SRC, V4, EVERYWHERE.v4, "x") == [()]
        assert sets.match(SRC, V4, (), "x") == []
        assert sets.lists == {}


def test_a_set_holds_what_is_matched_or_all_else() -> None:
    sets = Sets(NODES, inline=False)
    ((some,),) = sets.match(SRC, V4, ((5, 6),), "dea")
    ((most,),) = sets.match(DST, V4, ((0, 4), (7, V4.last)), "dea")
    assert isinstance(some, InSet)
    assert isinstance(most, InSet)
    assert (some.side, some.negated, most.side, most.negated) == (SRC, False, DST, True)
    assert sets.lists[some.name].members == sets.lists[most.name].members == ((5, 6),)
    assert some.name.startswith("np4-dea-")
    assert most.name.startswith("np4-not_dea-")


@pytest.mark.parametrize("addresses", [((0, 4),), ((7, V4.last),), ((0, 3), (7, 9)), ((1, 3), (7, V4.last))])
def test_a_set_from_one_end_only_is_not_turned_round(addresses: Intervals) -> None:
    sets = Sets(NODES, inline=False)
    ((found,),) = sets.match(SRC, V4, addresses, "x")
    assert isinstance(found, InSet)
    assert not found.negated
    assert sets.lists[found.name].members == addresses


def test_without_sets_an_address_range_is_a_network_where_it_is_one() -> None:
    sets = Sets(NODES, inline=True)
    assert sets.match(SRC, V4, ((8, 15), (17, 18)), "x") == [(Network(SRC, 8, 29),), (AddressRange(SRC, 17, 18),)]
    assert sets.match(DST, V6, ((3, 3),), "x") == [(Network(DST, 3, 128),)]


def test_a_set_is_of_addresses_where_only_nodes_are_in_it() -> None:
    sets = Sets(NODES, inline=False)
    for members, kind in (
        (((5, 5),), "hash:ip"),
        (((5, 9),), "hash:ip"),
        (((5, 10),), "hash:net"),
        (((1, 1),), "hash:net"),
    ):
        assert sets.lists[sets.name(V4, members, "x")].kind == kind


def test_name_of_a_set_says_what_it_holds() -> None:
    sets = Sets(NODES, inline=False)
    one = sets.lists[sets.name(V6, ((5, 6),), "Node (dea-1) ")]
    assert one == AddressList(one.name, V6, "hash:ip", ((5, 6),))
    assert one.name.startswith("np6-node_dea_1-")
    assert len(one.name) == len("np6-node_dea_1-") + 8
    assert sets.name(V4, NODES.v4, "x").startswith("np4-nodes-")
    assert len(sets.name(V4, ((5, 6),), "x" * 40)) == 31
    assert sets.name(V4, ((5, 6),), "x" * 17 + "-y").startswith("np4-" + "x" * 17 + "-")
    names = {sets.name(family, members, "x") for family in Family for members in (((5, 6),), ((5, 7),), ((15, 16),))}
    assert len(names) == 6


def test_outside_is_all_but_these() -> None:
    sets = Sets(NODES, inline=False)
    (match,) = sets.outside(DST, V4, NODES.v4, "nodes")
    assert isinstance(match, InSet)
    assert (match.side, match.negated, sets.lists[match.name].members) == (DST, True, NODES.v4)
