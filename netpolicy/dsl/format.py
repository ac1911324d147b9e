"""The one layout of a policy file. What a policy means never changes by it, and every comment stays.

- Four blanks for what stands in braces; one blank line at most, and none where a file or block begins or ends.
- Consecutive statements without a blank line, a comment or a block between them are a paragraph, and have columns.
- Lines have 120 columns at most: attributes that do not fit have a line each, in braces; so have those whose `{` the
  author put at the end of a line.
- A comment keeps its place: on a line of its own, behind a statement, or between the words of one, which goes on
  after it on the next line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lark import Token, Tree

from netpolicy.diagnostic import Diagnostic, has_errors
from netpolicy.dsl import spelling
from netpolicy.dsl.build import build
from netpolicy.dsl.clauses import clause
from netpolicy.dsl.comments import Comment, comments
from netpolicy.dsl.parse import parse
from netpolicy.dsl.pieces import Piece, fill
from netpolicy.dsl.rows import GAP, STEP, Row, aligned, is_loose, loose
from netpolicy.dsl.syntax import PolicyFile
from netpolicy.dsl.vocabulary import TEXT
from netpolicy.dsl.words import tree_of
from netpolicy.source import Source

_BRACE = re.compile(rf"{TEXT}|#[^\n]*|(?P<brace>\{{(?P<line_end>[ \t\r\f]*\n)?)")


@dataclass(frozen=True, slots=True)
class Formatted:
    """A policy file in its layout, and what was read: its statements and its comments."""

    text: str
    file: PolicyFile
    comments: tuple[str, ...]


def format(source: Source) -> tuple[Formatted | None, list[Diagnostic]]:
    """The file in its layout, or nothing where anything in it is an error. Names need not be known."""
    tree, broken, found = parse(source)
    file, also_found = build(tree, source, broken)
    told = [*found, *also_found]
    if has_errors(told):
        return None, told
    writer = _Writer(source.text)
    writer.block([tree_of(one) for one in tree.children], len(source.text), "")
    text = "".join(f"{line}\n" for line in writer.lines)
    return Formatted(text, file, _said(source)), told


def keeps_meaning(formatted: Formatted) -> bool:
    """True when the text, read anew, has the statements and the comments that were read before."""
    source = Source(formatted.file.source.name, formatted.text)
    tree, broken, found = parse(source)
    file, also_found = build(tree, source, broken)
    right = not has_errors([*found, *also_found])
    return right and file == formatted.file and _said(source) == formatted.comments


def _said(source: Source) -> tuple[str, ...]:
    return tuple(one.text for one in comments(source.text))


class _Writer:
    """Writes the statements of a text and its comments, each comment once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: list[str] = []
        self._waiting = list(reversed(comments(text)))
        self._spoken = 0  # where the last comment that was taken ends

    def block(self, trees: Sequence[Tree[Token]], end: int, indent: str) -> None:
        """Writes the statements of a file or of a `when`, and all comments before `end`."""
        last: int | None = None
        rows: list[Row] = []
        for place, tree in enumerate(trees):
            start = tree.meta.start_pos
            limit = trees[place + 1].meta.start_pos if place + 1 < len(trees) else end
            alone = self._waiting and self._waiting[-1].start < start
            if alone or self._apart(last, start) or tree.data == "when":
                self._write(rows, indent)
            last = self._comments(last, start, indent)
            if self._apart(last, start):
                self.lines.append("")
            if tree.data == "when":
                self._when(tree, limit, indent)
            else:
                self._add(rows, self._row(tree, limit), indent)
            last = max(tree.meta.end_pos, self._spoken)
        self._write(rows, indent)
        self._comments(last, end, indent)

    def _take(self, before: int) -> tuple[Comment, ...]:
        """The comments up to a place that are not yet written."""
        taken: list[Comment] = []
        while self._waiting and self._waiting[-1].start < before:
            taken.append(self._waiting.pop())
            self._spoken = taken[-1].end
        return tuple(taken)

    def _remark(self, limit: int) -> str:
        """The comment behind what was read last, when it has one before `limit`."""
        if self._waiting and self._waiting[-1].trailing and self._waiting[-1].start < limit:
            return self._take(self._waiting[-1].end)[0].text
        return ""

    def _apart(self, last: int | None, start: int) -> bool:
        """True when a blank line, and nothing else, divides two places of a block."""
        gap = "" if last is None else self.text[last:start]
        return gap.count("\n") > 1 and gap.isspace()

    def _comments(self, last: int | None, before: int, indent: str) -> int | None:
        """Writes the comments up to a place on lines of their own; answers where the last thing written ended."""
        for comment in self._take(before):
            if self._apart(last, comment.start):
                self.lines.append("")
            self.lines.append(indent + comment.text)
            last = max(last or 0, comment.end)
        return last

    def _row(self, tree: Tree[Token], limit: int) -> Row:
        made = clause(tree)
        end, final = tree.meta.end_pos, made.head[-1].start
        within_head = self._take(final)
        braced = bool(made.attributes) and self.text[end - 1] == "}"
        inside = self._take(end if braced else made.whole[-1].start) if made.attributes else ()
        opened = bool(inside) or (braced and self._ends_line(final))
        return Row(made, within_head, inside, opened, self._remark(limit))

    def _ends_line(self, start: int) -> bool:
        """True when the first brace behind a place ends its line."""
        for found in _BRACE.finditer(self.text, start):
            if found["brace"]:
                return found["line_end"] is not None
        return False

    def _add(self, rows: list[Row], row: Row, indent: str) -> None:
        if is_loose(row, indent):
            self._write(rows, indent)
            self.lines += loose(row, indent)
        else:
            rows.append(row)

    def _write(self, rows: list[Row], indent: str) -> None:
        """Writes the rows of a paragraph, which ends."""
        if rows:
            self.lines += aligned(rows, indent)
            rows.clear()

    def _when(self, tree: Tree[Token], limit: int, indent: str) -> None:
        header, *inner = tree.children
        phrase = (Piece("when", tree.meta.start_pos), *spelling.condition(header))
        within = self._take(phrase[-1].start)
        self.lines += fill((*phrase, Piece("{", phrase[-1].start)), within, indent, indent + STEP + STEP)
        end = tree.meta.end_pos - 1
        remark = self._remark(tree_of(inner[0]).meta.start_pos if inner else end)
        if inner or remark or (self._waiting and self._waiting[-1].start < end):
            self.lines[-1] += GAP + remark if remark else ""
            self.block([tree_of(one) for one in inner], end, indent + STEP)
            self.lines.append(f"{indent}}}")
        else:
            self.lines[-1] += "}"
        after = self._remark(limit)
        self.lines[-1] += GAP + after if after else ""
