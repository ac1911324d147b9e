"""What the proof of every compile notices alone: a judge of its own, in three steps that stop at the first that fails.

A mutant that stops at the second step is one that the proof refuses; one at the third changed the text, and the proof
let it pass. Its name keeps it out of the tests.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from netpolicy.data import folder
from netpolicy.diagnostic import render
from netpolicy.pipeline import Built, Pipeline
from tests.compiling import compiled

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = ("everything", "three-inline", "three", "five", "twenty-dual-stack")
FILES = ("rules.v4", "rules.v6", "sets.ipset")


@cache
def built(case: str) -> tuple[Pipeline, tuple[Built, ...]]:
    """What a compile of a golden case has before it is written."""
    home = GOLDEN / case
    place = home / "cluster.yaml" if (home / "cluster.yaml").exists() else folder("rules") / f"clusters/{case}.yaml"
    texts = {"cluster.yaml": place.read_text(encoding="utf-8")}
    texts |= {one.name: one.read_text(encoding="utf-8") for one in home.glob("*.netpol")}
    pipeline = compiled(texts, inline=(home / "options").exists())
    return pipeline, tuple(one for one, _ in pipeline.built())


@pytest.mark.parametrize("case", CASES)
def test_1_it_compiles(case: str) -> None:
    assert built(case)[1]


@pytest.mark.parametrize("case", CASES)
def test_2_the_proof_refuses_nothing(case: str) -> None:
    pipeline, classes = built(case)
    for one in classes:
        wrong = pipeline.proved(one)[1]
        assert wrong == [], "\n".join(render(each) for each in wrong)


@pytest.mark.parametrize("case", CASES)
def test_3_the_text_is_as_it_was(case: str) -> None:
    for one in built(case)[1]:
        kept = GOLDEN / case / "expected" / one.node_class.members[0]
        for name in FILES:
            assert one.files[name] == (kept / name).read_text(encoding="utf-8")
