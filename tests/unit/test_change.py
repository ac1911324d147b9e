"""The texts of a change, as the kernel gets them: what they name, and in which order."""

from __future__ import annotations

import pytest

from netpolicy.node.backend import read_live
from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.targets.iptables.change import Change, change, revert, set_change, spare_name
from netpolicy.targets.iptables.live import is_our_set
from netpolicy.targets.iptables.standing import standing
from tests.bundles import LESS, POLICY, bundle
from tests.machine import BUILT_IN, Machine, loaded

NEW = bundle(LESS).ruleset
V4 = Family.V4


@pytest.fixture
def machine() -> Machine:
    """The old rules are in force, with rules of others around them."""
    machine = loaded(bundle(POLICY))
    machine.filters[V4].chains["INPUT"].insert(0, " -s 203.0.113.99/32 -j DROP")
    machine.filters[V4].chains["INPUT"].append(" -j FOREIGN")
    machine.filters[V4].chains["FOREIGN"] = [" -j ACCEPT"]
    return machine


def changes(machine: Machine) -> dict[Family, Change]:
    live = read_live(machine, machine.backend)
    return {one.family: change(one) for one in standing(live, NEW).families}


def heads(text: str) -> set[str]:
    """The chains that a text declares, which empties them."""
    return {line[1:].split(" ")[0] for line in text.splitlines() if line.startswith(":")}


def test_each_text_is_one_whole_transaction(machine: Machine) -> None:
    for one in changes(machine).values():
        for text in (one.load, one.flip, one.sweep):
            lines = text.splitlines()
            assert (lines[0], lines[-1], text[-1]) == ("*filter", "COMMIT", "\n")
            assert lines.count("COMMIT") == 1


def test_no_text_names_what_is_not_ours(machine: Machine) -> None:
    """No built-in chain is declared, no rule of others removed, and no chain of theirs named."""
    for one in changes(machine).values():
        for text in (one.load, one.flip, one.sweep):
            assert not heads(text) & {*BUILT_IN, "FOREIGN"}
            assert "203.0.113.99" not in text
            assert "FOREIGN" not in text
            assert "-P " not in text
            assert "-F" not in text.split()


def test_a_load_touches_nothing_that_a_packet_meets(machine: Machine) -> None:
    for one in changes(machine).values():
        assert all(name.startswith("NP-") for name in heads(one.load))
        assert not heads(one.load) & set(machine.filters[one.family].chains)
        assert all(line.startswith(("*", ":NP-", "-A NP-", "COMMIT")) for line in one.load.splitlines())


def test_a_flip_names_only_the_chains_that_stay(machine: Machine) -> None:
    """Our jump stands where it may, behind a rule that refuses; so it is not moved."""
    for one in changes(machine).values():
        assert heads(one.flip) <= {"NETPOLICY-IN", "NETPOLICY-FWD", "NETPOLICY-OUT"}
        assert "-I " not in one.flip
        assert "-D " not in one.flip


def test_a_flip_moves_a_jump_that_somebody_admits_ahead_of(machine: Machine) -> None:
    machine.filters[V4].chains["INPUT"].insert(0, " -p tcp -j ACCEPT")
    lines = changes(machine)[V4].flip.splitlines()
    moved = [line for line in lines if line.startswith(("-D", "-I"))]
    assert [line.split(" ")[:3] for line in moved] == [["-D", "INPUT", "-m"], ["-I", "INPUT", "1"]]
    assert moved[0].removeprefix("-D INPUT") == moved[1].removeprefix("-I INPUT 1")


def test_a_sweep_empties_all_before_it_removes_any(machine: Machine) -> None:
    """Chains of one generation lead to one another."""
    for one in changes(machine).values():
        lines = one.sweep.splitlines()[1:-1]
        names = heads(one.sweep)
        assert lines == [*(line for line in lines if line[0] == ":"), *(line for line in lines if line[0] == "-")]
        assert {line.removeprefix("-X ") for line in lines if line[0] == "-"} == names
        assert names == {chain for chain in machine.filters[one.family].chains if chain.startswith("NP-")}


def test_where_all_is_in_force_there_is_no_text() -> None:
    machine = loaded(bundle(LESS))
    for one in changes(machine).values():
        assert (one.load, one.flip, one.sweep) == ("", "", "")
    live = read_live(machine, machine.backend)
    sets = set_change(live, standing(live, NEW), NEW)
    assert (sets.create, sets.created, sets.left) == ("", (), ())


def test_the_way_back_puts_a_jump_into_its_old_place(machine: Machine) -> None:
    before = read_live(machine, machine.backend)
    machine.filters[V4].chains["INPUT"].insert(0, machine.filters[V4].chains["INPUT"].pop(1))
    text = revert(read_live(machine, machine.backend).v4, before.v4)
    assert [line.split(" ")[:3] for line in text.splitlines()[1:-1]] == [["-D", "INPUT", "-m"], ["-I", "INPUT", "2"]]


def test_sets_are_made_where_absent_and_left_where_of_no_use(machine: Machine) -> None:
    live = read_live(machine, machine.backend)
    one = set_change(live, standing(live, NEW), NEW)
    wanted = {each.name for each in NEW.sets}
    assert set(one.created) == wanted - set(live.sets)
    assert set(one.left) == set(live.sets) - wanted
    assert one.created
    assert one.left
    made = [line.split(" ")[1] for line in one.create.splitlines() if line.startswith("create ")]
    assert made == list(one.created)


def test_a_set_in_use_gets_its_members_in_one_step() -> None:
    """It is filled under another name, ours by its form, and changes places."""
    machine = loaded(bundle(LESS))
    name = NEW.sets[0].name
    machine.sets[name].append(f"add {name} 192.0.2.77")
    live = read_live(machine, machine.backend)
    one = set_change(live, standing(live, NEW), NEW)
    spare = spare_name(name)
    acts = [line.split(" ")[:2] for line in one.create.splitlines() if not line.startswith("add ")]
    assert acts == [["create", spare], ["flush", spare], ["swap", spare], ["destroy", spare]]
    assert one.create.endswith(f"swap {spare} {name}\ndestroy {spare}\n")
    assert "192.0.2.77" not in one.create
    assert is_our_set(spare)
    assert (one.created, one.left) == ((), ())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_spare_name_is_ours_short_enough_and_of_its_family(family: Family) -> None:
    name = f"np{family.value}-{'x' * 18}-0123abcd"
    assert len(name) == 31
    spare = spare_name(name)
    assert is_our_set(spare)
    assert len(spare) <= 31
    assert spare[:4] == name[:4]
    assert spare != name
