"""Promises: what is told about one that is broken, and silence about one that holds."""

from datetime import date

import pytest

from netpolicy.diagnostic import Diagnostic
from netpolicy.pipeline import Pipeline
from netpolicy.source import Source

NODES = {
    "web1": "{roles: [web], interfaces: {eth0: [10.0.0.1, '2001:db8::1'], eth1: [203.0.113.1]}}",
    "web2": "{roles: [web], interfaces: {eth0: [10.0.0.2, '2001:db8::2']}}",
    "db": "{roles: [db, store], interfaces: {eth0: [10.0.0.9, '2001:db8::9']}}",
    "old": "{roles: [old], interfaces: {eth0: [10.0.0.20]}}",
}
CLUSTER = "cluster: c\npolicy: ./p.netpol\nnetworks: {admins: [198.51.100.0/24]}\nnodes:\n"
DECLARED = "role web, db, store, old, spare\nnetwork admins\nforwarded service apps = tcp 41000-41009\n"


def found(policy: str, *nodes: str) -> list[Diagnostic]:
    """What is wrong with the promises of a policy, its first line being line 4."""
    chosen = "".join(f"  {name}: {NODES[name]}\n" for name in nodes or NODES)
    texts = {"c.yaml": CLUSTER + chosen, "p.netpol": DECLARED + policy}
    pipeline = Pipeline("c.yaml", lambda place: Source(place.path, texts[place.path]), date(2026, 6, 1))
    assert pipeline.policy is not None, pipeline.diagnostics
    return pipeline.promises


def told(policy: str, *nodes: str) -> list[str]:
    """Code, message and hint of each, and below it the text and the line of every label."""
    lines = []
    for one in found(policy, *nodes):
        lines.append(f"{one.severity.value} {one.code} {one.message}; {one.hint}")
        lines += [f"{label.span.line}: {label.text or label.span.text}" for label in one.labels]
    return lines


NARROW = "narrow the allow, add a `deny`, or give up the promise"
NEVER, EXPECT = "error NP301 this `never` is broken:", "error NP303 this `expect` is broken:"
WIDEN = "no statement allows it: add an `allow`"


# never


def test_a_broken_never_names_a_packet_and_every_allow_that_lets_it_pass() -> None:
    policy = "never web -> db : tcp 1-1024\nallow all -> db : tcp 22\nallow web -> all : tcp 20-30\n"
    policy += "allow old -> db : tcp 22\n"
    assert told(policy) == [
        f"{NEVER} web1 (10.0.0.1) -> db (10.0.0.9) : tcp 20 would pass; {NARROW}",
        "4: never web -> db : tcp 1-1024",
        "6: this allow does it",
    ]
    assert told(policy.replace("20-30", "22")) == [
        f"{NEVER} web1 (10.0.0.1) -> db (10.0.0.9) : tcp 22 would pass; {NARROW}",
        "4: never web -> db : tcp 1-1024",
        "5: this allow does it",
        "6: this allow does it",
    ]


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("udp 53", "udp 53"),
        ("sctp 3868", "sctp 3868"),
        ("icmpv4 8/0", "icmp 8/0"),
        ("icmpv4 3", "icmp 3/0"),
        ("esp", "esp"),
        ("proto 89", "proto 89"),
        ("any", "proto 0"),
    ],
)
def test_the_packet_is_written_as_people_write_it(what: str, named: str) -> None:
    message, *_ = told(f"allow web -> db : {what}\nnever web -> db : any\n")
    assert message == f"{NEVER} web1 (10.0.0.1) -> db (10.0.0.9) : {named} would pass; {NARROW}"


def test_the_other_family_is_looked_at_too() -> None:
    message, *_ = told("allow web -> db : icmpv6 128\nnever web -> db : any\n")
    assert message == f"{NEVER} web1 (2001:db8::1) -> db (2001:db8::9) : icmpv6 128/0 would pass; {NARROW}"


def test_a_never_that_holds_is_not_told() -> None:
    assert told("allow web -> db : tcp 3306\nnever old -> db : any\nnever web -> db : tcp 1-3305, udp any\n") == []
    assert told("allow all -> db : tcp 22\ndeny old -> all : any\nnever old -> db : any\n") == []


def test_a_node_may_reach_itself() -> None:
    assert told("allow store -> db : tcp 22\nnever store -> db : tcp 22\n") == []
    assert told("allow web@eth1 -> web@eth1 : any\nnever web -> web : any\n") == []
    assert told("allow web -> web : tcp 22\nnever web -> web : tcp 22\n", "web1", "db") == []
    message, *_ = told("allow web -> web : tcp 22\nnever web -> web : tcp 22\n")
    assert message.startswith(f"{NEVER} web2 (10.0.0.2) -> web1 (10.0.0.1) : tcp 22 would pass")


