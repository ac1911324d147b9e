"""What the shipped policies refuse: openings that their documents forbid, and clusters that cannot work."""

from __future__ import annotations

from datetime import date
from ipaddress import ip_address

import pytest

from netpolicy.data import folder
from netpolicy.diagnostic import Severity
from netpolicy.packet.family import Family
from netpolicy.packet.packets import Packet
from netpolicy.pipeline import Pipeline
from netpolicy.policy.load import Place
from netpolicy.source import Source
from netpolicy.targets.iptables.decide import Verdict, decide
from tests.compiling import compiled, rulesets

SMALL = (folder("rules") / "clusters" / "cloud-foundry-small.yaml").read_text(encoding="utf-8")
WINDOWS = """\
  server: {roles: [server], address: 10.10.10.51}
  win: {roles: [agent], labels: [windows], address: 10.10.10.101}
"""


def rke2(*, params: str = "{}", networks: str = "{admins: 198.51.100.7}", nodes: str = "") -> str:
    """A cluster of three servers and two agents, or of these nodes, that follows a policy beside it."""
    usual = '  server[1-3]: {roles: [server], address: "10.10.10.[51-53]"}\n'
    usual += '  agent[1-2]: {roles: [agent], address: "10.10.10.[101-102]"}\n'
    head = f"cluster: c\npolicy: ./p.netpol\nparams: {params}\nnetworks: {networks}\nnodes:\n"
    return head + (nodes or usual)


def found(cluster: str, policy: str) -> list[str]:
    """Code and message of all that is wrong, notices aside, and what is told of exposure as well."""

    def read(place: Place) -> Source:
        texts = {"c.yaml": cluster, "p.netpol": policy}
        if place.shipped:
            return Source(place.path, (folder("rules") / place.path).read_text(encoding="utf-8"))
        return Source(place.path, texts[place.path])

    diagnostics = Pipeline("c.yaml", read, date(2026, 6, 1)).diagnostics
    return [
        f"{one.code} {one.message}"
        for one in diagnostics
        if one.severity is not Severity.NOTICE and not one.code.startswith("NP4")
    ]


def of_rke2(added: str = "", **changed: str) -> list[str]:
    return found(rke2(**changed), f'include "rke2/rke2.netpol"\n{added}\n')


def of_cloud_foundry(added: str = "", cluster: str = SMALL) -> list[str]:
    own = cluster.replace("policy: cloud-foundry/cloud-foundry.netpol", "policy: ./p.netpol")
    return found(own, f'include "cloud-foundry/cloud-foundry.netpol"\n{added}\n')


# RKE2


@pytest.mark.parametrize("cni", ["canal", "cilium", "calico", "flannel"])
def test_the_vxlan_port_cannot_be_opened_to_the_world(cni: str) -> None:
    params = f"{{cni: {cni}}}"
    assert of_rke2(params=params) == []
    for port in (8472, 4789):
        told = of_rke2(f"allow world -> nodes : udp {port}", params=params)
        assert len(told) == 1 and told[0].startswith("NP301") and f"udp {port} would pass" in told[0], told


@pytest.mark.parametrize(("cni", "right"), [("canal", True), ("cilium", True), ("calico", False), ("flannel", False)])
def test_wireguard_without_a_row_is_told(cni: str, right: bool) -> None:
    """Where the page has no WireGuard rows the param would open nothing, in silence."""
    told = of_rke2(params=f"{{cni: {cni}, wireguard: true}}")
    assert (told == []) is right
    assert all(one.startswith("NP305") for one in told)


@pytest.mark.parametrize("who", ["agent", "outside"])
def test_etcd_cannot_be_opened_to_others_than_servers(who: str) -> None:
    (told,) = of_rke2(f"allow {who} -> server : tcp 2379")
    assert told.startswith("NP301") and "tcp 2379 would pass" in told


@pytest.mark.parametrize(
    ("denied", "lost"),
    [
        ("agent -> server : tcp 9345", "tcp 9345 would be blocked"),
        ("node agent2 <-> all : any", "would be blocked"),
        ("server -> server : tcp 2380", "tcp 2380 would be blocked"),
    ],
)
def test_a_main_flow_cannot_be_denied(denied: str, lost: str) -> None:
    told = of_rke2(f"deny {denied}")
    assert told and all(one.startswith("NP303") and lost in one for one in told)


