"""Programs and files of the machine that the tests run on: what is not there or does not answer stops us."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from netpolicy.node.backend import Backend
from netpolicy.node.host import AS_ROOT, Answer, Host
from netpolicy.node.legacy import BackendUnavailableError, WriteDiffersError, WriteRefusedError
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.node.write import Iptc, Restore, write_sets
from netpolicy.packet.addresses import Family

HOST = Host()


def stopped(caught: pytest.ExceptionInfo[StoppedError], code: str, ending: Ending) -> str:
    """The message and the hint of the one thing that is told."""
    (found,) = caught.value.found
    assert (found.code, caught.value.ending) == (code, ending)
    return f"{found.message} | {found.hint}"


def test_a_program_gets_its_text_and_says_what_it_says() -> None:
    script = "import sys, os; print(sys.stdin.read(), os.environ['LC_ALL']); sys.stderr.write('no\\n'); sys.exit(3)"
    answer = HOST.run(sys.executable, "-c", script, text="a\udcffb")
    assert answer == Answer(3, "a\udcffb C\n", "no\n")
    assert answer.why == "no"
    assert Answer(9, "", " \n").why == "it ended with 9 and said nothing"
    assert Answer(9, "", "one\n  two\x1b[2J").why.startswith("one two")
    assert "\x1b" not in Answer(9, "", "one\n  two\x1b[2J").why


def test_a_program_that_is_not_there_is_named_with_its_package() -> None:
    assert not HOST.has("iptables-odd-save")
    with pytest.raises(StoppedError) as caught:
        HOST.run("iptables-odd-save")
    told = stopped(caught, "NP753", Ending.UNUSABLE)
    assert "`iptables-odd-save` is not installed" in told
    assert "apt-get install iptables`" in told


def test_a_program_that_hangs_is_killed() -> None:
    with pytest.raises(StoppedError) as caught:
        HOST.run(sys.executable, "-c", "import time; time.sleep(600)", within=0.3)
    assert "did not end within 0.3 seconds" in stopped(caught, "NP753", Ending.UNKNOWN)


def test_what_only_looks_leaves_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed as well, and the kernel is untouched."""
    slow = tmp_path / "iptables-nft-save"
    slow.write_text("#!/bin/sh\nexec sleep 600\n", encoding="ascii")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(StoppedError) as caught:
        HOST.run("iptables-nft-save", "-c", within=0.3)
    assert caught.value.ending is Ending.UNUSABLE


def test_a_program_that_cannot_be_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"\x7fELFnothing")
    (tmp_path / "odd").chmod(0o755)
    with pytest.raises(StoppedError) as caught:
        HOST.run(str(tmp_path / "odd"))
    assert "cannot be run" in stopped(caught, "NP753", Ending.UNUSABLE)


def test_programs_are_found_where_users_do_not_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert HOST.has("sh")
    assert HOST.run("sh", "-c", "echo $PATH").out.startswith("/usr/sbin:")


def test_a_file_is_read_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "names").write_bytes(b"filter\n\xff")
    assert (HOST.read(str(tmp_path / "names")) or "").startswith("filter\n")
    assert HOST.read(str(tmp_path / "nothing")) is None
    with pytest.raises(StoppedError) as caught:
        HOST.read(str(tmp_path))
    assert AS_ROOT in stopped(caught, "NP753", Ending.UNUSABLE)


class Says(Host):
    """A host whose programs all say one thing."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[tuple[str, ...]] = []
        self.within = 0.0

    def run(self, *command: str, text: str = "", within: float = 60.0) -> Answer:
        self.asked.append((*command, text))
        self.within = within
        return self.answer


def test_a_text_is_written_whole_beside_what_is_there_and_waits_for_the_lock() -> None:
    host = Says(Answer(0, "", ""))
    Restore(host, Backend.LEGACY, 9).write(Family.V6, "text")
    assert host.asked == [("ip6tables-legacy-restore", "--noflush", "-w", "9", "text")]
    assert host.within > 9


@pytest.mark.parametrize(
    ("err", "code", "words"),
    [
        ("Another app is currently holding the xtables lock. Stopped waiting after 9s.", "NP754", "for 9 seconds"),
        ("iptables-restore v1.8.9: line 2 failed: No chain/target/match", "NP760", "line 2 failed"),
        ("Could not fetch rule set generation id: Permission denied (you must be root)", "NP760", AS_ROOT),
        ("", "NP760", "said nothing"),
    ],
)
def test_why_a_text_was_refused(err: str, code: str, words: str) -> None:
    with pytest.raises(StoppedError) as caught:
        Restore(Says(Answer(4, "", err)), Backend.NFT, 9).write(Family.V4, "text")
    told = stopped(caught, code, Ending.REFUSED)
    assert words in told
    assert (AS_ROOT in told) is ("root" in err)


def test_why_sets_were_refused() -> None:
    write_sets(Says(Answer(0, "", "")), "text")
    with pytest.raises(StoppedError) as caught:
        write_sets(Says(Answer(1, "", "ipset v7.17: Kernel error received: Operation not supported")), "text")
    assert "--sets inline" in stopped(caught, "NP760", Ending.REFUSED)


@pytest.mark.parametrize(
    ("failure", "code", "ending"),
    [
        (BackendUnavailableError("not installed", "install it"), "NP753", Ending.UNUSABLE),
        (WriteRefusedError("another program has held the lock `x` for 9 s", "wait"), "NP754", Ending.REFUSED),
        (WriteRefusedError("line 2 is refused", "see"), "NP760", Ending.REFUSED),
        (WriteDiffersError(("one", "two")), "NP761", Ending.REFUSED),
    ],
)
def test_why_python_iptables_did_not_write(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, code: str, ending: Ending
) -> None:
    given: list[object] = []

    def write(*words: object) -> None:
        given.extend(words)
        raise failure

    monkeypatch.setattr("netpolicy.node.legacy.write_legacy", write)
    with pytest.raises(StoppedError) as caught:
        Iptc(9).write(Family.V4, "text")
    assert stopped(caught, code, ending)
    assert given[:3] == [Family.V4, "text", 9]
    assert caught.value.found[0].notes == (("one", "two") if code == "NP761" else ())