def test_strangers_count() -> None:
    message, _, label = told("allow world -> web@eth1 : tcp 443\nnever outside -> web : tcp 400-500\n")
    assert message == f"{NEVER} 0.0.0.0 -> web1 (203.0.113.1) : tcp 443 would pass; {NARROW}"
    assert label == "4: this allow does it"


def test_open_egress_lets_everything_out() -> None:
    promise = "never db -> outside : tcp 25\n"
    message, label = told(promise)
    assert message == (
        f"{NEVER} db (10.0.0.9) -> 0.0.0.0 : tcp 25 would pass, since egress is open; write `option egress = enforced`"
    )
    assert label == "4: never db -> outside : tcp 25"
    assert told("option egress = enforced\n" + promise) == []
    assert told("option egress = enforced\nallow db -> admins : tcp 25\n" + promise) == [
        f"{NEVER} db (10.0.0.9) -> 198.51.100.0 : tcp 25 would pass; {NARROW}",
        "6: never db -> outside : tcp 25",
        "5: this allow does it",
    ]


def test_who_may_send_anywhere_is_told_where_egress_is_enforced() -> None:
    policy = "option egress = enforced\nallow db -> all, outside : tcp 25\n"
    message, *_ = told(policy + "never db -> outside : tcp 25\n")
    assert message == f"{NEVER} db (10.0.0.9) -> 0.0.0.0 : tcp 25 would pass; {NARROW}"
    assert told(policy + "expect db -> outside : tcp 25\nexpect db -> all, outside : tcp 25\n") == []


def test_a_virtual_address_is_no_address_of_a_node() -> None:
    assert told("allow all -> web : tcp 80\nnever all -> web@10.0.0.100 : tcp 80\n") == []
    opened = "allow old -> web@10.0.0.100 : tcp 80\n"
    message, *_ = told(opened + "never all -> web@10.0.0.100 : tcp 1-100\n")
    assert message == f"{NEVER} old (10.0.0.20) -> 10.0.0.100 : tcp 80 would pass; {NARROW}"
    assert told(opened + "never all -> db@10.0.0.100 : tcp 80\nnever web -> web@10.0.0.100 : tcp 80\n") == []
    assert told(opened + "never outside -> 10.0.0.96/28 : tcp 80\n") == []


def test_a_network_with_a_virtual_address_in_it_is_not_closed() -> None:
    opened = "allow outside -> web@10.0.0.100 : tcp 80\n"
    message, *_ = told(opened + "never outside -> 10.0.0.96/28 : tcp 80\n")
    assert message == f"{NEVER} 0.0.0.0 -> 10.0.0.100 : tcp 80 would pass; {NARROW}"


def test_a_published_port_passes_for_a_virtual_address_too() -> None:
    policy = "allow outside -> web : apps\nnever outside -> web@10.0.0.100 : tcp 41000\n"
    message, _, label = told(policy)
    assert message == f"{NEVER} 0.0.0.0 -> 10.0.0.100 : tcp 41000 would pass; {NARROW}"
    assert label == "4: this allow does it"
    assert told(policy.replace("-> web :", "-> web@eth1 :")) == []
    assert told(policy + 'deny outside -> web@10.0.0.100 : apps because "so"\n') == []


# expect


def test_a_broken_expect_names_a_packet_that_nothing_allows() -> None:
    assert told("allow web -> db : tcp 3306-3310\nexpect web -> db : tcp 3300-3306\n") == [
        f"{EXPECT} web1 (10.0.0.1) -> db (10.0.0.9) : tcp 3300 would be blocked; {WIDEN}",
        "5: expect web -> db : tcp 3300-3306",
    ]


def test_a_deny_that_breaks_an_expect_is_blamed() -> None:
    policy = "allow web -> db : tcp 3306\nexpect web -> db : tcp 3306\ndeny node web2 -> db : tcp 3000-4000\n"
    hint = "narrow the deny, or give up the promise"
    assert told(policy + "deny all -> old : any\n") == [
        f"{EXPECT} web2 (10.0.0.2) -> db (10.0.0.9) : tcp 3306 would be blocked; {hint}",
        "5: expect web -> db : tcp 3306",
        "6: this deny does it",
    ]


