"""Every check that the documents ask of an ALS cluster: a cluster that breaks it, and the code that says so.

What can be seen in the cluster file is told by lint; what only a node knows, by `check-node` from its saved state.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from netpolicy.data import folder
from netpolicy.diagnostic import Diagnostic
from netpolicy.node.machine import check
from netpolicy.policy.clusterfile import read_cluster
from netpolicy.policy.identity import identity_of
from netpolicy.policy.nodestatejson import from_dict
from netpolicy.source import Source
from tests.domain.als.scenes import shipped
from tests.domain.als.test_faults import CORE, HARBOR, LB, OTHER_RANGE, SECOND, cluster, found

NAS = "nas: [10.0.1.1]"
DEA = "dea: {roles: [dea], address: 10.0.0.2}"
ROUTER = "r: {roles: [router], address: 10.0.0.2}"
NAMED = "mbus: 10.0.0.1\nhostname: als.example.com\napi_name: api.als.example.com\naddresses_are: static"
TWO_FACED = "core: {roles: [primary, controller, router], interfaces: {eth0: [10.0.0.1], eth1: [203.0.113.1]}}"
FINE = ("10.0.0.1/24",)


@dataclass(frozen=True, slots=True)
class Check:
    """A statement of the page, a cluster that breaks what it asks, and one that does not."""

    source: str
    code: str
    severity: str
    bad: str
    good: str


CHECKS: dict[str, Check] = {
    "the core is primary, controller and router": Check(
        "S5 S19", "NP304", "error", cluster(CORE.replace(", router", "")), cluster(CORE)
    ),
    "one node is the core": Check(
        "S4 X11",
        "NP304",
        "error",
        cluster(CORE, CORE.replace("core", "b").replace("0.1", "0.2"), networks=NAS),
        cluster(CORE, SECOND, networks=NAS),
    ),
    "a load balancer has no other role": Check(
        "S73", "NP304", "error", cluster(CORE, LB.replace("r]", "r, dea]")), cluster(CORE, LB)
    ),
    "several public routers have a load balancer": Check(
        "S66",
        "NP304",
        "error",
        cluster(CORE, ROUTER.replace("[router],", "[router], labels: [public],")),
        cluster(CORE, ROUTER.replace("[router],", "[router], labels: [public],"), LB),
    ),
    "a load balancer is public": Check(
        "S69", "NP304", "error", cluster(CORE, LB.replace("labels: [public], ", "")), cluster(CORE, LB)
    ),
    "an external Harbor is public": Check(
        "S60",
        "NP304",
        "error",
        cluster(CORE, HARBOR.replace("labels: [public], ", ""), params="harbor_external: true"),
        cluster(CORE, HARBOR, params="harbor_external: true"),
    ),
    "the MBUS address is the core's": Check(
        "S7", "NP304", "error", cluster(CORE, DEA, more="mbus: 10.0.0.2"), cluster(CORE, DEA, more="mbus: 10.0.0.1")
    ),
    "the MBUS address is some node's": Check(
        "S7", "NP212", "error", cluster(CORE, more="mbus: 10.0.0.7"), cluster(CORE, more="mbus: 10.0.0.1")
    ),
    "the MBUS address is the internal one": Check(
        "S9",
        "NP213",
        "error",
        cluster(TWO_FACED, more="mbus: 203.0.113.1\npublic_interface: eth1"),
        cluster(TWO_FACED, more="mbus: 10.0.0.1\npublic_interface: eth1"),
    ),
    "several controllers share storage": Check(
        "S37 S62", "NP304", "error", cluster(CORE, SECOND), cluster(CORE, SECOND, networks=NAS)
    ),
    "roles are those of the page": Check(
        "S1", "NP112", "error", cluster(CORE, DEA.replace("[dea]", "[daemon]")), cluster(CORE, DEA)
    ),
    "MongoDB is in the example of the page alone": Check(
        "F9",
        "NP502",
        "notice",
        cluster(CORE, DEA.replace("[dea]", "[mongodb]"), layer="seed"),
        cluster(CORE, DEA.replace("[dea]", "[mongodb]")),
    ),
    "hostnames are unique": Check(
        "S71",
        "NP206",
        "error",
        cluster(CORE.replace("address", "hostname: a, address"), DEA.replace("address", "hostname: a, address")),
        cluster(CORE.replace("address", "hostname: a, address"), DEA.replace("address", "hostname: b, address")),
    ),
    "addresses are unique": Check(
        "S71", "NP206", "error", cluster(CORE, DEA.replace("0.2", "0.1")), cluster(CORE, DEA)
    ),
    "a list of routers has every router": Check(
        "S76 S36",
        "NP304",
        "error",
        cluster(CORE, LB, ROUTER, more="load_balancer_routers: [10.0.0.1]"),
        cluster(CORE, LB, ROUTER, more="load_balancer_routers: [10.0.0.1, 10.0.0.2]"),
    ),
    "a list of routers has routers only": Check(
        "S76",
        "NP304",
        "error",
        cluster(CORE, LB, DEA, more="load_balancer_routers: [10.0.0.1, 10.0.0.2]"),
        cluster(CORE, LB, DEA, more="load_balancer_routers: [10.0.0.1]"),
    ),
    "a list of routers has nodes only": Check(
        "S76",
        "NP216",
        "error",
        cluster(CORE, LB, more="load_balancer_routers: [10.0.0.1, 10.0.0.7]"),
        cluster(CORE, LB, more="load_balancer_routers: [10.0.0.1]"),
    ),
    "mdns is for micro clouds": Check(
        "S2 S31",
        "NP305",
        "warning",
        cluster(CORE.replace("router]", "router, mdns]")),
        cluster(CORE.replace("router]", "router, mdns]"), params="setting: micro"),
    ),
    "the core's address stays": Check(
        "S6 S8",
        "NP214",
        "warning",
        cluster(CORE, more="mbus: 10.0.0.1\naddresses_are: leased"),
        cluster(CORE, more="mbus: 10.0.0.1\naddresses_are: persistent"),
    ),
    "nodes are on the core's subnet": Check(
        "X12",
        "NP305",
        "warning",
        cluster(CORE, DEA.replace("0.0.2", "0.1.2"), networks="cluster_subnet: [10.0.0.0/24]"),
        cluster(CORE, DEA, networks="cluster_subnet: [10.0.0.0/24]"),
    ),
    "the hostname is fully qualified": Check(
        "S14", "NP217", "warning", cluster(CORE, more="hostname: als"), cluster(CORE, more="hostname: als.example.com")
    ),
    "the API's name is `api.` before the hostname": Check(
        "S15",
        "NP215",
        "warning",
        cluster(CORE, more="hostname: als.example.com\napi_name: als.example.com"),
        cluster(CORE, more=NAMED),
    ),
    "a second controller is a controller only": Check(
        "S65",
        "NP305",
        "warning",
        cluster(CORE, SECOND.replace("r]", "r, dea]"), networks=NAS),
        cluster(CORE, SECOND, networks=NAS),
    ),
    "a role that others need has a rule": Check(
        "F16",
        "NP502",
        "notice",
        cluster(CORE, DEA.replace("[dea]", "[redis]"), layer="seed"),
        cluster(CORE, DEA.replace("[dea]", "[redis]")),
    ),
    "ranges do not overlap": Check(
        "F7",
        "NP503",
        "notice",
        cluster(CORE.replace("router]", "router, redis]"), DEA),
        cluster(CORE.replace("router]", "router, redis]"), DEA, params="redis_ports: 11000-15000"),
    ),
    "the seed layer is not alone on several nodes": Check(
        "F6 F15", "NP305", "warning", cluster(CORE, DEA, layer="seed"), cluster(CORE, DEA)
    ),
    "Harbor's range is its own": Check(
        "F7", "NP305", "warning", cluster(CORE, HARBOR, params=OTHER_RANGE), cluster(CORE, HARBOR)
    ),
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_a_cluster_that_breaks_it_is_told(check: Check) -> None:
    """With the code and its weight, and where it is kept there is nothing to tell."""
    assert check.severity in {one.severity.value for one in _of(check, found(check.bad))}
    assert len(_of(check, found(check.good))) < len(_of(check, found(check.bad)))
    wrong = [one for one in found(check.good) if one.severity.value == "error"]
    assert wrong == []


def _of(check: Check, diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    return [one for one in diagnostics if one.code == check.code]


def links(*addresses: str, lease: int | None = None) -> list[dict[str, Any]]:
    held = [{"address": one, "valid": lease} if lease else one for one in addresses]
    return [{"name": "eth0", "addresses": held}]


def answering(name: str, **answer: Any) -> dict[str, Any]:
    return {"answers": [{"name": name, **answer}]}


ON_NODE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "the core's address is on eth0": ("S10 S72", "NP706", {"links": links("10.0.0.7/24")}),
    "eth0 exists": ("S72", "NP703", {"links": [{"name": "ens3", "addresses": ["10.0.0.1/24"]}]}),
    "the core's address is not leased": ("S6", "NP707", {"links": links("10.0.0.1/24", lease=3600)}),
    "the configured address is the live one": (
        "S11",
        "NP709",
        {
            "links": links(*FINE),
            "configured": [{"interface": "eth0", "file": "/etc/network/interfaces", "addresses": ["10.0.0.7"]}],
        },
    ),
    "the core's name is the MBUS address": (
        "X12",
        "NP715",
        {"links": links(*FINE), "names": answering("als.example.com", addresses=["127.0.1.1"])},
    ),
    "the API's name leads somewhere": (
        "S15 S24",
        "NP716",
        {"links": links(*FINE), "names": answering("api.als.example.com", failure="no such name")},
    ),
    "a wildcard record answers": (
        "S17",
        "NP718",
        {"links": links(*FINE), "names": answering("any-application.als.example.com", failure="no such name")},
    ),
    "the machine has its own hostname": (
        "S14 S71",
        "NP717",
        {"links": links(*FINE), "names": {"hostname": "micro.local"}},
    ),
}


@pytest.mark.parametrize(("_source", "code", "state"), ON_NODE.values(), ids=ON_NODE)
def test_a_node_that_breaks_it_is_told(_source: str, code: str, state: dict[str, Any]) -> None:
    assert code in on_core(state)
    assert on_core({"links": links(*FINE)}) == set()


def on_core(state: dict[str, Any]) -> set[str]:
    """The codes that are told of the core in this state."""
    text = cluster(CORE, more=NAMED)
    read_in, problems = read_cluster(Source("cluster.yaml", text))
    assert read_in is not None
    assert not problems
    nodes = [identity_of(read_in, node) for node in read_in.nodes]
    saved = from_dict(json.loads(json.dumps(state)))
    return {one.code for one in check(nodes, saved, "core").found}


def test_an_address_may_be_a_second_one_of_its_interface() -> None:
    """Secondaries are looked at, too (X12)."""
    assert on_core({"links": links("10.0.0.7/24", "10.0.0.1/24")}) == set()


def test_the_statements_exist() -> None:
    """Each source is a row of the shipped list."""
    listed = (folder("rules") / "als" / "SOURCES.md").read_text(encoding="utf-8")
    named = {one for each in CHECKS.values() for one in each.source.split()}
    named |= {one for source, _, _ in ON_NODE.values() for one in source.split()}
    assert [one for one in sorted(named) if f"| {one} |" not in listed] == []
    assert "policy: als/" in shipped("twenty")
