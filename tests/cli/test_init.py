"""`init` writes files to start from: they are right as they are, and nothing that stands there is touched."""

import os
import re
import shlex
import stat
from pathlib import Path
from typing import Any

import pytest

from netpolicy.cli.files import shipped_clusters
from netpolicy.data import folder
from tests.cli.conftest import Run
from tests.cli.running import contents
from tests.cli.test_folder import beside, mounted, refused

STARTER = folder("rules") / "starter"
SHIPPED = sorted(shipped_clusters())


def written(where: Path) -> dict[str, bytes | str]:
    """What `init` writes there, if it writes its own example."""
    return {str(where / path.name): path.read_bytes() for path in STARTER.iterdir()}


def follow(run: Run, told: str) -> None:
    """Both commands that `init` tells are right; the first finds no error, and in our own example nothing at all."""
    lint, compiling = (shlex.split(line)[1:] for line in told.splitlines()[1:])
    outcome = run(*lint)
    assert (outcome.status, "error[" in outcome.err) == (0, False)
    assert ": no findings (" in outcome.out or "policy.netpol" not in told.splitlines()[0]
    assert run(*compiling).status == 0


# What is written.


@pytest.mark.parametrize("where", ["shop", "a/b/shop", "a shop's", "."])
def test_the_example_is_right_as_it_is(where: str, run: Run, world: Path) -> None:
    for path in world.iterdir():
        path.unlink()
    outcome = run("init", *([where] if where != "." else []))
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith(f"wrote {Path(where, 'policy.netpol')} and {Path(where, 'cluster.yaml')}; now try\n")
    made = {name: held for name, held in contents(world).items() if held != "/"}
    assert made == written(Path(where))
    follow(run, outcome.out)
    assert Path(where, "build", "manifest.json").is_file()


def test_the_example_has_a_matrix_and_rules_of_both_families(run: Run) -> None:
    run("init", "shop")
    rows = run("matrix", "shop/cluster.yaml")
    assert (rows.status, rows.err) == (0, "")
    assert re.search(r"every role, world +web +tcp 80, 443\n", rows.out)
    run("compile", "shop/cluster.yaml", "-o", "build")
    for family in ("v4", "v6"):
        assert "--dport 5432" in Path("build", "nodes", "db", f"rules.{family}").read_text(encoding="utf-8")


def test_the_example_fits_on_a_screen() -> None:
    for path in STARTER.iterdir():
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 40
        assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    "word",
    [
        *("role", "label", "network", "param", "service", "allow", "never", "expect", "require", "when", "exists"),
        *("world", "outside", "all", "&", "<->", "because", "icmp"),
    ],
)
def test_the_example_teaches_the_words_of_the_language(word: str) -> None:
    lines = (STARTER / "policy.netpol").read_text(encoding="utf-8").splitlines()
    assert any(word in line.partition("#")[0].split() for line in lines)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_cluster_to_start_from(name: str, run: Run, world: Path) -> None:
    outcome = run("init", "als", "--from", name)
    assert (outcome.status, outcome.err) == (0, "")
    assert contents(world / "als") == {"cluster.yaml": shipped_clusters()[name].text.encode()}
    follow(run, outcome.out)


def test_all_shipped_clusters_have_a_name_of_their_own() -> None:
    paths = [path for path in folder("rules").rglob("*.yaml") if STARTER not in path.parents]
    assert len(SHIPPED) == len(paths) > 0


def test_quiet_says_nothing(run: Run, world: Path) -> None:
    outcome = run("init", "shop", "--quiet")
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
    assert (world / "shop" / "cluster.yaml").is_file()


def test_files_may_be_read_as_the_umask_says(run: Run, world: Path) -> None:
    before = os.umask(0o022)
    try:
        run("init", "shop")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (world / "shop").iterdir()} == {0o644}


# What is refused.


