"""`netpolicy check-node` on saved states: what it says, in text and in JSON, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Outcome, called, contents, netpolicy, place, spawn

CLUSTER = """\
cluster: small
policy: ./policy.netpol
mbus: 10.0.0.1
nodes:
  core: {roles: [web], address: 10.0.0.1}
  dea: {roles: [web], address: 10.0.0.2}
"""
POLICY = "role web\nallow world -> web : tcp 80\n"
SHOW = """
import sys
from netpolicy.cli import main
status = main(sys.argv[1:])
print("imported:", *sorted({"lark", "yaml", "tabulate", "tqdm", "iptc", "pyroute2"} & set(sys.modules)))
sys.exit(status)
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster file with its build."""
    folder = tmp_path_factory.mktemp("check")
    place(folder, CLUSTER, POLICY)
    assert netpolicy("compile", str(folder / "cluster.yaml"), "-o", str(folder / "build"), "--quiet").status == 0
    return folder


def state(folder: Path, *addresses: Any, **more: Any) -> str:
    path = folder / "state.json"
    path.write_text(json.dumps({"links": [{"name": "eth0", "addresses": list(addresses)}], **more}), encoding="utf-8")
    return str(path)


def check(work: Path, seen: str, *more: str) -> Outcome:
    return called("check-node", "--build", str(work / "build"), "--saved", seen, *more)


def test_a_node_in_order_is_one_line(work: Path, tmp_path: Path) -> None:
    outcome = check(work, state(tmp_path, "10.0.0.2/24"))
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == "dea: eth0 up, 10.0.0.2/24 static; as the cluster says\n"
    assert check(work, state(tmp_path, "10.0.0.2/24"), "--quiet").out == ""


def test_quiet_says_errors_alone_as_lint_does(work: Path, tmp_path: Path) -> None:
    """No warning, no notice, and no line that counts them."""
    seen = state(tmp_path, {"address": "10.0.0.2/24", "valid": 60}, "10.0.0.1/24", routes=[])
    loud = check(work, seen, "--node", "dea")
    assert loud.out.endswith("WRONG (1 error, 1 warning, 1 notice)\n")
    quiet = check(work, seen, "--node", "dea", "--quiet")
    assert (quiet.status, quiet.out) == (1, "")
    assert quiet.err.count("[NP") == 1
    assert "error[NP702]" in quiet.err


def test_the_word_for_wrong_is_red_as_errors_are(work: Path, tmp_path: Path) -> None:
    red = "\x1b[31;1mWRONG\x1b[0m"
    wrong = state(tmp_path, "10.0.0.9/24")
    for more in ((), ("--node", "core")):
        assert red in check(work, wrong, *more, "--color", "always").out
        assert "\x1b" not in check(work, wrong, *more, "--color", "never").out
        assert "\x1b" not in check(work, wrong, *more, "--color", "always", "--format", "json").out
    assert "\x1b" not in check(work, state(tmp_path, "10.0.0.2/24"), "--color", "always").out


def test_a_notice_does_not_fail(work: Path, tmp_path: Path) -> None:
    outcome = check(work, state(tmp_path, {"address": "10.0.0.2/24", "valid": 60}))
    assert outcome.status == 0
    assert "notice[NP707]" in outcome.err
    assert outcome.out.endswith("as the cluster says (1 notice)\n")


def test_an_error_ends_with_one_and_tells_the_remedy(work: Path, tmp_path: Path) -> None:
    outcome = check(work, state(tmp_path, {"address": "10.0.0.1/24", "valid": 60}))
    assert outcome.status == 1
    assert "error[NP707]: 10.0.0.1 on `eth0`, the MBUS address, is leased" in outcome.err
    assert "kato op static_ip" in outcome.err
    assert outcome.out == "core: eth0 up, 10.0.0.1/24 leased; MBUS here; WRONG (1 error)\n"


def test_the_cluster_file_gives_the_same_findings(work: Path, tmp_path: Path) -> None:
    seen = state(tmp_path, "10.0.0.9/24")
    for more in ((), ("--node", "core"), ("--node", "dea")):
        of_cluster = called("check-node", "--cluster", str(work / "cluster.yaml"), "--saved", seen, *more)
        assert of_cluster == check(work, seen, *more)
        assert of_cluster.status == 1


def test_a_cluster_whose_policy_is_broken_is_checked(work: Path, tmp_path: Path) -> None:
    place(tmp_path, CLUSTER, "allow\n")
    seen = state(tmp_path, "10.0.0.2/24")
    assert called("check-node", "--cluster", str(tmp_path / "cluster.yaml"), "--saved", seen).status == 0


def test_a_broken_cluster_file_is_unreadable(work: Path, tmp_path: Path) -> None:
    place(tmp_path, CLUSTER.replace("10.0.0.2", "10.0.0.1"), POLICY)
    seen = state(tmp_path, "10.0.0.2/24")
    outcome = called("check-node", "--cluster", str(tmp_path / "cluster.yaml"), "--saved", seen)
    assert (outcome.status, outcome.out) == (2, "")
    assert "NP206" in outcome.err


def test_json_holds_the_state_and_the_findings(work: Path, tmp_path: Path) -> None:
    seen = state(tmp_path, "10.0.0.9/24", routes=[])
    outcome = check(work, seen, "--node", "core", "--format", "json")
    tree = json.loads(outcome.out)
    assert (outcome.status, outcome.err) == (1, "")
    assert tree["format_version"] == 1
    assert tree["tool"]["name"] == "netpolicy"
    assert (tree["cluster"], tree["node"], tree["in_order"]) == ("small", "core", False)
    assert [one["code"] for one in tree["findings"]] == ["NP706", "NP712"]
    assert tree["findings"][0]["severity"] == "error"
    assert "kato op static_ip" in tree["findings"][0]["hint"]
    (tmp_path / "saved.json").write_text(outcome.out, encoding="utf-8")
    again = check(work, str(tmp_path / "saved.json"), "--node", "core", "--format", "json")
    assert json.loads(again.out) == tree


def test_a_machine_that_is_no_node(work: Path, tmp_path: Path) -> None:
    outcome = check(work, state(tmp_path, "10.0.0.9/24"))
    assert outcome.status == 1
    assert "error[NP701]: this machine is none of the 2 nodes" in outcome.err
    assert "`eth0` holds 10.0.0.9/24" in outcome.err
    tree = json.loads(check(work, state(tmp_path, "10.0.0.9/24"), "--format", "json").out)
    assert (tree["cluster"], tree["node"]) == (None, None)


def test_a_build_of_one_node_is_enough(work: Path, tmp_path: Path) -> None:
    """Neither the manifest nor another node's folder is needed, and nothing that reads policies is imported."""
    alone = tmp_path / "nodes" / "core"
    alone.mkdir(parents=True)
    (alone / "node.json").write_bytes((work / "build" / "nodes" / "core" / "node.json").read_bytes())
    seen = state(tmp_path, "10.0.0.9/24")
    arguments = ("check-node", "--build", str(tmp_path), "--saved", seen)
    outcome = spawn(sys.executable, "-c", SHOW, *arguments, env={"PYTHONPATH": os.environ.get("PYTHONPATH", "")})
    assert outcome.status == 1
    assert "NP706" in outcome.err
    assert outcome.out.splitlines()[-1] == "imported:"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--build", "nosuch"), "NP720"),
        (("--build", "build", "--node", "cor"), "did you mean `core`?"),
        (("--cluster", "cluster.yaml", "--node", "nosuch"), "it has core, dea"),
        (("--cluster", "nosuch.yaml"), "NP901"),
        (("--build", "build", "--saved", "nosuch.json"), "NP719"),
        (("--build", "build", "--saved", "policy.netpol"), "is no state of a node"),
        (("--build", "build", "--saved", "cluster.yaml", "--watch"), "`--saved` looks at no machine"),
        (("--build", "build", "--netns", "npcheck-nosuch"), "there is no network namespace `npcheck-nosuch`"),
        (("--build", "build", "--netns", "../x"), "there is no network namespace"),
    ],
)
def test_what_cannot_be_read_ends_with_two(
    work: Path, arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(work)
    before = contents(work)
    outcome = called("check-node", *arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert words in outcome.err
    listed = called("check-node", *arguments, "--format", "json")
    lines = listed.out.splitlines()
    tree = json.loads(lines[-1] if "--watch" in arguments else listed.out)
    assert (listed.status, listed.err) == (2, outcome.err)
    assert (tree["format_version"], tree["tool"]["name"], tree["result"]) == (1, "netpolicy", "unusable")
    assert [one["severity"] for one in tree["findings"]] == ["error"]
    assert f"error[{tree['findings'][0]['code']}]: {tree['findings'][0]['message']}" in outcome.err
    assert ("--watch" in arguments, "--watch" in arguments) == (len(lines) == 1, tree.get("change") == "stopped")
    assert contents(work) == before
    assert not Path("/run/netns/npcheck-nosuch").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format_version": 1}', "\xff"])
def test_an_identity_that_is_none_is_unreadable(tmp_path: Path, text: str) -> None:
    broken = tmp_path / "nodes" / "core" / "node.json"
    broken.parent.mkdir(parents=True)
    broken.write_text(text, encoding="latin-1")
    outcome = called("check-node", "--build", str(tmp_path), "--saved", "x")
    assert outcome.status == 2
    assert "is no identity of a node" in outcome.err


def test_the_bytes_of_a_build_are_those_of_its_manifest(work: Path, tmp_path: Path) -> None:
    """An address that was changed in a copy would make another machine right; without a manifest nothing is known."""
    build = tmp_path / "build"
    shutil.copytree(work / "build", build)
    seen = state(tmp_path, "10.0.0.9/24")
    arguments = ("check-node", "--build", str(build), "--node", "dea", "--saved", seen)
    assert "NP705" in called(*arguments).err
    for name, before in (("dea", "10.0.0.2"), ("core", "10.0.0.1")):
        identity = build / "nodes" / name / "node.json"
        identity.write_text(identity.read_text("utf-8").replace(before, "10.0.0.9"), "utf-8")
    shutil.copytree(build / "nodes" / "dea", build / "nodes" / "more")
    outcome = called(*arguments)
    assert (outcome.status, outcome.out, outcome.err.count("error[NP755]")) == (2, "", 3)
    for name in ("dea", "core"):
        assert f"`nodes/{name}/node.json` is not the file that the manifest names" in outcome.err
    assert "`nodes/more/node.json` is no file of the manifest" in outcome.err
    (build / "manifest.json").unlink()
    assert called(*arguments).status == 0
    (build / "manifest.json").symlink_to("nosuch")
    outcome = called(*arguments)
    assert (outcome.status, "`manifest.json` of build" in outcome.err) == (2, True)
    (build / "manifest.json").unlink()
    (build / "manifest.json").write_text("{}", "utf-8")
    outcome = called(*arguments)
    assert (outcome.status, "`manifest.json` is damaged" in outcome.err) == (2, True)


def test_a_build_or_a_cluster_must_be_named() -> None:
    assert netpolicy("check-node").status == 2
    assert netpolicy("check-node", "--build", "x", "--cluster", "y").status == 2
