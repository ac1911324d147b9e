"""The comments of a policy, which are no part of its tree."""

from __future__ import annotations

import re
from dataclasses import dataclass

from netpolicy.dsl.vocabulary import TEXT

_TEXT_OR_COMMENT = re.compile(rf"{TEXT}|(?P<comment>#[^\n]*)")
_BLANKS = " \t\r\f"


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment from its `#` on; a trailing one stands behind a part of a statement on the same line."""

    text: str
    start: int
    trailing: bool

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def comments(text: str) -> list[Comment]:
    """All comments of a text without syntax errors, in order, without the blanks at their ends."""
    found: list[Comment] = []
    for match in _TEXT_OR_COMMENT.finditer(text):
        if match["comment"] is not None:
            start = match.start()
            before = text[text.rfind("\n", 0, start) + 1 : start].strip(_BLANKS)
            found.append(Comment(match["comment"].rstrip(_BLANKS), start, bool(before)))
    return found
