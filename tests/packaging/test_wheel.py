"""What a user installs: the wheel, made from the sdist, in an environment that holds nothing else."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

import netpolicy

pytestmark = pytest.mark.xdist_group("packaging")  # one worker, so that the wheel is built and installed once

CHECKOUT = Path(__file__).parents[2]
SHIPPED = {"netpolicy": "netpolicy", "grammar": "netpolicy/grammar", "rules": "netpolicy/rules"}
MADE = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")
ASK = "import netpolicy.data; print(netpolicy.data.folder('grammar'), netpolicy.data.folder('rules'), sep='\\n')"


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment, and a working directory that is no checkout."""

    root: Path
    elsewhere: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run(str(self.root / "bin" / program), *arguments, cwd=self.elsewhere)

    def folders(self) -> list[Path]:
        """Where the installed package finds its grammar and its rules."""
        return [Path(line) for line in self.run("python", "-c", ASK).stdout.splitlines()]


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The finished command; a failing one fails the test with its output."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV", "PYTEST"))}
    finished = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, f"{command}\n{finished.stdout}\n{finished.stderr}"
    return finished


def installed(folder: Path, *what: str) -> Environment:
    """A new environment in `folder` with `what` installed by pip, which itself stays outside."""
    environment = Environment(folder / "venv", folder / "elsewhere")
    environment.elsewhere.mkdir()
    run(sys.executable, "-m", "venv", "--without-pip", str(environment.root), cwd=folder)
    pip = (sys.executable, "-m", "pip", "--python", str(environment.root), "--disable-pip-version-check")
    run(*pip, "install", *what, cwd=folder)
    return environment


def shipped(tree: Path) -> set[str]:
    """The names in the wheel of all files of `tree` that it has to hold."""
    return {
        f"{inside}/{file.relative_to(tree / folder)}"
        for folder, inside in SHIPPED.items()
        for file in (tree / folder).rglob("*")
        if file.is_file()
    }


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy as a fresh clone has it: an egg-info of an earlier build would add files to the sdist."""
    return shutil.copytree(CHECKOUT, tmp_path_factory.mktemp("checkout") / "netpolicy", ignore=MADE)


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    dist = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), str(checkout), cwd=dist)
    [built] = dist.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return installed(tmp_path_factory.mktemp("clean"), str(wheel))


def test_wheel_holds_every_shipped_file_and_no_other(checkout: Path, wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == shipped(checkout)


def test_wheel_tells_version_and_licence(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        fields = Parser().parsestr(archive.read(metadata).decode())
    assert fields["Version"] == netpolicy.__version__
    assert fields["License-Expression"] == "Apache-2.0"
    assert fields["License-File"] == "LICENSE"
    assert fields["Description-Content-Type"] == "text/markdown"


def test_policies_are_in_our_own_language() -> None:
    files = {file.relative_to(CHECKOUT / "rules") for file in (CHECKOUT / "rules").rglob("*") if file.is_file()}
    assert {file.suffix for file in files - {Path("als/SOURCES.md")}} == {".netpol", ".yaml"}


def test_wheel_finds_its_folders_inside_the_package(environment: Environment) -> None:
    grammar, rules = environment.folders()
    assert grammar.is_relative_to(environment.root)
    assert (grammar / "netpolicy.lark").is_file()
    assert (rules / "clusters" / "twenty.yaml").is_file()


@pytest.mark.parametrize("command", [("netpolicy",), ("python", "-m", "netpolicy")], ids=["program", "module"])
def test_wheel_program_tells_its_version(environment: Environment, command: tuple[str, ...]) -> None:
    assert netpolicy.__version__ in environment.run(*command, "--version").stdout


def test_wheel_lints_a_shipped_cluster_from_another_directory(environment: Environment) -> None:
    _, rules = environment.folders()
    environment.run("netpolicy", "lint", str(rules / "clusters" / "twenty.yaml"))


def test_wheel_starts_a_cluster_that_compiles(environment: Environment) -> None:
    environment.run("netpolicy", "init", "shop")
    environment.run("netpolicy", "compile", "shop/cluster.yaml", "-o", "shop/build/")
    assert (environment.elsewhere / "shop" / "build" / "manifest.json").is_file()


def test_editable_install_finds_its_folders_beside_the_package(checkout: Path, tmp_path: Path) -> None:
    environment = installed(tmp_path, "--no-deps", "--editable", str(checkout))
    assert environment.folders() == [checkout / "grammar", checkout / "rules"]
