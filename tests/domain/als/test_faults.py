"""Every fault of the Cluster Setup page (F1 to F22) is answered: by a statement, a finding, or a note."""

import re
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from netpolicy.data import folder
from netpolicy.diagnostic import Diagnostic
from netpolicy.pipeline import Pipeline
from netpolicy.policy.load import Place, Unreadable
from netpolicy.policy.model import Policy
from netpolicy.source import Source
from tests.domain.als.scenes import LARGE, SCENES, pipeline, shipped

ALS = folder("rules") / "als"
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(ALS.iterdir())}
CORE = "core: {roles: [primary, controller, router], labels: [public], address: 10.0.0.1}"


def found(cluster: str) -> list[Diagnostic]:
    """All findings of a cluster that follows a shipped policy."""

    def read(place: Place) -> Source | Unreadable:
        path = (folder("rules") if place.shipped else Path()) / place.path
        return Source(place.path, path.read_text(encoding="utf-8") if place.shipped else cluster)

    return Pipeline("cluster.yaml", read, date(2026, 6, 1)).diagnostics


def told(cluster: str) -> list[str]:
    """The findings as `severity CODE message (hint)`, notices aside."""
    severe = [one for one in found(cluster) if one.severity.value != "notice"]
    return [f"{one.severity.value} {one.code} {one.message} ({one.hint})" for one in severe]


def cluster(*nodes: str, layer: str = "extended", params: str = "", networks: str = "", more: str = "") -> str:
    lines = [f"policy: als/{layer}.netpol", f"params: {{{params}}}", f"networks: {{{networks}}}", more, "nodes:"]
    return "\n".join([*lines, *(f"  {node}" for node in nodes)]) + "\n"


def policy_of(scene: str) -> Policy:
    policy = pipeline(scene).policy
    assert policy is not None
    return policy


def says(scene: str, text: str, *sources: str) -> bool:
    """True when a statement of the scene reads so and cites all of these."""
    return any(one.text == text and set(sources) <= set(one.attributes.sources) for one in policy_of(scene).statements)


def tags(scene: str, text: str) -> tuple[str, ...]:
    (only,) = {one.attributes.tags for one in policy_of(scene).statements if one.text == text}
    return only


def param(scene: str, name: str) -> str:
    return dict(policy_of(scene).params)[name]


def declares(file: str, pattern: str) -> bool:
    """True when a line of a policy reads so."""
    return bool(re.search(rf"^{pattern}", TEXTS[file], re.MULTILINE))


def notes(file: str, fault: str) -> bool:
    """True when a comment or a description of the file names the fault."""
    spoken = re.findall(r"#[^\n]*|\"[^\"\n]*\"", TEXTS[file])
    return any(re.search(rf"\b{fault}\b", one) for one in spoken)


@cache
def warned_of_seed() -> list[str]:
    return told(shipped("twenty"))


SECOND = "controller2: {roles: [controller], address: 10.0.0.2}"
LB = "lb: {roles: [load_balancer], labels: [public], address: 10.0.0.9}"
HARBOR = "harbor: {roles: [harbor], labels: [public], address: 10.0.0.8}"
OTHER_RANGE = "harbor_ports: 41000-61000"
BALANCED = cluster(CORE.replace("labels: [public], ", ""), LB, params="helion_ssh: true")

