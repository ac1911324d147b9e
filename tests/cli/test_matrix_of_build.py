"""`matrix` of a build folder: what the files let pass, with the statements that their rules name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize("by", ["role", "node"])
@pytest.mark.parametrize("sets", ["ipset", "inline"])
def test_a_build_has_the_rows_of_its_cluster(by: str, sets: str, world: Path, run: Run) -> None:
    assert run("compile", "cluster.yaml", "-o", "build", "--sets", sets).status == 0
    wanted = json.loads(run("matrix", "cluster.yaml", "--by", by, "--format", "json").out)
    told = json.loads(run("matrix", "build", "--by", by, "--format", "json").out)
    named = {"admins": "198.51.100.0/24"}
    assert told == sorted(
        (row | {"source": named.get(row["source"], row["source"])} for row in wanted),
        key=lambda row: (row["source"], row["destination"], row["protocol"], row["first"]),
    )


def test_a_table_of_a_build(world: Path, run: Run) -> None:
    assert run("compile", "cluster.yaml", "-o", "build").status == 0
    outcome = run("matrix", "build")
    assert (outcome.status, outcome.err) == (0, "")
    assert [line.split() for line in outcome.out.splitlines()[2:]] == [
        ["198.51.100.0/24", "web", "tcp", "22"],
        ["web", "db", "tcp", "3306"],
    ]


def test_a_build_knows_no_networks_and_a_damaged_one_nothing(world: Path, run: Run) -> None:
    assert run("compile", "cluster.yaml", "-o", "build").status == 0
    outcome = run("matrix", "build", "--by", "network")
    assert (outcome.status, outcome.out) == (2, "") and "NP905" in outcome.err
    (world / "build/manifest.json").write_text("{}", encoding="utf-8")
    outcome = run("matrix", "build")
    assert (outcome.status, outcome.out) == (1, "") and "NP755" in outcome.err
