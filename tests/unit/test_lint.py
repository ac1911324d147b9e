"""Lint rules at their edges: what each finds, where, and what it leaves alone."""

import pytest

from netpolicy.diagnostic import Diagnostic
from netpolicy.lint.overlapping_ranges import overlaps
from netpolicy.pipeline import Pipeline
from netpolicy.policy.load import Place
from netpolicy.source import Source
from tests.errors.diagnose import CLUSTER, DAY, POLICY, linted

HEAD = f"policy: ./{POLICY}\n"
NODES = """\
nodes:
  core: {roles: [primary], labels: [public], interfaces: {eth0: [10.0.0.1], eth1: [203.0.113.1]}}
  dea[1-2]: {roles: [dea], address: "10.0.0.[11-12]"}
  data: {roles: [mysql, redis], address: [10.0.0.21, "2001:db8::21"]}
"""
DECLARED = "role primary, dea, mysql, redis\nlabel public\n"


def found(code: str, policy: str = "", cluster: str = "", nodes: str = NODES) -> list[Diagnostic]:
    """The findings of one code in a sound policy and cluster."""
    diagnostics = linted({CLUSTER: HEAD + cluster + nodes, POLICY: DECLARED + policy})
    wrong = {one.code for one in diagnostics if one.severity.value == "error"} - {code}
    assert not wrong, wrong
    return [one for one in diagnostics if one.code == code]


def places(code: str, policy: str = "", cluster: str = "", nodes: str = NODES) -> list[str]:
    """The blamed texts of each finding, the main one first."""
    return [" | ".join(label.span.text for label in one.labels) for one in found(code, policy, cluster, nodes)]


# The MBUS address.


@pytest.mark.parametrize(
    ("cluster", "blamed"),
    [
        ("mbus: 203.0.113.1\npublic_interface: eth1\n", ["203.0.113.1 | core"]),
        ("mbus: 10.0.0.1\npublic_interface: eth0\n", ["10.0.0.1 | core"]),
        ("mbus: 10.0.0.1\npublic_interface: eth1\n", []),
        ("mbus: 203.0.113.1\n", []),  # which interface is public is not said
        ("public_interface: eth1\n", []),
    ],
)
def test_a_public_mbus_address(cluster: str, blamed: list[str]) -> None:
    assert places("NP213", cluster=cluster) == blamed


def test_a_public_mbus_address_names_an_internal_one() -> None:
    (one,) = found("NP213", cluster="mbus: 203.0.113.1\npublic_interface: eth1\n")
    assert one.hint == "give an internal address, such as `10.0.0.1`"
    (one,) = found("NP213", cluster="mbus: 10.0.0.1\npublic_interface: eth0\n")
    assert one.hint == "give an internal address, such as `203.0.113.1`"  # the first on another interface
    (one,) = found("NP213", cluster="mbus: 10.0.0.11\npublic_interface: eth0\n")
    assert one.hint == "give an internal address"


def test_a_public_mbus_address_stops_a_compile() -> None:
    files = {CLUSTER: f"{HEAD}mbus: 10.0.0.1\npublic_interface: eth0\n{NODES}", POLICY: DECLARED}
    assert [one.code for one in linted(files) if one.severity.value == "error"] == ["NP213"]


@pytest.mark.parametrize(
    ("cluster", "blamed"),
    [
        ("mbus: 10.0.0.1\naddresses_are: leased\n", ["10.0.0.1 | core"]),
        ("mbus: 10.0.0.1\naddresses_are: persistent\n", []),
        ("mbus: 10.0.0.1\n", []),
        ("addresses_are: leased\n", []),
    ],
)
def test_a_leased_mbus_address(cluster: str, blamed: list[str]) -> None:
    assert places("NP214", cluster=cluster) == blamed


def test_other_nodes_may_have_leases() -> None:
    leased = NODES.replace("roles: [dea]", "roles: [dea], addresses_are: leased")
    assert places("NP214", cluster="mbus: 10.0.0.1\n", nodes=leased) == []


# Names and addresses of the cluster file.


