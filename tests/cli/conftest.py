"""A folder with a small cluster, and the command line run in it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from netpolicy.cli import main
from tests.cli.running import CLUSTER, POLICY, Outcome, place

Run = Callable[..., Outcome]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with cluster.yaml and policy.netpol of a cluster without findings."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    place(here, CLUSTER, POLICY)
    return here


@pytest.fixture
def run(world: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in the current folder; no command ever shows a traceback."""

    def running(*arguments: str) -> Outcome:
        capsys.readouterr()
        try:
            status = main(arguments)
        except SystemExit as ended:
            status = int(ended.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Outcome(status, out, err)

    return running
