"""A build folder is replaced whole or not at all, whatever happens."""

import os
import signal
import sys
from pathlib import Path

import pytest

from netpolicy.data import folder
from tests.cli.conftest import Run
from tests.cli.running import CLUSTER, POLICY, Outcome, contents, place, spawn

TWENTY = str(folder("rules") / "clusters" / "twenty-dual-stack.yaml")
DYING = """
import importlib, os, signal, sys
from netpolicy.cli import main
module, _, name = sys.argv[1].rpartition(".")
there, calls = importlib.import_module(module), int(sys.argv[2])
whole = getattr(there, name)
def dying(*given, **named):
    global calls
    calls -= 1
    if calls < 0:
        os.kill(os.getpid(), getattr(signal, sys.argv[3]))
    return whole(*given, **named)
setattr(there, name, dying)
sys.exit(main(sys.argv[4:]))
"""
PLACES = [("netpolicy.cli.build.write_build", 0), ("os.link", 0), ("os.link", 7), ("os.fsync", 0), ("os.fsync", 1)]


def beside(world: Path) -> list[str]:
    """What stands in the folder that is not ours to look at."""
    return sorted(path.name for path in world.iterdir() if path.name not in ("cluster.yaml", "policy.netpol"))


def refused(outcome: Outcome, why: str) -> None:
    """Exit status 2 and NP904 with that reason, and nothing on stdout."""
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("error[NP904]: ")
    assert why in outcome.err
    assert "= hint: " in outcome.err


@pytest.fixture
def old(run: Run, world: Path) -> dict[str, bytes | str]:
    """What an earlier build in `build` holds."""
    assert run("compile", "cluster.yaml", "-o", "build", "--serial", "1").status == 0
    found = contents(world / "build")
    assert found
    return found


def test_a_build_is_exchanged(run: Run, world: Path, old: dict[str, bytes | str]) -> None:
    before = (world / "build").stat().st_ino
    (world / "build" / "classes" / "stale").mkdir()
    assert run("compile", "cluster.yaml", "-o", "build/", "--serial", "2").status == 0
    new = contents(world / "build")
    assert new.keys() == old.keys()
    assert new["manifest.json"] != old["manifest.json"]
    assert (world / "build").stat().st_ino != before
    assert beside(world) == ["build"]


def test_an_empty_folder_is_taken(run: Run, world: Path) -> None:
    (world / "build").mkdir()
    assert run("compile", "cluster.yaml", "-o", "build").status == 0
    assert (world / "build" / "manifest.json").is_file()
    assert beside(world) == ["build"]


@pytest.mark.parametrize("broken", ["allow web -> dbb : tcp 1", "never web -> db : tcp 3306", "allow web", "\0"])
def test_an_error_leaves_the_old_build(broken: str, run: Run, world: Path, old: dict[str, bytes | str]) -> None:
    place(world, CLUSTER, POLICY + broken + "\n")
    outcome = run("compile", "cluster.yaml", "-o", "build")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.endswith("1 error; nothing was written\n")
    assert contents(world / "build") == old
    assert beside(world) == ["build"]


@pytest.mark.parametrize("kept", ["notes.txt", "manifest.json", "classes/x"])
def test_a_folder_that_is_no_build_is_untouched(kept: str, run: Run, world: Path) -> None:
    (world / "build" / kept).parent.mkdir(parents=True)
    (world / "build" / kept).write_text('{"name": "a web page", "icons": []}', encoding="utf-8")
    before = contents(world / "build")
    refused(run("compile", "cluster.yaml", "-o", "build"), "holds files that are no build of netpolicy")
    assert contents(world / "build") == before
    assert beside(world) == ["build"]


@pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
def test_a_link_is_not_followed(target: str, run: Run, world: Path) -> None:
    (world / "elsewhere").mkdir()
    (world / "build").symlink_to(target)
    refused(run("compile", "cluster.yaml", "-o", "build"), "`build` is no folder")
    assert (world / "build").readlink() == Path(target)
    assert (beside(world), list((world / "elsewhere").iterdir())) == (["build", "elsewhere"], [])


def test_a_file_is_not_replaced(run: Run, world: Path) -> None:
    refused(run("compile", "cluster.yaml", "-o", "policy.netpol"), "`policy.netpol` is no folder")
    assert (world / "policy.netpol").read_text(encoding="utf-8") == POLICY
    refused(run("compile", "cluster.yaml", "-o", "policy.netpol/build"), "not a directory")
    assert beside(world) == []


def test_missing_folders_on_the_way_are_made(run: Run, world: Path) -> None:
    assert run("compile", "cluster.yaml", "-o", "a/b/build").status == 0
    assert (world / "a" / "b" / "build" / "manifest.json").is_file()
    assert [path.name for path in (world / "a" / "b").iterdir()] == ["build"]


@pytest.mark.parametrize("output", [".", "..", "/"])
def test_a_folder_above_is_no_build(output: str, run: Run, world: Path) -> None:
    (world / ".." / "other").write_text("", encoding="utf-8")
    refused(run("compile", "cluster.yaml", "-o", output), "holds files that are no build")
    assert beside(world) == []