@pytest.mark.parametrize(
    ("cluster", "blamed"),
    [
        ("hostname: a.example\napi_name: api.a.example\n", []),
        ("hostname: A.example\napi_name: API.a.example\n", []),
        ("hostname: a.example\napi_name: a.example\n", ["a.example"]),
        ("hostname: a.example\napi_name: api.b.example\n", ["api.b.example"]),
        ("hostname: a.example\n", []),
        ("api_name: other.example\n", []),
    ],
)
def test_an_api_name_that_does_not_fit(cluster: str, blamed: list[str]) -> None:
    assert places("NP215", cluster=cluster) == blamed


@pytest.mark.parametrize(
    ("routers", "blamed"),
    [
        ("[10.0.0.1, 10.0.0.12]", []),
        ("[10.0.0.9, 10.0.0.1, 10.0.0.13]", ["10.0.0.9", "10.0.0.13"]),
        ("10.0.0.9", ["10.0.0.9"]),
        ('["2001:db8::21"]', []),
        ('["2001:db8::22"]', ['"2001:db8::22"']),
    ],
)
def test_routers_that_no_node_holds(routers: str, blamed: list[str]) -> None:
    assert places("NP216", cluster=f"load_balancer_routers: {routers}\n") == blamed


# Roles to which nothing is opened.


@pytest.mark.parametrize(
    ("policy", "blamed"),
    [
        # the data service redis has no port of its own, though the table has a row `redis`
        ("allow all -> all : tcp 22\nallow dea -> mysql : tcp 3306\n", ["primary", "redis"]),
        ("allow dea -> mysql, redis : tcp 3306\n", ["primary"]),
        ("group data = mysql, redis\nallow dea -> data : tcp 3306\n", ["primary"]),
        ('alias "Redis" = redis\nallow dea -> mysql, "Redis" : tcp 3306\n', ["primary"]),
        ("group data = mysql, redis\nallow dea -> data except redis : tcp 3306\n", ["primary"]),
        ("allow dea -> all except redis : tcp 3306\n", ["mysql", "redis"]),  # core is opened, though not by a role
        ("allow dea -> mysql & public : tcp 3306\n", ["primary", "redis"]),
        ("deny redis -> dea : tcp 1\nallow dea -> mysql : tcp 1\n", ["primary"]),
        ("never outside -> redis : any\nallow dea -> mysql : tcp 1\n", ["primary", "redis"]),
        ("param p = off\nwhen p {\n allow dea -> redis : tcp 1\n}\nallow dea -> mysql : tcp 1\n", ["primary", "redis"]),
        ("allow dea -> mysql : tcp 1\nrequire primary with public\n", ["redis"]),
        ("allow dea -> mysql : tcp 1\nadvise primary with public\n", ["primary", "redis"]),
        ("allow dea -> mysql : tcp 1\nallow dea -> public : tcp 2\n", ["redis"]),
        ("allow dea -> mysql : tcp 1\nallow dea -> node data : tcp 2\n", ["primary"]),
        ("allow dea -> mysql : tcp 1\nallow all -> all : tcp 1-65535\n", []),
        ("allow dea -> mysql : tcp 1\nallow all -> all : any\n", []),
        ("allow all -> all : tcp 22\n", []),  # roles are nothing to this policy
        ("", []),
    ],
)
def test_roles_that_no_allow_names(policy: str, blamed: list[str]) -> None:
    assert places("NP502", policy) == blamed


def test_a_role_is_told_once_however_many_nodes_hold_it() -> None:
    nodes = NODES + "  extra[1-3]: {roles: [redis], address: '10.0.0.[31-33]'}\n"
    assert places("NP502", "allow dea, primary -> mysql : tcp 1\n", nodes=nodes) == ["redis"]


# Ranges.


