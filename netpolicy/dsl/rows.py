"""Rows: the statements of a paragraph as lines, each with its explanation and the comment behind it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from netpolicy.dsl.clauses import Clause
from netpolicy.dsl.columns import FARTHEST, fitting, heads
from netpolicy.dsl.comments import Comment
from netpolicy.dsl.pieces import WIDEST, Phrase, Piece, fill, padded, text_of, width

GAP = "  "
"""Stands before what explains: a description, attributes, a comment."""
STEP = "    "


@dataclass(frozen=True, slots=True)
class Row:
    """A statement other than `when`, with its comments.

    `inside` are comments among its attributes, `remark` is the one behind it; `opened` says that its attributes have
    lines of their own.
    """

    clause: Clause
    within_head: tuple[Comment, ...] = ()
    inside: tuple[Comment, ...] = ()
    opened: bool = False
    remark: str = ""


def is_loose(row: Row, indent: str) -> bool:
    """True for a row that cannot be one line up to its attributes, and so has no columns."""
    return bool(row.within_head) or width(indent + _plain(row.clause) + _further(row.clause)) > WIDEST


def loose(row: Row, indent: str) -> list[str]:
    """The lines of a row by itself."""
    head = row.clause.head
    *lines, last = fill(head, row.within_head, indent, indent + STEP)
    attributes = GAP + text_of(_flat(row.clause)) if row.clause.attributes else ""
    if attributes and (row.opened or width(last + attributes) > WIDEST):
        lines = fill((*head, Piece("{", head[-1].start)), row.within_head, indent, indent + STEP)
        return _block(lines, row, indent)
    return [*lines, last + attributes + _behind(row.remark)]


def aligned(rows: Sequence[Row], indent: str) -> list[str]:
    """The lines of rows that are together, none of them loose."""
    begun = _heads(rows, indent)
    tails = [_tail(row, indent + head) for row, head in zip(rows, begun, strict=True)]
    lines = _in_column(begun, tails, [row.clause.explained for row in rows], indent)
    single = [not row.clause.attributes or bool(tail) for row, tail in zip(rows, tails, strict=True)]
    far = fitting(width(line) for line, row, one in zip(lines, rows, single, strict=True) if row.remark and one)
    written: list[str] = []
    for line, row, one in zip(lines, rows, single, strict=True):
        if not one:
            written += _block([f"{indent}{line} {{"], row, indent)
        else:
            written.append(indent + (_padded(line, far) + GAP + row.remark if row.remark else line))
    return written


def _heads(rows: Sequence[Row], indent: str) -> list[str]:
    """The heads in columns, but for those that are too long then."""
    in_columns = heads([row.clause for row in rows])
    chosen: list[str] = []
    for row, head in zip(rows, in_columns, strict=True):
        fits = width(indent + head + _further(row.clause)) <= WIDEST
        chosen.append(head if fits else _plain(row.clause))
    return chosen


def _in_column(begun: Sequence[str], tails: Sequence[str], groups: Sequence[str], indent: str) -> list[str]:
    """The heads with what explains them, which begins in one column for all of a group, where it fits."""
    sizes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for head, tail, group in zip(begun, tails, groups, strict=True):
        if tail:
            sizes[group].append((width(head), WIDEST - width(indent + GAP + tail)))
    columns = {group: _column(known) for group, known in sizes.items()}
    lines: list[str] = []
    for head, tail, group in zip(begun, tails, groups, strict=True):
        far = _padded(head, columns[group]) + GAP + tail if tail else head
        lines.append(far if not tail or width(indent + far) <= WIDEST else head + GAP + tail)
    return lines


def _column(sizes: Sequence[tuple[int, int]]) -> int:
    """Where most of the heads have room for a common column; a pair is a head's width and its last possible column."""
    narrowest = min(head for head, _ in sizes)
    candidates = sorted({head for head, _ in sizes if head <= narrowest + FARTHEST})
    return max(candidates, key=lambda column: sum(head <= column <= last for head, last in sizes))


def _padded(text: str, columns: int) -> str:
    return padded(text, max(columns, width(text)))


def _plain(clause: Clause) -> str:
    return text_of(one for cell in clause.cells for one in cell)


def _further(clause: Clause) -> str:
    """What stands behind the cells on the same line at least."""
    if clause.description:
        return GAP + text_of(clause.description)
    return " {" if clause.attributes else ""


def _flat(clause: Clause) -> Phrase:
    return tuple(one for phrase in clause.attributes for one in phrase)


def _tail(row: Row, head: str) -> str:
    """What stands behind the head on its line; nothing where attributes have lines of their own."""
    if row.clause.description:
        return text_of(row.clause.description)
    tail = text_of(_flat(row.clause))
    return "" if row.opened or width(head + GAP + tail) > WIDEST else tail


def _behind(remark: str) -> str:
    return GAP + remark if remark else ""


def _block(opening: list[str], row: Row, indent: str) -> list[str]:
    """The lines up to a `{`, each attribute on a line of its own, and the `}`."""
    inner = indent + STEP
    lines, waiting = list(opening), list(reversed(row.inside))
    words = max((width(phrase[0].text) for phrase in row.clause.attributes if len(phrase) > 1), default=0)
    for word, *others in row.clause.attributes:
        _write_before(lines, waiting, word.start, inner)
        within: list[Comment] = []
        while others and waiting and waiting[-1].start < others[-1].start:
            within.append(waiting.pop())
        apart = not others or (within and within[0].start < others[0].start)
        first = word if apart else replace(word, text=padded(word.text, words))
        lines += fill((first, *others), within, inner, inner + STEP)
    _write_before(lines, waiting, None, inner)
    return [*lines, f"{indent}}}{_behind(row.remark)}"]


def _write_before(lines: list[str], waiting: list[Comment], start: int | None, indent: str) -> None:
    """Writes the comments before a place: one that trails ends the last line, others have lines of their own."""
    remarked = False
    while waiting and (start is None or waiting[-1].start < start):
        comment = waiting.pop()
        if comment.trailing and not remarked:
            lines[-1] += GAP + comment.text
        else:
            lines.append(indent + comment.text)
        remarked = True
