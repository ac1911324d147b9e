"""An apply that comes to its end, and every way in which it does not, on a machine that is only imagined."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from netpolicy.diagnostic import Severity
from netpolicy.node.apply import Choices, apply, choices_of, refusals
from netpolicy.node.backend import Backend, read_live
from netpolicy.node.bundle import Bundle
from netpolicy.node.host import Answer
from netpolicy.node.journal import Journal, Phase, Record
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.targets.iptables.standing import standing
from tests.bundles import LESS, POLICY, bundle
from tests.machine import Machine

AUTO = Choices()
V4, V6 = (Backend.NFT.tool(family, "restore") for family in FAMILIES)
SAVE4, SAVE6 = (Backend.NFT.tool(family, "save") for family in FAMILIES)
OLD, NEW = bundle(POLICY), bundle(LESS)
FAILS = Answer(1, "", "iptables-restore: line 3 failed")
FOREIGN = " -s 203.0.113.99/32 -j DROP"


@pytest.fixture
def machine() -> Machine:
    """A machine with a rule of somebody else; nothing of ours was ever applied."""
    machine = Machine()
    machine.filters[Family.V4].chains["INPUT"].append(FOREIGN)
    return machine


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state")


def in_force(machine: Machine, one: Bundle) -> bool:
    return standing(read_live(machine, machine.backend), one.ruleset).in_force


def stopped(machine: Machine, one: Bundle, journal: Journal, choices: Choices = AUTO) -> StoppedError:
    """How the apply is stopped."""
    with pytest.raises(StoppedError) as caught:
        apply(machine, one, journal, choices)
    return caught.value


def codes(failure: StoppedError) -> list[str]:
    return [one.code for one in failure.found]


def applied(machine: Machine, one: Bundle, journal: Journal) -> None:
    """The bundle is in force; what was called for it is forgotten."""
    apply(machine, one, journal, AUTO)
    assert in_force(machine, one)
    machine.calls.clear()


# What comes into force.


@pytest.mark.parametrize("backend", list(Backend))
def test_the_first_apply_brings_all_into_force(backend: Backend, journal: Journal) -> None:
    machine = Machine(backend)
    done = apply(machine, OLD, journal, Choices(backend))
    assert (done.backend, done.changed) == (backend, True)
    assert in_force(machine, OLD)
    record = journal.read()
    assert record.in_force is not None
    assert record.last is not None
    assert (record.in_force.digest, record.in_force.backend) == (OLD.identity.digest, backend.value)
    assert record.last.phase is Phase.APPLIED
    # The second reader is for the legacy backend, and this machine has none.
    assert [one.code for one in done.found] == (["NP767"] if backend is Backend.LEGACY else [])
    assert not done.read_twice


def test_where_all_is_in_force_nothing_is_written(machine: Machine, journal: Journal) -> None:
    applied(machine, OLD, journal)
    before = {path: path.stat().st_mtime_ns for path in journal.folder.rglob("*")}
    done = apply(machine, OLD, journal, AUTO)
    assert (done.changed, done.found) == (False, ())
    assert machine.writes == []
    assert {path: path.stat().st_mtime_ns for path in journal.folder.rglob("*")} == before


def test_what_was_applied_and_is_no_longer_kept_is_kept_again(machine: Machine, journal: Journal) -> None:
    """Else nobody could compare with it, and every later apply would have nothing to do."""
    applied(machine, OLD, journal)
    for path in (journal.folder / "kept").rglob("*"):
        if path.is_dir():
            continue
        path.write_bytes(path.read_bytes().replace(b"e", b"E"))
        done = apply(machine, OLD, journal, AUTO)
        assert (done.changed, machine.writes) == (False, [])
        kept = journal.kept(OLD.identity.digest)
        assert kept is not None, path
        assert kept.files == OLD.files
    shutil.rmtree(journal.folder / "kept")
    apply(machine, OLD, journal, AUTO)
    assert journal.kept(OLD.identity.digest) is not None


def test_a_policy_that_refuses_what_we_admit_is_told_at_every_apply(machine: Machine, journal: Journal) -> None:
    machine.filters[Family.V4].policies["INPUT"] = "DROP"
    for _ in range(2):
        found = apply(machine, OLD, journal, AUTO).found
        assert [(one.code, one.severity) for one in found] == [("NP817", Severity.WARNING)]


def test_both_families_are_loaded_before_the_first_is_flipped(machine: Machine, journal: Journal) -> None:
    """And what is left of the old generation goes last."""
    applied(machine, OLD, journal)
    apply(machine, NEW, journal, AUTO)
    assert machine.writes == [
        *("ipset restore", f"{V4} --noflush", f"{V6} --noflush"),
        *(f"{V4} --noflush", f"{V6} --noflush"),
        *(f"{V4} --noflush", f"{V6} --noflush", "ipset restore"),
    ]
    assert in_force(machine, NEW)
    assert standing(read_live(machine, machine.backend), NEW.ruleset).clean


def test_the_rules_of_others_stay_and_ours_are_met_first(machine: Machine, journal: Journal) -> None:
    applied(machine, OLD, journal)
    rules = machine.filters[Family.V4].chains["INPUT"]
    assert rules[1:] == [FOREIGN]
    assert rules[0].endswith("-j NETPOLICY-IN")


def test_a_journal_that_lags_behind_is_written_and_no_rule_is(machine: Machine, journal: Journal) -> None:
    """The same rules of a later build: only the memory changes."""
    applied(machine, OLD, journal)
    later = bundle(POLICY, serial=7)
    assert apply(machine, later, journal, AUTO).changed is False
    assert machine.writes == []
    record = journal.read()
    assert record.in_force is not None
    assert record.in_force.serial == 7


def test_what_somebody_changed_is_put_right(machine: Machine, journal: Journal) -> None:
    applied(machine, OLD, journal)
    machine.filters[Family.V6].chains["INPUT"].clear()
    name = next(name for name in machine.filters[Family.V4].chains if name.startswith("NP-IN-"))
    machine.filters[Family.V4].chains[name].insert(0, " -j ACCEPT")
    assert not in_force(machine, OLD)
    assert apply(machine, OLD, journal, AUTO).changed
    assert in_force(machine, OLD)


def test_what_is_left_over_goes_though_all_is_in_force(machine: Machine, journal: Journal) -> None:
    """As after a kill in the middle of a sweep."""
    applied(machine, OLD, journal)
    clean = machine.state
    machine.filters[Family.V6].chains["NP-IN-0123abcd"] = [" -j NP-IN-0123abcd-flows"]
    machine.filters[Family.V6].chains["NP-IN-0123abcd-flows"] = []
    machine.sets["np4-old-0123abcd"] = ["create np4-old-0123abcd hash:ip family inet hashsize 64 maxelem 1"]
    assert apply(machine, OLD, journal, AUTO).changed is False
    assert machine.state == clean


def test_a_set_that_somebody_changed_has_its_members_again(machine: Machine, journal: Journal) -> None:
    applied(machine, OLD, journal)
    name = next(iter(machine.sets))
    right = list(machine.sets[name])
    machine.sets[name].append(f"add {name} 192.0.2.1")
    apply(machine, OLD, journal, AUTO)
    assert machine.sets[name] == right
    assert not [one for one in machine.sets if "spare" in one]


# What is refused while the kernel is untouched.


def test_an_older_serial_is_refused(machine: Machine, journal: Journal) -> None:
    applied(machine, bundle(POLICY, serial=5), journal)
    for serial, words in ((4, "has serial 4"), (0, "has no serial")):
        failure = stopped(machine, bundle(LESS, serial=serial), journal)
        assert (codes(failure), failure.ending) == (["NP757"], Ending.REFUSED)
        assert words in failure.found[0].message
        assert "--serial 5" in failure.found[0].hint
    assert machine.calls == []
    assert apply(machine, bundle(LESS, serial=5), journal, AUTO).changed


def test_python_iptables_writes_to_no_other_backend(machine: Machine, journal: Journal) -> None:
    before = machine.state
    failure = stopped(machine, OLD, journal, choices_of("auto", 5, "iptc"))
    assert codes(failure) == ["NP752"]
    assert (machine.state, machine.writes) == (before, [])


def test_a_set_that_cannot_be_made_leaves_all_as_it_was(machine: Machine, journal: Journal) -> None:
    """A text of sets may fail in its middle: what it made is gone again."""
    before = machine.state

    def half() -> Answer:
        one = OLD.ruleset.sets[0].name
        machine.sets[one] = [f"create {one} hash:ip family inet hashsize 64 maxelem 2"]
        del machine.faults["ipset", 2]
        return FAILS

    machine.faults["ipset", 2] = half
    failure = stopped(machine, OLD, journal)
    assert (codes(failure), failure.ending) == (["NP760"], Ending.REFUSED)
    assert machine.state == before


def test_a_state_folder_that_cannot_be_written_leaves_the_kernel_untouched(
    machine: Machine, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, at the first file and at each later one."""
    before = machine.state
    for last in range(7):
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full_after(last))
            failure = stopped(machine, OLD, journal)
        assert (codes(failure), failure.ending) == (["NP759"], Ending.REFUSED)
        assert "make room" in failure.found[0].hint
        assert (machine.state, machine.writes) == (before, [])
    apply(machine, OLD, journal, AUTO)


