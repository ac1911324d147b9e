"""Who takes part: every address that the policy tells apart has a host, and nobody has the address of another."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_address, ip_network

import pytest

from netpolicy.lab.party import (
    BRIDGE,
    OUTSIDE,
    Kind,
    Party,
    containers,
    is_group,
    is_local,
    masks,
    node_party,
    silent,
    strangers,
    virtual,
)
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.policy.cluster import Address, Interface
from netpolicy.policy.model import Policy
from netpolicy.verify.meaning import atoms
from tests.compiling import compiled

CLUSTER = """
policy: ./policy.netpol
networks:
  admins: [198.51.100.0/24, "2001:db8:a::/48"]
  desk: [198.51.100.64/26, 198.51.100.65]
  site: [10.0.0.0/24]
nodes:
  outside: {roles: [web], interfaces: {eth0: [10.0.0.1, "2001:db8::1"], eth1: [10.1.0.1]}}
  admins: {roles: [db], address: 10.0.0.2}
"""
POLICY = """
role web, db
network admins, desk, site
allow admins -> web : tcp 22
allow desk -> db : tcp 22
allow site, 203.0.113.7 -> web : tcp 80
allow site -> web@10.0.0.77, web@224.0.0.9 : udp 53
allow 127.0.0.0/8 -> web : tcp 81
allow all -> all : tcp 443
"""


@cache
def policy(cluster: str = CLUSTER) -> Policy:
    found = compiled({"cluster.yaml": cluster, "policy.netpol": POLICY}).policy
    assert found is not None
    return found


def taking_part(cluster: str = CLUSTER) -> list[Party]:
    one = policy(cluster)
    return [*map(node_party, one.cluster.nodes), *strangers(one, atoms(one))]


def of(text: str) -> Address:
    one = ip_address(text)
    return Family(one.version), int(one)


def test_nodes_networks_and_the_outside_take_part_whatever_their_names() -> None:
    found = [(one.name, one.kind) for one in taking_part()]
    nodes = [("outside", Kind.NODE), ("admins", Kind.NODE)]
    networks = [("admins", Kind.NETWORK), ("desk", Kind.NETWORK), ("site", Kind.NETWORK)]
    assert found == [*nodes, *networks, (OUTSIDE, Kind.OUTSIDE)]


def test_a_node_has_its_interfaces_and_addresses() -> None:
    node = taking_part()[0]
    assert [card.name for card in node.cards] == ["eth0", "eth1"]
    assert list(node.addresses) == [("eth0", of("10.0.0.1")), ("eth0", of("2001:db8::1")), ("eth1", of("10.1.0.1"))]
    assert node.judges
    assert not any(one.judges for one in taking_part() if one.kind is not Kind.NODE)


def test_an_address_is_in_the_innermost_network() -> None:
    networks = {
        "admins": ("198.51.100.0/24", "2001:db8:a::/48"),
        "desk": ("198.51.100.64/26",),
        "site": ("10.0.0.0/24",),
    }
    for party in taking_part():
        for _, (family, number) in party.addresses if not party.judges else ():
            one = ip_address(number.to_bytes(family.bits // 8, "big"))
            here = [
                (network.num_addresses, name)
                for name, texts in networks.items()
                for network in map(ip_network, texts)
                if one in network
            ]
            assert (min(here)[1] if here else OUTSIDE) == party.name


def test_both_sides_of_the_edges_of_networks_send() -> None:
    senders = {address: party.name for party in taking_part() if not party.judges for _, address in party.addresses}
    assert senders[of("198.51.100.0")] == senders[of("198.51.100.255")] == "admins"
    assert senders[of("198.51.99.255")] == senders[of("198.51.101.0")] == OUTSIDE
    assert senders[of("198.51.100.63")] == senders[of("198.51.100.128")] == "admins"
    assert senders[of("198.51.100.64")] == senders[of("198.51.100.127")] == "desk"
    assert senders[of("2001:db8:a::")] == senders[of("2001:db8:a:ffff:ffff:ffff:ffff:ffff")] == "admins"
    assert senders[of("203.0.113.7")] == OUTSIDE


def test_nobody_has_the_address_of_another_or_what_no_host_can_have() -> None:
    one = policy()
    parties = taking_part()
    every = [address for party in parties for _, address in party.addresses]
    assert len(every) == len(set(every))
    strange = {address for party in parties if not party.judges for _, address in party.addresses}
    assert not strange & {address for node in one.cluster.nodes for address in node.addresses}
    assert virtual(one) == (of("10.0.0.77"), of("224.0.0.9"))
    assert not strange & set(virtual(one))
    for family, number in strange:
        known = ip_address(number.to_bytes(family.bits // 8, "big"))
        assert not (known.is_multicast or known.is_loopback or known.is_unspecified)
        assert family is Family.V6 or (0 < number >> 24 < 240 and number >> 24 != 127)


ONE_FAMILY = CLUSTER.replace(', "2001:db8:a::/48"', "")
"""Of IPv6 there are nodes alone, and what is around them."""


@pytest.mark.parametrize("cluster", [CLUSTER, ONE_FAMILY])
def test_every_set_of_addresses_that_is_told_apart_has_a_sender_or_is_named(cluster: str) -> None:
    one = policy(cluster)
    known, parties = atoms(one), taking_part(cluster)
    left = silent(one, known, parties)
    assert left == ("127.0.0.0",)
    for family in FAMILIES:
        grid = known[family]
        heard = {grid.number(number) for party in parties for _, (which, number) in party.addresses if which is family}
        heard |= {grid.number(number) for which, number in virtual(one) if which is family}
        named = {grid.number(int(ip_address(text))) for text in left if ip_address(text).version == family.value}
        assert heard | named == set(grid.numbers)
        assert not heard & named


def test_networks_may_hold_every_address() -> None:
    cluster = CLUSTER.replace("  site: [10.0.0.0/24]", '  site: [0.0.0.0/0, "::/0"]')
    outside = taking_part(cluster)[-1]
    assert outside.kind is Kind.OUTSIDE
    assert list(outside.addresses) == []


@pytest.mark.parametrize(
    ("text", "group", "local"),
    [
        ("224.0.0.1", True, False),
        ("239.255.255.255", True, False),
        ("240.0.0.1", False, False),
        ("255.255.255.255", True, False),
        ("ff02::1", True, False),
        ("fe80::1", False, True),
        ("febf::1", False, True),
        ("fec0::1", False, False),
        ("10.0.0.1", False, False),
    ],
)
def test_groups_and_addresses_of_the_link(text: str, group: bool, local: bool) -> None:
    assert (is_group(of(text)), is_local(of(text))) == (group, local)


def test_a_container_is_masked_by_the_first_address_that_others_may_answer() -> None:
    first = Interface("eth0", tuple(map(of, ("fe80::1", "2001:db8::2", "2001:db8::1", "10.0.0.2", "10.0.0.1"))))
    second = Interface("eth1", tuple(map(of, ("10.0.0.9", "2001:db8::9"))))
    assert masks(Party("web", Kind.NODE, (first, second))) == dict(map(of, ("10.0.0.2", "2001:db8::2")))
    assert masks(Party("web", Kind.NODE, (Interface("eth0", (of("fe80::1"),)), second))) == {}


def test_containers_have_networks_of_their_own() -> None:
    nodes = [one for one in taking_part() if one.judges]
    made = containers(nodes, ())
    assert [(one.host, one.kind, str(one)) for one in made] == [
        (node.name, Kind.CONTAINER, f"a container of {node.name}") for node in nodes
    ]
    networks = {(family, number >> 2) for one in made for _, (family, number) in one.addresses}
    assert len(networks) == len(made) * len(FAMILIES)
    assert not any(card.name == BRIDGE for node in nodes for card in node.cards)


def test_containers_keep_away_from_addresses_of_the_cluster() -> None:
    nodes = [one for one in taking_part() if one.judges]
    usual = {address for one in containers(nodes, ()) for _, address in one.addresses}
    other = {address for one in containers(nodes, usual) for _, address in one.addresses}
    assert {family for family, _ in other} == set(FAMILIES)
    assert not usual & other


def test_a_policy_without_networks_has_an_outside_that_sends() -> None:
    nodes = (
        "policy: ./policy.netpol\nnodes: {a: {roles: [web], address: 10.0.0.1}, b: {roles: [web], address: 10.0.0.3}}\n"
    )
    one = compiled({"cluster.yaml": nodes, "policy.netpol": "role web\nallow all -> all : tcp 443\n"}).policy
    assert one is not None
    (outside,) = strangers(one, atoms(one))
    assert Family.V4 in {family for _, (family, _) in outside.addresses}
    assert silent(one, atoms(one), [*map(node_party, one.cluster.nodes), outside]) == ()