@pytest.mark.parametrize(
    ("policy", "blamed"),
    [
        # the instances of redis swallow postgresql, on a node that has both
        (
            "allow dea -> redis : tcp 5000-15000\nallow dea -> mysql : tcp 5432\n",
            ["tcp 5000-15000 | tcp 5432"],
        ),
        # rabbit inside harbor
        (
            "service h = tcp+udp 35000-40000\nallow world -> redis : h\nallow dea -> mysql : tcp 35001-40000\n",
            ["tcp+udp 35000-40000 | tcp 35001-40000"],
        ),
        ("allow dea -> redis : tcp 5000-6000\nallow dea -> redis : udp 5432\n", []),
        ("allow dea -> redis : tcp 5000-6000\nallow primary -> dea : tcp 5432\n", []),  # other nodes
        ("allow dea -> redis : tcp 5000-6000\nallow primary -> redis : tcp 5432\n", []),  # from other sources
        ("allow dea -> redis : tcp 5000-6000\nallow dea -> mysql : tcp 5000-6000\n", []),  # equal
        ("allow dea -> redis : tcp 5000-6000\nallow dea -> mysql : tcp 6001-7000\n", []),
        ("allow dea -> redis : tcp 5000-6000\nallow dea -> mysql : tcp 6000-7000\n", ["tcp 5000-6000 | tcp 6000-7000"]),
        ("allow dea -> redis : any\nallow dea -> mysql : tcp 6000-7000\n", []),
        ("allow dea -> redis : tcp 1-65535\nallow dea -> mysql : tcp 6000-7000\n", []),
        ("allow dea -> redis : tcp 80, 443\nallow dea -> mysql : tcp 80\n", []),
        ("deny dea -> redis : tcp 5000-6000\nallow dea -> mysql : tcp 5432\n", []),
        ("forwarded service a = tcp 5000-6000\nallow dea -> redis : a\nallow dea -> mysql : tcp 5432\n", []),
        # a family in common is needed on both sides
        ("allow 198.51.100.1 -> redis : tcp 5-6\nallow 2001:db8::1 -> redis : tcp 5\n", []),
        (
            "allow 198.51.100.1, 2001:db8::9 -> dea : tcp 5-6\nallow 198.51.100.2, 2001:db8::9 -> dea : tcp 5\n",
            [],
        ),
        ("allow dea -> outside : tcp 5-6\nallow dea -> outside : tcp 5\n", []),  # on no node of ours
        ("param p = 5-6\nallow dea -> redis : tcp $p\nallow dea -> redis : tcp 5\n", ["tcp 5 | $p"]),
    ],
)
def test_ranges_that_overlap(policy: str, blamed: list[str]) -> None:
    assert places("NP503", policy) == blamed


def test_two_services_are_told_once() -> None:
    policy = (
        "service a = tcp 10-20, 30-40\nservice b = tcp 15-35\n"
        "allow dea -> mysql : a\nallow dea -> redis : a\nallow dea -> redis : b\nallow primary, dea -> mysql : b\n"
    )
    (one,) = found("NP503", policy)
    assert one.message == "`a` and `b` overlap, and the same nodes are open to both"
    assert [label.text for label in one.labels] == ["tcp 10-20", "tcp 15-35"]


def test_a_range_that_swallows_several_is_told_once() -> None:
    """The widest is blamed, three of the others are shown; two that overlap beside it are told on their own."""
    policy = (
        "allow dea -> redis : tcp 5000-9999, tcp 9000-9100, tcp 9050, tcp 6000, tcp 7000, tcp 8000\n"
        "allow dea -> redis : tcp 4000-5000\n"
    )
    first, second = found("NP503", policy)
    assert first.message == (
        "`tcp 5000-9999` overlaps `tcp 4000-5000`, `tcp 6000`, `tcp 7000` and 3 more, "
        "and the same nodes are open to them"
    )
    assert [label.text for label in first.labels] == ["tcp 5000-9999", "tcp 4000-5000", "tcp 6000", "tcp 7000"]
    assert second.message == "`tcp 9000-9100` and `tcp 9050` overlap, and the same nodes are open to both"


def test_a_range_that_overlaps_two() -> None:
    (one,) = found("NP503", "allow dea -> redis : tcp 10-20, tcp 20-30, tcp 30-40\n")
    assert one.message == "`tcp 20-30` overlaps `tcp 10-20` and `tcp 30-40`, and the same nodes are open to them"


def test_overlaps_are_found_across_longer_ranges() -> None:
    """A short range that ends early does not hide the long one that began before it."""
    opened = [("long", (6, 1, 100)), ("short", (6, 2, 3)), ("late", (6, 90, 95)), ("other", (17, 1, 100))]
    pairs = {frozenset((one[0], other[0])) for one, other in overlaps(opened)}
    assert pairs == {frozenset(("long", "short")), frozenset(("long", "late"))}


