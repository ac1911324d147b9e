"""Two readers that share nothing, and two writers, agree on random rules of every kind that can be emitted."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from netpolicy.node.legacy import LegacyTable, question
from netpolicy.node.legacy.wire import unpacked_table
from netpolicy.packet.addresses import Family
from netpolicy.source import Source
from netpolicy.targets.iptables.read import read
from netpolicy.targets.iptables.render import table_text
from netpolicy.targets.iptables.rules import Chain, Rule, Table
from tests.drawn_rules import SETS, tables
from tests.kernel.answering import Ask, answering
from tests.kernel.build import told
from tests.kernel.lab import Lab, Namespace

TOOL = {Family.V4: "iptables", Family.V6: "ip6tables"}
EMPTY = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
KINDS = {Family.V4: "inet", Family.V6: "inet6"}
BOTH = st.tuples(tables(Family.V4), tables(Family.V6))


def ready(lab: Lab) -> Namespace:
    """A namespace with the sets that random rules name."""
    space = lab.space("one")
    lines = [f"create {name} hash:ip family {KINDS[family]}\n" for family, names in SETS.items() for name in names]
    lab.restore(space, "ipset restore", "".join(lines))
    return space


def as_table(live: LegacyTable) -> Table:
    """The table of values; a rule that is unreadable is an AssertionError."""
    for chain in live.chains:
        for one in chain.rules:
            assert isinstance(one.rule, Rule), one.rule
    rules = {chain.name: tuple(one.rule for one in chain.rules if isinstance(one.rule, Rule)) for chain in live.chains}
    return Table(live.family, tuple(Chain(chain.name, rules[chain.name], chain.policy) for chain in live.chains))


def by_library(ask: Ask) -> Mapping[Family, Table]:
    answer = ask({"ask": "read", "families": [4, 6], "prefixes": ["NETPOLICY-", "NP-"]})
    assert "tables" in answer, answer
    return {family: as_table(unpacked_table(said)) for family, said in zip(Family, answer["tables"], strict=True)}


def saved(lab: Lab, space: Namespace) -> dict[Family, str]:
    """What the tools print, without the times in it."""
    texts = {family: lab.saved(space, f"{tool}-legacy-save") for family, tool in TOOL.items()}
    return {family: "".join(line for line in text.splitlines(True) if line[0] != "#") for family, text in texts.items()}


def by_text(texts: Mapping[Family, str], sets: str) -> Mapping[Family, Table]:
    files = {f"rules.v{family.value}": text for family, text in texts.items()} | {"sets.ipset": sets}
    ruleset, found = read({name: Source(name, text) for name, text in files.items()})
    assert ruleset is not None, told(found)
    return {family: ruleset.table(family) for family in Family}


def test_two_readers_agree_with_what_was_loaded(lab: Lab) -> None:
    space = ready(lab)
    sets = space.run("ipset", "save").stdout
    with answering(lab, space) as ask:

        @settings(max_examples=60)
        @given(BOTH)
        def agree(drawn: tuple[Table, Table]) -> None:
            for table in drawn:
                lab.restore(space, f"{TOOL[table.family]}-legacy-restore", table_text(table), "-w")
            wanted = {table.family: table for table in drawn}
            assert by_library(ask) == wanted
            assert by_text(saved(lab, space), sets) == wanted

        agree()


def own_part(table: Table) -> str:
    """The text that makes our chains of the table, beside what is there."""
    lines = [line for line in table_text(table).splitlines(True) if line.split()[0] not in BUILT_IN_LINES]
    return "".join(lines).replace("-A INPUT -j NETPOLICY-IN", "-I INPUT 1 -j NETPOLICY-IN")


BUILT_IN_LINES = (":INPUT", ":FORWARD", ":OUTPUT")


def test_two_writers_make_the_same_table(lab: Lab) -> None:
    space = ready(lab)
    with answering(lab, space) as ask:

        def empty() -> None:
            for tool in TOOL.values():
                lab.restore(space, f"{tool}-legacy-restore", EMPTY, "-w")

        @settings(max_examples=30)
        @given(BOTH)
        def agree(drawn: tuple[Table, Table]) -> None:
            empty()
            for table in drawn:
                lab.restore(space, f"{TOOL[table.family]}-legacy-restore", own_part(table), "-w", "--noflush")
            by_tools = saved(lab, space)
            empty()
            for table in drawn:
                assert ask(question(table.family, own_part(table), wait=5)) == {"done": True}
            assert saved(lab, space) == by_tools

        agree()
