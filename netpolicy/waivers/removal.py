"""Takes a statement, or a name of a list, out of the text of a policy; everything else stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from netpolicy.dsl import syntax as s
from netpolicy.lint import inside
from netpolicy.source import Span
from netpolicy.waivers.comment import said

_LISTED = re.compile(r"\s*,\s*")
_COMMENTS = re.compile(r"#[^\n]*")
_WORDS = re.compile(r"(?:role|label|network)\s+\Z", re.IGNORECASE)
Cut = tuple[int, int]


def cuts(file: s.PolicyFile, places: Sequence[Span]) -> list[Cut]:
    """The characters that go with what stands at each place, in order; of a place that nothing can go from, none.

    A statement goes with the comment behind it, and with its line where nothing else stands there. Of neighbours in a
    list every other one goes, and the rest another time, since they share their commas. The last statement
    of a `when` stays: an empty one cannot be written.
    """
    found = {cut for place in places for cut in _cut(file, place)}
    kept = {cut for block in _blocks(file) if len(block) == len(emptied := _of(block, found)) for cut in emptied[:1]}
    return _apart(sorted(found - kept))


def _apart(found: Sequence[Cut]) -> list[Cut]:
    """Those that have no character in common."""
    chosen = list[Cut]()
    for one in found:
        if not chosen or chosen[-1][1] <= one[0]:
            chosen.append(one)
    return chosen


def without(file: s.PolicyFile, removed: Sequence[Cut]) -> str:
    """The text of a file without those characters, and without the suppressions above what goes.

    What stands below would be theirs else.
    """
    text = file.source.text
    lost = []
    for comment, (first, last) in said(file):
        covered = max(first, comment.end)
        left = _joined(text, removed, covered, last)
        if not comment.trailing and covered < last and not _COMMENTS.sub("", left).strip():
            lost.append(_whole(text, comment.start, comment.end))
    return _joined(text, sorted({*removed, *lost}), 0, len(text))


def _joined(text: str, removed: Sequence[Cut], at: int, end: int) -> str:
    """The text between two places without what is removed."""
    parts = list[str]()
    for first, last in removed:
        parts.append(text[at : min(first, end)])
        at = max(at, last)
    return "".join([*parts, text[at:end]])


def _cut(file: s.PolicyFile, place: Span) -> Iterator[Cut]:
    for one in inside(file.statements):
        if isinstance(one, s.Declaration) and one.name.span == place:
            yield from _declared(file.source.text, one.span)
        elif place in (one.span, _name(one)):
            yield _whole(file.source.text, one.span.start, one.span.end)


def _name(one: s.Statement) -> Span | None:
    """Where a declaration that stands alone says its name."""
    match one:
        case s.Group(name=name) | s.Service(name=name) | s.Param(name=name):
            return name.span
        case s.Alias(text=text):
            return text.span
        case _:
            return None


def _declared(text: str, span: Span) -> Iterator[Cut]:
    """A name of `role a, b, c` goes with the comma before or behind it; the only one with its word."""
    behind = _LISTED.match(text, span.end)
    before = re.search(r",\s*\Z", text[: span.start])
    if before is not None:
        yield before.start(), span.end
    elif behind is not None:
        yield span.start, behind.end()
    elif (word := _WORDS.search(text[: span.start])) is not None:
        yield _whole(text, word.start(), span.end)


def _whole(text: str, start: int, end: int) -> Cut:
    """From the start of the line to its end, with the comment there, where the statement has them for itself."""
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end)
    last = len(text) if last < 0 else last + 1
    before, behind = text[first:start].strip(), text[end:last].strip()
    if before or (behind and not behind.startswith("#")):
        return start, end
    return first, last


def _blocks(file: s.PolicyFile) -> Iterator[list[Span]]:
    for one in inside(file.statements):
        if isinstance(one, s.When):
            yield [each.span for each in one.statements]


def _of(block: Sequence[Span], found: set[Cut]) -> list[Cut]:
    """The cuts that take a whole statement of the block."""
    return [cut for span in block for cut in found if cut[0] <= span.start and span.end <= cut[1]]