@pytest.mark.parametrize(
    ("policy", "blamed"),
    [
        ("allow dea -> redis : tcp 32000-32767\n", []),
        ("allow dea -> redis : tcp 32000-32768\n", ["tcp 32000-32768"]),
        ("allow dea -> redis : tcp 60999-61000\n", ["tcp 60999-61000"]),
        ("allow dea -> redis : tcp 61000-62000\n", []),
        ("allow dea -> redis : udp 51820\n", []),  # one port is no range
        ("allow dea -> redis : tcp 1-65535\n", []),
        ("allow dea -> outside : tcp 41000-61000\n", []),
        ("forwarded service a = tcp 41000-61000\nallow dea -> redis : a\n", []),
        ("service a = tcp+udp 41000-61000\nallow dea -> redis : a\nallow dea -> mysql : a\n", ["tcp+udp 41000-61000"]),
        ("role none\nallow none -> redis : tcp 41000-61000\n", []),
        ("never world -> redis : tcp 41000-61000\n", []),
    ],
)
def test_ranges_of_outgoing_connections(policy: str, blamed: list[str]) -> None:
    assert places("NP504", policy) == blamed


# What is declared and not used.


@pytest.mark.parametrize(
    ("policy", "blamed"),
    [
        ("role spare\n", ["spare"]),
        ("role spare\nallow spare -> dea : tcp 1\n", []),
        ("role spare\nnever spare -> dea : any\n", []),
        ("role spare\nadvise no spare\n", []),
        ("role spare\nadvise dea with spare\n", []),
        ("role spare\nparam p = off\nwhen p {\n allow spare -> dea : tcp 1\n}\n", []),
        ("role spare\nwhen not exists spare {\n require at least 1 dea\n}\n", []),
        ("role spare\nwhen count(spare) > 2 or exists dea {\n require at least 1 dea\n}\n", []),
        ("label quiet\n", ["quiet"]),
        ("network admins\n", ["admins"]),
        ("group g = dea\n", ["g"]),
        ("role spare\ngroup g = spare\nallow g -> dea : tcp 1\n", []),
        ('alias "Dea Nodes" = dea\n', ['"Dea Nodes"']),
        ('role spare\nalias "S" = spare\nallow "S" -> dea : tcp 1\n', []),
        ("service a = tcp 1\nservice b = a\n", ["b"]),
        ("param p = off\n", ["p"]),
        ("param p = off\nset p = on\n", ["p"]),
        ("param p = 1-2\nservice a = tcp $p\nallow dea -> dea : a\n", []),
        ("param p = a | b\nwhen p != a {\n require at least 1 dea\n}\n", []),
    ],
)
def test_what_is_not_used(policy: str, blamed: list[str]) -> None:
    assert places("NP505", policy) == blamed


def test_a_role_that_a_node_holds_is_used() -> None:
    assert places("NP505") == []  # of the roles above no statement names one


def test_shipped_policies_are_not_judged() -> None:
    """They declare what any cluster may need, and the user cannot change them."""
    texts = {
        CLUSTER: f"policy: ./{POLICY}\n{NODES}",
        POLICY: f'include "als/base.netpol"\nrole mine\n{DECLARED}',
        "als/base.netpol": "role theirs\nservice spare = tcp 1\n",
    }
    pipeline = Pipeline(CLUSTER, lambda place: Source(place.path, texts[place.path]), DAY)
    assert [one.span.text for one in pipeline.diagnostics if one.span is not None] == ["mine"]
    mine = Pipeline(CLUSTER, lambda place: Source(place.path, texts[place.path].replace('"als', '"./als')), DAY)
    assert [one.span.text for one in mine.diagnostics if one.span is not None] == ["theirs", "spare", "mine"]
    assert Place("als/base.netpol", shipped=True) != Place("als/base.netpol", shipped=False)


# Networks that open nodes.


