"""Suppressions as comments of a policy or a cluster file: `# netpolicy: ignore[NP401] until 2027-06-30 "reason"`.

One that stands behind something covers its line; one on a line of its own covers the statement, or the block, below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import yaml

from netpolicy.diagnostic import Diagnostic, did_you_mean, error
from netpolicy.dsl import syntax as s
from netpolicy.dsl.comments import comments
from netpolicy.lint import inside
from netpolicy.pages import codes
from netpolicy.source import Source, Span

FORM = '`# netpolicy: ignore[NP401] until 2027-06-30 "why"`'
MARK = "netpolicy:"
_SAID = re.compile(r"#+[ \t]*netpolicy[ \t]*:", re.IGNORECASE)
_WHOLE = re.compile(
    r"#+\s*netpolicy\s*:\s*ignore\s*\[(?P<codes>[^\]]*)\]\s+until\s+(?P<until>\d{4}-\d{2}-\d{2})"
    r'\s+"(?P<reason>(?:[^"\\]|\\.)*)"\s*',
    re.IGNORECASE,
)
_ESCAPED = re.compile(r"\\(.)")
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
    if MARK not in source.text.lower().replace(" ", ""):
        return [], []
    found = [
        (Span(source, one.start, one.end), Span(source, *_of_policy(file, one.start, trailing=one.trailing)))
        for one in comments(source.text)
        if _SAID.match(one.text)
    ]
    return _read(found)


def in_cluster(source: Source) -> tuple[list[Waiver], list[Diagnostic]]:
    """The suppressions of a cluster file, and those that cannot be read."""
    if MARK not in source.text.lower().replace(" ", ""):
        return [], []
    found = []
    for match in _IN_YAML.finditer(source.text):
        start = match.start()
        end = start + len(match[0].rstrip())
        if not _in_text(source, start):
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


def _of_policy(file: s.PolicyFile, start: int, *, trailing: bool) -> tuple[int, int]:
    """What a comment of a policy covers: its line and the statements that end there, or the next statement."""
    text = file.source.text
    if not trailing:
        below = (one.span for one in inside(file.statements) if one.span.start > start)
        following = min(below, key=lambda span: (span.start, -span.end), default=None)
        # The parts of a list (`role a, b`) share a statement word; the whole line is theirs.
        return (start, start if following is None else max(following.end, _line_end(text, following.start)))
    first = text.rfind("\n", 0, start) + 1
    here = [
        one.span.start
        for one in inside(file.statements)
        if not isinstance(one, s.When) and one.span.start < start and one.span.end > first
    ]
    return min([first, *here]), start


def _of_cluster(source: Source, start: int) -> tuple[int, int]:
    """What a comment of a cluster file covers: its line, or the block below it."""
    text = source.text
    first = text.rfind("\n", 0, start) + 1
    if text[first:start].strip():
        return first, start
    covered, depth = start, -1
    for at in source.line_starts:
        line = text[at : _line_end(text, at)]
        bare = line.strip()
        if at <= start or not bare or bare.startswith("#"):
            continue
        indent = len(line) - len(line.lstrip())
        if depth >= 0 and indent <= depth:
            break
        depth = indent if depth < 0 else depth
        covered = at + len(line)
    return start, covered


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return end if end >= 0 else len(text)


def _in_text(source: Source, at: int) -> bool:
    """Whether a place of a YAML text lies within a value, where `#` begins no comment."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        scalars = (one for one in yaml.scan(source.text, Loader=loader) if isinstance(one, yaml.ScalarToken))
        return any(one.start_mark.index <= at < one.end_mark.index for one in scalars)
    except yaml.YAMLError:
        return False
