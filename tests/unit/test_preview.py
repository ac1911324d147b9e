"""What an apply would change: statements that open and close, rules without digests, members of sets, jumps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netpolicy.node.apply import Choices, apply
from netpolicy.node.backend import read_live
from netpolicy.node.bundle import Bundle, StatementText
from netpolicy.node.journal import Journal
from netpolicy.node.preview import Preview, pairs, preview, told
from netpolicy.packet.addresses import Family
from tests.bundles import CLUSTER, LESS, MORE, POLICY, bundle
from tests.machine import Machine, loaded

OLD = bundle(POLICY)


@pytest.fixture
def machine() -> Machine:
    return loaded(OLD)


def seen(machine: Machine, wanted: Bundle) -> Preview:
    return preview(read_live(machine, machine.backend), wanted.ruleset)


def statement(one: Bundle, flow: str) -> str:
    return next(each.id for each in one.statements.values() if each.flow == flow)


def test_what_is_in_force_changes_nothing(machine: Machine) -> None:
    assert seen(machine, OLD) == Preview(True, True, (), (), (), (), (), ())


def test_a_statement_more_opens_by_its_rules_alone(machine: Machine) -> None:
    """All the others only move to another generation, which is no change."""
    more = bundle(MORE)
    one = seen(machine, more)
    opened = statement(more, "web -> db : tcp 9104")
    assert (one.in_force, one.loaded) == (False, True)
    assert (one.comes, one.goes) == ((opened,), ())
    signs = {(rule.sign, rule.family) for rule in one.rules if "9104" in rule.text}
    assert signs == {("+", Family.V4), ("+", Family.V6)}
    assert all(opened in rule.statements for rule in one.rules if "9104" in rule.text)
    assert one.jumps == ()


def test_the_way_back_closes_what_the_way_there_opened(machine: Machine) -> None:
    """Each rule that came goes, and the other way round."""
    there = seen(machine, bundle(MORE))
    back = seen(loaded(bundle(MORE)), OLD)
    assert (back.comes, back.goes) == (there.goes, there.comes)
    assert {(one.family, one.text) for one in there.rules if one.sign == "+"} == {
        (one.family, one.text) for one in back.rules if one.sign == "-"
    }


def test_a_statement_that_goes_and_one_that_comes(machine: Machine) -> None:
    less = bundle(LESS)
    one = seen(machine, less)
    assert one.comes == (statement(less, "admins -> db : tcp 22"),)
    assert one.goes == (statement(OLD, "web -> db : tcp 3306"),)
    assert one.changes == ()


def test_no_digest_of_a_chain_or_a_set_is_shown(machine: Machine) -> None:
    one = seen(machine, bundle(LESS))
    assert one.rules
    digests = {name[-8:] for name in machine.sets} | {each.name[-8:] for each in bundle(LESS).ruleset.sets}
    for rule in one.rules:
        assert "ruleset" not in rule.text
        assert not [digest for digest in digests if digest in rule.text]


def test_of_a_kernel_without_our_rules_all_comes() -> None:
    one = seen(Machine(), OLD)
    assert (one.in_force, one.loaded) == (False, False)
    assert {rule.sign for rule in one.rules} == {"+"}
    assert "INPUT" in one.jumps
    assert statement(OLD, "web -> db : tcp 3306") in one.comes
    assert one.goes == ()


def test_rules_that_no_packet_meets_are_not_there(machine: Machine) -> None:
    """A generation that was loaded and never flipped to is none."""
    machine.filters[Family.V4].chains["NP-IN-0123abcd"] = [" -p tcp -m tcp --dport 9 -j ACCEPT"]
    assert seen(machine, OLD).rules == ()


def test_a_rule_that_somebody_put_in_goes(machine: Machine) -> None:
    """One that is not understood, too."""
    name = next(name for name in machine.filters[Family.V4].chains if name.startswith("NP-IN-"))
    for rule in (" -s 192.0.2.7/32 -j ACCEPT", " -m recent --name x --rcheck -j ACCEPT"):
        machine.filters[Family.V4].chains[name].insert(0, rule)
    one = seen(machine, OLD)
    assert sorted((rule.sign, rule.family, rule.text) for rule in one.rules) == [
        ("-", Family.V4, "-A NP-IN -m recent --name x --rcheck -j ACCEPT"),
        ("-", Family.V4, "-A NP-IN -s 192.0.2.7/32 -j ACCEPT"),
    ]
    assert (one.comes, one.goes, one.changes) == ((), (), ())


def test_a_rule_of_a_statement_that_was_edited_is_a_change_of_it(machine: Machine) -> None:
    for rules in machine.filters[Family.V4].chains.values():
        rules[:] = [rule.replace("--dport 3306", "--dport 3307") for rule in rules]
    one = seen(machine, OLD)
    assert one.changes == (statement(OLD, "web -> db : tcp 3306"),)
    assert sorted(rule.sign for rule in one.rules) == ["+", "-"]


def test_a_jump_that_is_gone_comes(machine: Machine) -> None:
    machine.filters[Family.V6].chains["INPUT"].clear()
    one = seen(machine, OLD)
    assert (one.jumps, one.in_force, one.loaded, one.rules) == (("INPUT",), False, True, ())


def test_members_of_a_set_come_and_go() -> None:
    """By the head of the name: another address of a node is another set, and no rule of another statement."""
    moved = bundle(POLICY, cluster=CLUSTER.replace("10.0.0.2", "10.0.0.4"))
    one = seen(loaded(OLD), moved)
    assert [(each.more, each.fewer) for each in one.sets if each.name.startswith("np4-web")] == [
        (("10.0.0.4",), ("10.0.0.2",))
    ]
    assert all(not each.name.startswith("np6-") for each in one.sets)
    asked = statement(moved, "web -> db : tcp 3306")
    assert all(asked in each.statements for each in one.sets if each.name.startswith("np4-web"))
    assert asked in one.changes
    assert (one.comes, one.goes, one.rules) == ((), (), ())
    assert not one.in_force


def test_many_members_are_counted_and_neighbours_are_a_range() -> None:
    lines = "".join(f"  far{n}: {{roles: [web], address: 10.1.0.{2 * n}}}\n" for n in range(1, 31))
    lines += "".join(f"  near{n}: {{roles: [web], address: 10.0.9.{n}}}\n" for n in range(1, 4))
    one = seen(loaded(OLD), bundle(POLICY, cluster=CLUSTER + lines))
    (change,) = (each for each in one.sets if each.name.startswith("np4-web"))
    assert change.more[0] == "10.0.9.1-10.0.9.3"
    assert len(change.more) == 21
    assert change.more[-1] == "and 11 more"


@pytest.mark.parametrize("policy", [POLICY, LESS, MORE])
def test_what_was_previewed_is_what_is_applied(
    machine: Machine, policy: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After the apply there is nothing to show."""
    apply(machine, bundle(policy), Journal(tmp_path_factory.mktemp("state")), Choices())
    assert seen(machine, bundle(policy)) == Preview(True, True, (), (), (), (), (), ())


def test_a_statement_is_told_as_people_read_it() -> None:
    known = {"01": StatementText("01", "web -> db : tcp 3306", "policy.netpol:7"), "02": StatementText("02", "a -> b")}
    assert told("01", known) == "web -> db : tcp 3306  (policy.netpol:7)"
    assert told("02", known) == "a -> b  (02)"
    assert told("03", known) == "statement 03, which is not known here"


def test_a_statement_that_comes_stands_for_the_one_of_the_same_sides_that_goes(machine: Machine) -> None:
    """So that a port more is no flow that closes; where several are of the same two sides, nobody can tell which."""
    wider = bundle(POLICY.replace("tcp 3306", "tcp 3306, 3307"))
    texts = {**OLD.statements, **wider.statements}
    one = seen(machine, wider)
    [(comes, goes)] = pairs(one, texts).items()
    assert (comes, goes) == (one.comes[0], one.goes[0])
    assert texts[goes].flow == "web -> db : tcp 3306"
    assert pairs(one, {}) == {}
    assert pairs(replace(one, comes=(comes, comes)), texts) == {}
