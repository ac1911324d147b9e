"""Pieces of Markdown: tables whose cells hold whatever text, names in a row, counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from netpolicy.diagnostic import one_line

MOST_ROWS = 200
"""Lines of a table; of more it is told how many there are, and JSON has them all."""
_MOST_NAMES = 40
_CODE = re.compile(r"`[0-9a-f]+`")
_LIVE = re.compile(r"[\\|<>*_`\[\]~&$#]|(?<=:)/(?=/)|(?<=www)\.", re.IGNORECASE)


def table(head: Sequence[str], rows: Sequence[Sequence[object]], *, code: bool = False) -> Iterator[str]:
    """A table, blank lines around it; a list in a cell is joined by commas. With `code`, backticks are kept."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows[:MOST_ROWS]:
        yield f"| {' | '.join(_cell(one, code=code) for one in row)} |"
    if len(rows) > MOST_ROWS:
        yield from ("", f"And {len(rows) - MOST_ROWS:,} more, which the JSON has.")
    yield ""


def _cell(one: object, *, code: bool) -> str:
    text = ", ".join(str(each) for each in one) if isinstance(one, list | tuple) else str(one)
    return text if code and _CODE.fullmatch(text) else escaped(text)


def escaped(text: str) -> str:
    """The text so that it stands for itself, on one line: no markup, entity, formula, or link."""
    return _LIVE.sub(r"\\\g<0>", one_line(text))


def names(listed: Sequence[str]) -> str:
    """The first of them, and how many more."""
    more = len(listed) - _MOST_NAMES
    return ", ".join(listed[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def many(count: int, one: str, several: str = "") -> str:
    """`1 node`, `20 nodes`."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"
