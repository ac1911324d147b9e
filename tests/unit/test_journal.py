"""The state folder: whatever happened to it, it is understood or refused, and an apply heals it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netpolicy.node.apply import Choices, apply, refuse_older
from netpolicy.node.journal import Applied, Attempt, Journal, Phase, Record, now
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.policy.seal import KEY, OPEN, sealed
from tests.bundles import LESS, MORE, POLICY, bundle
from tests.machine import Machine

OLD, NEW = bundle(POLICY, serial=7), bundle(LESS, serial=8)
BEGUN = Attempt("0123abcd", Phase.BEGUN, NEW.identity.digest, "iptables-nft", "2030-01-01T00:00:00+00:00")


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def journal(tmp_path: Path, machine: Machine) -> Journal:
    """The old rules were applied."""
    journal = Journal(tmp_path / "state")
    apply(machine, OLD, journal, Choices())
    return journal


def refused(journal: Journal) -> StoppedError:
    with pytest.raises(StoppedError) as caught:
        journal.read()
    assert [one.code for one in caught.value.found] == ["NP759"]
    assert caught.value.found[0].hint
    return caught.value


class PowerCutError(BaseException):
    """Nothing that runs here comes after it."""


@contextmanager
def cut_at(call: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The power goes at the nth time that something is made durable: of a file the half is on the disk."""
    left = [call]

    def sync(handle: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            with suppress(OSError):  # a folder
                os.ftruncate(handle, os.fstat(handle).st_size // 2)
            raise PowerCutError

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", sync)
        yield


# What is said, and when.


def test_a_folder_without_a_journal_says_nothing(tmp_path: Path) -> None:
    assert Journal(tmp_path / "nowhere").read() == Record()
    assert Journal(tmp_path).kept("0" * 64) is None
    assert not (tmp_path / "nowhere").exists()


def test_it_says_begun_then_applied(journal: Journal) -> None:
    before = journal.read()
    journal.begin(NEW, BEGUN, before)
    assert journal.read() == Record(before.in_force, BEGUN)
    journal.applied()
    one = NEW.identity
    force = Applied(one.cluster, one.node, one.digest, 8, BEGUN.backend, BEGUN.at)
    assert journal.read() == Record(force, replace(BEGUN, phase=Phase.APPLIED))
    assert sorted(path.name for path in journal.folder.iterdir()) == ["journal.json", "kept", "lock"]


@pytest.mark.parametrize("phase", [Phase.REFUSED, Phase.ROLLED_BACK, Phase.UNKNOWN])
def test_how_it_ended_is_said_and_what_is_in_force_stays(journal: Journal, phase: Phase) -> None:
    before = journal.read()
    journal.begin(NEW, BEGUN, before)
    journal.ended(BEGUN, phase, before)
    assert journal.read() == Record(before.in_force, replace(BEGUN, phase=phase))
    assert not (journal.folder / "journal.next").exists()


def test_the_files_of_the_two_last_classes_are_kept(journal: Journal, machine: Machine) -> None:
    more = bundle(MORE, serial=9)
    for one in (NEW, more):
        apply(machine, one, journal, Choices())
        kept = journal.kept(one.identity.digest)
        assert kept is not None
        assert (kept.identity, kept.files, kept.ruleset) == (one.identity, one.files, one.ruleset)
        assert kept.statements == one.statements
    assert journal.kept(NEW.identity.digest) is not None
    assert journal.kept(OLD.identity.digest) is None
    assert len(list((journal.folder / "kept").iterdir())) == 2


def test_only_the_owner_may_look(journal: Journal) -> None:
    for path in (journal.folder, *journal.folder.rglob("*")):
        if path.name != "kept" and path.parent.name != "kept":
            assert path.stat().st_mode & 0o077 == 0, path


def test_a_time_is_told_in_utc() -> None:
    assert now().endswith("+00:00")
    assert len(now()) == 25


# What is damaged.


def test_a_journal_that_was_cut_is_refused(journal: Journal) -> None:
    path = journal.folder / "journal.json"
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at])
        assert refused(journal).ending is Ending.REFUSED


def test_a_journal_with_a_flipped_byte_is_refused(journal: Journal) -> None:
    path = journal.folder / "journal.json"
    whole = path.read_bytes()
    for at in range(len(whole)):
        for bit in (0x01, 0x20, 0x80):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
            assert refused(journal).ending is Ending.REFUSED


def usable_or_refused(journal: Journal) -> None:
    """What is read can be used; nothing but a StoppedError comes of it."""
    try:
        record = journal.read()
        if record.in_force is not None:
            journal.kept(record.in_force.digest)
        refuse_older(OLD.identity, record)
    except StoppedError as stopped:
        assert {one.code for one in stopped.found} <= {"NP759", "NP757"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3) | st.just("x" * 300) | st.just("\0"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=200)
@given(st.data())
def test_a_journal_that_says_anything_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    journal = Journal(folder)
    apply(Machine(), OLD, journal, Choices()) if not folder.exists() else None
    tree = deepcopy(TREE)
    spot: Any = tree
    keys = [data.draw(st.sampled_from(sorted(spot)))]
    if isinstance(spot[keys[0]], dict) and data.draw(st.booleans()):
        spot = spot[keys[0]]
        keys = [data.draw(st.sampled_from(sorted(spot)))]
    spot[keys[0]] = data.draw(VALUES)
    (folder / "journal.json").write_text(text_of(tree), encoding="utf-8")
    usable_or_refused(journal)