def test_an_expect_is_about_every_pair_of_one_family() -> None:
    assert told("allow web -> db : tcp 3306\nexpect web -> db : tcp 3306\n") == []
    for missing, source, destination in (
        ("allow web -> 10.0.0.9 : tcp 3306", "web1 (2001:db8::1)", "db (2001:db8::9)"),
        ("allow web -> 2001:db8::9 : tcp 3306", "web1 (10.0.0.1)", "db (10.0.0.9)"),
        ("allow web@eth0 -> db : tcp 3306", "web1 (203.0.113.1)", "db (10.0.0.9)"),
        ("allow web except node web2 -> db : tcp 3306", "web2 (10.0.0.2)", "db (10.0.0.9)"),
    ):
        message, *_ = told(f"{missing}\nexpect web -> db : tcp 3306\n")
        assert message == f"{EXPECT} {source} -> {destination} : tcp 3306 would be blocked; {WIDEN}"
    assert told("allow web -> old : tcp 22\nexpect web -> old : tcp 22\n") == []  # old has no address of IPv6


def test_an_expect_asks_no_node_to_reach_itself() -> None:
    assert told("expect store -> db : tcp 22\n") == []
    assert told("expect web -> web : tcp 22\n", "web1", "db") == []
    assert told("expect web -> web : tcp 22\n")[0].startswith(f"{EXPECT} web2 (10.0.0.2) -> web1 (10.0.0.1) : tcp 22")


def test_an_expect_about_a_virtual_address() -> None:
    assert told("allow all -> web@10.0.0.100 : tcp 80\nexpect all -> web@10.0.0.100 : tcp 80\n") == []
    message, *_ = told("allow old -> web@10.0.0.100 : tcp 80\nexpect all -> web@10.0.0.100 : tcp 80\n")
    assert message == f"{EXPECT} web2 (10.0.0.2) -> 10.0.0.100 : tcp 80 would be blocked; {WIDEN}"
    for option in ("", "option egress = enforced\n"):  # nobody but itself receives it
        assert told(option + "expect web -> web@10.0.0.100 : tcp 80\n", "web1", "db") == []


def test_an_expect_needs_the_sender_to_send() -> None:
    assert told("expect db -> admins : tcp 25\n") == []  # egress is open
    message, *_ = told("option egress = enforced\nexpect db -> admins : tcp 25\n")
    assert message == f"{EXPECT} db (10.0.0.9) -> 198.51.100.0 : tcp 25 would be blocked; {WIDEN}"
    assert told("option egress = enforced\nallow db -> admins : tcp 25\nexpect db -> admins : tcp 25\n") == []


# require and advise


@pytest.mark.parametrize(
    ("demand", "wrong"),
    [
        ("exactly 2 web", ""),
        ("exactly 1 web", "the cluster has 2 `web`, not 1: web1, web2; change the roles of the cluster's nodes"),
        ("exactly 1 spare", "the cluster has 0 `spare`, not 1; change the roles of the cluster's nodes"),
        ("at least 2 web", ""),
        ("at least 3 web", "the cluster has 2 `web`, fewer than 3: web1, web2; add a node with this role"),
        ("no spare", ""),
        ("no web & (node web1, db)", "the cluster has `(db, node web1) & web`: web1; take the role from these nodes"),
        ("exists web", ""),
        ("exists spare", "the cluster has no `spare`; give a node the role, or the network an address"),
        ("db with store", ""),
        ("web with db, store", "not every `web` is `db, store`: web1, web2; give these nodes the missing roles"),
        ("web alone", ""),
        ("db alone", "not every `db` stands alone: db; give these nodes no other role"),
        ("spare alone", ""),
    ],
)
def test_demands(demand: str, wrong: str) -> None:
    for word, code in (("require", "error NP304"), ("advise", "warning NP305")):
        assert told(f"{word} {demand}\n") == ([f"{code} {wrong}", f"4: {word} {demand}"] if wrong else [])


def test_a_demand_gives_its_own_reason() -> None:
    said = told('require db alone because "it is slow" source "S73", "S74"\n')[0]
    assert said == "error NP304 not every `db` stands alone: db; because it is slow (source S73, S74)"


def test_many_nodes_are_not_all_named() -> None:
    more = {f"n{number}": f"{{roles: [old], address: 10.0.1.{number}}}" for number in range(1, 8)}
    texts = {"c.yaml": CLUSTER + "".join(f"  {name}: {more[name]}\n" for name in more), "p.netpol": DECLARED}
    texts["p.netpol"] += "require no old\n"
    pipeline = Pipeline("c.yaml", lambda place: Source(place.path, texts[place.path]), date(2026, 6, 1))
    (only,) = pipeline.promises
    assert only.message == "the cluster has `old`: n1, n2, n3, n4, n5 and 2 more"
