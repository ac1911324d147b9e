"""Suppressions as comments of a policy or a cluster file: `# netpolicy: ignore[NP401] until 2027-06-30 "reason"`.

One that stands behind something covers its line; one on a line of its own covers the statement, or the block, below,
and one within a statement covers that. None reaches out of the block that it stands in.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import yaml

from netpolicy.diagnostic import Diagnostic, did_you_mean, error
from netpolicy.dsl import syntax as s
from netpolicy.dsl.comments import Comment, comments
from netpolicy.pages import codes
from netpolicy.policy.inventory import is_inventory
from netpolicy.source import Source, Span

FORM = '`# netpolicy: ignore[NP401] until 2027-06-30 "why"`'
_MARK = re.compile(r"#[ \t]*netpolicy[ \t]*:", re.IGNORECASE)
_SAID = re.compile(r"#+[ \t]*netpolicy[ \t]*:", re.IGNORECASE)
_WHOLE = re.compile(
    r"#+\s*netpolicy\s*:\s*ignore\s*\[(?P<codes>[^\]]*)\]\s+until\s+(?P<until>\d{4}-\d{2}-\d{2})"
    r'\s+"(?P<reason>(?:[^"\\]|\\.)*)"\s*',
    re.IGNORECASE,
)
_ESCAPED = re.compile(r"\\(.)")
_BETWEEN = re.compile(r"(?:\s|#[^\n]*)*,(?:\s|#[^\n]*)*")
_IN_YAML = re.compile(r"(?:^|(?<=[ \t]))#+[ \t]*netpolicy[ \t]*:[^\n]*", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Waiver:
    """Findings of these codes, until and on that day, are somebody's decision.

    It covers what begins within `scope`; without one, whatever is about `about`, or all. `span` is where it is said.
    """

    codes: tuple[str, ...]
    until: date
    reason: str
    scope: Span | None = None
    about: str = ""
    span: Span | None = field(default=None, compare=False)

    def covers(self, one: Diagnostic) -> bool:
        """Whether a finding is one of those that it is about, on whatever day."""
        if one.code not in self.codes:
            return False
        if self.scope is None:
            return self.about in ("", one.subject or one.message)
        place = one.span
        if place is None or place.source is not self.scope.source:
            return False
        return self.scope.start <= place.start <= self.scope.end


def in_policy(file: s.PolicyFile) -> tuple[list[Waiver], list[Diagnostic]]:
    """The suppressions of a policy file, and those that cannot be read."""
    source = file.source
    return _read([(Span(source, one.start, one.end), Span(source, *scope)) for one, scope in said(file)])


def said(file: s.PolicyFile) -> list[tuple[Comment, tuple[int, int]]]:
    """Each comment of a policy file that says a suppression, and the characters that it covers."""
    text = file.source.text
    if not _MARK.search(text):
        return []
    below = _Statements(file)
    return [(one, below.covered(one)) for one in comments(text) if _SAID.match(one.text)]


def in_cluster(source: Source) -> tuple[list[Waiver], list[Diagnostic]]:
    """The suppressions of a cluster file, and those that cannot be read; an inventory, which is JSON, has none."""
    if not _MARK.search(source.text) or is_inventory(source):
        return [], []
    within, found = _values(source.text), []
    for match in _IN_YAML.finditer(source.text):
        start = match.start()
        end = start + len(match[0].rstrip())
        before = bisect_right(within, (start, len(source.text))) - 1
        if before < 0 or within[before][1] <= start:
            found.append((Span(source, start, end), Span(source, *_of_cluster(source, start))))
    return _read(found)


def _read(found: Sequence[tuple[Span, Span]]) -> tuple[list[Waiver], list[Diagnostic]]:
    waivers, wrong = list[Waiver](), list[Diagnostic]()
    for span, scope in found:
        waiver, problems = read(span, scope)
        waivers += [waiver] if waiver is not None else []
        wrong += problems
    return waivers, wrong


def read(span: Span, scope: Span) -> tuple[Waiver | None, list[Diagnostic]]:
    """The suppression that a comment says, or what is wrong with it."""
    match = _WHOLE.fullmatch(span.text)
    if match is None:
        return None, [error("NP510", "this suppression cannot be read", span, hint=f"write {FORM}")]
    listed = tuple(one.strip().upper() for one in match["codes"].split(","))
    problems = [*_unknown(listed, span)]
    try:
        until = date.fromisoformat(match["until"])
    except ValueError:
        problems.append(error("NP510", f"`{match['until']}` is no date", span, hint=f"write {FORM}"))
        return None, problems
    reason = _ESCAPED.sub(r"\1", match["reason"]).strip()
    if not reason:
        problems.append(error("NP510", "this suppression has no reason", span, hint="say who decided it, and why"))
    return (None if problems else Waiver(listed, until, reason, scope, span=span)), problems


def _unknown(listed: Sequence[str], span: Span) -> Iterator[Diagnostic]:
    for code in listed:
        if code not in codes():
            hint = did_you_mean(code, codes()) or "`netpolicy explain` lists all codes"
            yield error("NP510", f"there is no code `{code}`" if code else "no code is named", span, hint=hint)


class _Statements:
    """The statements of a file in order of their places, each with the blocks that it stands in."""

    def __init__(self, file: s.PolicyFile) -> None:
        self._text = file.source.text
        self._all = sorted(_within(file.statements, ()), key=lambda each: each[0].span.start)
        self._starts = [one.span.start for one, _ in self._all]

    def covered(self, comment: Comment) -> tuple[int, int]:
        """What a comment covers: its line and the statements that end there, that around it, or the next one."""
        after = bisect_left(self._starts, comment.start)
        if comment.trailing:
            return self._on_line(comment.start, after)
        around = self._all[after - 1] if after else None
        if around is not None and not isinstance(around[0], s.When) and around[0].span.end > comment.start:
            return around[0].span.start, around[0].span.end
        blocks = () if around is None else (*around[1], around[0])
        block = next((one for one in reversed(blocks) if one.span.end > comment.start), None)
        if after == len(self._all) or (self._all[after][1][-1:] or (None,))[0] is not block:
            return comment.start, comment.start  # nothing follows in its block
        return comment.start, self._end(after)

    def _on_line(self, start: int, after: int) -> tuple[int, int]:
        first = covered = self._text.rfind("\n", 0, start) + 1
        for one, _ in reversed(self._all[:after]):
            if isinstance(one, s.When):
                continue
            if one.span.end <= first:
                break
            covered = min(covered, one.span.start)
        return covered, start

    def _end(self, at: int) -> int:
        """Where a statement ends; the names of a list (`role a, b`) are one."""
        one = self._all[at][0]
        for later, _ in self._all[at + 1 :] if isinstance(one, s.Declaration) else ():
            if not _BETWEEN.fullmatch(self._text, one.span.end, later.span.start):
                break
            one = later
        return one.span.end


def _within(
    statements: Sequence[s.Statement], blocks: tuple[s.When, ...]
) -> Iterator[tuple[s.Statement, tuple[s.When, ...]]]:
    for one in statements:
        yield one, blocks
        if isinstance(one, s.When):
            yield from _within(one.statements, (*blocks, one))


def _of_cluster(source: Source, start: int) -> tuple[int, int]:
    """What a comment of a cluster file covers: its line, or the block below it, if it stands no deeper than that."""
    text, starts = source.text, source.line_starts
    first = text.rfind("\n", 0, start) + 1
    if text[first:start].strip():
        return first, start
    covered, depth, listed = start, -1, False
    for number in range(bisect_right(starts, start), len(starts)):
        line = source.line(number + 1)
        bare = line.lstrip()
        if not bare or bare.startswith("#"):
            continue
        indent = len(line) - len(bare)
        if depth < 0:
            if indent < start - first:
                break
            depth, listed = indent, bare.startswith("- ")
        elif indent < depth or (indent == depth and (listed or not bare.startswith("- "))):
            break
        covered = starts[number] + len(line)
    return start, covered


def _values(text: str) -> list[tuple[int, int]]:
    """Where the values of a YAML text stand, in which `#` begins no comment; up to the first error."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = list[tuple[int, int]]()
    with suppress(yaml.YAMLError):
        for one in yaml.scan(text, Loader=loader):
            if isinstance(one, yaml.ScalarToken):
                found.append((one.start_mark.index, one.end_mark.index))
    return found
