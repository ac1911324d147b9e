"""The laws of a change: from any state it comes to what is wanted, and from any point of it there is a way back."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.source import Source
from netpolicy.targets.iptables.change import Change, change, revert
from netpolicy.targets.iptables.live import Live, LiveTable, is_our_chain, read_table
from netpolicy.targets.iptables.rules import Ruleset
from netpolicy.targets.iptables.standing import FamilyStanding, standing
from tests.bundles import LESS, MORE, POLICY, bundle
from tests.machine import BUILT_IN, Filter

POLICIES = (POLICY, LESS, MORE)
FOREIGN = (" -s 192.0.2.7/32 -j DROP", " -j FOREIGN", " -p tcp -j ACCEPT", " -m mark --mark 0x1 -j RETURN", "")
# What leads to our chains, as we write it and as nobody would.
JUMPS = tuple(f"{before} -j NETPOLICY-{end}" for before in ("", " -i lo") for end in ("IN", "OUT"))
INNER = (" -j ACCEPT", " -j DROP", " -s 192.0.2.8/32 -j RETURN", ' -m comment --comment "a word" -j LOG')


def live(table: Filter, family: Family) -> LiveTable:
    """What is read of the table."""
    read, found = read_table(Source("saved", table.text), family)
    assert not found
    return read


def stand(table: Filter, family: Family, wanted: Ruleset) -> FamilyStanding:
    tables = {each: live(table if each is family else Filter(), each) for each in FAMILIES}
    one = standing(Live(tables[Family.V4], tables[Family.V6]), wanted)
    return next(each for each in one.families if each.family is family)


def plan(table: Filter, family: Family, wanted: Ruleset) -> Change:
    return change(stand(table, family, wanted))


@cache
def sets() -> frozenset[str]:
    return frozenset(one.name for each in POLICIES for one in bundle(each).ruleset.sets)


def after(table: Filter, *texts: str) -> Filter:
    """The table when the kernel has taken these texts; an empty one is no text."""
    for text in texts:
        table = table.restored(text, set(sets())) if text else table
    return table


def foreign(table: Filter) -> dict[str, list[str]]:
    """All that is not ours, in its order."""
    kept = {name: rules for name, rules in table.chains.items() if not is_our_chain(name)}
    return {name: [one for one in rules if " -j N" not in one] for name, rules in kept.items()}


@st.composite
def tables(draw: st.DrawFn, family: Family) -> Filter:
    """A table with rules of others, in which something of ours was loaded once, or twice, and then meddled with."""
    table = Filter()
    table.chains["FOREIGN"] = draw(st.lists(st.sampled_from((FOREIGN[0], FOREIGN[2])), max_size=2))
    for name in BUILT_IN:
        table.chains[name] = draw(st.lists(st.sampled_from(FOREIGN), max_size=3))
    for policy in draw(st.lists(st.sampled_from(POLICIES), max_size=2)):
        one = plan(table, family, bundle(policy).ruleset)
        table = after(table, one.load, *draw(st.sampled_from(((), (one.flip,), (one.flip, one.sweep)))))
    for _ in range(draw(st.integers(0, 4))):
        _meddle(draw, table)
    return table


def _meddle(draw: st.DrawFn, table: Filter) -> None:
    name = draw(st.sampled_from(sorted(table.chains)))
    rules = table.chains[name]
    words: tuple[str, ...] = INNER if is_our_chain(name) else FOREIGN
    if name in BUILT_IN and "NETPOLICY-IN" in table.chains and "NETPOLICY-OUT" in table.chains:
        words = JUMPS
    if name == "FOREIGN":
        return
    at = draw(st.integers(0, len(rules)))
    if at < len(rules) and draw(st.booleans()):
        moved = rules.pop(at)
        if draw(st.booleans()):
            rules.insert(draw(st.integers(0, len(rules))), moved)
    else:
        rules.insert(at, draw(st.sampled_from(words)))


@settings(max_examples=150)
@given(st.data(), st.sampled_from(FAMILIES), st.sampled_from(POLICIES))
def test_from_any_state_what_is_wanted_comes_into_force(data: st.DataObject, family: Family, policy: str) -> None:
    """And nothing of ours is left over, nothing of others is touched, and doing it again is doing nothing."""
    wanted = bundle(policy).ruleset
    before = data.draw(tables(family))
    one = plan(before, family, wanted)
    loaded = after(before, one.load)
    assert {name: loaded.chains[name] for name in BUILT_IN} == {name: before.chains[name] for name in BUILT_IN}
    flipped = after(loaded, one.flip)
    assert stand(flipped, family, wanted).in_force
    swept = after(flipped, one.sweep)
    assert stand(swept, family, wanted).in_force
    assert not stand(swept, family, wanted).left
    assert foreign(swept) == foreign(before)
    assert swept.policies == before.policies
    again = plan(swept, family, wanted)
    assert (again.load, again.flip, again.sweep) == ("", "", "")


@settings(max_examples=150)
@given(st.data(), st.sampled_from(FAMILIES), st.sampled_from(POLICIES))
def test_from_any_point_of_a_change_there_is_a_way_back(data: st.DataObject, family: Family, policy: str) -> None:
    """The table is, rule by rule, what it was; where nothing was written there is nothing to write."""
    before = data.draw(tables(family))
    one = plan(before, family, bundle(policy).ruleset)
    texts = (one.load, one.flip, one.sweep)
    for count in range(len(texts) + 1):
        held = after(before, *texts[:count])
        back = after(held, revert(live(held, family), live(before, family)))
        assert back.chains == before.chains
    assert revert(live(before, family), live(before, family)) == ""