@pytest.mark.parametrize("kept", ["policy.netpol", "cluster.yaml", "policy.netpol cluster.yaml"])
@pytest.mark.parametrize("link", [False, True])
def test_no_file_is_replaced(kept: str, link: bool, run: Run, world: Path) -> None:
    (world / "shop").mkdir()
    for name in kept.split():
        if link:
            (world / "shop" / name).symlink_to("nowhere")
        else:
            (world / "shop" / name).write_text("mine", encoding="utf-8")
    before = contents(world)
    named = " and ".join(f"`{name}`" for name in kept.split())
    stand = "stands" if len(kept.split()) == 1 else "stand"
    refused(run("init", "shop"), f"{named} {stand} in `{world / 'shop'}` already; nothing was written")
    assert contents(world) == before


def test_a_second_time_is_refused(run: Run, world: Path) -> None:
    assert run("init", "shop").status == 0
    (world / "shop" / "policy.netpol").write_text("mine", encoding="utf-8")
    before = contents(world)
    refused(run("init", "shop"), "already; nothing was written")
    refused(run("init", "shop", "--from", SHIPPED[0]), "`cluster.yaml` stands in ")
    assert contents(world) == before


@pytest.mark.parametrize(
    ("where", "why"),
    [("cluster.yaml", "not a directory"), ("cluster.yaml/shop", "not a directory"), ("loop", "file exists")],
)
def test_a_place_that_is_no_folder(where: str, why: str, run: Run, world: Path) -> None:
    (world / "loop").symlink_to("loop")
    before = contents(world)
    refused(run("init", where), why)
    assert contents(world) == before


def test_a_folder_in_which_nobody_may_write(run: Run, world: Path) -> None:
    refused(run("init", "/proc/shop"), "cannot write to `/proc/shop`: ")
    outcome = mounted("ro", "$NETPOLICY init disk", "status=$?", "ls -A disk", "exit $status")
    refused(outcome, "read-only file system; nothing was written")


def test_a_full_disk_keeps_no_half_of_it(world: Path) -> None:
    outcome = mounted(
        "size=8k",
        "echo x > disk/x",
        "$NETPOLICY init disk/a/b",
        "status=$?",
        "ls -A disk | grep -v '^x$'",
        "exit $status",
    )
    refused(outcome, "no space left on device; nothing was written")


def test_a_file_that_comes_between_is_kept(run: Run, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else makes the second file after the look for it."""
    monkeypatch.setattr("netpolicy.cli.folder.os.path.lexists", lambda _: False)
    (world / "shop").mkdir()
    (world / "shop" / "cluster.yaml").write_text("theirs", encoding="utf-8")
    refused(run("init", "shop"), "file exists; nothing was written")
    assert contents(world / "shop") == {"cluster.yaml": b"theirs"}


def test_an_interrupt_leaves_nothing_behind(run: Run, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path.open

    def interrupted(path: Path, *given: Any, **named: Any) -> object:
        if path == world / "a" / "shop" / "cluster.yaml":
            assert (path.parent / "policy.netpol").exists()
            raise KeyboardInterrupt
        return whole(path, *given, **named)

    monkeypatch.setattr(Path, "open", interrupted)
    outcome = run("init", "a/shop")
    assert (outcome.status, outcome.err) == (130, "netpolicy: interrupted; nothing was written\n")
    assert beside(world) == []


@pytest.mark.parametrize(
    ("name", "hint"), [("als-thre", "did you mean `als-three`?"), ("x\x1b[2J", "leave --from out for a small example")]
)
def test_an_unknown_cluster_to_start_from(name: str, hint: str, run: Run, world: Path) -> None:
    outcome = run("init", "als", "--from", name)
    assert (outcome.status, outcome.out) == (2, "")
    first, *rest = outcome.err.splitlines()
    assert first.startswith("error: no shipped cluster `")
    assert rest == [f"  = note: shipped are {', '.join(SHIPPED)}", f"  = hint: {hint}"]
    assert "\x1b" not in outcome.err
    assert beside(world) == []


def test_the_starter_is_no_policy_to_include(run: Run, world: Path) -> None:
    """A person who misspells a shipped policy is not led to it."""
    (world / "cluster.yaml").write_text("policy: als/sed.netpol\nnodes: {a: {address: 10.0.0.1}}\n", encoding="utf-8")
    told = run("lint", "cluster.yaml").err
    assert "shipped are " in told
    assert "starter" not in told
