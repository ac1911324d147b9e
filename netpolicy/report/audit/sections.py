"""Pieces of Markdown: tables whose cells hold whatever text, names in a row, counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from netpolicy.report import gfm

MOST_ROWS = 200
"""Lines of a table; of more it is told how many there are, and JSON has them all."""
_MOST_NAMES = 40
_CODE = re.compile(r"`[0-9a-f]+`")


def table(head: Sequence[str], rows: Sequence[Sequence[object]], *, code: bool = False) -> Iterator[str]:
    """A table, blank lines around it; a list in a cell is joined by commas. With `code`, backticks are kept."""
    yield from gfm.head(head)
    for row in rows[:MOST_ROWS]:
        yield gfm.row(_cell(one, code=code) for one in row)
    if len(rows) > MOST_ROWS:
        yield from ("", f"And {len(rows) - MOST_ROWS:,} more, which the JSON has.")
    yield ""


def _cell(one: object, *, code: bool) -> str:
    text = ", ".join(str(each) for each in one) if isinstance(one, list | tuple) else str(one)
    return text if code and _CODE.fullmatch(text) else gfm.escaped(text)


def names(listed: Sequence[str]) -> str:
    """The first of them, and how many more."""
    more = len(listed) - _MOST_NAMES
    return ", ".join(listed[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
