"""An Ansible inventory says what a cluster file says: real output of Ansible, and where addresses come from."""

import json
from pathlib import Path
from typing import Any

import pytest

from netpolicy.data import folder
from netpolicy.diagnostic import Diagnostic, has_errors
from netpolicy.packet.addresses import address_text
from netpolicy.policy.cluster import Cluster, Node
from netpolicy.policy.clusterfile import read_cluster
from netpolicy.policy.inventory import CLUSTER_VARIABLES, VARIABLES
from netpolicy.source import Source

INVENTORIES = Path(__file__).parents[1] / "inventories"
POLICY = {"netpolicy_policy": "./policy.netpol"}
LOOPBACK = {"device": "lo", "ipv4": {"address": "127.0.0.1"}, "ipv6": [{"address": "::1", "scope": "host"}]}
# The interfaces of a host as ansible-core 2.19 told them: `eth0:1` is a variable of its own, without a device.
FACTS = {
    "ansible_interfaces": ["eth0", "eth0_1", "eth0.100", "br-lan", "eth1", "lo"],
    "ansible_default_ipv4": {"address": "10.5.31.20", "interface": "eth0"},
    "ansible_locally_reachable_ips": {"ipv4": ["10.5.31.20", "127.0.0.0/8"], "ipv6": ["::1"]},
    "ansible_br_lan": {"device": "br-lan", "ipv4": {"address": "172.17.0.1"}, "type": "bridge"},
    "ansible_eth0": {
        "device": "eth0",
        "ipv4": {"address": "10.5.31.20", "prefix": "24"},
        "ipv4_secondaries": [{"address": "10.5.31.21", "prefix": "24"}],
        "ipv6": [{"address": "2001:db8::20", "scope": "global"}, {"address": "fe80::20", "scope": "link"}],
    },
    "ansible_eth0.100": {"device": "eth0.100", "ipv4": {"address": "10.6.0.1"}},
    "ansible_eth0_1": {"ipv4": {"address": "10.9.0.1"}},
    "ansible_eth1": {"device": "eth1", "ipv4": {"address": "203.0.113.20"}},
    "ansible_lo": LOOPBACK,
}


def read(hosts: dict[str, dict[str, Any]]) -> tuple[Cluster | None, list[Diagnostic]]:
    """What is read of an inventory with these hosts."""
    return read_cluster(Source("cluster.json", json.dumps({"_meta": {"hostvars": hosts}})))


def node(**variables: Any) -> Node:
    """The only node of an inventory with a host of these variables."""
    cluster, found = read({"lb": {**POLICY, "netpolicy_roles": [], **variables}})
    assert cluster is not None and not found, found
    (one,) = cluster.nodes
    return one


def held(one: Node) -> dict[str, list[str]]:
    """Addresses by interface, as texts."""
    return {card.name: [address_text(*address) for address in card.addresses] for card in one.interfaces}


def unsafe(value: Any) -> Any:
    """The value as `ansible-inventory` prints what came from a host."""
    if isinstance(value, dict):
        return {key: unsafe(inner) for key, inner in value.items()}
    return [unsafe(inner) for inner in value] if isinstance(value, list) else {"__ansible_unsafe": value}


def test_a_real_inventory_is_the_cluster_that_it_describes() -> None:
    """Ranges, INI and YAML, group_vars, host_vars, facts, composed, unsafe and encrypted variables: nothing is lost."""
    path = folder("rules") / "clusters" / "twenty.yaml"
    native, _ = read_cluster(Source("twenty.yaml", path.read_text(encoding="utf-8")))
    text = (INVENTORIES / "twenty.json").read_text(encoding="utf-8")
    inventory, found = read_cluster(Source("twenty.json", text))
    assert native is not None and inventory is not None
    assert found == []
    assert sorted(inventory.nodes, key=lambda one: one.name) == sorted(native.nodes, key=lambda one: one.name)
    parts = ("name", "policy", "networks", "params", "mbus", "hostname", "api_name", "load_balancer_routers")
    assert {part: getattr(inventory, part) for part in parts} == {part: getattr(native, part) for part in parts}
    for told in ("__ansible_unsafe", "__ansible_vault", "docker0", "{{ inventory_hostname }}"):
        assert told in text