ANSWERS: dict[str, Callable[[], bool]] = {
    "F1": lambda: notes("seed.netpol", "F1") and says("twenty", "all -> controller : nats", "S46"),
    "F2": lambda: notes("seed.netpol", "F2"),
    "F3": lambda: notes("roles.netpol", "F3") and declares("roles.netpol", "service web = tcp 80, 443"),
    "F4": lambda: (
        param("twenty", "mbus_only") == "off"
        and param("twenty, extended", "mbus_only") == "on"
        and says("twenty, extended", "all -> primary : nats", "S52")
        and not says("twenty, extended", "all -> controller : nats")
    ),
    "F5": lambda: (
        notes("seed.netpol", "F5")
        and says("twenty, extended", "controller, dea -> postgresql : tcp 5432", "S48")
        and not says("twenty, extended", "all -> postgresql : tcp 5432")
    ),
    "F6": lambda: (
        any("als/seed.netpol alone stops applications" in one for one in warned_of_seed())
        and told(SCENES["twenty, extended"].text) == []
        and says("micro with its services", "world -> all : tcp+udp 111, tcp 443, 3306, 5432, 5678, 8181, 9001", "X1")
    ),
    "F7": lambda: (
        param("twenty", "harbor_ports") == "35000-40000"
        and told(cluster(CORE, HARBOR)) == []
        and any("(F7)" in one for one in told(cluster(CORE, HARBOR, params=OTHER_RANGE)))
        and told(cluster(CORE, params=OTHER_RANGE)) == []
    ),
    "F8": lambda: param("twenty", "log_ports") == "7845" and param("twenty, extended", "log_ports") == "7000-7999",
    "F9": lambda: notes("roles.netpol", "F9") and "mongodb" in SCENES["twenty"].text,
    "F10": lambda: any(
        one.startswith("error NP304 not every `primary` is `controller & router`: core")
        for one in told(shipped("twenty").replace("[primary, controller, router]", "[primary, controller]"))
    ),
    "F11": lambda: (
        notes("open-inside.netpol", "F11") and says("five-open-inside", "all -> all : everything", "S41", "X9")
    ),
    "F12": lambda: (
        not says("three", "admins -> public : ssh")
        and says("five", "admins -> public : ssh", "S55")
        and says("five-helion-ssh", "world -> controller & public : ssh", "S56")
    ),
    "F13": lambda: (
        any("helion ssh enters at a public controller" in one for one in told(BALANCED))
        and says("twenty-external-lb", "external_lb, load_balancer -> router : ssh", "X8")
    ),
    "F14": lambda: says("hosted-micro", "world -> all : ssh, web", "S39") and notes("border.netpol", "F14"),
    "F15": lambda: tags("twenty, extended", "router -> dea : apps") == ("single_source",),
    "F16": lambda: (
        tags("twenty", "all -> controller : internal_redis") == ("disputed",)
        and says("twenty, extended", "dea -> redis : tcp $redis_ports", "X1")
    ),
    "F17": lambda: (
        declares("roles.netpol", 'alias "MySQL nodes" += mysql')
        and told(cluster(CORE, "a: {roles: [Harbor], labels: [public], address: 10.0.0.8}")) == []
        and any(
            "unknown role `memcache`" in one for one in told(cluster(CORE, "a: {roles: [Memcache], address: 10.0.0.8}"))
        )
    ),
    "F18": lambda: (
        declares("roles.netpol", "role load_balancer")
        and any(
            "not every `load_balancer` stands alone" in one for one in told(cluster(CORE, LB.replace("r]", "r, dea]")))
        )
    ),
    "F19": lambda: any("`eth0` is no address" in one for one in told(cluster(CORE, more="mbus: eth0"))),
    "F20": lambda: (
        notes("border.netpol", "F20")
        and any("the cluster has no `nas`" in one for one in told(cluster(CORE, SECOND)))
        and says("twenty", "controller -> nas : tcp 2049", "S62")
    ),
    "F21": lambda: "nothing follows for rules" in TEXTS["SOURCES.md"],
    "F22": lambda: (
        notes("seed.netpol", "F22")
        and says("twenty-dual-stack", "all -> all : icmp echo-request", "X12")
        and says("five-closed-egress", "all -> resolvers : tcp+udp 53")
    ),
}


@pytest.mark.parametrize("fault", [f"F{number}" for number in range(1, 23)])
def test_a_fault_is_answered(fault: str) -> None:
    assert ANSWERS[fault]()


# What the policies say of a cluster that is not as the documents want it.

