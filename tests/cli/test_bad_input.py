"""Files that are no policies and no clusters: a clear error, the right exit status, nothing written, no traceback."""

import json
import os
import sys
from pathlib import Path

import pytest

from netpolicy import cli
from netpolicy.cli.files import LARGEST
from tests.cli.conftest import Run
from tests.cli.running import CLUSTER, POLICY, netpolicy, place, spawn

COMMANDS = (
    *("lint CLUSTER", "compile CLUSTER -o build", "matrix CLUSTER", "matrix CLUSTER -o rows --format csv"),
    *("verify CLUSTER", "verify CLUSTER --coverage"),
)
BINARY = bytes(range(256)) * 40


def asked(run: Run, world: Path, cluster: str, status: int, *told: str) -> None:
    """Every command answers so for this cluster file, and leaves the folder as it is."""
    before = sorted(path.name for path in world.iterdir())
    for command in COMMANDS:
        outcome = run(*command.replace("CLUSTER", cluster).split())
        assert (outcome.status, outcome.out) == (status, ""), command
        assert "internal error" not in outcome.err
        assert all(one in outcome.err for one in told), outcome.err
        assert sorted(path.name for path in world.iterdir()) == before


# The cluster file.


def test_a_missing_cluster(run: Run, world: Path) -> None:
    asked(run, world, "none.yaml", 2, "error[NP901]: there is no file `none.yaml`")


def test_a_folder_for_a_cluster(run: Run, world: Path) -> None:
    (world / "clusters").mkdir()
    asked(run, world, "clusters", 2, "error[NP901]: `clusters` is a folder", "hint: name a file in it")


@pytest.mark.parametrize("name", ["policy.netpol/x", "x" * 300, "loop"])
def test_a_name_that_leads_nowhere(name: str, run: Run, world: Path) -> None:
    (world / "loop").symlink_to("loop")
    asked(run, world, name, 2, "error[NP901]: `", "cannot be read: ")


