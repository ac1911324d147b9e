"""Which node this machine is: every declared address on its declared interface, or we are stopped."""

from __future__ import annotations

import sys
from dataclasses import replace
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, AF_UNIX
from typing import Any

import pytest

from netpolicy.node.addresses import Held, _by_interface, held, holding_any, who, wrong_node
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.packet.addresses import Family
from netpolicy.policy.cluster import Address
from netpolicy.policy.identity import Identity
from tests.bundles import POLICY, bundle

NODES = tuple(bundle(POLICY, node=name).identity for name in ("db", "web1", "web2"))
DB = NODES[0]


def address(text: str) -> Address:
    one = ip_address(text)
    return Family(one.version), int(one)


def holding(**cards: str) -> Held:
    return {name: frozenset(address(one) for one in texts.split()) for name, texts in cards.items()}


HERE = holding(lo="127.0.0.1 ::1", eth0="10.0.0.9 2001:db8:1::9 fe80::1 10.0.0.77")


def stopped(nodes: tuple[Identity, ...], here: Held) -> str:
    with pytest.raises(StoppedError) as caught:
        who(nodes, here)
    (found,) = caught.value.found
    assert (found.code, caught.value.ending) == ("NP756", Ending.REFUSED if nodes else Ending.UNUSABLE)
    assert found.hint
    return found.message


def test_a_machine_with_all_its_addresses_is_the_node() -> None:
    """Others beside them do not matter."""
    assert wrong_node(DB, HERE) == []
    assert who(NODES, HERE) is DB


def test_each_address_that_is_not_there_is_told() -> None:
    found = wrong_node(DB, holding(eth0="192.0.2.1"))
    assert [one.code for one in found] == ["NP756", "NP756"]
    assert "`eth0` does not hold 10.0.0.9" in found[0].message
    assert "2001:db8:1::9" in found[1].message
    assert wrong_node(DB, {}) != []


def test_one_address_of_two_is_not_enough() -> None:
    here = holding(eth0="10.0.0.9")
    (found,) = wrong_node(DB, here)
    assert found.message == "this machine is not `db`: `eth0` does not hold 2001:db8:1::9"
    assert stopped(NODES, here) == found.message, "no other node has an address here"
    two = stopped(NODES, holding(eth0="10.0.0.9 10.0.0.1"))
    assert two == "this machine has addresses of 2 nodes, and is wholly none of them"


def test_an_interface_that_is_not_there_is_told_as_such() -> None:
    (v4, _) = wrong_node(DB, {})
    assert v4.message == "this machine is not `db`: there is no `eth0` with 10.0.0.9"


def test_an_address_on_another_interface_is_told_with_it() -> None:
    found = wrong_node(DB, holding(eth0="", eth1="10.0.0.9 2001:db8:1::9"))
    assert all(one.message.endswith("; `eth1` holds it") for one in found)
    assert len(found) == 2


def test_the_address_of_the_bus_has_its_own_remedy() -> None:
    core = replace(DB, mbus=address("10.0.0.9"))
    v4, v6 = wrong_node(core, {})
    assert "kato op static_ip" in v4.hint
    assert "kato" not in v6.hint


def test_a_machine_that_is_several_nodes_or_none_is_none() -> None:
    both = holding(eth0="10.0.0.1 2001:db8:1::1 10.0.0.9 2001:db8:1::9")
    assert "this machine is both `db` and `web1`" in stopped(NODES, both)
    assert stopped(NODES, {}).endswith("its addresses are none")
    assert stopped((), HERE) == "the build has no node's folder"


def test_a_node_without_addresses_is_no_machine() -> None:
    assert "none of the 1 nodes" in stopped((replace(DB, interfaces=()),), HERE)


def test_nodes_with_an_address_here_are_named_whatever_the_interface() -> None:
    assert holding_any(NODES, holding(eth7="10.0.0.9", lo="2001:db8:1::1")) == list(NODES[:2])
    assert holding_any(NODES, holding(eth0="192.0.2.1")) == []


# What the kernel says.


def test_every_address_of_every_interface_is_taken() -> None:
    """Of a point-to-point interface its own end; an address without an interface is of nobody."""
    links: list[dict[str, Any]] = [
        {"index": 1, "ifname": "lo"},
        {"index": 2, "ifname": "eth0"},
        {"index": 3, "ifname": "tun0"},
    ]
    addresses: list[dict[str, Any]] = [
        {"index": 1, "family": AF_INET, "local": "127.0.0.1", "address": "127.0.0.1"},
        {"index": 2, "family": AF_INET, "local": "10.0.0.9", "address": "10.0.0.9"},
        {"index": 2, "family": AF_INET, "local": "10.0.0.77", "address": "10.0.0.77", "label": "eth0:1"},
        {"index": 2, "family": AF_INET6, "address": "2001:db8:1::9"},
        {"index": 3, "family": AF_INET, "local": "192.0.2.1", "address": "192.0.2.2"},
        {"index": 9, "family": AF_INET, "local": "192.0.2.9"},
        {"index": 2, "family": AF_INET},
        {"index": 2, "family": AF_UNIX, "address": "10.0.0.99"},
    ]
    expected = holding(lo="127.0.0.1", eth0="10.0.0.9 10.0.0.77 2001:db8:1::9", tun0="192.0.2.1")
    assert _by_interface(links, addresses) == expected


def test_the_loopback_address_is_held_here() -> None:
    assert "lo" in held()


def test_a_kernel_that_does_not_tell_stops_us(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("pyroute2.IPRoute", fails)
    with pytest.raises(StoppedError) as caught:
        held()
    assert ([one.code for one in caught.value.found], caught.value.ending) == (["NP753"], Ending.UNUSABLE)
    assert "Operation not permitted" in caught.value.found[0].message


def test_a_library_that_is_not_installed_stops_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyroute2", None)
    with pytest.raises(StoppedError) as caught:
        held()
    assert [one.code for one in caught.value.found] == ["NP753"]
    assert "netpolicy[node]" in caught.value.found[0].hint
