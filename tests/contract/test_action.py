"""The hooks for pre-commit and the action for pull requests do what they say."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("netpolicy")
ACTION: Any = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS: Any = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
NAMED = ("-c", "user.name=a", "-c", "user.email=a@example.com")
POLICY = "role web, db\nservice idle = tcp 9\nallow web -> db : tcp 3306\n"
CLUSTER = """\
cluster: small
policy: ./policy.netpol
nodes:
  a: {roles: [web], address: 10.0.0.1}
  b: {roles: [db], address: 10.0.0.2}
"""


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """What a runner of jobs gives to a step: a repository, a folder for passing files, and our program in it."""
    repository = tmp_path / "repository with blanks"
    repository.mkdir()
    (repository / "cluster.yaml").write_text(CLUSTER, encoding="utf-8")
    (repository / "policy.netpol").write_text(POLICY, encoding="utf-8")
    (tmp_path / "temp" / "netpolicy" / "bin").mkdir(parents=True)
    (tmp_path / "temp" / "netpolicy" / "bin" / "netpolicy").symlink_to(PROGRAM)
    return tmp_path


def step(runner: Path, name: str, **inputs: str) -> "subprocess.CompletedProcess[str]":
    """Runs a step as the service does: bash, with the inputs in its environment."""
    (one,) = [each for each in ACTION["runs"]["steps"] if each["name"] == name]
    given = {key: value["default"] for key, value in ACTION["inputs"].items()} | {
        key.replace("_", "-"): value for key, value in inputs.items()
    }
    environment = {key: given[text.removeprefix("${{ inputs.").removesuffix(" }}")] for key, text in one["env"].items()}
    around = {"RUNNER_TEMP": str(runner / "temp"), "GITHUB_STEP_SUMMARY": str(runner / "summary.md")}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", one["run"]],
        cwd=runner / "repository with blanks",
        env={"PATH": os.environ["PATH"], **around, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_action_lints(runner: Path) -> None:
    """Findings stand at their lines, the table in the summary, and a file for code scanning is left behind."""
    ended = step(runner, "lint", clusters="cluster.yaml")
    assert ended.returncode == 0, ended.stderr
    assert "::warning file=policy.netpol,line=2," in ended.stdout
    assert "| warning | NP505 |" in (runner / "summary.md").read_text()
    sarif = json.loads((runner / "repository with blanks" / "netpolicy.sarif").read_text())
    assert sarif["runs"][0]["results"][0]["ruleId"] == "NP505"


def test_the_action_fails_when_it_is_told_to(runner: Path) -> None:
    assert step(runner, "lint", clusters="cluster.yaml", fail_on="warning", sarif="").returncode == 1
    assert not (runner / "repository with blanks" / "netpolicy.sarif").exists()
    assert "NP505" in (runner / "summary.md").read_text()


def test_the_action_compares(runner: Path) -> None:
    """The comment on the change stands in the summary, below what lint has there; a difference fails nothing."""
    repository = runner / "repository with blanks"
    for command in (["init", "-q"], ["add", "."], [*NAMED, "commit", "-qm", "one"]):
        subprocess.run(["git", *command], cwd=repository, check=True, timeout=60)
    (repository / "policy.netpol").write_text(f"{POLICY}allow world -> db : tcp 3306\n", encoding="utf-8")
    ended = step(runner, "compare", clusters="cluster.yaml", against="HEAD")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.match(r"\S+ \*\*1 flow opened, ", (runner / "summary.md").read_text())
    assert step(runner, "compare", clusters="cluster.yaml", against="nowhere").returncode == 2


@pytest.mark.parametrize(
    "hostile", ["cluster.yaml; touch pwned", "$(touch pwned)", "`touch pwned`", "--config=/etc/passwd", "*"]
)
def test_an_input_is_never_a_command(runner: Path, hostile: str) -> None:
    """Whoever opens a pull request may choose the name of a file."""
    ended = step(runner, "lint", clusters=hostile)
    assert ended.returncode == 2
    assert not (runner / "repository with blanks" / "pwned").exists()


def test_no_step_pastes_an_input_into_its_script() -> None:
    assert all("${{" not in one["run"] for one in ACTION["runs"]["steps"])


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook["id"]))
def test_a_hook_runs(runner: Path, hook: dict[str, Any]) -> None:
    """As pre-commit calls it: its entry, the arguments of the project, and the files, where it takes them."""
    program, *words = hook["entry"].split()
    files = ["policy.netpol"] if hook.get("pass_filenames", True) else ["cluster.yaml"]
    ended = subprocess.run(
        [PROGRAM.with_name(program), *words, *files],
        cwd=runner / "repository with blanks",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr.count("internal error")) == (0, 0)
    assert ended.stdout
