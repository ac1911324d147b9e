"""The page of every code: what it means, why it is reported, how to fix it, a bad and a good example."""

from __future__ import annotations

import re
from functools import cache

from netpolicy.data import folder

_CODE = re.compile(r"NP[0-9]{3}")


@cache
def codes() -> tuple[str, ...]:
    """Every code that has a page, in order."""
    return tuple(sorted(path.stem for path in folder("pages").glob("NP*.md")))


def page(code: str) -> str | None:
    """The page of a code as Markdown, or None where there is no such code."""
    if not _CODE.fullmatch(code) or code not in codes():
        return None
    return (folder("pages") / f"{code}.md").read_text(encoding="utf-8")


def title(code: str) -> str:
    """What the page's heading says about the code, such as `unknown name`; empty where there is no such code."""
    return (page(code) or "").partition("\n")[0].removeprefix(f"# {code}: ")
