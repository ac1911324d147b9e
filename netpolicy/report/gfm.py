"""GitHub-flavoured Markdown in which input can do nothing: every word of it stands in code, or is escaped.

There GitHub makes no link, no mention, no issue number, no emoji and no formula of it, and renders no HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from netpolicy.diagnostic import one_line

LIMIT = 65_000
"""Bytes of a whole comment: GitHub takes 65,536 characters."""
_LONGEST = 240
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_EASY = re.compile(r"[^`|\\]+")
_LIVE = re.compile(r"[\\|<>*_`\[\]~&$#]|(?<=:)/(?=/)|(?<=www)\.", re.IGNORECASE)
_CALLING = re.compile(r"[@#](?=\w)")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def code(text: str, most: int = _LONGEST) -> str:
    """The text as code, on one line, cut where it is longer; nothing where it is empty."""
    shown = shortened(text, most)
    if not shown:
        return ""
    # A bar ends a cell and a backtick the code, and who escapes them differs between readers: such text is HTML.
    return f"`{shown}`" if _EASY.fullmatch(shown) else as_html(shown, most)


def escaped(text: str) -> str:
    """The text so that it stands for itself, on one line: no markup, entity, formula, link, mention or number."""
    plain = _LIVE.sub(r"\\\g<0>", one_line(text))
    # Services link `@name` and `#1` even where they are escaped; an invisible joiner behind the sign keeps them text.
    return _CALLING.sub("\\g<0>\N{WORD JOINER}", plain)


def as_html(text: str, most: int = _LONGEST) -> str:
    """The text as code where Markdown is not read, as inside of `<summary>`."""
    shown = shortened(text, most)
    return f"<code>{_PUNCTUATION.sub(lambda found: f'&#{ord(found[0])};', shown)}</code>" if shown else ""


def shortened(text: str, most: int = _LONGEST) -> str:
    """The text without line breaks and what does not print, in at most so many characters."""
    shown = text
    if not text.isprintable():
        shown = "".join(one if one.isprintable() else " " if one.isspace() else _UNKNOWN for one in text)
    shown = " ".join(shown.split())
    return shown if len(shown) <= most else f"{shown[: most - 1].rstrip()}…"


def row(cells: Iterable[str]) -> str:
    """A row of a table; the cells are Markdown already."""
    return f"| {' | '.join(cells)} |"


def head(titles: Sequence[str]) -> tuple[str, str]:
    """The two lines above the rows of a table."""
    return row(titles), f"|{'---|' * len(titles)}"


class Page:
    """The lines of a comment, as many bytes of them as there is room for."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._lines: list[str] = []

    def add(self, *lines: str, spare: int = 0) -> bool:
        """Adds the lines, all or none; answers whether there was room, with so much to spare."""
        needed = sum(map(weight, lines))
        if needed + spare > self.room:
            return False
        self._lines += lines
        self.room -= needed
        return True

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)


def weight(line: str) -> int:
    """The bytes of a line with its end."""
    return len(line.encode("utf-8", "replace")) + 1
