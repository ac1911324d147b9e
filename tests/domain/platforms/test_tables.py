"""The shipped policies of RKE2 and Cloud Foundry are their official tables, row by row: nothing less, nothing more.

The tables are kept beside this file. What is compared is what the emitted text admits, exactly and on every port.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from netpolicy.data import folder
from netpolicy.dsl.syntax import Verb
from netpolicy.packet.addresses import EVERYWHERE, FAMILIES, Family
from netpolicy.packet.flowset import EMPTY, FlowSet
from netpolicy.packet.packets import describe
from netpolicy.packet.ports import NO_PORT, PortSet, Protocol
from netpolicy.policy.cluster import Node
from netpolicy.policy.selectors import address_set
from netpolicy.verify.reachability import By, Row, rows
from tests.compiling import compiled, read_back
from tests.domain.platforms.cases import CASES, Case
from tests.domain.platforms.table import Line, cited, lines_of
from tests.regions import Context, fates

TABLES = ("rke2", "cloud-foundry")
CLUSTERS = ("rke2", "rke2-cilium", "cloud-foundry", "cloud-foundry-small")
PUBLISHED = {"inbound 7", "diego internal 5", "routing http 6", "routing mesh 4"}
"""The rows that end in containers."""
# What is always open: path MTU discovery, neighbours and routers, multicast listeners.
BASELINE = PortSet.union_all(
    [PortSet.icmp(Family.V4, 3, 4), *(PortSet.icmp(Family.V6, one, None) for one in (2, *range(130, 137), 143))]
)
each_case = pytest.mark.parametrize("case", CASES, ids=str)


def agree(wanted: FlowSet, found: FlowSet, where: str) -> None:
    """Both hold the same packets; else one that is missing and one that is too much are told."""
    missing, more = (wanted - found).witness(), (found - wanted).witness()
    assert (missing, more) == (None, None), (
        f"{where}: missing {missing and describe(missing)}, too much {more and describe(more)}"
    )


# What is admitted.


@each_case
def test_a_node_admits_what_the_table_says(case: Case) -> None:
    lines = [line for line in case.lines if not line.inside]
    baseline = FlowSet.box(EVERYWHERE, EVERYWHERE, BASELINE)
    for node, family, fate in answers(case, dnat=False):
        agree(case.meaning.received(lines, node, family), fate - baseline, f"{node.name}, IPv{family.value}")


@each_case
def test_a_node_sends_on_to_containers_what_the_table_says(case: Case) -> None:
    lines = [line for line in case.lines if line.row in PUBLISHED]
    for node, family, fate in answers(case, dnat=True):
        agree(case.meaning.received(lines, node, family), fate, f"{node.name}, IPv{family.value}, published")


def answers(case: Case, *, dnat: bool) -> Iterator[tuple[Node, Family, FlowSet]]:
    """What one node of each class lets pass of new packets, as its text says."""
    nodes = {node.name: node for node in case.cluster.nodes}
    for built, _ in case.pipeline.built():
        node = nodes[built.node_class.members[0]]
        card = node.interfaces[0].name
        context = Context(card, "cni0", dnat=True) if dnat else Context(card)
        # A packet for another node never comes here; one that is translated was sent to this node.
        here = address_set(node.addresses)
        asked = FlowSet.box(EVERYWHERE, here if dnat else ~(case.meaning.everybody - here), ~NO_PORT)
        ruleset = read_back(built)
        for family in FAMILIES:
            every = FlowSet(asked.v4, ()) if family is Family.V4 else FlowSet((), asked.v6)
            yield node, family, fates(ruleset, family, context, every).get("allow", EMPTY)


# What is shown.


@each_case
def test_the_matrix_is_the_table(case: Case) -> None:
    wanted: dict[tuple[str, str], PortSet] = {}
    for line in case.lines:
        for pair in pairs(case, line):
            wanted[pair] = wanted.get(pair, NO_PORT) | case.meaning.ports(line)
    found: dict[tuple[str, str], PortSet] = {}
    for row in rows(case.policy, case.pipeline.plans, By.ROLE):
        found[row.source, row.destination] = found.get((row.source, row.destination), NO_PORT) | keys(row)
    families = {family for node in case.cluster.nodes for family, _ in node.addresses}
    if Family.V6 not in families:
        wanted = {pair: PortSet(ports.v4, found.get(pair, NO_PORT).v6) for pair, ports in wanted.items()}
    assert found == wanted


def pairs(case: Case, line: Line) -> Iterator[tuple[str, str]]:
    """The rows of the matrix that a line leads to: no node reaches itself but over loopback."""
    sources, destinations = names(case, line.src), names(case, line.dst)
    if line.inside:
        # BOSH DNS runs on every node, on those too that the table does not list.
        sources = names(case, "any" if line.src == "any" else line.dst)
        yield from ((source, "self") for source in sources)
        return
    for source in sources:
        for destination in destinations:
            if source != destination or len(case.meaning.nodes(source)) > 1:
                yield source, destination


def names(case: Case, name: str) -> list[str]:
    """The roles that a name stands for, or the network itself."""
    if not case.meaning.nodes(name):
        return [name]
    if name in case.meaning.groups:
        return list(case.meaning.groups[name])
    everybody = {role.text for node in case.meaning.nodes(name) for role in node.roles}
    return sorted(everybody) if name in ("any", "nodes") else [name]


def keys(row: Row) -> PortSet:
    """What a row of the matrix speaks of; it shows the type of an ICMP message, whose code is 0 here."""
    assert row.first is not None and row.last is not None, row
    if row.protocol.startswith("icmp"):
        return PortSet.icmp(Family(int(row.protocol[-1])), row.first, 0)
    return PortSet.ports(Protocol[row.protocol.upper()], [(row.first, row.last)])


# What is cited.


@each_case
def test_every_row_leads_to_statements_that_say_it(case: Case) -> None:
    """Together the statements that cite a row open all of it, so no row can be dropped or thinned out."""
    for line in case.lines:
        statements = [one for one in case.statements() if line.row in cited(one.attributes.sources)]
        assert statements, line
        if line.inside:
            who = case.meaning.addresses(line.dst)
            inside = [one for one in statements if one.to_self and not case.meaning.ports(line) - one.ports]
            assert any(who & one.who.addresses == who for one in inside), line
            continue
        opened = [FlowSet.box(one.who.addresses, one.whom.addresses, one.ports) for one in statements]
        assert not case.meaning.packets(line) - FlowSet.union_all(opened), line


@each_case
def test_every_statement_says_what_its_rows_say(case: Case) -> None:
    """A statement opens nothing that the rows it cites do not, and it cites rows that there are."""
    lines = case.lines
    known = {line.row for line in lines_of(case.table)}
    for one in case.statements():
        own = set(cited(one.attributes.sources))
        assert own and own <= known, one.text
        if not one.to_self:
            said = FlowSet.union_all([case.meaning.packets(line) for line in lines if line.row in own])
            agree(EMPTY, FlowSet.box(one.who.addresses, one.whom.addresses, one.ports) - said, one.text)


@pytest.mark.parametrize("table", TABLES)
def test_the_tables_are_whole(table: str) -> None:
    """Rows are counted from one without a gap, and each line holds in some case."""
    lines = lines_of(table)
    counted: dict[str, list[int]] = {}
    for row in dict.fromkeys(line.row for line in lines if line.row != "bosh-dns note"):
        name, _, number = row.rpartition(" ")
        counted.setdefault(name, []).append(int(number))
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in counted.values()), counted
    assert not [line for line in lines if not any(line.holds(case.facts) for case in CASES if case.table == table)]


# What stands beside the tables.


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        (
            "rke2",
            {
                "admins -> nodes : tcp 22",
                "admins -> server : kubernetes_api",
                "fixed_registration -> server : kubernetes_api",
                "fixed_registration -> server : supervisor",
                "ingress_clients -> nodes : ingress",
                "pods -> nodes : kubelet",
                "pods -> server : kubernetes_api",
            },
        ),
        ("cloud-foundry", {"operators -> all : tcp 22"}),
    ],
)
def test_what_no_table_has_is_for_named_networks_alone(name: str, beside: set[str]) -> None:
    pipeline = compiled({"cluster.yaml": (folder("rules") / "clusters" / f"{name}.yaml").read_text(encoding="utf-8")})
    assert pipeline.policy is not None
    known = {line.row for line in lines_of(name)}
    found = [one for one in pipeline.policy.of(Verb.ALLOW) if not set(cited(one.attributes.sources)) & known]
    assert {one.text for one in found} == beside
    assert not [one.text for one in found if one.who.addresses & pipeline.policy.nodes]


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_shipped_cluster_has_no_finding(name: str) -> None:
    pipeline = compiled({"cluster.yaml": (folder("rules") / "clusters" / f"{name}.yaml").read_text(encoding="utf-8")})
    assert {one.code for one in pipeline.diagnostics} <= {"NP502", "NP503", "NP504"}
