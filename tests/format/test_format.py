"""The layout of policies, as pairs of texts that people can review: below the line of each case is what it becomes.

`GOLDEN=write` writes the lower halves anew; what changed is read in the diff.
"""

import os
from pathlib import Path

import pytest

from netpolicy.data import folder
from netpolicy.diagnostic import Diagnostic
from netpolicy.dsl.format import Formatted, format, keeps_meaning
from netpolicy.source import Source

CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))
LINE = f"{'=' * 60} becomes\n"
SHIPPED = sorted(folder("rules").rglob("*.netpol"))
WRITE = os.environ.get("GOLDEN") == "write"


def formatted(text: str) -> str:
    """The layout of a text without errors."""
    made, found = format(Source("policy.netpol", text))
    assert made is not None, found
    return made.text


def refused(text: str) -> list[Diagnostic]:
    """What is wrong with a text that has no layout."""
    made, found = format(Source("policy.netpol", text))
    assert made is None
    return found


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_layout(path: Path) -> None:
    before, _, after = path.read_text(encoding="utf-8").partition(LINE)
    made = formatted(before)
    if WRITE:
        path.write_text(before + LINE + made, encoding="utf-8")
    else:
        assert made == after
    assert formatted(made) == made


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(folder("rules"))))
def test_shipped_policies_have_the_layout(path: Path) -> None:
    """Run `netpolicy fmt rules` where this fails."""
    text = path.read_text(encoding="utf-8")
    assert formatted(text) == text


def test_policies_are_shipped() -> None:
    assert SHIPPED
