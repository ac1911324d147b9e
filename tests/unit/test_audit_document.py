"""What the document of an audit says of a cluster, beside what the command line shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from netpolicy.packet.addresses import FAMILIES, NOWHERE, AddressSet
from netpolicy.report.audit.compiled import MOST_CLASSES
from netpolicy.report.audit.csvtext import safe
from netpolicy.report.audit.document import _proof, is_fine
from netpolicy.report.audit.exposed import addresses_text
from netpolicy.report.audit.model import AGREES, REFERENCE, Proof, Voice
from netpolicy.report.audit.sections import table
from netpolicy.report.gfm import escaped
from tests.audits import Tree, audit_of, keep_schema, report
from tests.unit.test_audit_risk import network

POLICY = """\
policy small "web servers before a database"
role    web, db
network admins, office "who works here"
allow admins, office -> web : tcp 22
allow web -> db  : tcp 3306
allow web <-> db : udp 5000-5001
allow all -> all : icmp echo-request
deny  office -> node web2 : tcp 22
never outside -> db : tcp 3306 because "nobody else"
"""
CLUSTER = """\
cluster: small
policy: ./policy.netpol
networks: {admins: [198.51.100.0/24], office: [10.9.0.0/16, "2001:db8:9::/48"]}
nodes:
  web[1-2]: {roles: [web], interfaces: {eth0: ["10.0.0.[1-2]", "2001:db8::[1-2]"]}}
  db: {roles: [db], address: 10.0.0.9}