def full_after(count: int) -> Callable[[int], None]:
    """A disk that takes so many files, and no more."""
    left = [count]

    def sync(_: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    return sync


def test_rules_in_force_that_the_journal_cannot_tell_of_are_told(machine: Machine, journal: Journal) -> None:
    """Somebody empties the state folder in the middle of an apply."""
    machine.faults[V6, 2] = (journal.folder / "journal.next").unlink
    failure = stopped(machine, OLD, journal)
    assert (codes(failure), failure.ending) == (["NP759"], Ending.UNKNOWN)
    assert "the rules are in force" in failure.found[0].message
    assert in_force(machine, OLD)
    machine.faults.clear()
    assert apply(machine, OLD, journal, AUTO).changed is False
    record = journal.read()
    assert record.in_force is not None


def test_two_applies_do_not_meet(machine: Machine, journal: Journal) -> None:
    with journal.locked(0):
        failure = stopped(machine, OLD, Journal(journal.folder), Choices(wait=0))
    assert (codes(failure), failure.ending) == (["NP764"], Ending.REFUSED)
    assert machine.calls == []


def test_a_signal_waits_until_both_families_are_new(machine: Machine, journal: Journal) -> None:
    """SIGTERM comes between the two flips."""
    seen: list[bool] = []
    kept = signal.signal(signal.SIGTERM, lambda *_: seen.append(in_force(machine, OLD)))
    machine.faults[V6, 2] = lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    try:
        apply(machine, OLD, journal, AUTO)
    finally:
        signal.signal(signal.SIGTERM, kept)
    assert seen == [True]


# What is taken back.


@pytest.mark.parametrize("start", [None, OLD], ids=["nothing", "old rules"])
@pytest.mark.parametrize(
    "failing",
    [(V4, 1, Ending.REFUSED), (V6, 1, Ending.REFUSED), (V4, 2, Ending.REFUSED), (V6, 2, Ending.ROLLED_BACK)],
    ids=["load v4", "load v6", "flip v4", "flip v6"],
)
def test_a_text_that_fails_leaves_both_families_as_they_were(
    machine: Machine, journal: Journal, start: Bundle | None, failing: tuple[str, int, Ending]
) -> None:
    program, call, ending = failing
    if start is not None:
        applied(machine, start, journal)
    before = machine.state
    machine.faults[program, call] = lambda: FAILS
    failure = stopped(machine, NEW, journal)
    assert failure.ending is ending
    assert codes(failure) == ["NP760", *(["NP762"] if ending is Ending.ROLLED_BACK else [])]
    assert machine.state == before
    record = journal.read()
    assert record.last is not None
    assert record.last.phase is (Phase.ROLLED_BACK if ending is Ending.ROLLED_BACK else Phase.REFUSED)
    assert (record.in_force.digest if record.in_force else None) == (start.identity.digest if start else None)
    machine.faults.clear()
    assert apply(machine, NEW, journal, AUTO).changed
    assert in_force(machine, NEW)


def test_a_lock_that_another_holds_is_told_as_that(machine: Machine, journal: Journal) -> None:
    words = "Can't lock /run/xtables.lock: Resource temporarily unavailable\n"
    words += "Another app is currently holding the xtables lock. Stopped waiting after 1s."
    machine.faults[V4, 1] = lambda: Answer(4, "", words)
    failure = stopped(machine, OLD, journal, Choices(wait=1))
    assert (codes(failure), failure.ending) == (["NP754"], Ending.REFUSED)
    assert "--noflush -w 1" in " ".join(machine.calls[[call[0][0] for call in machine.calls].index(V4)][0])


def spoil(machine: Machine, rule: str) -> Callable[[], None]:
    """A writer that nobody knows of puts a rule into each generation of ours."""

    def act() -> None:
        for name, rules in machine.filters[Family.V4].chains.items():
            if name.startswith("NP-IN-"):
                rules.append(rule)

    return act


@pytest.mark.parametrize(("call", "ending"), [(3, Ending.REFUSED), (4, Ending.ROLLED_BACK)], ids=["load", "flip"])
def test_what_is_read_back_otherwise_is_taken_back(
    machine: Machine, journal: Journal, call: int, ending: Ending
) -> None:
    """Reads: before, [again for a table that is not printed], after the load, after the flip."""
    before = machine.state
    other = spoil(machine, " -j ACCEPT")
    machine.faults[SAVE4, call - 1] = other
    failure = stopped(machine, OLD, journal)
    assert failure.ending is ending
    assert codes(failure)[0] == "NP761"
    assert "NP-IN-" in failure.found[0].message
    assert machine.state == before


def test_where_the_way_back_fails_nobody_knows(machine: Machine, journal: Journal) -> None:
    applied(machine, OLD, journal)
    machine.faults[V6, 2] = lambda: FAILS
    machine.faults[V4, 3] = lambda: FAILS
    failure = stopped(machine, NEW, journal)
    assert (codes(failure), failure.ending) == (["NP760", "NP760", "NP763"], Ending.UNKNOWN)
    record = journal.read()
    assert record.last is not None
    assert record.last.phase is Phase.UNKNOWN
    machine.faults.clear()
    apply(machine, NEW, journal, AUTO)
    assert in_force(machine, NEW)


def test_where_the_way_back_is_taken_and_not_seen_nobody_knows(machine: Machine, journal: Journal) -> None:
    """The tool says that all is well, and did nothing."""
    applied(machine, OLD, journal)
    machine.faults[V6, 2] = lambda: FAILS
    machine.faults[V4, 3] = lambda: Answer(0, "", "")
    failure = stopped(machine, NEW, journal)
    assert (codes(failure), failure.ending) == (["NP760", "NP763"], Ending.UNKNOWN)


def test_where_the_kernel_cannot_be_read_any_more_nobody_knows(machine: Machine, journal: Journal) -> None:
    def blind() -> Answer:
        machine.faults[SAVE4, 0] = lambda: Answer(1, "", "no memory")
        return FAILS

    machine.faults[V6, 2] = blind
    failure = stopped(machine, NEW, journal)
    assert (codes(failure), failure.ending) == (["NP760", "NP766", "NP763"], Ending.UNKNOWN)


# What is only told.


def test_what_cannot_be_swept_is_a_warning(machine: Machine, journal: Journal) -> None:
    """A rule of somebody else leads to an old chain and an old set: the new rules are in force all the same."""
    applied(machine, OLD, journal)
    name = next(name for name in machine.filters[Family.V4].chains if name.startswith("NP-IN-"))
    one = next(name for name in machine.sets if name not in {each.name for each in NEW.ruleset.sets})
    machine.filters[Family.V4].chains["FOREIGN"] = [f" -j {name}"]
    machine.filters[Family.V4].chains["OUTPUT"].append(f" -m set --match-set {one} src -j ACCEPT")
    done = apply(machine, NEW, journal, AUTO)
    assert done.changed
    assert {found.code for found in done.found} == {"NP765"}
    assert {found.severity.value for found in done.found} == {"warning"}
    assert len(done.found) == 2
    assert f"set `{one}`" in done.found[1].message
    record = journal.read()
    assert record.last is not None
    assert record.last.phase is Phase.APPLIED


# What was kept, and what cannot be seen.


@pytest.mark.parametrize("spoil", ["rules.v4", "node.json", "statements.json", "all"])
def test_what_is_kept_heals_when_nothing_else_is_to_do(machine: Machine, journal: Journal, spoil: str) -> None:
    """A file that was changed, or the folder that is gone, is written again, and the kernel is not."""
    applied(machine, OLD, journal)
    home = journal.folder / "kept" / OLD.identity.digest
    if spoil == "all":
        shutil.rmtree(home.parent)
    else:
        path = home / "files" / spoil if spoil == "rules.v4" else home / spoil
        path.write_bytes(path.read_bytes() + b" ")
    assert not journal.keeps(OLD)
    assert apply(machine, OLD, journal, AUTO).changed is False
    assert machine.writes == []
    assert journal.keeps(OLD)
    assert journal.kept(OLD.identity.digest) is not None


def test_rules_of_another_class_are_never_taken_for_those_that_were_kept(machine: Machine, journal: Journal) -> None:
    applied(machine, OLD, journal)
    rules = journal.folder / "kept" / OLD.identity.digest / "files" / "rules.v4"
    rules.write_text(NEW.files["rules.v4"], encoding="utf-8")
    assert journal.kept(OLD.identity.digest) is None


def test_a_backend_that_was_applied_to_and_cannot_be_read_stops_an_apply(machine: Machine, journal: Journal) -> None:
    """Its rules may be in force; the tools of the other backend would load a second set of rules beside them."""
    applied(machine, OLD, journal)
    machine.lacks |= {SAVE4, SAVE6, V4, V6}
    failure = stopped(machine, NEW, journal)
    assert (codes(failure), failure.ending) == (["NP753"], Ending.UNUSABLE)
    assert SAVE4 in failure.found[0].message
    assert machine.writes == []


def test_a_program_that_will_be_needed_is_missed_before_anything_is_begun(machine: Machine, journal: Journal) -> None:
    machine.lacks.add("ipset")
    failure = stopped(machine, OLD, journal)
    assert (codes(failure), failure.ending) == (["NP753"], Ending.UNUSABLE)
    assert machine.writes == []
    assert journal.read() == Record()


def test_all_refusals_are_told_at_once(machine: Machine, journal: Journal) -> None:
    """An older serial, a writer that is of another backend, and a program that is missing."""
    applied(machine, replace(OLD, identity=replace(OLD.identity, serial=7)), journal)
    machine.lacks.add("ipset")
    found = refusals(machine, NEW, journal.read(), Backend.NFT, Choices(by_iptc=True))
    assert [one.code for one in found] == ["NP757", "NP752", "NP753"]
