"""What a command imports before it does anything: start-up is paid at every call."""

import os
import sys
from pathlib import Path

import pytest

from netpolicy.cli import COMMANDS
from netpolicy.data import folder
from tests.cli.running import netpolicy, spawn

LARGE = ("hypothesis", "iptc", "lark", "numpy", "pyroute2", "tabulate", "tqdm", "yaml")
SHOW = """
import sys
from netpolicy.cli import main
try:
    status = main(sys.argv[2:])
except SystemExit as ended:
    status = ended.code
print("imported:", *sorted(set(sys.argv[1].split(",")) & set(sys.modules)))
sys.exit(status)
"""


def imported(stubs: Path, standing_in: tuple[str, ...], *arguments: str) -> list[str]:
    """The large modules that a command has imported.

    Those of `standing_in` are empty modules here, so that an import that forgives their absence is seen too.
    """
    stubs.mkdir(exist_ok=True)
    for name in standing_in:
        (stubs / f"{name}.py").write_text("", encoding="utf-8")
    path = os.pathsep.join([str(stubs), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    outcome = spawn(sys.executable, "-c", SHOW, ",".join(LARGE), *arguments, env={"PYTHONPATH": path})
    assert outcome.status == 0, outcome.err
    return outcome.out.splitlines()[-1].split()[1:]


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), *((name, "--help") for name in COMMANDS)], ids=" ".join
)
def test_help_imports_nothing_large(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert imported(tmp_path / "stubs", LARGE, *arguments) == []


def test_explain_needs_no_parser(tmp_path: Path) -> None:
    assert imported(tmp_path / "stubs", LARGE, "explain", "NP112") == []


def test_init_copies_texts_and_needs_no_parser(tmp_path: Path) -> None:
    assert imported(tmp_path / "stubs", LARGE, "init", str(tmp_path / "new")) == []


def test_lint_imports_the_parsers_and_nothing_else(tmp_path: Path) -> None:
    twenty = folder("rules") / "clusters" / "twenty.yaml"
    stubs = tuple(name for name in LARGE if name not in ("lark", "yaml"))
    assert imported(tmp_path / "stubs", stubs, "lint", str(twenty)) == ["lark", "yaml"]


def test_compile_and_matrix_as_json_print_no_table(tmp_path: Path) -> None:
    twenty = folder("rules") / "clusters" / "twenty.yaml"
    stubs = tuple(name for name in LARGE if name not in ("lark", "yaml"))
    for arguments in (
        ("compile", str(twenty), "-o", str(tmp_path / "build")),
        ("matrix", str(twenty), "--format", "json"),
    ):
        assert imported(tmp_path / "stubs", stubs, *arguments) == ["lark", "yaml"]


def test_drift_from_a_build_needs_no_parser(tmp_path: Path) -> None:
    build, twenty = tmp_path / "build", folder("rules") / "clusters" / "twenty.yaml"
    assert netpolicy("compile", str(twenty), "-o", str(build)).status == 0
    for name in ("rules.v4", "rules.v6", "sets.ipset"):
        text = (build / "nodes" / "core" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace(" -exist", ""), encoding="utf-8")
    command = ("drift", "--build", str(build), "--node", "core", "--dump", str(tmp_path))
    for more in ((), ("--hits", "--format", "json")):
        assert imported(tmp_path / "stubs", LARGE, *command, *more) == []
