"""The proof finds what is wrong in a text, says a packet of it, and blames the rule and the statements."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache

import pytest

from netpolicy.diagnostic import Diagnostic, render
from netpolicy.flow.model import NodeClass
from netpolicy.packet import diagram
from netpolicy.packet.family import FAMILIES
from netpolicy.pipeline import Built, CloudFile, Pipeline, targets
from netpolicy.proof import Proved, Prover
from netpolicy.source import Source
from netpolicy.targets.iptables.admitted import admitted
from netpolicy.targets.iptables.rules import Log, Mark
from netpolicy.verify.meaning import atoms, grids, meaning
from netpolicy.verify.prove import differences
from tests.compiling import compiled
from tests.properties.test_deletion import loaded, loss, pipeline_of, without

POLICY = """\
policy small "web servers before a database"
role    web, db
network admins
allow admins -> web : tcp 22
allow web    -> db  : tcp 3306, 3310-3319
deny  node web2 -> db : tcp 3312
"""
CLUSTER = """\
cluster: small
policy: ./policy.netpol
networks: {admins: [198.51.100.0/24]}
nodes:
  web[1-2]: {roles: [web], interfaces: {eth0: ["10.0.0.[1-2]", "2001:db8::[1-2]"]}}
  db[1-2]: {roles: [db], interfaces: {eth0: ["10.0.0.[8-9]", "2001:db8::[8-9]"]}}