def test_every_variable_reaches_the_cluster() -> None:
    cluster, found = read(
        {
            "core": {
                "netpolicy_policy": "als/seed.netpol",
                "netpolicy_cluster": "one",
                "netpolicy_mbus": "10.0.0.1",
                "netpolicy_networks": {"admins": ["198.51.100.0/24"]},
                "netpolicy_params": {"log_streaming": True},
                "netpolicy_cluster_hostname": "als.example.com",
                "netpolicy_api_name": "api.als.example.com",
                "netpolicy_load_balancer_routers": ["10.0.0.2"],
                "netpolicy_roles": ["primary", "router"],
                "netpolicy_labels": "public",
                "netpolicy_interfaces": {"eth0": ["10.0.0.1"], "eth1": ["203.0.113.1"]},
                "netpolicy_addresses_are": "leased",
                "netpolicy_hostname": "core.example.com",
                "netpolicy_public_interface": "eth1",
            },
            "other": {"netpolicy_roles": [], "netpolicy_address": "10.0.0.2", "netpolicy_ignore": False},
            "watch": {"netpolicy_roles": ["router"], "netpolicy_address": "10.0.0.1", "netpolicy_ignore": True},
        }
    )
    written = """{cluster: one, policy: als/seed.netpol, mbus: 10.0.0.1, networks: {admins: [198.51.100.0/24]},
        params: {log_streaming: true}, hostname: als.example.com, api_name: api.als.example.com,
        load_balancer_routers: [10.0.0.2], nodes: {
        core: {roles: [primary, router], labels: [public], interfaces: {eth0: [10.0.0.1], eth1: [203.0.113.1]},
        addresses_are: leased, hostname: core.example.com, public_interface: eth1},
        other: {roles: [], address: 10.0.0.2}}}"""
    assert found == []
    assert cluster == read_cluster(Source("cluster.yaml", written))[0]


@pytest.mark.parametrize("variable", VARIABLES)
def test_no_variable_is_skipped(variable: str) -> None:
    """A value that nothing can be made of is an error, whatever the variable."""
    host = {**POLICY, "netpolicy_roles": [], "netpolicy_address": "10.0.0.1", variable: {"a": {"b": ["c"]}}}
    assert has_errors(read({"core": host})[1])


@pytest.mark.parametrize("variable", CLUSTER_VARIABLES)
def test_hosts_may_not_disagree_about_the_cluster(variable: str) -> None:
    hosts = {
        name: {**POLICY, "netpolicy_roles": [], "netpolicy_address": f"10.0.0.{number}", variable: value}
        for number, (name, value) in enumerate((("a", "1.example.com"), ("b", "2.example.com"), ("c", "3.example.com")))
    }
    assert [one.message for one in read(hosts)[1] if one.code == "NP224"] == [f"hosts disagree about `{variable}`"]


def test_facts_tell_the_addresses_of_the_interfaces_that_are_named() -> None:
    """Secondary and labelled addresses belong to their interface, link-local ones to none."""
    eth0 = ["10.5.31.20", "10.5.31.21", "2001:db8::20", "10.9.0.1"]
    assert held(node(netpolicy_interfaces=["eth0"], **FACTS)) == {"eth0": eth0}
    assert held(node(netpolicy_interfaces="eth0", **unsafe(FACTS))) == {"eth0": eth0}
    both = held(node(netpolicy_interfaces=["eth1", "eth0.100"], **FACTS))
    assert both == {"eth1": ["203.0.113.20"], "eth0.100": ["10.6.0.1"]}
    assert held(node(netpolicy_interfaces=["br-lan"], **FACTS)) == {"br-lan": ["172.17.0.1"]}


def test_a_secondary_address_with_a_label_counts_once() -> None:
    """Ansible tells it below the interface and below the label."""
    second = {"address": "10.5.31.21"}
    facts = {
        "ansible_eth0": {"device": "eth0", "ipv4": {"address": "10.5.31.20"}, "ipv4_secondaries": [second, second]},
        "ansible_eth0_1": {"ipv4_secondaries": [second], "ipv4": {"address": "10.5.31.22"}},
    }
    assert held(node(**facts)) == {"eth0": ["10.5.31.20", "10.5.31.21", "10.5.31.22"]}


def test_the_only_interface_of_the_facts_needs_no_name() -> None:
    facts = {"ansible_ens3": {"device": "ens3", "ipv6": [{"address": "2001:db8::1"}]}, "ansible_lo": LOOPBACK}
    assert held(node(ansible_host="192.0.2.1", **facts)) == {"ens3": ["2001:db8::1"]}


def test_a_single_interface_has_the_address_that_ansible_reaches() -> None:
    assert held(node(netpolicy_interfaces=["ens3"], ansible_host="10.0.0.5")) == {"ens3": ["10.0.0.5"]}
    cluster, found = read({"10.0.0.7": {**POLICY, "netpolicy_roles": [], "netpolicy_interfaces": ["ens3"]}})
    assert cluster is not None and not found
    assert held(cluster.nodes[0]) == {"ens3": ["10.0.0.7"]}