WRONG: dict[str, tuple[str, str]] = {
    "no node holds the core": (
        cluster("a: {roles: [dea], address: 10.0.0.1}"),
        "error NP304 the cluster has 0 `primary`, not 1",
    ),
    "two primaries": (
        cluster(CORE, CORE.replace("core", "b").replace("0.1", "0.2"), networks="nas: [10.0.1.1]"),
        "error NP304 the cluster has 2 `primary`, not 1",
    ),
    "the MBUS address is another node's": (
        cluster(CORE, LB, more="mbus: 10.0.0.9"),
        "error NP304 not every `primary` is `mbus`: core",
    ),
    "the node of the MBUS address is not the core": (
        cluster(CORE, LB, more="mbus: 10.0.0.9"),
        "error NP304 not every `mbus` is `primary`: lb",
    ),
    "a load balancer without a public address": (
        cluster(CORE, LB.replace("labels: [public], ", "")),
        "error NP304 not every `load_balancer` is `public`: lb",
    ),
    "an external Harbor without a public address": (
        cluster(CORE, HARBOR.replace("labels: [public], ", ""), params="harbor_external: true"),
        "error NP304 not every `harbor` is `public`: harbor",
    ),
    "several public routers and no load balancer": (
        cluster(CORE, "r: {roles: [router], labels: [public], address: 10.0.0.2}"),
        "error NP304 the cluster has no `external_lb, load_balancer`",
    ),
    "several controllers and no shared storage": (cluster(CORE, SECOND), "error NP304 the cluster has no `nas`"),
    "a second controller with another role": (
        cluster(CORE, SECOND.replace("r]", "r, dea]"), networks="nas: [10.0.1.1]"),
        "warning NP305 not every `controller except primary` stands alone: controller2",
    ),
    "mdns in a cluster": (
        cluster(CORE.replace("router]", "router, mdns]")),
        "warning NP305 the cluster has `mdns`: core",
    ),
    "a micro cloud of two nodes": (
        cluster(CORE, "dea: {roles: [dea], address: 10.0.0.2}", params="setting: micro"),
        "error NP304 the cluster has 2 `all`, not 1: core, dea",
    ),
    "the seed layer alone": (
        cluster(CORE, "dea: {roles: [dea], address: 10.0.0.2}", layer="seed"),
        "warning NP305 the cluster has `dea, memcached, rabbit, redis`: dea",
    ),
    "a node beside the subnet of the core": (
        cluster(CORE, "dea: {roles: [dea], address: 10.0.1.2}", networks="cluster_subnet: [10.0.0.0/24]"),
        "warning NP305 not every `all` is `cluster_subnet`: dea",
    ),
    "a router that the load balancer was not told of": (
        cluster(
            CORE,
            LB,
            "r[1-2]: {roles: [router], address: '10.0.0.[2-3]'}",
            more="load_balancer_routers: [10.0.0.1, 10.0.0.2]",
        ),
        "error NP304 not every `router except primary` is `load_balancer_routers`: r2",
    ),
    "a core's router that the load balancer was not told of": (
        cluster(CORE, LB, "r: {roles: [router], address: 10.0.0.2}", more="load_balancer_routers: [10.0.0.2]"),
        "warning NP305 not every `router` is `load_balancer_routers`: core",
    ),
    "no router where the load balancer was told of one": (
        cluster(CORE, LB, more="load_balancer_routers: [10.0.0.1, 10.0.0.9]"),
        "error NP304 not every `load_balancer_routers` is `router`: lb",
    ),
    "Harbor on the range of the page": (
        cluster(CORE, HARBOR, params=OTHER_RANGE),
        "warning NP305 the cluster has `harbor`: harbor",
    ),
    "an external database that is nowhere": (
        cluster(CORE, params="external_database: true"),
        "warning NP305 the cluster has no `database`",
    ),
    "TLS is handed on by nobody": (
        cluster(CORE, params="tls_pass_through: true"),
        "warning NP305 the cluster has no `external_lb, load_balancer`",
    ),
    "users' ssh through no load balancer": (
        cluster(CORE, params="helion_ssh_through_lb: true"),
        "warning NP305 the cluster has no `external_lb, load_balancer`",
    ),
    "enforced egress without DNS": (
        cluster(CORE, layer="closed-egress"),
        "warning NP305 the cluster has no `resolvers`",
    ),
    "a public data service": (
        cluster(
            CORE, "db: {roles: [mysql], labels: [public], address: 10.0.0.2}", networks="admins: [198.51.100.0/24]"
        ),
        "error NP301 this `never` is broken: 198.51.100.0 -> db",
    ),
}


