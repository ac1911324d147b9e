"""Findings between sockets and rules, at their edges."""

from __future__ import annotations

import json

import pytest

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.node.listening import listening_findings
from netpolicy.packet.addresses import Family
from netpolicy.policy.citation import Citation, of_manifest, of_policy
from netpolicy.policy.identity import identity_of
from netpolicy.policy.sockets import ListeningSocket, as_dict, from_dict
from netpolicy.targets.iptables.admitted_ports import admitted_ports, sources_text
from tests.compiling import compiled, rulesets

CLUSTER = """\
policy: ./policy.netpol
networks: {admins: 198.51.100.0/24}
nodes:
  web: {roles: [web], interfaces: {eth0: [10.0.0.1], eth1: [203.0.113.1, "2001:db8::1"]}}
  db: {roles: [db], address: 10.0.0.2}
"""
HEAD = "role web, db\nnetwork admins\n"
TCP, UDP = 6, 17


def at(text: str, protocol: int = TCP) -> ListeningSocket:
    """`10.0.0.1 80`, `* 80` of IPv4, `:: 80` of both families, `::only 80` of IPv6."""
    address, port = text.split()
    name = {TCP: "tcp", UDP: "udp"}[protocol]
    tree = {"protocol": name, "port": int(port), "process": "prog", "pid": 7, "v6only": address == "::only"}
    address = {"*": "0.0.0.0", "::only": "::"}.get(address, address)
    return from_dict({**tree, "address": address, "family": 6 if ":" in address else 4})


def found(policy: str, *sockets: ListeningSocket, inline: bool = False, node: str = "web") -> list[Diagnostic]:
    pipeline = compiled({"cluster.yaml": CLUSTER, "policy.netpol": HEAD + policy}, inline=inline)
    assert pipeline.policy is not None
    (one,) = [each for each in pipeline.policy.cluster.nodes if each.name == node]
    identity = identity_of(pipeline.policy.cluster, one)
    return listening_findings(rulesets(pipeline)[node], of_policy(pipeline.policy), sockets, identity)


WEB = "allow world -> web : tcp 443\n"
CASES = [
    (WEB, ["* 443"], []),
    (WEB, [":: 443"], []),
    (WEB, ["* 443", "::only 443"], []),
    (WEB, ["10.0.0.1 443", "203.0.113.1 443"], []),
    (WEB, [":: 443", "* 80"], ["NP730"]),
    (WEB, [":: 443", ":: 80", "* 80"], ["NP730"]),  # once a port
    (WEB, [":: 443", "127.0.0.1 80", "127.0.0.53 81", "::1 80", "::ffff:127.0.0.1 82"], []),
    (WEB, [], ["NP731"]),
    (WEB, ["127.0.0.1 443"], ["NP732"]),
    (WEB, ["127.0.0.1 443", "10.0.0.1 443"], []),
    ("allow world -> web@eth1 : tcp 443\n", ["* 443"], ["NP732"]),
    ("allow world -> web@eth1 : tcp 443\n", ["203.0.113.1 443"], []),
    ("allow world -> web@eth1 : tcp 443\n", ["10.0.0.1 443"], ["NP732"]),
    ("allow world -> web@eth1 : tcp 443\n", ["10.0.0.1 443", "203.0.113.1 443"], ["NP732"]),
    ("allow admins -> web : tcp 22\n", [":: 22"], []),  # IPv6 is closed as a whole, and that is meant
    ("allow admins -> web : tcp 22\n", ["::only 22"], ["NP732"]),
    ('allow admins -> web : tcp 22\ndeny admins -> web : tcp 22 because "x"\n', ["* 22"], ["NP730"]),
    ("allow admins -> db : tcp 22\n", ["* 22"], ["NP730"]),
    ("allow web -> web : tcp 22\n", ["127.0.0.1 22"], []),  # nobody else may come
    ("allow world -> web@10.0.0.100 : tcp 80\n", ["* 80"], []),  # a virtual address
    ("allow world -> web@10.0.0.100 : tcp 80\n", ["10.0.0.100 80"], []),
    ("allow world -> web : tcp 41000-61000\n", [], ["NP731"]),
    ("allow world -> web : tcp 41000-61000\n", ["* 50000"], []),
    ("allow world -> web : tcp 41000-61000\n", ["* 50000", "127.0.0.1 50001"], []),
    ("allow world -> web : tcp 8000-8003\n", ["* 8001"], ["NP731"]),
    ("allow admins -> web : any\n", [], []),  # it opens a node, and no service
    ("forwarded service app = tcp 8080\nallow world -> web : app\n", [], []),
    ("forwarded service app = tcp 8080\nallow world -> web : app\n", ["* 8080"], []),
]


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize(("policy", "sockets", "codes"), CASES)
def test_what_is_found(policy: str, sockets: list[str], codes: list[str], inline: bool) -> None:
    assert [one.code for one in found(policy, *map(at, sockets), inline=inline)] == codes


@pytest.mark.parametrize(
    ("socket", "codes"),
    [("* 68", []), ("* 546", []), ("* 53", ["NP730"]), ("* 32767", ["NP730"]), ("* 32768", []), ("* 60999", [])],
)
def test_clients_are_no_services(socket: str, codes: list[str]) -> None:
    """DHCP's client, and UDP on a port of outgoing connections."""
    assert [one.code for one in found(WEB, at("* 443"), at(socket, UDP))] == codes


def test_a_finding_names_program_port_and_what_to_do() -> None:
    (one,) = found(WEB, at("* 443"), at("* 9100"))
    assert one.severity is Severity.WARNING
    assert one.message == "nothing admits `tcp 9100`, on which `prog` (pid 7) listens"
    assert one.notes == ("it listens at 0.0.0.0:9100",)
    assert one.hint == "allow it in the policy, let it listen on loopback only, or stop it"