def test_a_given_address_beats_all_others() -> None:
    given = {"netpolicy_address": "10.0.0.9", "ansible_host": "192.0.2.1"}
    assert held(node(**given, **FACTS)) == {"eth0": ["10.0.0.9"]}
    assert held(node(**given, netpolicy_interfaces=["ens3"], **FACTS)) == {"ens3": ["10.0.0.9"]}


def test_ansible_host_beside_facts_is_no_address() -> None:
    """An interface that the facts do not know gets no address from elsewhere."""
    _, found = read(
        {"lb": {**POLICY, "netpolicy_roles": [], "netpolicy_interfaces": ["ens3"], "ansible_host": "10.0.0.5", **FACTS}}
    )
    assert [one.code for one in found] == ["NP222"]


def test_one_mistake_of_a_group_is_told_once() -> None:
    """Ansible copies the variables of a group to all of its hosts."""
    hosts = {
        f"dea{number}": {
            **POLICY,
            "netpolicy_roles": ["d e a"],
            "netpolicy_address": f"10.0.0.{number}",
            "netpolicy_x": 1,
        }
        for number in range(1, 9)
    }
    _, found = read(hosts)
    assert len({(one.code, one.message, one.labels) for one in found}) == 2


def test_what_other_variables_hold_does_not_matter() -> None:
    deep: list[Any] = []
    for _ in range(60):
        deep = [deep]
    strange = {"motd": "\u2028\x7f\ud83d\ude00 \x1b[0m {{ x }}", "deep": deep, "number": 0, "secret": None}
    host = {**POLICY, "netpolicy_roles": [], "netpolicy_address": "10.0.0.1", **strange}
    text = json.dumps({"_meta": {"hostvars": {"a": host}}}).replace('"number": 0', f'"number": {"9" * 5000}')
    cluster, found = read_cluster(Source("cluster.json", text))
    assert cluster is not None and not found


def test_an_inventory_with_a_byte_order_mark() -> None:
    text = json.dumps(
        {"_meta": {"hostvars": {"a": {**POLICY, "netpolicy_roles": [], "netpolicy_address": "10.0.0.1"}}}}
    )
    cluster, found = read_cluster(Source("cluster.json", f"\ufeff  \n{text}\n"))
    assert cluster is not None and not found
    assert [one.name for one in cluster.nodes] == ["a"]


@pytest.mark.parametrize(
    "networks", [{"admins": ["198.51.100.1"]}, {"admins": ["198.51.100.1", "198.51.100.2"], "nas": []}, {}]
)
def test_a_network_more_or_less_is_another_value(networks: dict[str, list[str]]) -> None:
    """Whichever of the two hosts comes first."""
    given: tuple[dict[str, list[str]], ...] = ({"admins": ["198.51.100.1", "198.51.100.2"]}, networks)
    for values in (given, given[::-1]):
        hosts = {
            f"dea{number}": {
                **POLICY,
                "netpolicy_roles": [],
                "netpolicy_address": f"10.0.0.{number}",
                "netpolicy_networks": value,
            }
            for number, value in enumerate(values)
        }
        assert [one.code for one in read(hosts)[1]] == ["NP224"]


def test_an_unsafe_value_is_a_text() -> None:
    """It is no truth value or number, and a template in it is refused."""
    assert [name.text for name in node(netpolicy_address="10.0.0.1", netpolicy_roles=[unsafe("no")]).roles] == ["no"]
    host = {**POLICY, "netpolicy_roles": [unsafe("{{ x }}")], "netpolicy_address": "10.0.0.1"}
    assert [one.code for one in read({"a": host})[1]] == ["NP223"]


def test_a_label_belongs_to_the_longest_interface_that_it_begins_with() -> None:
    facts = {
        "ansible_eth0": {"device": "eth0", "ipv4": {"address": "10.0.0.1"}},
        "ansible_eth0_5": {"device": "eth0-5", "ipv4": {"address": "10.5.0.1"}},
        "ansible_eth0_5_1": {"ipv4": {"address": "10.5.0.2"}},
    }
    assert held(node(netpolicy_interfaces=["eth0"], **facts)) == {"eth0": ["10.0.0.1"]}
    assert held(node(netpolicy_interfaces=["eth0-5"], **facts)) == {"eth0-5": ["10.5.0.1", "10.5.0.2"]}
