"""The layout of policies, as pairs of texts that people can review: below the line of each case is what it becomes.

`GOLDEN=write` writes the lower halves anew; what changed is read in the diff.
"""

import os
from pathlib import Path

import pytest

from netpolicy.data import folder
from netpolicy.diagnostic import Diagnostic
from netpolicy.dsl.format import format
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


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("allow a -> b tcp 22\n", "NP101"),
        ("role a\nallow a -> a : tcp 70000\n", "NP113"),
        ("when a { role b }\n", "NP118"),
        ("role a role b\n", "NP101"),
    ],
)
def test_a_text_with_an_error_has_no_layout(text: str, code: str) -> None:
    assert [one.code for one in refused(text)] == [code]


def test_only_the_author_opens_braces_that_are_not_needed() -> None:
    """A `{` at the end of its line keeps a line for each attribute, one within its line does not."""
    opened = "allow a -> b : any {\n    log\n}\n"
    assert formatted(opened) == opened
    assert formatted(opened.replace("\n    ", " ")) == "allow a -> b : any  log\n"


def test_wide_characters_take_two_columns() -> None:
    text = 'alias "東京" = a\nalias "Tokyo" = b\nalias "A\u0301" = c\n'
    assert formatted(text) == 'alias "東京"  = a\nalias "Tokyo" = b\nalias "A\u0301"     = c\n'