"""


(TARGET,) = targets()


@cache
def small() -> Pipeline:
    return compiled({"cluster.yaml": CLUSTER, "policy.netpol": POLICY})


def of_node(name: str) -> Built:
    return next(built for built, _ in small().built() if name in built.node_class.members)


def proved(built: Built, change: Callable[[str, str], str], steps: int = 1_000_000) -> tuple[Proved, list[Diagnostic]]:
    """What is proved of the texts of a class after a change by name and text."""
    policy = small().policy
    assert policy is not None
    files = {name: Source(name, change(name, text)) for name, text in built.files.items()}
    return Prover(policy, steps).prove(built.node_class, TARGET, files)


def told(found: list[Diagnostic]) -> str:
    return "\n".join(render(one) for one in found)


def test_what_is_written_is_proved() -> None:
    done, found = proved(of_node("db1"), lambda _, text: text)
    assert (done.nodes, done.classes, told(found)) == (2, 1, "")
    assert done.rules == sum(text.count("\n-A ") for text in of_node("db1").files.values())


CHANGES: dict[str, tuple[str, str, str, set[str]]] = {
    "a port is widened": ("rules.v4", "3310:3319", "3310:3320", {"NP311"}),
    "a port is narrowed": ("rules.v6", "3310:3319", "3310:3318", {"NP312"}),
    "source and destination are swapped": ("rules.v4", r"(np4-web-\w+) src", r"\1 dst", {"NP312"}),
    "a match is lost": ("rules.v6", r"-m set --match-set np6-web-\w+ src ", "", {"NP311"}),
    "a refusal admits": (
        "rules.v4",
        r"(-A NP-IN-\w+) -m comment --comment np:default -j DROP",
        r"\1 -j RETURN",
        {"NP311"},
    ),
    "established is lost": ("rules.v4", r"-A NP-IN[^\n]*RELATED,ESTABLISHED[^\n]*\n", "", {"NP312"}),
    "all ICMPv6 is refused": ("rules.v6", r"--icmpv6-type 135", "--icmpv6-type 139", {"NP311", "NP312"}),
    "a chain is not entered": ("rules.v4", r"-A INPUT [^\n]*\n", "", {"NP311"}),
    "the original port of what nobody translated is let in": (
        "rules.v4",
        r"(?m)^(-A NP-IN-\w+ )(?=-i lo)",
        r"\1-m conntrack ! --ctstate DNAT -m conntrack --ctorigdstport 22 -j RETURN\n\1",
        {"NP311"},
    ),
    "a policy drops": ("rules.v4", r":OUTPUT ACCEPT", ":OUTPUT DROP", {"NP312"}),
    "a member is lost": ("sets.ipset", r"add np4-web-\w+ 10.0.0.2 -exist\n", "", {"NP312"}),
    "a member is added": ("sets.ipset", r"(add np4-web-\w+) (10.0.0.2 -exist\n)", r"\1 \2\1 10.0.0.77\n", {"NP311"}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found(name: str) -> None:
    file, pattern, instead, codes = CHANGES[name]

    def change(at: str, text: str) -> str:
        changed = re.sub(pattern, instead, text) if at == file else text
        assert at != file or changed != text, "the change must change something"
        return changed

    done, found = proved(of_node("db1"), change)
    assert {one.code for one in found} == codes, told(found)
    assert done == Proved()


def test_the_packet_the_rule_and_the_statement_are_told() -> None:
    _, found = proved(of_node("db1"), lambda _, text: text.replace("--dport 3312", "--dport 3313"))
    opened, closed = (next(one for one in found if one.code == code) for code in ("NP311", "NP312"))
    assert "tcp 10.0.0.2:40000 -> 10.0.0.8:3312" in opened.message.replace("tcp 10.0.0.2 ", "tcp 10.0.0.2:40000 ")
    assert [label.text for label in opened.labels] == ["this rule lets it pass", "this deny forbids it"]
    assert opened.labels[1].span.text.startswith("deny  node web2")
    assert "-> 10.0.0.8:3313" in closed.message
    assert [label.text for label in closed.labels] == ["this rule refuses it", "this allow asks for it"]
    assert "3313" in closed.labels[0].span.text
    assert closed.labels[1].span.text.startswith("allow web    -> db")


def test_a_text_that_cannot_be_read_is_not_proved() -> None:
    done, found = proved(of_node("db1"), lambda _, text: text.replace("COMMIT", ""))
    assert done == Proved()
    assert {one.code for one in found} == {"NP603"}


def test_a_proof_that_gives_up_says_so() -> None:
    diagram.forget()  # what is worked out already takes no step
    done, found = proved(of_node("db1"), lambda _, text: text, steps=3)
    assert done == Proved()
    assert [one.code for one in found] == ["NP316"]
    assert "gave up after 3 steps" in found[0].message


def test_a_node_that_the_policy_tells_apart_is_no_member() -> None:
    """web1 and web2 differ by the deny: rules of the one are not those of the other."""
    policy, built = small().policy, of_node("web1")
    assert policy is not None
    one = built.node_class
    joined = NodeClass(("web1", "web2"), one.roles, one.labels, one.interfaces, one.addresses_are, one.own)
    files = {name: Source(name, text) for name, text in built.files.items()}
    _, found = Prover(policy).prove(joined, TARGET, files)
    assert [(each.code, "`web2`" in each.message) for each in found] == [("NP313", True)]


def test_what_nobody_receives_is_not_opened() -> None:
    """`x@ADDRESS` of an empty x is no destination: neither rules nor groups let anything out to it."""
    policy = POLICY + "option egress = enforced\nrole cache\nallow web -> cache@224.0.0.251 : udp 5353\n"
    pipeline = compiled({"cluster.yaml": CLUSTER, "policy.netpol": policy})
    for built, _ in pipeline.built():
        assert told(pipeline.proved(built)[1]) == ""
        assert "5353" not in "".join(built.files.values())
    files, found = pipeline.security_groups()
    assert files, told(found)
    assert told(pipeline.proved_groups(files)[1]) == ""
    assert not any("224.0.0.251" in one.text for one in files)


def test_a_link_local_address_does_not_stop_a_compile() -> None:
    """DHCP of IPv6 answers from fe80::/10, so one node in there and one out of there are no class."""
    web = '  web[1-2]: {roles: [web], interfaces: {eth0: ["10.0.0.[1-2]", "2001:db8::[1-2]"]}}\n'
    apart = "".join(
        f'  web{at}: {{roles: [web], interfaces: {{eth0: ["10.0.0.{at}", "{address}"]}}}}\n'
        for at, address in ((1, "fe80::1"), (2, "2001:db8::2"))
    )
    assert web in CLUSTER
    policy = POLICY.replace("deny  node web2 -> db : tcp 3312\n", "")
    pipeline = compiled({"cluster.yaml": CLUSTER.replace(web, apart), "policy.netpol": policy})
    assert [told(pipeline.proved(built)[1]) for built, _ in pipeline.built()] == ["", "", ""]


def test_a_thousand_chains_one_behind_the_other_are_judged() -> None:
    def change(name: str, text: str) -> str:
        if name != "rules.v4":
            return text
        declared = "".join(f":C{at} - [0:0]\n" for at in range(1001))
        rules = "".join(f"-A C{at} -p tcp -j C{at + 1}\n" for at in range(1000))
        text = text.replace("*filter\n", f"*filter\n{declared}", 1)
        return text.replace("-A INPUT ", f"{rules}-A C1000 -s 192.0.2.7 -j ACCEPT\n-A INPUT -j C0\n-A INPUT ", 1)

    _, found = proved(of_node("db1"), change)
    assert [one.code for one in found] == ["NP311"], told(found)
    assert "192.0.2.7" in found[0].message


# Without any one rule.


@pytest.mark.parametrize("case", ["three", "everything"])
def test_a_lost_rule_is_found_exactly_when_it_decided_something(case: str) -> None:
    """`loss` is another reading, of sets that know one context at a time; what it proves idle, no proof may blame."""
    policy = pipeline_of(case).policy
    assert policy is not None
    known = atoms(policy)
    classes = {built.node_class.members[0]: built.node_class for built, _ in pipeline_of(case).built()}
    caught = 0
    for one in loaded(case):
        axes = grids(known, classes[one.node.name].own)
        hooks = meaning(policy, classes[one.node.name], axes)
        for family in FAMILIES:
            walks = one.walks(family)
            for chain in one.ruleset.table(family).chains:
                for at, rule in enumerate(chain.rules):
                    shorter = without(one.ruleset, family, (chain.name, at))
                    lost = (
                        None
                        if isinstance(rule.target, Log | Mark)
                        else loss(one.ruleset, shorter, walks, (chain.name, at))
                    )
                    wanted = lost is not None and lost.of_admission
                    found = list(differences(hooks, admitted(shorter, axes), axes))
                    assert bool(found) is wanted, f"{one.node.name}: {chain.name}: {rule}\n{found}"
                    caught += wanted
    assert caught > 50


# Clouds.


def test_groups_agree_whatever_the_names_of_a_class_are() -> None:
    """The first node of a class in the cluster file need not be the first by name."""
    for names in (("web1", "web2"), ("web2", "web1"), ("zoe", "amy")):
        nodes = "".join(f"  {name}: {{roles: [web], address: 10.0.0.{at}}}\n" for at, name in enumerate(names, 1))
        texts = {
            "cluster.yaml": f"cluster: small\npolicy: ./policy.netpol\nnodes:\n{nodes}",
            "policy.netpol": "role web\nallow all -> all : tcp 22\n",
        }
        pipeline = compiled(texts)
        files, found = pipeline.security_groups()
        kinds, wrong = pipeline.proved_groups(files)
        assert (kinds, told([*found, *wrong])) == (2, ""), names


def of_clouds(change: Callable[[str], str]) -> tuple[int, list[Diagnostic]]:
    files, _ = small().security_groups()
    return small().proved_groups([CloudFile(one.name, one.file, change(one.text)) for one in files])


def test_groups_admit_what_the_hosts_do() -> None:
    kinds, found = of_clouds(lambda text: text)
    assert (told(found), kinds > 4) == ("", True)


def test_groups_at_an_interface_of_nobody_are_told() -> None:
    """Whoever has that port would be a peer of the groups that it joins."""

    def change(text: str) -> str:
        return re.sub(r'"db2"', '"db2", "nosuch"', text)

    _, found = of_clouds(change)
    assert {(one.code, "`nosuch`" in one.message) for one in found} == {("NP317", True)}, told(found)


@pytest.mark.parametrize(
    ("pattern", "instead", "codes"),
    [
        (r'("port_range_max"|"ToPort"): 3319', r"\1: 3320", {"NP314"}),
        (r'("port_range_min"|"FromPort"): 3313', r"\1: 3314", {"NP315"}),
        (r"198\.51\.100\.0/24", "198.51.100.0/23", {"NP314"}),
    ],
)
def test_a_change_of_a_group_is_found(pattern: str, instead: str, codes: set[str]) -> None:
    def change(text: str) -> str:
        changed = re.sub(pattern, instead, text)
        assert json.loads(changed)
        return changed

    kinds, found = of_clouds(change)
    assert {one.code for one in found} == codes, told(found)
    assert {name for name in ("aws", "neutron") for one in found if f"the {name} groups" in one.message} == {
        "aws",
        "neutron",
    }
    assert kinds == 0


IN_HALF = """\
role dea
option egress = enforced
forwarded service apps = tcp 41000-41010
allow all -> dea : apps
deny  all <-> 2001:db8::/126 : any  because "one address of each"
"""
OF_TWO = """\
policy: ./policy.netpol
nodes:
  dea1: {roles: [dea], interfaces: {eth0: ["2001:db8::1"], eth1: ["2001:db8::10"]}}
  dea2: {roles: [dea], interfaces: {eth0: ["2001:db8::2"], eth1: ["2001:db8::20"]}}
