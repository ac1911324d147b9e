"""The examples in the help of the commands of a node, as they stand there, on a node."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from netpolicy.cli import COMMANDS, module_of
from netpolicy.data import folder
from tests.cli.test_commands import OF_A_NODE
from tests.kernel.applying import addressed, asked_of
from tests.kernel.lab import Lab

EXAMPLES = [one for name in COMMANDS if name in OF_A_NODE for one in import_module(module_of(name)).EXAMPLES]
SAVED = {
    "rules.v4": ("iptables-nft-save", "-c"),
    "rules.v6": ("ip6tables-nft-save", "-c"),
    "sets.ipset": ("ipset", "save"),
}
PROGRAM = (sys.executable, "-m", "netpolicy")


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_work_on_a_node(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example: str) -> None:
    """Each ends with 0 or 1 and tells something, on the core of the cluster with 20 nodes."""
    shutil.copy(folder("rules") / "clusters" / "twenty.yaml", tmp_path / "cluster.yaml")
    monkeypatch.chdir(tmp_path)
    subprocess.run((*PROGRAM, "compile", "cluster.yaml", "-o", "build"), check=True, capture_output=True)
    node = lab.space("node")
    addressed(node, "10.5.31.10/24")
    applied = asked_of(lab, node, "apply", "--build", "build", "--backend", "iptables-nft")
    assert applied.returncode == 0, applied.stderr
    Path("saved").mkdir()
    for name, command in SAVED.items():
        Path("saved", name).write_text(node.run(*command).stdout, encoding="utf-8")
    (tmp_path / "lib").mkdir()
    # The state folder of this machine is not the node's.
    apart = ("unshare", "--mount", "sh", "-c", f'mount --bind "{tmp_path}/lib" /var/lib && exec "$@"', "sh")
    done = node.run(*apart, *PROGRAM, *shlex.split(example)[1:], lock=lab.lock)
    assert done.returncode in {0, 1}, done.stderr
    assert done.stdout