@pytest.mark.parametrize("place_to_die", PLACES)
def test_a_kill_in_the_middle_leaves_the_old_build(
    place_to_die: tuple[str, int], run: Run, world: Path, old: dict[str, bytes | str]
) -> None:
    where, calls = place_to_die
    arguments = (where, str(calls), "SIGKILL", "compile", TWENTY, "-o", "build")
    assert spawn(sys.executable, "-c", DYING, *arguments).status == -signal.SIGKILL
    assert contents(world / "build") == old
    assert run("compile", TWENTY, "-o", "build").status == 0
    assert len(list((world / "build" / "nodes").iterdir())) == 20


def test_a_kill_after_the_exchange_leaves_the_new_build(run: Run, world: Path, old: dict[str, bytes | str]) -> None:
    arguments = ("shutil.rmtree", "0", "SIGKILL", "compile", TWENTY, "-o", "build", "--as-of", "2026-06-01")
    assert spawn(sys.executable, "-c", DYING, *arguments).status == -signal.SIGKILL
    assert run("compile", TWENTY, "-o", "new", "--as-of", "2026-06-01").status == 0
    assert contents(world / "build") == contents(world / "new") != old


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGINT", 130)])
@pytest.mark.parametrize("place_to_die", PLACES)
def test_a_stop_in_the_middle_leaves_nothing_behind(
    place_to_die: tuple[str, int], name: str, status: int, world: Path, old: dict[str, bytes | str]
) -> None:
    where, calls = place_to_die
    outcome = spawn(sys.executable, "-c", DYING, where, str(calls), name, "compile", TWENTY, "-o", "a/build")
    assert (outcome.status, outcome.out) == (status, "")
    assert "Traceback" not in outcome.err
    assert contents(world / "build") == old
    assert beside(world) == ["build"]


# Disks that take nothing, each mounted where no other process sees it.


def mounted(options: str, *commands: str) -> Outcome:
    """Runs shell commands beside a small file system of their own in `disk`."""
    Path("disk").mkdir()
    mount = f'mount -t tmpfs -o {options} tmpfs disk && NETPOLICY="{sys.executable} -m netpolicy"'
    private = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--mount")
    return spawn(*private, "sh", "-c", "; ".join([mount + " || exit 99", *commands]))


def test_a_full_disk_takes_nothing(world: Path) -> None:
    outcome = mounted(
        "size=128k", f"$NETPOLICY compile {TWENTY} -o disk/a/build", "status=$?", "ls -A disk", "exit $status"
    )
    refused(outcome, "no space left on device; nothing was written")
    assert "= hint: make room on that disk" in outcome.err


def test_a_full_disk_keeps_the_old_build(world: Path) -> None:
    outcome = mounted(
        "size=128k",
        "$NETPOLICY compile -q cluster.yaml -o disk/build --as-of 2026-06-01",
        f"$NETPOLICY compile {TWENTY} -o disk/build",
        "status=$?",
        "$NETPOLICY compile -q cluster.yaml -o new --as-of 2026-06-01",
        "diff -r disk/build new",
        "ls -A disk | grep -v '^build$'",
        "exit $status",
    )
    refused(outcome, "no space left on device; nothing was written")
    assert (world / "new" / "manifest.json").is_file()


def test_a_read_only_disk_takes_nothing(world: Path) -> None:
    outcome = mounted("ro", "$NETPOLICY compile cluster.yaml -o disk/build", "status=$?", "ls -A disk", "exit $status")
    refused(outcome, "read-only file system; nothing was written")


# The file of `matrix -o`.


def test_matrix_writes_a_file_whole(run: Run, world: Path) -> None:
    (world / "rows.csv").write_text("old", encoding="utf-8")
    outcome = run("matrix", "cluster.yaml", "--format", "csv", "-o", "rows.csv")
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
    assert (world / "rows.csv").read_text(encoding="utf-8") == run("matrix", "cluster.yaml", "--format", "csv").out
    assert beside(world) == ["rows.csv"]


@pytest.mark.parametrize(
    ("output", "why"),
    [("none/rows.csv", "no such file"), ("policy.netpol/x", "not a directory"), (".", "is a directory")],
)
def test_matrix_to_a_place_that_cannot_be_written(output: str, why: str, run: Run, world: Path) -> None:
    refused(run("matrix", "cluster.yaml", "-o", output), why)
    assert beside(world) == []


def test_matrix_to_a_device_leaves_the_device(run: Run, world: Path) -> None:
    os.mkfifo(world / "pipe")
    reader = os.open(world / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert run("matrix", "cluster.yaml", "--format", "csv", "-o", "pipe").status == 0
        assert os.read(reader, 6) == b"source"
    finally:
        os.close(reader)
    assert (world / "pipe").is_fifo()
    (world / "full").symlink_to("/dev/full")
    refused(run("matrix", "cluster.yaml", "-o", "full"), "no space left on device")
    assert (world / "full").is_char_device()


def test_a_full_disk_keeps_the_old_file(world: Path) -> None:
    outcome = mounted(
        "size=4k",
        "echo old > disk/rows",
        f"$NETPOLICY matrix {TWENTY} --format json --by node -o disk/rows",
        "status=$?",
        "cat disk/rows | grep -v old",
        "ls -A disk | grep -v '^rows$'",
        "exit $status",
    )
    refused(outcome, "no space left on device; nothing was written")