@pytest.mark.parametrize(("text", "wanted"), WRONG.values(), ids=WRONG)
def test_a_wrong_cluster_is_told(text: str, wanted: str) -> None:
    assert any(one.startswith(wanted) for one in told(text)), told(text)


def test_the_page_may_set_its_own_load_balancer_up_by_hand() -> None:
    """Its example names two routers and leaves the core's out (S76): a warning, no error."""
    text = shipped("twenty").replace("params:", "load_balancer_routers: [10.5.31.140, 10.5.31.145]\nparams:")
    assert [one[:13] for one in told(text)] == ["warning NP305", "warning NP305"]


# The shipped clusters and policies as a whole.

CLUSTERS = sorted(
    path.stem
    for path in (folder("rules") / "clusters").glob("*.yaml")
    if "policy: als/" in path.read_text(encoding="utf-8")
)
HYGIENE = {"NP502", "NP503", "NP504"}  # roles without a port, ranges in others or where the kernel picks ports
TRUE = {  # what the page really wants open: users' ssh, a micro cloud's mail, all between nodes
    "five-helion-ssh": ["NP402"],
    "five-open-inside": ["NP409"],
    "hosted-micro": ["NP402"],
    "micro": ["NP402", "NP406"],
}
ON_SEED = {"three", "five", "twenty"}


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_shipped_cluster_is_right(name: str) -> None:
    """Only those on the seed layer are warned, and of that alone; each says which statements of the page it shows."""
    text = shipped(name)
    assert re.match(r"# [^\n]*\bS\d+\b|# [^\n]*\n# [^\n]*\bS\d+\b", text)
    exposed = [one for one in found(text) if one.code.startswith("NP4")]
    assert [one.code for one in exposed] == TRUE.get(name, [])
    others = [one for one in found(text) if one not in exposed]
    assert sum(one.severity.value != "notice" for one in others) == (name in ON_SEED)
    assert {one.code for one in others if one.severity.value == "notice"} <= HYGIENE


def test_every_shipped_cluster_is_compared_with_the_table() -> None:
    assert set(CLUSTERS) <= set(SCENES)
    assert LARGE


CITED = re.compile(r"\b[SXF]\d+\b")


@pytest.mark.parametrize("name", [name for name in TEXTS if name.endswith(".netpol")])
def test_every_number_is_explained(name: str) -> None:
    """`SOURCES.md` has a row for each statement, document and fault that a policy or a cluster names."""
    explained = set(re.findall(r"^\| ([SXF]\d+) \|", TEXTS["SOURCES.md"], re.MULTILINE))
    assert explained >= {f"S{number}" for number in range(1, 78)} | {f"F{number}" for number in range(1, 23)}
    assert set(CITED.findall(TEXTS[name])) - explained == set()


def test_every_allow_says_why_and_who_says_so() -> None:
    """What cites nothing is tagged as ours."""
    for scene in SCENES:
        for one in policy_of(scene).statements:
            assert one.attributes.because, one.text
            assert one.attributes.sources or "unverified" in one.attributes.tags, one.text


def test_the_table_and_the_policies_cite_alike() -> None:
    """Sources and tags of every row are those of a statement of its line."""
    cited = {
        (frozenset(one.attributes.sources), one.attributes.tags)
        for scene in SCENES
        for one in policy_of(scene).statements
    }
    for scene in SCENES.values():
        for row in scene.active:
            assert (frozenset(row.cite.split()), tuple(row.tag.split())) in cited, row