@pytest.mark.parametrize(("servers", "advised"), [(1, 0), (2, 1), (3, 0), (4, 1), (5, 0), (6, 1), (8, 1)])
def test_an_even_number_of_servers_is_advised_against(servers: int, advised: int) -> None:
    nodes = f'  server[1-{servers}]: {{roles: [server], address: "10.10.10.[1-{servers}]"}}\n'
    told = of_rke2(nodes=nodes)
    assert [one[:5] for one in told] == ["NP305"] * advised, told


@pytest.mark.parametrize(
    "nodes",
    [
        '  agent[1-2]: {roles: [agent], address: "10.10.10.[101-102]"}\n',
        "  both: {roles: [server, agent], address: 10.10.10.51}\n",
        "  server: {roles: [server], address: 10.10.10.51}\n  lb: {roles: [], address: 10.10.10.98}\n",
        WINDOWS,
    ],
    ids=["no server", "both roles", "a node that is neither", "Windows with Canal"],
)
def test_a_cluster_that_cannot_work_is_refused(nodes: str) -> None:
    assert "NP304" in {one[:5] for one in of_rke2(nodes=nodes)}


def test_windows_nodes_go_with_calico() -> None:
    assert of_rke2(nodes=WINDOWS, params="{cni: calico}") == []


def test_a_virtual_address_in_front_of_the_servers() -> None:
    """As the comment of the policy shows it."""
    assert of_rke2("allow nodes -> server@192.0.2.9 : supervisor, kubernetes_api") == []


def test_hubble_is_for_cilium() -> None:
    asked = "expect nodes -> nodes : tcp 4244"
    assert of_rke2(asked, params="{cni: cilium, hubble: true}") == []
    for params in ("{cni: cilium}", "{hubble: true}"):
        (told,) = of_rke2(asked, params=params)
        assert told.startswith("NP303")


# Cloud Foundry


def test_the_ports_of_applications_must_be_given() -> None:
    (missing,) = of_cloud_foundry(cluster=SMALL.replace("params:\n  app_ports: 61001-65534\n", ""))
    assert missing == "NP125 param `app_ports` needs a value"


@pytest.mark.parametrize("whom", ["mysql", "nfs_server", "diego_database", "credhub", "router"])
def test_nothing_but_the_load_balancer_comes_in(whom: str) -> None:
    assert of_cloud_foundry() == []
    told = of_cloud_foundry(f"allow world -> {whom} : tcp 3306")
    assert told and {one[:5] for one in told} == {"NP301"}
    told = of_cloud_foundry(f"allow load_balancer -> {whom} : tcp 3306")
    assert {one[:5] for one in told} == ({"NP301"} if whom != "router" else set())


def test_cf_ssh_comes_by_the_load_balancer_even_where_components_share_a_node() -> None:
    params = "  app_ports: 61001-65534\n"
    assert of_cloud_foundry("allow load_balancer -> diego_brain : tcp 2222") != []
    assert of_cloud_foundry(cluster=SMALL.replace(params, f"{params}  cf_ssh: true\n")) == []


def test_a_cell_that_is_shut_off_breaks_promises() -> None:
    told = of_cloud_foundry('deny node compute2 <-> all : any because "under investigation"')
    assert told and {one[:5] for one in told} == {"NP303"}


def test_the_overlay_of_containers_is_between_cells() -> None:
    asked = "expect diego_cell -> diego_cell : udp 4789\nnever all except diego_cell -> all : udp 4789\n"
    assert of_cloud_foundry(asked, SMALL.replace("networks:\n", "networks:\n  containers: [10.255.0.0/16]\n")) == []
    (told,) = of_cloud_foundry(asked)
    assert told.startswith("NP303")


def test_containers_ask_the_dns_server_of_their_cell_alone() -> None:
    text = SMALL.replace("networks:\n", "networks:\n  containers: [10.255.0.0/16]\n")
    loaded = rulesets(compiled({"cluster.yaml": text}))
    container, dns = int(ip_address("10.255.7.2")), int(ip_address("169.254.0.2"))

    def verdict(node: str, destination: int, port: int) -> Verdict:
        packet = Packet(Family.V4, container, destination, 17, port, 40000, in_interface="s-010255007002")
        return decide(loaded[node], packet).verdict

    assert verdict("compute1", dns, 53) is Verdict.ALLOW
    assert verdict("compute1", dns, 54) is Verdict.DROP
    assert verdict("compute1", int(ip_address("10.1.4.51")), 53) is Verdict.DROP
    assert verdict("router", dns, 53) is Verdict.DROP