def test_an_unreadable_cluster(run: Run, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(path: object, flags: int, *_: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    before = os.open
    monkeypatch.setattr("netpolicy.cli.files.os.open", refusing)  # root may read what nobody may
    for command in ("lint cluster.yaml", "matrix cluster.yaml", "compile cluster.yaml -o build"):
        outcome = run(*command.split())
        assert (outcome.status, outcome.out) == (2, "")
        assert "error[NP901]: `cluster.yaml` cannot be read: permission denied" in outcome.err
        assert "hint: check its permissions" in outcome.err
    monkeypatch.setattr("netpolicy.cli.files.os.open", before)
    assert not (world / "build").exists()


def test_an_empty_cluster(run: Run, world: Path) -> None:
    (world / "cluster.yaml").write_bytes(b"")
    asked(run, world, "cluster.yaml", 1, "error[NP201]: the file holds nothing")
    asked(run, world, "/dev/null", 1, "error[NP201]: the file holds nothing")


def test_a_binary_cluster(run: Run, world: Path) -> None:
    (world / "cluster.yaml").write_bytes(BINARY)
    asked(run, world, "cluster.yaml", 2, "error[NP902]: `cluster.yaml` is not a text file")


def test_a_cluster_in_another_encoding(run: Run, world: Path) -> None:
    (world / "cluster.yaml").write_bytes(CLUSTER.encode("utf-16"))
    asked(run, world, "cluster.yaml", 2, "error[NP902]: `cluster.yaml` is not a text file", "hint: save it as UTF-8")
    (world / "cluster.yaml").write_bytes(CLUSTER.encode() + "# größer\n".encode("latin-1"))
    byte = len(CLUSTER) + 4
    asked(run, world, "cluster.yaml", 2, f"`cluster.yaml` is not a text file (byte {byte} is not UTF-8)")


def test_a_cluster_with_zero_bytes(run: Run, world: Path) -> None:
    (world / "cluster.yaml").write_text(CLUSTER + "\0", encoding="utf-8")
    asked(run, world, "cluster.yaml", 2, "error[NP902]: ", "it holds a zero byte")


@pytest.mark.parametrize("length", [LARGEST + 1, 1 << 40])
def test_a_huge_cluster(length: int, run: Run, world: Path) -> None:
    with (world / "cluster.yaml").open("wb") as file:
        file.truncate(length)
    asked(run, world, "cluster.yaml", 2, "error[NP903]: `cluster.yaml` is larger than 64 MiB")


def test_a_stream_without_end(run: Run, world: Path) -> None:
    asked(run, world, "/dev/zero", 2, "error[NP903]: `/dev/zero` is larger than 64 MiB")


def test_a_pipe_that_nobody_writes(world: Path) -> None:
    os.mkfifo(world / "pipe")
    outcome = netpolicy("lint", "pipe")
    assert (outcome.status, outcome.out) == (1, "")
    assert "error[NP201]: the file holds nothing" in outcome.err


def test_a_pipe_that_somebody_writes_late(run: Run, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()

    def writing(handle: int, blocking: bool) -> None:
        waiting(handle, blocking)
        os.write(writer, CLUSTER.replace("./policy", f"{world}/policy").encode())
        os.close(writer)

    waiting = os.set_blocking
    monkeypatch.setattr("netpolicy.cli.files.os.set_blocking", writing)
    outcome = run("lint", f"/dev/fd/{reader}")
    os.close(reader)
    assert (outcome.status, outcome.err) == (0, "")
    assert "3 nodes in 2 classes" in outcome.out


def test_yaml_that_is_no_cluster(run: Run, world: Path) -> None:
    for text in (
        "- a\n",
        "a: [\n",
        "just text\n",
        "\t\n",
        "a: &a [*a]\n",
        "{" * 5000,
        "- " * 5000,
        "policy: ./policy.netpol\n",
    ):
        (world / "cluster.yaml").write_text(text, encoding="utf-8")
        asked(run, world, "cluster.yaml", 1, "error[NP2")


# The policy that it names.


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("./none.netpol", "error[NP901]: there is no file `none.netpol`"),
        ("none.netpol", "error[NP901]: there is no file `none.netpol` among the shipped policies"),
        ("./", "is a folder"),
        ("/", "is a folder"),
        ("../../../../../../../../../../../none.netpol", "there is no file"),
        ("../../none.netpol", "there is no file"),
        ('"./a\\0b"', "error[NP901]: `"),
        (json.dumps("./\x01\r\x1b[2J"), "error[NP901]: there is no file `"),
        ("./" + "x" * 300, "cannot be read: file name too long"),
    ],
)
def test_a_policy_that_is_not_there(reference: str, told: str, run: Run, world: Path) -> None:
    place(world, CLUSTER.replace("./policy.netpol", reference), POLICY)
    asked(run, world, "cluster.yaml", 1, told, "--> cluster.yaml:2:9")


def test_a_policy_that_is_no_text(run: Run, world: Path) -> None:
    for content, code in ((BINARY, "NP902"), (POLICY.encode("utf-16"), "NP902"), (POLICY.encode() + b"\0", "NP902")):
        (world / "policy.netpol").write_bytes(content)
        asked(
            run, world, "cluster.yaml", 1, f"error[{code}]: `policy.netpol` is not a text file", "--> cluster.yaml:2:9"
        )
    with (world / "policy.netpol").open("wb") as file:
        file.truncate(LARGEST + 1)
    asked(run, world, "cluster.yaml", 1, "error[NP903]: `policy.netpol` is larger than 64 MiB", "--> cluster.yaml:2:9")


def test_policies_that_include_each_other(run: Run, world: Path) -> None:
    place(world, CLUSTER, 'include "./other.netpol"\n' + POLICY)
    (world / "other.netpol").write_text('include "./policy.netpol"\n', encoding="utf-8")
    trail = "policy.netpol -> other.netpol -> policy.netpol"
    asked(run, world, "cluster.yaml", 1, f"error[NP122]: files include each other: {trail}", "--> other.netpol:1:9")
    place(world, CLUSTER, 'include "./policy.netpol"\n' + POLICY)
    asked(run, world, "cluster.yaml", 1, "error[NP122]: files include each other: policy.netpol -> policy.netpol")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 20000,
        "allow " + "(" * 3000 + "web",
        "when not " * 5000,
        "when web {" * 1200,
        "allow web" + " -> db" * 9000,
        "allow web" + "@eth0" * 9000,
        'role a "' + 'x\\"' * 100_000,
        "when not web {\n" * 1200 + "}\n" * 1200,
        "allow web -> db : ssh " * 2000,
        "".join(f"group g{number} = g{number + 1}\n" for number in range(2000)) + "group g2000 = g0",
    ],
    ids=lambda text: f"{text[:20]!r}",
)
def test_a_policy_that_never_ends(text: str, run: Run, world: Path) -> None:
    place(world, CLUSTER, POLICY + text)
    asked(run, world, "cluster.yaml", 1, "error[NP", "--> policy.netpol:")