TREE: dict[str, Any] = {
    "format_version": 1,
    "tool": {"name": "netpolicy", "version": "1"},
    "in_force": {"cluster": "c", "node": "n", "digest": "d", "serial": 7, "backend": "iptables-nft", "at": now()},
    "last": {"id": "i", "phase": "applied", "digest": "d", "backend": "iptables-nft", "at": now()},
    KEY: OPEN,
}


def text_of(tree: dict[str, Any]) -> str:
    """The tree as a journal that was written with it."""
    return sealed(json.dumps(tree, indent=1, sort_keys=True))


def test_the_tree_above_is_a_journal(tmp_path: Path) -> None:
    (tmp_path / "journal.json").write_text(text_of(TREE), encoding="utf-8")
    assert Journal(tmp_path).read().in_force is not None


def test_a_journal_that_was_moved_away_is_written_anew(journal: Journal, machine: Machine) -> None:
    """As the hint says; the kernel is not touched for it."""
    path = journal.folder / "journal.json"
    path.write_bytes(b"\xff{")
    assert "move it away" in refused(journal).found[0].hint
    with pytest.raises(StoppedError) as caught:
        apply(machine, OLD, journal, Choices())
    assert [one.code for one in caught.value.found] == ["NP759"]
    path.rename(path.with_suffix(".broken"))
    machine.calls.clear()
    assert apply(machine, OLD, journal, Choices()).changed is False
    assert machine.writes == []
    record = journal.read()
    assert record.in_force is not None
    assert record.in_force.digest == OLD.identity.digest


def test_whatever_else_is_damaged_stops_no_apply(journal: Journal, machine: Machine) -> None:
    """Every other file is cut, and what a killed run left lies about."""
    digest = OLD.identity.digest
    for name in ("journal.next", ".journal.json"):
        (journal.folder / name).write_bytes(b"{")
    for name in (f".{digest}", f".old-{digest}", f".{NEW.identity.digest}", f".old-{NEW.identity.digest}"):
        (journal.folder / "kept" / name / "files").mkdir(parents=True)
    for path in (journal.folder / "kept" / digest).rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:3])
            assert journal.kept(digest) is None
    assert apply(machine, NEW, journal, Choices()).changed
    assert apply(machine, replace(OLD, identity=replace(OLD.identity, serial=9)), journal, Choices()).changed
    assert journal.kept(digest) is not None


def test_a_link_that_leads_nowhere_among_what_is_kept_does_not_stop_an_apply(
    journal: Journal, machine: Machine
) -> None:
    (journal.folder / "kept" / "link").symlink_to("nowhere")
    assert apply(machine, NEW, journal, Choices()).changed


@pytest.mark.parametrize(
    ("number", "hint"), [(errno.ENOSPC, "make room"), (errno.EACCES, "as root"), (errno.EROFS, "mend that")]
)
def test_the_hint_is_of_the_failure(
    journal: Journal, machine: Machine, monkeypatch: pytest.MonkeyPatch, number: int, hint: str
) -> None:
    def fails(_: int) -> None:
        raise OSError(number, os.strerror(number))

    machine.calls.clear()
    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(StoppedError) as caught:
        apply(machine, NEW, journal, Choices())
    assert hint in caught.value.found[0].hint
    assert machine.writes == []


# What is cut in the middle.


def test_a_power_cut_leaves_a_journal_that_says_old_or_new(
    journal: Journal, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every file and folder that is made durable; the next apply heals, and the old rules are kept until then."""
    before = journal.read()
    cuts = 0
    for call in range(1, 40):
        try:
            with cut_at(call, monkeypatch):
                apply(machine, NEW, journal, Choices())
        except PowerCutError:
            cuts += 1
        else:
            break
        record = journal.read()
        assert record.in_force in (before.in_force, replace(record.in_force or OLD_FORCE, serial=8))
        assert journal.kept(OLD.identity.digest) is not None
    assert cuts >= 8
    record = journal.read()
    assert record.in_force is not None
    assert record.last is not None
    assert (record.in_force.digest, record.last.phase) == (NEW.identity.digest, Phase.APPLIED)
    assert journal.kept(NEW.identity.digest) is not None


OLD_FORCE = Applied("small", "db", OLD.identity.digest, 7, "iptables-nft", "")


def test_a_kill_while_a_class_is_kept_anew_leaves_one_of_the_two(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of the class in force are written again, and the folder has its other name just then."""
    digest = OLD.identity.digest
    home = journal.folder / "kept" / digest
    renamed = Path.rename

    def cut(path: Path, target: Path) -> Path:
        if target == home:
            raise PowerCutError
        return renamed(path, target)

    monkeypatch.setattr(Path, "rename", cut)
    with pytest.raises(PowerCutError):
        journal.begin(OLD, BEGUN, journal.read())
    assert not home.exists()
    kept = journal.kept(digest)
    assert kept is not None
    assert kept.files == OLD.files


# Who else is there.


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    for folder in (tmp_path / "file", tmp_path / "file" / "state"):
        with pytest.raises(StoppedError) as caught, Journal(folder).locked(0):
            pass
        assert [one.code for one in caught.value.found] == ["NP759"]
    (tmp_path / "journal.json").mkdir()
    assert refused(Journal(tmp_path)).ending is Ending.UNUSABLE


def test_a_lock_is_waited_for_and_goes_with_the_block(journal: Journal) -> None:
    with journal.locked(0):
        for within in (0.0, 0.2):
            with pytest.raises(StoppedError) as caught, Journal(journal.folder).locked(within):
                pass
            assert [one.code for one in caught.value.found] == ["NP764"]
            assert f"{within:g} seconds" in caught.value.found[0].message
    with Journal(journal.folder).locked(0):
        pass
