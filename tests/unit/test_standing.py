"""How a kernel stands to a ruleset: each kind of difference, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from netpolicy.node.backend import read_live
from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables.rules import Jump
from netpolicy.targets.iptables.standing import FamilyStanding, Standing, standing
from tests.bundles import LESS, POLICY, bundle
from tests.machine import Machine, loaded

WANTED = bundle(POLICY).ruleset
V4 = Family.V4


@pytest.fixture
def machine() -> Machine:
    return loaded(bundle(POLICY))


def stand(machine: Machine) -> Standing:
    return standing(read_live(machine, machine.backend), WANTED)


def of_v4(machine: Machine) -> FamilyStanding:
    """How IPv4 stands; IPv6 is as it must be."""
    v4, v6 = stand(machine).families
    assert v6.in_force
    return v4


def generation(machine: Machine) -> str:
    return next(name for name in machine.filters[V4].chains if name.startswith("NP-IN-"))


def test_what_was_loaded_is_in_force_and_clean(machine: Machine) -> None:
    one = stand(machine)
    assert (one.in_force, one.clean) == (True, True)
    assert (one.absent, one.changed, one.left) == ((), (), ())


def test_of_an_empty_kernel_everything_is_absent() -> None:
    one = stand(Machine())
    assert not one.in_force
    assert one.clean
    assert one.absent == tuple(each.name for each in WANTED.sets)
    for family in one.families:
        assert family.stale
        wanted = [jump.wanted.target.chain for jump in family.jumps if isinstance(jump.wanted.target, Jump)]
        assert sorted(chain.name for chain in family.unflipped) == sorted(wanted)
        assert "NETPOLICY-IN" in wanted
        assert [jump.built_in for jump in family.jumps if not jump.stands] == [jump.built_in for jump in family.jumps]


def edits() -> Iterator[tuple[str, int, str]]:
    yield "a rule more", -1, " -j ACCEPT"
    yield "a rule that nobody understands", 0, " -m recent --name x"


@pytest.mark.parametrize(("what", "at", "rule"), list(edits()))
def test_a_generation_that_was_edited_is_stale(machine: Machine, what: str, at: int, rule: str) -> None:
    name = generation(machine)
    machine.filters[V4].chains[name].insert(at, rule)
    one = of_v4(machine)
    assert [chain.name for chain in one.stale] == [name], what
    assert one.unflipped == ()
    assert not one.in_force


def test_rules_in_another_order_are_stale(machine: Machine) -> None:
    name = generation(machine)
    rules = machine.filters[V4].chains[name]
    rules[0], rules[1] = rules[1], rules[0]
    assert [chain.name for chain in of_v4(machine).stale] == [name]


def test_a_stable_chain_that_leads_elsewhere_is_not_flipped(machine: Machine) -> None:
    machine.filters[V4].chains["NETPOLICY-IN"] = [" -j ACCEPT"]
    one = of_v4(machine)
    assert (one.stale, [chain.name for chain in one.unflipped]) == ((), ["NETPOLICY-IN"])
    assert not one.in_force


@pytest.mark.parametrize(
    ("rule", "stands"),
    [
        (" -s 192.0.2.1/32 -j DROP", True),
        (" -p tcp -j LOG", True),
        (" -s 192.0.2.1/32 -j ACCEPT", False),
        (" -j NETPOLICY-IN", False),
        (" -i lo -j NETPOLICY-IN", False),
        (" -j NP-IN-0123abcd", False),
    ],
)
def test_a_rule_ahead_of_our_jump(machine: Machine, rule: str, stands: bool) -> None:
    """One that may admit, or leads to ours a second time, is put right; one that refuses is left in its place."""
    machine.filters[V4].chains.setdefault("NP-IN-0123abcd", [])
    machine.filters[V4].chains["INPUT"].insert(0, rule)
    jump = of_v4(machine).jumps[0]
    assert jump.stands is stands
    assert len(jump.found) == (2 if " -j N" in rule else 1)
    assert (jump.ahead.text if jump.ahead else "") == ("" if stands or " -j N" in rule else f"-A INPUT{rule}")


def test_a_rule_behind_our_jump_is_nobodys_business(machine: Machine) -> None:
    machine.filters[V4].chains["INPUT"].append(" -j ACCEPT")
    assert of_v4(machine).in_force


def test_a_second_jump_behind_ours_is_one_too_many(machine: Machine) -> None:
    """What runs out of our chains would meet them again."""
    for rule in (machine.filters[V4].chains["INPUT"][0], " -i lo -j NETPOLICY-IN"):
        machine.filters[V4].chains["INPUT"][1:] = [rule]
        jump = of_v4(machine).jumps[0]
        assert (len(jump.found), jump.ahead, jump.stands) == (2, None, False)


def test_a_jump_that_is_gone_or_entered_otherwise(machine: Machine) -> None:
    rules = machine.filters[V4].chains["INPUT"]
    (kept,) = rules
    for wrong in ([], [kept.replace(" -j ", " -g ")], [f" -i eth0{kept}"]):
        rules[:] = wrong
        assert not of_v4(machine).jumps[0].stands


def test_a_set_is_absent_changed_or_left(machine: Machine) -> None:
    name = WANTED.sets[0].name
    lines = machine.sets.pop(name)
    machine.sets["np4-old-0123abcd"] = ["create np4-old-0123abcd hash:ip family inet hashsize 64 maxelem 1"]
    machine.sets["f2b-sshd"] = ["create f2b-sshd hash:ip family inet hashsize 64 maxelem 1"]
    one = stand(machine)
    assert (one.absent, one.changed, one.left) == ((name,), (), ("np4-old-0123abcd",))
    assert (one.in_force, one.clean) == (False, False)
    machine.sets[name] = [*lines, f"add {name} 192.0.2.1"]
    assert (stand(machine).absent, stand(machine).changed) == ((), (name,))
    machine.sets[name] = [f"create {name} bitmap:port range 0-1024"]
    assert (stand(machine).absent, stand(machine).changed) == ((), (name,))


def test_what_another_policy_left_is_left_over_and_does_not_matter(machine: Machine) -> None:
    other = loaded(bundle(LESS))
    names = [name for name in other.filters[V4].chains if name.startswith("NP-")]
    machine.filters[V4].chains.update({name: [] for name in names})
    one = of_v4(machine)
    left = sorted(set(names) - {chain.name for chain in WANTED.v4.chains})
    assert sorted(chain.name for chain in one.left) == left
    assert left
    assert stand(machine).in_force
    assert not stand(machine).clean
