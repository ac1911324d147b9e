"""Every output of a few clusters, as folders that a network engineer can review.

`GOLDEN=write` (or `make golden`) writes them anew; what changed is read in the diff. A case is a folder: with a
`cluster.yaml` of its own, or named after a shipped cluster.
"""

import filecmp
import os
import shutil
from pathlib import Path

import pytest

from netpolicy.cli import main
from netpolicy.data import folder

HERE = Path(__file__).parent
CASES = sorted(path.name for path in HERE.iterdir() if path.is_dir() and not path.name.startswith(("_", ".")))
WRITE = os.environ.get("GOLDEN") == "write"


def outputs(case: str, scratch: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with the files of one node a class, the security groups, the matrix and the manifest."""
    home = HERE / case
    monkeypatch.chdir(home if (home / "cluster.yaml").exists() else folder("rules") / "clusters")
    cluster = "cluster.yaml" if (home / "cluster.yaml").exists() else f"{case}.yaml"
    options = (home / "options").read_text(encoding="utf-8").split() if (home / "options").exists() else []
    build = scratch / "build"
    assert main(["compile", cluster, "-o", str(build), "--as-of", "2026-06-01", "--quiet", *options]) == 0
    capsys.readouterr()
    found = scratch / "found"
    seen: set[int] = set()
    for node in sorted((build / "nodes").iterdir()):
        inode = (node / "rules.v4").stat().st_ino
        if inode not in seen:  # nodes of a class link to the same file
            seen.add(inode)
            shutil.copytree(node, found / node.name)
    shutil.copy(build / "manifest.json", found)
    if (build / "cloud").exists():
        shutil.copytree(build / "cloud", found / "cloud")
    for name, how in (("matrix.md", "markdown"), ("matrix.csv", "csv")):
        assert (
            main(["matrix", cluster, "--as-of", "2026-06-01", "--format", how, "-o", str(found / name), "--quiet"]) == 0
        )
    return found


@pytest.mark.parametrize("case", CASES)
def test_outputs_are_those_of_the_folder(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found, kept = outputs(case, tmp_path, monkeypatch, capsys), HERE / case / "expected"
    if WRITE:
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(found, kept)
    assert _files(found) == _files(kept)
    _, differing, unreadable = filecmp.cmpfiles(found, kept, _files(found), shallow=False)
    assert (differing, unreadable) == ([], [])


def test_there_are_cases_for_the_clusters_of_the_document() -> None:
    assert {"three", "five", "twenty"} <= set(CASES)


def _files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
