"""No false alarm for any ruleset that can be compiled, and no silence about any that was spoiled."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from netpolicy.diagnostic import Severity
from netpolicy.node.findings import finding, severity
from netpolicy.packet.addresses import FAMILIES
from netpolicy.targets.iptables.consequence import Consequence
from netpolicy.targets.iptables.decide import Verdict, decide
from netpolicy.targets.iptables.drift import Difference, differences
from netpolicy.targets.iptables.live import Live
from netpolicy.targets.iptables.normal import normal_table
from netpolicy.targets.iptables.rules import Chain, Ruleset, Table
from netpolicy.targets.iptables.standing import standing
from tests.compiling import compiled, read_back
from tests.dumps import Dump, saved
from tests.strategies import Case, cases

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def classes(case: Case, *, inline: bool) -> list[tuple[tuple[str, ...], Ruleset, Dump]]:
    """The nodes of every class, what they must hold, and the dump of a kernel that does."""
    pipeline = compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text}, inline=inline)
    return [(one.node_class.members, read_back(one), saved(one.files, counters=True)) for one, _ in pipeline.built()]


@settings(max_examples=150, suppress_health_check=SLOW)
@given(cases(count=0), st.booleans())
def test_what_is_loaded_is_no_drift(case: Case, inline: bool) -> None:
    for _, wanted, dump in classes(case, inline=inline):
        assert differences(dump.live, wanted) == []
        assert standing(dump.live, wanted).in_force


@settings(max_examples=200, suppress_health_check=SLOW)
@given(cases(count=0), st.data())
def test_a_difference_is_found_when_an_apply_would_mend_it(case: Case, data: st.DataObject) -> None:
    """Rules taken out, put in, swapped and doubled at random: drift and the standing agree, and each can be told."""
    _, wanted, dump = data.draw(st.sampled_from(classes(case, inline=False)))
    spoiled = Dump(data.draw(spoils(dump.v4)), dump.v6, dump.sets)
    found = differences(spoiled.live, wanted)
    ours = [one for one in found if severity(one) is Severity.ERROR]
    assert (not ours) is standing(spoiled.live, wanted).in_force
    assert all(finding(one, {}).message for one in found)


@settings(max_examples=300, suppress_health_check=SLOW)
@given(cases(count=20), st.data())
def test_what_opens_for_a_packet_is_told_to_open(case: Case, data: st.DataObject) -> None:
    """A packet that passes in the spoiled rules and not in the wanted ones: some finding says that it may open."""
    made = {name: (wanted, dump) for names, wanted, dump in classes(case, inline=False) for name in names}
    node = data.draw(st.sampled_from(sorted(made)))
    wanted, dump = made[node]
    spoiled = replace(dump, v4=data.draw(spoils(dump.v4)))
    held = as_ruleset(spoiled.live)
    assume(held is not None)
    assert held is not None
    found = differences(spoiled.live, wanted)
    for owner, packet in case.packets:
        if owner != node:
            continue
        was, now = (decide(each, packet).verdict is Verdict.ALLOW for each in (wanted, held))
        if was is not now:
            assert can(found, Consequence.OPENS if now else Consequence.CLOSES), (packet, found)


def can(found: list[Difference], what: Consequence) -> bool:
    return any(one.consequence in (what, Consequence.EITHER) for one in found)


def as_ruleset(live: Live) -> Ruleset | None:
    """The live rules as a ruleset to ask about packets; None where one is not understood, or leads nowhere."""
    tables = []
    for family in FAMILIES:
        table = live.table(family)
        if any(rule.rule is None for chain in table.chains.values() for rule in chain.rules):
            return None
        chains = (
            Chain(one.name, tuple(rule.rule for rule in one.rules if rule.rule), one.policy)
            for one in table.chains.values()
        )
        tables.append(normal_table(Table(family, tuple(chains))))
    return Ruleset(tables[0], tables[1], tuple(live.sets.values()))


@st.composite
def spoils(draw: st.DrawFn, text: str) -> str:
    """The text with up to three rules deleted, doubled, moved within their chain, or with another target."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 3))):
        places = [at for at, line in enumerate(lines) if " -A " in line]
        if not places:
            break
        at = draw(st.sampled_from(places))
        line = lines[at]
        kind = draw(st.sampled_from(("delete", "double", "move", "refuse", "admit")))
        chain = [one for one in places if lines[one].split()[2] == line.split()[2]]
        if kind == "delete":
            del lines[at]
        elif kind == "double":
            lines.insert(draw(st.sampled_from(chain)), line)
        elif kind == "move":
            del lines[at]
            lines.insert(draw(st.sampled_from(chain)), line)
        else:
            target = " -j DROP" if kind == "refuse" else " -j RETURN"
            lines[at] = line.replace(" -j RETURN", target).replace(" -j DROP", target)
    return "\n".join(lines) + "\n"
