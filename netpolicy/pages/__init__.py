"""The page of every code: what it means, why it is reported, how to fix it, a bad and a good example.

Pages of the language, the cluster file and the targets lie here; a lint rule has its own in its file.
"""

from __future__ import annotations

import re
from functools import cache

from netpolicy.data import folder
from netpolicy.lint import rules

_CODE = re.compile(r"NP[0-9]{3}")


@cache
def codes() -> tuple[str, ...]:
    """Every code that has a page, in order."""
    return tuple(sorted((*_written(), *_of_rules())))


def page(code: str) -> str | None:
    """The page of a code as Markdown, or None where there is no such code."""
    if not _CODE.fullmatch(code):
        return None
    if code in _written():
        return (folder("pages") / f"{code}.md").read_text(encoding="utf-8")
    return _of_rules().get(code)


def title(code: str) -> str:
    """What the page's heading says about the code, such as `unknown name`; empty where there is no such code."""
    return (page(code) or "").partition("\n")[0].removeprefix(f"# {code}: ")


def standards(code: str) -> tuple[str, ...]:
    """The controls of standards, and the ids of other tools, that ask for the same."""
    return next((rule.standards for rule in rules() if rule.code == code), ())


@cache
def _written() -> frozenset[str]:
    return frozenset(path.stem for path in folder("pages").glob("NP*.md"))


@cache
def _of_rules() -> dict[str, str]:
    return {rule.code: rule.page for rule in rules()}
