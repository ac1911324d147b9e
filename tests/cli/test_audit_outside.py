"""`netpolicy audit` and what lies outside of the compiler: reports of nodes, git, packs and their signatures."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from netpolicy.cli.packing import FILES, NAMESPACE
from tests.audits import keep_schema
from tests.cli.conftest import Run
from tests.cli.repository import git
from tests.cli.running import CLUSTER, POLICY, contents, place

DAY = ("--as-of", "2027-03-01")
NODES = ("db", "web1", "web2")


def document(run: Run, *more: str, status: int = 0) -> dict[str, Any]:
    outcome = run("audit", "cluster.yaml", "--format", "json", *DAY, *more)
    assert outcome.status == status, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    keep_schema(found)
    return found


# Nodes.


@pytest.fixture
def reports(world: Path, run: Run) -> Path:
    """What each node prints: as it must be, every rule met seven times, but nothing at db."""
    assert run("compile", "cluster.yaml", "-o", "build", "-q").status == 0
    (world / "reports").mkdir()
    for node in NODES:
        told(world, run, node, packets=0 if node == "db" else 7)
    return world / "reports"


def told(world: Path, run: Run, node: str, *, packets: int = 7, lost: str = "no such words") -> None:
    """Saves the report of a node whose kernel holds its rules, but those with the words that are lost."""
    dump = world / "dump"
    dump.mkdir(exist_ok=True)
    for name in ("rules.v4", "rules.v6", "sets.ipset"):
        lines = (world / "build" / "nodes" / node / name).read_text(encoding="utf-8").splitlines(keepends=True)
        text = "".join(line for line in lines if lost not in line)
        counted = text.replace("\n-A", f"\n[{packets}:{60 * packets}] -A").replace(" -exist", "")
        (dump / name).write_text(counted, encoding="utf-8")
    outcome = run("drift", "--build", "build", "--node", node, "--dump", "dump", "--hits", "--format", "json")
    (world / "reports" / f"{node}.json").write_text(outcome.out, encoding="utf-8")


def test_all_nodes_are_as_they_must_be(reports: Path, run: Run) -> None:
    outcome = run("audit", "cluster.yaml", "--nodes", "reports", *DAY)
    assert (outcome.status, outcome.err) == (0, "")
    found = document(run, "--nodes", "reports")
    assert {key: found["nodes"][key] for key in ("asked", "answered", "as_they_must_be", "drifted", "not_reached")} == {
        "asked": 3,
        "answered": 3,
        "as_they_must_be": 3,
        "drifted": 0,
        "not_reached": [],
    }
    assert all(one["class_matches"] and one["hits"] for one in found["nodes"]["reports"])
    (voice,) = (one for one in found["proof"]["voices"] if one["name"] == "live nodes")
    assert voice["result"] == "agrees"


def test_a_counter_of_zero_is_not_one_that_is_not_there(reports: Path, run: Run) -> None:
    hits = {one["text"]: one["hits"] for one in document(run, "--nodes", "reports")["register"]}
    assert hits["admins -> web : tcp 22"] == {"packets": 14, "bytes": 840, "nodes": 2, "shared": False}
    assert hits["web -> db : tcp 3306"] == {"packets": 0, "bytes": 0, "nodes": 1, "shared": False}
    (reports / "db.json").unlink()
    hits = {one["text"]: one["hits"] for one in document(run, "--nodes", "reports")["register"]}
    assert hits["web -> db : tcp 3306"] is None
    assert all(one["hits"] is None for one in document(run)["register"])


def test_who_was_not_reached_is_told_and_is_no_failure(reports: Path, run: Run) -> None:
    (reports / "web2.json").unlink()
    outcome = run("audit", "cluster.yaml", "--nodes", "reports", *DAY)
    assert outcome.status == 0
    assert outcome.err == "warning: 1 node without a report that counts\n"
    assert "Not reached: web2." in outcome.out
    assert "- 1 node of 3 **not reached**" in outcome.out.partition("## ")[0]
    found = document(run, "--nodes", "reports")
    assert found["nodes"]["not_reached"] == ["web2"]
    assert "live nodes: 1 of 3 gave no report that counts" in found["proof"]["not_checked"]


def test_a_node_that_drifted_is_a_failure(reports: Path, world: Path, run: Run) -> None:
    told(world, run, "web1", lost="--dport 22 ")
    found = document(run, "--nodes", "reports", status=1)
    assert (found["nodes"]["drifted"], found["nodes"]["as_they_must_be"]) == (1, 2)
    (one,) = (one for one in found["nodes"]["reports"] if one["state"] == "drifted")
    assert (one["node"], [each["code"] for each in one["findings"]]) == ("web1", ["NP801"])
    assert found["proof"]["result"] == "proved"
    outcome = run("audit", "cluster.yaml", "--nodes", "reports", "-o", "a.md", *DAY)
    assert outcome.out.endswith("3 of 3 nodes answered: all proved; 1 wrong node\n")
    assert {one["name"]: one["result"] for one in found["proof"]["voices"]}["live nodes"] == "differs"


def test_a_node_with_an_older_build_is_a_failure(reports: Path, world: Path, run: Run) -> None:
    """It holds what it was told to hold, which is not what is proved here."""
    place(world, CLUSTER, POLICY.replace("web : tcp 22", "web : tcp 2222"))
    found = document(run, "--nodes", "reports", status=1)
    states = {one["node"]: (one["state"], one["in_force"]) for one in found["nodes"]["reports"]}
    assert states == {
        "db": ("as it must be", True),
        "web1": ("another build", True),
        "web2": ("another build", True),
    }
    assert "2 nodes with another build" in run("audit", "cluster.yaml", "--nodes", "reports", *DAY).err


def test_files_that_are_no_reports_are_named(reports: Path, run: Run) -> None:
    (reports / "a.json").write_text("{", encoding="utf-8")
    (reports / "b.json").write_bytes(b"\xff\xfe")
    (reports / "c.json").write_text("[1]", encoding="utf-8")
    (reports / "d.json").mkdir()
    shutil.copy(reports / "db.json", reports / "e.json")
    (reports / "notes.txt").write_text("ignored by its name", encoding="utf-8")
    outcome = run("audit", "cluster.yaml", "--nodes", "reports", *DAY)
    assert outcome.status == 0
    for name in ("a.json", "b.json", "c.json", "d.json", "db.json", "e.json"):
        assert f"warning: `{name}`: " in outcome.err
        assert f"- {name}: " in outcome.out
    assert document(run, "--nodes", "reports")["nodes"]["not_reached"] == ["db"]


# git.


@pytest.fixture
def repository(world: Path) -> Path:
    """The small cluster in two commits; the last one changed the line of the database."""
    git("init", "-q", "-b", "main")
    place(world, CLUSTER, POLICY.replace("tcp 3306\nexpect", "tcp 3307\nexpect"))
    git("add", ".")
    git("commit", "-qm", "small")
    place(world, CLUSTER, POLICY)
    git("commit", "-qam", "the port of the database")
    return world


def test_a_rule_has_the_commit_of_its_newest_line(repository: Path, run: Run) -> None:
    found = document(run)
    assert found["revision"] == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    changes = {one["text"]: one["last_change"] for one in found["register"]}
    assert changes["admins -> web : tcp 22"]["commit"] == git("rev-parse", "HEAD~1")
    assert changes["web -> db : tcp 3306"] == {
        "commit": git("rev-parse", "HEAD"),
        "date": git("log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%d"),
        "author": "somebody",
    }


def test_a_rule_of_several_lines_is_as_new_as_its_newest(
    repository: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = POLICY.replace("tcp 3306\nexpect", 'tcp 3306 {\n    because "data"\n}\nexpect')
    place(repository, CLUSTER, several)
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2030-01-01T00:00:00Z")
    git("commit", "-qam", "why")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2030-01-02T00:00:00Z")
    place(repository, CLUSTER, several.replace('"data"', '"the shop"'))
    git("commit", "-qam", "another why")
    (one,) = (one for one in document(run)["register"] if one["to"] == "db")
    assert (one["last_change"]["commit"], one["last_change"]["date"]) == (git("rev-parse", "HEAD"), "2030-01-02")


def test_a_line_that_is_not_committed_has_no_commit(repository: Path, run: Run) -> None:
    place(repository, CLUSTER, POLICY.replace("tcp 22", "tcp 2222"))
    found = document(run)
    assert found["revision"]["dirty"] is True
    told = {one["to"]: (one["last_change"] is None, "uncommitted" in one["state"]) for one in found["register"]}
    assert told == {"web": (True, True), "db": (False, False)}


def test_outside_of_git_nothing_is_known(run: Run, monkeypatch: pytest.MonkeyPatch, world: Path) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(world.parent))
    found = document(run)
    assert found["revision"] is None
    assert all(one["last_change"] is None and "uncommitted" not in one["state"] for one in found["register"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert document(run) == found


def test_what_changed_since_a_revision(repository: Path, run: Run) -> None:
    found = document(run, "--since", "HEAD~1")["since"]
    assert found["summary"].startswith("1 flow opened, 1 closed")
    assert [one["text"] for one in found["opened"]] == ["web -> db : tcp 3306 (IPv4)"]
    assert [one["text"] for one in found["closed"]] == ["web -> db : tcp 3307 (IPv4)"]
    assert [one["text"] for one in found["rules_removed"]] == ["web -> db : tcp 3307"]
    assert len(found["rules_added"]) == 1
    text = run("audit", "cluster.yaml", "--since", "HEAD~1", *DAY).out
    assert "rule removed: `" in text and "rule added: `" in text
    unchanged = document(run, "--since", "HEAD")["since"]
    assert (unchanged["opened"], unchanged["closed"], unchanged["rules_added"]) == ([], [], [])


def test_a_promise_that_was_broken_before_is_no_obstacle(repository: Path, run: Run) -> None:
    place(repository, CLUSTER, POLICY + "never web -> db : tcp 1-4000\n")
    git("commit", "-qam", "a promise")
    place(repository, CLUSTER, POLICY)
    assert document(run, "--since", "HEAD")["since"]["opened"] == []


def test_what_passes_beyond_a_policy_of_the_users(world: Path, run: Run) -> None:
    (world / "needed.netpol").write_text(POLICY.replace("allow admins -> web : tcp 22\n", ""), encoding="utf-8")
    found = document(run, "--needed", "needed.netpol")["surplus"]
    assert [one["text"] for one in found["flows"]] == ["admins -> web : tcp 22 (IPv4)"]
    assert (found["needed"], found["lacking"]) == ("needed.netpol", [])
    inputs = [one["path"] for one in document(run, "--needed", "needed.netpol")["inputs"]]
    assert inputs == ["cluster.yaml", "needed.netpol", "policy.netpol"]
    (world / "needed.netpol").write_text(POLICY + "allow db -> web : tcp 80\n", encoding="utf-8")
    found = document(run, "--needed", "needed.netpol")["surplus"]
    assert (found["flows"], [one["text"] for one in found["lacking"]]) == ([], ["db -> web : tcp 80 (IPv4)"])


# Packs.


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_a_pack_has_every_format_and_their_digests(world: Path, run: Run) -> None:
    outcome = run("audit", "cluster.yaml", "--pack", "pack", *DAY)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == "cluster.yaml: 3 nodes in 2 classes, 2 rules: all proved\n"
    found = digests(world / "pack")
    manifest = json.loads((world / "pack" / "manifest.json").read_text(encoding="utf-8"))
    assert set(found) == {*FILES.values(), "manifest.json"}
    assert manifest["files"] == {name: digest for name, digest in found.items() if name != "manifest.json"}
    tree = json.loads((world / "pack" / "audit.json").read_text(encoding="utf-8"))
    assert tree == document(run)
    for key in ("generation", "inputs", "rulesets", "cloud", "as_of"):
        assert manifest[key] == tree[key]
    assert run("audit", "cluster.yaml", "--pack", "pack", *DAY).status == 0  # takes the place of the old one
    assert digests(world / "pack") == found


def test_a_signed_pack_is_verified_by_ssh_keygen(world: Path, run: Run) -> None:
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key"), check=True)
    assert run("audit", "cluster.yaml", "--pack", "pack", "--sign", "key", *DAY).status == 0
    public = (world / "key.pub").read_text(encoding="utf-8")
    (world / "signers").write_text(f"ops {public}", encoding="utf-8")

    def verified(namespace: str) -> bool:
        command = ("ssh-keygen", "-Y", "verify", "-f", "signers", "-I", "ops", "-n", namespace)
        with (world / "pack" / "manifest.json").open("rb") as manifest:
            ended = subprocess.run(
                (*command, "-s", "pack/manifest.json.sig"), stdin=manifest, check=False, capture_output=True
            )
        return ended.returncode == 0

    assert verified(NAMESPACE)
    assert not verified("netpolicy")  # it is no signature of a build
    text = (world / "pack" / "manifest.json").read_text(encoding="utf-8")
    (world / "pack" / "manifest.json").write_text(text.replace("2027-03-01", "2027-03-02"), encoding="utf-8")
    assert not verified(NAMESPACE)


def test_a_pack_that_cannot_be_signed_is_not_written(world: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("audit", "cluster.yaml", "--pack", "pack", *DAY).status == 0
    before = contents(world)
    (world / "key").write_text("no key\n", encoding="utf-8")
    (world / "key").chmod(0o600)
    for words in ("cannot be signed with `key`", "there is no `ssh-keygen` here"):
        outcome = run("audit", "cluster.yaml", "--pack", "pack", "--sign", "key", *DAY)
        assert (outcome.status, outcome.out) == (2, "")
        assert words in outcome.err
        monkeypatch.setenv("PATH", "/nowhere")
    assert {name: each for name, each in contents(world).items() if name != "key"} == before


def test_a_pack_takes_the_place_of_packs_alone(world: Path, run: Run) -> None:
    assert run("compile", "cluster.yaml", "-o", "build", "-q").status == 0
    (world / "mine").mkdir()
    (world / "mine" / "letter.txt").write_text("dear auditor", encoding="utf-8")
    before = contents(world)
    for folder in ("build", "mine", "cluster.yaml", "."):
        outcome = run("audit", "cluster.yaml", "--pack", folder, *DAY)
        assert (outcome.status, outcome.out) == (2, "")
        assert "error[NP904]" in outcome.err
    assert contents(world) == before
    assert run("audit", "cluster.yaml", "--pack", "pack", *DAY).status == 0
    assert "holds files that are no build" in run("compile", "cluster.yaml", "-o", "pack").err


@pytest.mark.parametrize("text", ["NaN", "-Infinity", '"\\ud800"'])
def test_what_no_reader_of_json_takes_ends_no_audit(reports: Path, run: Run, text: str) -> None:
    """One node could blind the whole page otherwise, or end the command."""
    told = (reports / "db.json").read_text(encoding="utf-8")
    (reports / "db.json").write_text(told.replace('"no_hits": null', f'"no_hits": {text}'), encoding="utf-8")
    found = document(run, "--nodes", "reports", "--report", "html:audit.html")
    assert found["nodes"]["unreadable"] == [{"file": "db.json", "why": "it is no JSON"}]
    assert found["nodes"]["not_reached"] == ["db"]


@pytest.mark.parametrize("option", ["--nodes", "--since", "--needed", "--pack"])
def test_an_empty_value_is_not_taken_for_none(world: Path, run: Run, option: str) -> None:
    """`--since "$LAST"` of a variable that is not set must not look like a review."""
    outcome = run("audit", "cluster.yaml", *DAY, option, "")
    assert (outcome.status, outcome.out) == (2, "")
    assert f"the value of `{option}` is empty" in outcome.err


def test_an_empty_key_signs_nothing_and_says_so(world: Path, run: Run) -> None:
    outcome = run("audit", "cluster.yaml", *DAY, "--pack", "packed", "--sign", "")
    assert outcome.status == 2 and "the value of `--sign` is empty" in outcome.err
    assert not (world / "packed").exists()


def test_a_key_with_a_passphrase_and_no_agent_is_told_at_once(
    world: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSH_AUTH_SOCK", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSH_ASKPASS", "/bin/false")
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")  # as without a terminal, wherever the tests run
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", "kept"), cwd=world, check=True)
    outcome = run("audit", "cluster.yaml", *DAY, "--pack", "packed", "--sign", "kept")
    assert outcome.status == 2
    assert "a passphrase keeps the key: give it to an agent first, `ssh-add kept`" in outcome.err
    assert not (world / "packed").exists()