"""


@pytest.fixture(scope="module")
def tree() -> Tree:
    return audit_of({"cluster.yaml": CLUSTER, "policy.netpol": POLICY})


def test_every_name_of_the_matrix_is_somebody(tree: Tree) -> None:
    known = {one["name"]: one for one in tree["roles"]}
    assert {name for cell in tree["matrix"] for name in (cell["source"], cell["destination"])} <= set(known)
    assert (known["office"]["kind"], known["office"]["description"]) == ("network", "who works here")
    assert known["office"]["addresses"] == ["10.9.0.0/16", "2001:db8:9::/48"]
    assert (known["web"]["kind"], known["web"]["nodes"], known["web"]["members"]) == ("role", 2, ["web1", "web2"])


def test_both_ways_are_one_rule(tree: Tree) -> None:
    (one,) = (one for one in tree["register"] if one["both_ways"])
    assert one["text"] == "db <-> web : udp 5000-5001" or one["text"] == "web <-> db : udp 5000-5001"
    chains = {(at["class"], at["family"]) for at in one["compiled"]}
    assert len({digest for digest, _ in chains}) == len(tree["rulesets"])
    assert {family for _, family in chains} == {"v4"}  # db has no address of IPv6


def test_a_deny_has_no_risk_and_a_place(tree: Tree) -> None:
    (one,) = (one for one in tree["register"] if one["verb"] == "deny")
    assert (one["risk"], one["score"], one["reasons"]) == ("none", 0, [])
    assert {at["family"] for at in one["compiled"]} == {"v4", "v6"}
    assert all(at["text"].endswith("DROP") for at in one["compiled"])


def test_the_greatest_risk_of_its_services_is_that_of_a_cell(tree: Tree) -> None:
    order = ("none", "low", "medium", "high")
    for cell in tree["matrix"]:
        assert cell["risk"] == max((one["risk"] for one in cell["services"]), key=order.index)


def test_counts_agree(tree: Tree) -> None:
    assert tree["proof"]["counts"]["nodes"] == tree["cluster"]["nodes"] == len(tree["list_of_nodes"]) == 3
    assert tree["proof"]["counts"]["classes"] == tree["cluster"]["classes"] == len(tree["rulesets"])
    assert tree["proof"]["counts"]["rules"] == sum(one["rules"] for one in tree["rulesets"])
    assert tree["cluster"]["families"] == ["v4", "v6"]


def test_the_tree_is_plain_values(tree: Tree) -> None:
    assert json.loads(json.dumps(tree)) == tree


def test_a_stranger_is_exposed_to_by_the_families_that_it_reaches(tree: Tree) -> None:
    told = {(one["source"], one["destination"], one["service"]): one["addresses"] for one in tree["exposed"]}
    assert told["office", "web", "tcp 22"] == "65,536 addresses: 10.9.0.0/16, IPv6 addresses: 2001:db8:9::/48"
    assert told["admins", "web", "tcp 22"] == "256 addresses: 198.51.100.0/24"
    nodes = {one["source"]: one["nodes"] for one in tree["exposed"]}
    assert nodes == {"admins": 2, "office": 1}  # web2 denies the office


def test_only_what_is_fine_is_fine(tree: Tree) -> None:
    assert is_fine(tree)
    assert not is_fine(tree | {"proof": tree["proof"] | {"result": "differs"}})
    assert not is_fine(tree | {"promises": [{"result": "broken"}]})
    assert not is_fine(tree | {"demands": [{"binding": True, "result": "does not hold"}]})
    assert is_fine(tree | {"demands": [{"binding": False, "result": "does not hold"}]})
    assert not is_fine(tree | {"hygiene": [{"severity": "error"}]})
    assert is_fine(tree | {"hygiene": [{"severity": "warning"}]})
    assert is_fine(tree | {"nodes": {"answered": 0, "as_they_must_be": 0}})
    assert not is_fine(tree | {"nodes": {"answered": 2, "as_they_must_be": 1}})


def test_nodes_that_nobody_reached_are_no_voice() -> None:
    tree = audit_of(
        {"cluster.yaml": CLUSTER, "policy.netpol": POLICY.replace("never world", "never outside")}, reports=()
    )
    (voice,) = (one for one in tree["proof"]["voices"] if one["name"] == "live nodes")
    assert voice["result"] == "not asked"
    assert "live nodes: 3 of 3 gave no report that counts" in tree["proof"]["not_checked"]


def test_a_stranger_keeps_the_schema() -> None:
    reports = (report("db", "d" * 64), report("mail", "d" * 64), report("web1", "d" * 64, cluster="other"))
    tree = audit_of({"cluster.yaml": CLUSTER, "policy.netpol": POLICY}, reports=reports)
    assert [one["node"] for one in tree["nodes"]["strangers"]] == ["mail", "web1"]


def test_of_very_many_classes_some_are_told() -> None:
    count = MOST_CLASSES + 6
    roles = ", ".join(f"r{number}" for number in range(count))
    nodes = "".join(f"  n{at}: {{roles: [r{at}], address: 10.0.0.{at + 1}}}\n" for at in range(count))
    opened = "".join(f"allow r{at} -> r{(at + 1) % count} : tcp {7000 + at}\n" for at in range(count))
    texts = {
        "cluster.yaml": f"cluster: many\npolicy: ./policy.netpol\nnodes:\n{nodes}",
        "policy.netpol": f"role {roles}\nallow all -> all : tcp 22\n{opened}",
    }
    (one,) = (one for one in audit_of(texts)["register"] if one["text"] == "all -> all : tcp 22")
    assert (len({at["class"] for at in one["compiled"]}), one["more_classes"]) == (MOST_CLASSES, 6)


@pytest.mark.parametrize(
    ("addresses", "text"),
    [
        (NOWHERE, ""),
        (network("0.0.0.0/0", "::/0"), "all of IPv4, all of IPv6"),
        (network("0.0.0.0/1"), "50 % of IPv4"),
        (network("192.0.2.7/32"), "1 address: 192.0.2.7/32"),
        (
            network(*(f"10.{at}.0.0/24" for at in range(0, 12, 2))),
            "1,536 addresses: 10.0.0.0/24, 10.2.0.0/24, 10.4.0.0/24, 10.6.0.0/24 and 2 more",
        ),
    ],
)
def test_how_much_of_the_world(addresses: AddressSet, text: str) -> None:
    assert addresses_text(addresses, FAMILIES, NOWHERE) == text


def test_all_but_the_nodes_is_all() -> None:
    nodes = network("10.0.0.0/30")
    assert addresses_text(network("0.0.0.0/0") - nodes, FAMILIES, nodes) == "all of IPv4"
    assert addresses_text(network("0.0.0.0/0") - nodes, FAMILIES, NOWHERE) == "99 % of IPv4"


def test_the_schema_refuses_what_is_wrong(tree: Tree) -> None:
    wrong: list[dict[str, Any]] = [{"generation": "x"}, {"more": 1}, {"kind": "build"}, {"proof": {}}]
    for one in wrong:
        with pytest.raises(AssertionError):
            keep_schema(tree | one)


def test_whom_a_deny_keeps_out_is_not_told_as_let_in() -> None:
    texts = {
        "cluster.yaml": "cluster: c\npolicy: ./policy.netpol\nnodes:\n  a:\n    roles: [web]\n    address: 10.0.0.1\n"
        "  b:\n    roles: [web]\n    address: 10.0.0.2\n    labels: [public]\n",
        "policy.netpol": "role web\nlabel public\nallow world -> web : tcp 443, udp 53\n"
        "allow 198.51.100.0/24 -> web : tcp 22\n"
        "deny 203.0.113.0/24 -> web : tcp 443\ndeny 192.0.2.0/24 -> public : any\n"
        "deny 198.51.100.0/25 -> web : tcp 22\n",
    }
    told = {(one["source"], one["service"]): one["addresses"] for one in audit_of(texts)["exposed"]}
    assert told == {
        ("world", "tcp 443"): "all of IPv4 but 203.0.113.0/24",
        ("world", "udp 53"): "all of IPv4",
        ("198.51.100.0/24", "tcp 22"): "128 addresses: 198.51.100.128/25",
    }


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(1)", " =1", "\t=1", "\r1", "\n1", "\uff1d1", "\uff0b1", "\u3000=1"]
)
def test_no_spreadsheet_takes_a_text_for_a_formula(text: str) -> None:
    assert safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "web", "1=1", "allow -> x", " x"])
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("http://x.example", "http:\\//x.example"),
        ("www.x.example", "www\\.x.example"),
        ("&lt;b&gt;", "\\&lt;b\\&gt;"),
        ("# a ~~b~~ $c$", "\\# a \\~\\~b\\~\\~ \\$c\\$"),
        ("10.0.0.1/32 a/b.netpol:7", "10.0.0.1/32 a/b.netpol:7"),
        ("ask @ops, see #17", "ask @\N{WORD JOINER}ops, see \\#\N{WORD JOINER}17"),
    ],
)
def test_text_is_no_markdown(text: str, written: str) -> None:
    assert escaped(text) == written


def test_a_path_that_begins_as_code_does_is_no_code() -> None:
    (*_, row, _) = table(("path",), [("`a` | <b>",)], code=True)
    assert row == "| \\`a\\` \\| \\<b\\> |"


def test_who_was_left_out_was_not_proved() -> None:
    counts = {"nodes": 2, "classes": 1, "rules": 9, "interfaces": 0}
    voices = (Voice("policy", "what is meant", REFERENCE), Voice("iptables IPv4", "all of it", AGREES))
    result = [_proof(Proof(counts, voices, ()), None, nodes)["result"] for nodes in (2, 3)]
    assert result == ["proved", "differs"]