def test_a_chain_of_many_includes(run: Run, world: Path) -> None:
    place(world, CLUSTER, 'include "./0.netpol"\n' + POLICY)
    for number in range(1500):
        (world / f"{number}.netpol").write_text(f'include "./{number + 1}.netpol"\n', encoding="utf-8")
    outcome = run("lint", "cluster.yaml")
    assert (outcome.status, outcome.out) == (1, "")
    assert "error[NP131]: includes are nested too deep" in outcome.err
    assert "--> 49.netpol:1:9" in outcome.err


# What nobody could foresee.


def test_an_internal_error_shows_no_traceback(run: Run, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise RuntimeError("a bug\nof ours")

    monkeypatch.setattr("netpolicy.pipeline.plan", failing)
    for command in ("lint cluster.yaml", "matrix cluster.yaml", "compile cluster.yaml -o build"):
        outcome = run(*command.split())
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith("error: internal error (RuntimeError: a bug")
        assert outcome.err.endswith("run again with --verbose and report what it prints\n")
    assert sorted(path.name for path in world.iterdir()) == ["cluster.yaml", "policy.netpol"]


def test_verbose_shows_the_traceback(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("netpolicy.pipeline.plan", None)
    assert cli.main(["lint", "cluster.yaml", "--verbose"]) == 2
    assert "Traceback (most recent call last):" in capsys.readouterr().err


# Where results go.


def test_output_that_nobody_reads(world: Path) -> None:
    closed = "import os, sys; os.close(0)"
    command = f'{sys.executable} -m netpolicy explain NP112 2>err | {sys.executable} -c "{closed}"; cat err'
    assert spawn("bash", "-c", command).out == ""
    for arguments in ("explain NP112", "matrix cluster.yaml", "lint cluster.yaml"):
        command = f"{sys.executable} -m netpolicy {arguments} | true; echo ${{PIPESTATUS[0]}}"
        outcome = spawn("bash", "-c", command)
        assert outcome.err == ""
        assert outcome.out.split() in (["0"], ["141"])


def test_output_that_cannot_be_written(world: Path) -> None:
    for arguments in ("explain NP112", "matrix cluster.yaml", "lint cluster.yaml", "compile cluster.yaml -o build"):
        outcome = spawn("sh", "-c", f"{sys.executable} -m netpolicy {arguments} >/dev/full")
        assert (outcome.status, outcome.err) == (2, "error: cannot write the output: no space left on device\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_names_that_the_terminal_cannot_show(encoding: str, world: Path) -> None:
    name = os.fsdecode("größe-\N{SNOWMAN}.yaml".encode() + b"\xff")
    (world / "cluster.yaml").rename(world / name)
    for arguments in (("lint", name), ("matrix", name), ("compile", name, "-o", os.fsdecode(b"build\xff\n"))):
        outcome = netpolicy(*arguments, env={"PYTHONIOENCODING": encoding})
        assert (outcome.status, outcome.err) == (0, "")
        assert outcome.out
