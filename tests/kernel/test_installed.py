"""What an operator installs on a node: the package with its extra `node`, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.kernel.applying import NODE, addressed
from tests.kernel.build import Build
from tests.kernel.lab import BACKENDS, Lab
from tests.kernel.verdict import OLD_CLUSTER
from tests.packaging.test_wheel import CHECKOUT, MADE, Environment, installed


def test_the_program_apply_rules_of_an_installed_package(lab: Lab, build: object, tmp_path: Path) -> None:
    """Both backends, from a folder that is no checkout; the second reader works, too."""
    assert callable(build)
    old: Build = build(OLD_CLUSTER)
    source = shutil.copytree(CHECKOUT, tmp_path / "source", ignore=MADE)
    environment: Environment = installed(tmp_path, f"{source}[node]")
    listed = environment.run("python", "-c", "import importlib.util as u; print(u.find_spec('pytest'))").stdout
    assert listed.strip() == "None"
    assert environment.run("apply-rules", "--version").stdout.startswith("apply-rules of netpolicy ")
    for backend in BACKENDS:
        space = lab.space(f"node-{backend}")
        addressed(space)
        words = ("--build", str(old.folder), "--backend", f"iptables-{backend}", "--state", str(tmp_path / backend))
        program = str(environment.root / "bin" / "apply-rules")
        done: subprocess.CompletedProcess[str] = space.run(program, "apply", *words, lock=lab.lock)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{NODE}: ")
        checked = space.run(str(environment.root / "bin" / "netpolicy"), "check-node", "--build", str(old.folder))
        assert checked.returncode in {0, 1}
        assert "internal error" not in checked.stderr
        assert space.run(program, "status", "--state", str(tmp_path / backend), lock=lab.lock).returncode == 0
