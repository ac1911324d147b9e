"""Mistakes that Aerleon and Capirca answer with nothing, with a traceback or without a place, and what is told here.

`errors.txt` has the form of the corpus in tests/errors. Two of their mistakes are judged elsewhere: a misspelt target
is a misspelt option of the command line (below); a rule that another one hides is not told yet (a shadow check).
"""

import os
from pathlib import Path

import pytest

from netpolicy.diagnostic import has_errors
from tests.cli.running import CLUSTER, POLICY, netpolicy, place
from tests.errors.test_errors import cases, retold

CORPUS = Path(__file__).with_name("errors.txt")
CASES = cases(CORPUS)


@pytest.mark.parametrize(("title", "text"), CASES, ids=[title for title, _ in CASES])
def test_all_that_is_told(title: str, text: str) -> None:
    """An error with its place, the blamed text and what to do; nothing else is told."""
    again, found = retold(text)
    if os.environ.get("GOLDEN") == "write":
        whole = CORPUS.read_text(encoding="utf-8")
        CORPUS.write_text(whole.replace(f"--- {title}\n{text}", f"--- {title}\n{again}"), encoding="utf-8")
        return
    assert again == text
    assert has_errors(found)
    assert all(one.hint for one in found)


def test_a_misspelt_target_is_no_success_without_a_file(tmp_path: Path) -> None:
    """What is to be written is chosen by options, and a misspelt one ends with 2."""
    place(tmp_path, CLUSTER, POLICY)
    outcome = netpolicy("compile", str(tmp_path / "cluster.yaml"), "-o", str(tmp_path / "build"), "--sets", "inlnie")
    assert outcome.status == 2
    assert "inlnie" in outcome.err
    assert not (tmp_path / "build").exists()


def test_all_mistakes_are_told_in_one_run(tmp_path: Path) -> None:
    """The peers stop at the first; the status is 1, and nothing is written."""
    wrong = POLICY + "allow wbe -> db : tcp 99999\nallow web > db : tcp 22\nservice x = tpc 80\n"
    place(tmp_path, CLUSTER, wrong)
    outcome = netpolicy("compile", str(tmp_path / "cluster.yaml"), "-o", str(tmp_path / "build"))
    assert outcome.status == 1
    for line in (10, 11, 12):
        assert f"policy.netpol:{line}:" in outcome.err
    assert not (tmp_path / "build").exists()


def test_a_policy_may_stand_in_any_folder(tmp_path: Path) -> None:
    """A peer reads only folders of one name, and writes nothing, with status 0, for any other."""
    folder = tmp_path / "rules of ours"
    folder.mkdir()
    place(folder, CLUSTER, POLICY)
    outcome = netpolicy("compile", str(folder / "cluster.yaml"), "-o", str(tmp_path / "build"))
    assert outcome.status == 0
    assert (tmp_path / "build" / "manifest.json").exists()