"""


def test_rules_may_name_the_addresses_of_a_class_one_by_one() -> None:
    """A part of each node is written out in FORWARD: the policy tells the nodes not apart, and every node is proved."""
    pipeline = compiled({"cluster.yaml": OF_TWO, "policy.netpol": IN_HALF})
    ((built, _),) = pipeline.built()
    assert built.node_class.members == ("dea1", "dea2")
    assert "--ctorigdst 2001:db8::1/128" in built.files["rules.v6"]
    done, found = pipeline.proved(built)
    assert (done.nodes, told(found)) == (2, "")


@pytest.mark.parametrize(("lost", "node"), [("2001:db8::1/128", "dea1"), ("2001:db8::2/128", "dea2")])
def test_a_rule_for_one_node_of_a_class_is_missed_at_that_node(lost: str, node: str) -> None:
    pipeline = compiled({"cluster.yaml": OF_TWO, "policy.netpol": IN_HALF})
    ((built, _),) = pipeline.built()
    lines = built.files["rules.v6"].splitlines(keepends=True)
    kept = [line for line in lines if f"--ctorigdst {lost}" not in line]
    assert len(kept) < len(lines)
    policy = pipeline.policy
    assert policy is not None
    files = {name: Source(name, text) for name, text in (built.files | {"rules.v6": "".join(kept)}).items()}
    done, found = Prover(policy).prove(built.node_class, TARGET, files)
    assert done == Proved()
    assert {one.code for one in found} == {"NP311"}
    assert all(f"`{node}`" in one.message for one in found)