@pytest.mark.parametrize(
    ("policy", "blamed"),
    [
        ("allow dea -> 10.0.0.0/24 : tcp 1\n", ["10.0.0.0/24"]),
        ("allow dea -> mysql, 10.0.0.8/29 : tcp 1\n", ["10.0.0.8/29"]),
        ("allow dea -> 10.0.0.21 : tcp 1\n", []),  # one address is plainly meant
        ("allow dea -> 192.0.2.0/24 : tcp 1\n", []),
        ("allow dea -> 10.0.0.0/24 except all : tcp 1\n", []),
        ("allow dea -> 10.0.0.0/24 & mysql : tcp 1\n", []),
        ("allow 10.0.0.0/24 -> dea : tcp 1\n", []),
        ("allow 10.0.0.0/24 <-> primary : tcp 1\n", ["10.0.0.0/24"]),
        ('deny dea -> 10.0.0.0/24 : tcp 1 because "x"\noption egress = enforced\n', []),
        ("allow dea -> mbus : tcp 1\n", []),  # it is a node's by definition
        ("network lan\nallow dea -> lan : tcp 1\n", ["lan"]),
        ('network lan\nalias "Our LAN" = lan\nallow dea -> "Our LAN" : tcp 1\n', ['"Our LAN"']),
        ("network far\nallow dea -> far : tcp 1\n", []),
    ],
)
def test_networks_that_open_nodes(policy: str, blamed: list[str]) -> None:
    declared = [name for name in ("lan", "far") if f"network {name}" in policy]
    given = {"lan": "[10.0.0.0/24]", "far": "[192.0.2.0/24]"}
    cluster = "mbus: 10.0.0.1\nnetworks: {" + ", ".join(f"{name}: {given[name]}" for name in declared) + "}\n"
    if not declared:
        cluster = "mbus: 10.0.0.1\n"
    assert places("NP506", policy, cluster) == blamed


def test_opened_nodes_are_counted() -> None:
    (one,) = found("NP506", "allow dea -> 10.0.0.0/24 : tcp 1\n")
    assert one.message == "`10.0.0.0/24` as whom opens 4 nodes, such as `core`"
    (one,) = found("NP506", "allow dea -> 10.0.0.16/28 : tcp 1\n")
    assert one.message == "`10.0.0.16/28` as whom opens node `data`"


# Repetitions.


@pytest.mark.parametrize(
    ("policy", "count"),
    [
        ("allow dea -> mysql : tcp 1\nallow dea -> mysql : tcp 1\n", 1),
        ('allow dea -> mysql : tcp 1\nallow DEA -> mysql : tcp 1 because "x"\nallow dea -> mysql : tcp 1\n', 2),
        ("service a = tcp 1-3\nallow dea -> mysql : a\nallow dea -> mysql : tcp 1-2, 3\n", 1),
        ("allow dea, redis -> mysql : tcp 1\nallow redis, dea -> mysql : tcp 1\n", 1),
        ("allow dea <-> mysql : tcp 1\nallow mysql <-> dea : tcp 1\n", 1),
        ("deny dea -> mysql : tcp 1\ndeny dea -> mysql : tcp 1\n", 1),
        ("allow dea -> mysql : tcp 1\nallow dea -> mysql : udp 1\n", 0),
        ("allow dea -> mysql : tcp 1\nallow dea -> mysql : tcp 1 log\n", 0),
        ("allow dea -> mysql : tcp 1\nallow mysql -> dea : tcp 1\n", 0),
        ("allow dea -> mysql : tcp 1\nexpect dea -> mysql : tcp 1\n", 0),
        ("allow dea <-> dea : tcp 1\n", 0),
        # only one of them is ever active
        (
            "param p = on\nwhen p {\nallow dea -> dea : tcp 1\n}\nwhen not p {\nallow dea -> dea : tcp 1\n}\n",
            0,
        ),
        ("param p = on\nwhen p {\nallow dea -> dea : tcp 1\n}\nallow dea -> dea : tcp 1\n", 1),
    ],
)
def test_repeated_statements(policy: str, count: int) -> None:
    assert len(found("NP507", policy)) == count


def test_the_first_of_repeated_statements_is_shown() -> None:
    (one,) = found("NP507", "allow dea -> mysql : tcp 1\nallow dea -> mysql : tcp 1 expires 2030-01-01\n")
    assert [(label.span.line, label.text) for label in one.labels] == [(4, ""), (3, "said here")]