def test_a_silent_port_names_statement_and_sources() -> None:
    (one,) = found("allow admins, db -> web : tcp 22, tcp 41000-61000\n", at("* 22"))
    assert one.severity is Severity.NOTICE
    assert one.message.startswith("nothing listens on `tcp 41000-61000`, which `admins, db -> web : ")
    assert one.span is not None and one.span.place == "policy.netpol:3:1"
    (note,) = one.notes
    assert note.startswith("admitted over IPv4 from np4-admins_db-")
    assert note.endswith(" (10.0.0.2, 198.51.100.0/24)")


def test_a_wrong_place_names_the_right_one() -> None:
    policy = "allow db -> web@eth1 : tcp 443\n"
    (one,) = found(policy, at("* 443"))
    assert one.message == "`prog` (pid 7) listens on `tcp 443` at `10.0.0.1` too, where nothing admits it"
    assert one.hint == "let it listen at `203.0.113.1` only"
    (one,) = found(policy, at("127.0.0.1 443"))
    assert one.message == (
        "`tcp 443` is admitted by `db -> web@eth1 : tcp 443`, and `prog` (pid 7) listens on loopback only"
    )
    (one,) = found(policy, at("10.0.0.1 443"))
    assert one.message == "`prog` (pid 7) listens on `tcp 443` where no statement admits it"


def test_a_wrong_place_shows_every_statement_that_admits_the_port() -> None:
    policy = "allow db -> web@eth1 : tcp 443\nallow admins -> web@eth1 : tcp 443\nallow admins -> web : tcp 22\n"
    for place in ("* 443", "127.0.0.1 443", "10.0.0.1 443"):
        (one,) = [each for each in found(policy, at(place), at("* 22")) if each.code == "NP732"]
        assert sorted(label.span.place for label in one.labels) == ["policy.netpol:3:1", "policy.netpol:4:1"]


def test_ports_are_told_by_number() -> None:
    text = "".join(f"allow world -> web : tcp {port}\n" for port in (7845, 80, 9022, 443))
    pipeline = compiled({"cluster.yaml": CLUSTER, "policy.netpol": HEAD + text})
    assert pipeline.policy is not None
    identity = identity_of(pipeline.policy.cluster, pipeline.policy.cluster.nodes[0])
    told = listening_findings(rulesets(pipeline)["web"], {}, [], identity)  # none with a place
    assert [one.message.split("`")[1] for one in told] == ["tcp 80", "tcp 443", "tcp 7845", "tcp 9022"]


def test_a_statement_of_a_manifest_is_cited_by_its_place() -> None:
    pipeline = compiled({"cluster.yaml": CLUSTER, "policy.netpol": HEAD + WEB})
    assert pipeline.policy is not None
    (statement,) = pipeline.policy.statements
    row = {"id": statement.id, "file": "p.netpol", "line": 3, "column": 1}
    citations = of_manifest([{**row, "who": "world", "whom": "web", "what": "tcp 443"}])
    assert citations == {statement.id: Citation("world -> web : tcp 443", "p.netpol:3:1")}
    identity = identity_of(pipeline.policy.cluster, pipeline.policy.cluster.nodes[0])
    (one,) = listening_findings(rulesets(pipeline)["web"], citations, [], identity)
    assert "`world -> web : tcp 443` stands at p.netpol:3:1" in one.notes
    (one,) = listening_findings(rulesets(pipeline)["web"], {}, [], identity)
    assert f"statement {statement.id}" in one.message


def test_sources_are_named_by_the_set_that_has_exactly_them() -> None:
    pipeline = compiled({"cluster.yaml": CLUSTER, "policy.netpol": HEAD + "allow admins -> web : tcp 22\n" + WEB})
    ruleset = rulesets(pipeline)["web"]
    texts = {one.ports: sources_text(ruleset, Family.V4, one.sources) for one in admitted_ports(ruleset, Family.V4)}
    assert texts[((443, 443),)] == "anywhere"
    assert texts[((22, 22),)].startswith("np4-admins-")
    assert texts[((22, 22),)].endswith(" (198.51.100.0/24)")
    assert sources_text(ruleset, Family.V4, ((1, 1),)) == "0.0.0.1"
    assert sources_text(ruleset, Family.V4, tuple((one, one) for one in range(1, 20, 2))).endswith(" and 6 more")


def test_a_socket_is_the_same_after_json() -> None:
    for one in (
        ListeningSocket(6, Family.V6, None, 22, v6only=True, uid=3, inode=4, process="sshd", pid=5),
        ListeningSocket(17, Family.V4, 0x7F000001, 53, interface="lo"),
    ):
        assert from_dict(json.loads(json.dumps(as_dict(one)))) == one


@pytest.mark.parametrize(
    "wrong", [{"family": 6}, {"family": 5}, {"protocol": "icmp"}, {"port": 0}, {"port": 65536}, {"address": "x"}]
)
def test_what_is_no_socket_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises((ValueError, LookupError)):
        from_dict({"protocol": "tcp", "family": 4, "address": "10.0.0.1", "port": 1, **wrong})


def test_a_socket_answers_in_the_families_that_it_takes() -> None:
    whole = {family: ((0, family.last),) for family in Family}
    assert {family: at(":: 1").answers(family) for family in Family} == whole
    assert at("::only 1").answers(Family.V4) == ()
    assert at("* 1").answers(Family.V6) == ()
    mapped = at("::ffff:10.0.0.1 1")
    assert (mapped.answers(Family.V4), mapped.answers(Family.V6)) == (((0x0A000001, 0x0A000001),), ())
    assert at("::1 1").place == "[::1]:1"
