"""What a person is told: a code, what is wrong, where, and what to do.

A pass returns diagnostics beside its value and never prints. `render` gives the text form with carets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from itertools import pairwise

from netpolicy.source import Span


class Severity(Enum):
    """How much a finding weighs; only an error makes a run fail by itself."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"

    @property
    def rank(self) -> int:
        return (Severity.ERROR, Severity.WARNING, Severity.NOTICE).index(self)


@dataclass(frozen=True, slots=True)
class Label:
    """A place and, if it helps, what stands there. The first label of a diagnostic is its main place."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `message` is one lower-case line with input in backticks; `hint` says what to do.

    `subject` is the meaning that it is about (`world -> mysql : tcp 3306`), by which a baseline knows it wherever it
    stands; empty where the message itself says it. What stands at the main place of a `removable` one may go, where
    that is proved to change nothing.
    """

    code: str
    message: str
    labels: tuple[Label, ...] = ()
    hint: str = ""
    severity: Severity = Severity.ERROR
    notes: tuple[str, ...] = ()
    subject: str = ""
    removable: bool = False

    @property
    def span(self) -> Span | None:
        return self.labels[0].span if self.labels else None


def error(
    code: str, message: str, *places: Span | Label | None, hint: str = "", notes: Sequence[str] = ()
) -> Diagnostic:
    """An error at the given places; a place of None (a value that no file holds) is left out."""
    return Diagnostic(code, one_line(message), _labels(places), one_line(hint), Severity.ERROR, tuple(notes))


def warning(code: str, message: str, *places: Span | Label | None, hint: str = "") -> Diagnostic:
    """A warning at the given places."""
    return Diagnostic(code, one_line(message), _labels(places), one_line(hint), Severity.WARNING)


def notice(code: str, message: str, *places: Span | Label | None, hint: str = "") -> Diagnostic:
    """A notice at the given places."""
    return Diagnostic(code, one_line(message), _labels(places), one_line(hint), Severity.NOTICE)


def one_line(text: str) -> str:
    """The text without line breaks and control characters (it quotes input, and terminals obey them), not long."""
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST // 2]} … {shown[-_LONGEST // 2 :]}"


def _labels(places: Iterable[Span | Label | None]) -> tuple[Label, ...]:
    return tuple(place if isinstance(place, Label) else Label(place) for place in places if place is not None)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """True when any of them is an error."""
    return any(one.severity is Severity.ERROR for one in diagnostics)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint with the nearest known name, or nothing when none is near."""
    written = {one.lower(): one for one in sorted(known)}
    near = get_close_matches(name.lower(), written, n=1, cutoff=0.6)
    return f"did you mean `{written[near[0]]}`?" if near else ""


def ordered(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Diagnostics without repetition, by file, place, code, message; numbers in a message by how large they are."""

    def key(one: Diagnostic) -> tuple[str, int, str, str, str]:
        span, by_number = one.span, _DIGITS.sub(lambda found: found[0].zfill(_LONG), one.message)
        place = (span.source.name, span.start) if span else ("", -1)
        return (*place, one.code, by_number, one.message)

    in_order = sorted(diagnostics, key=key)
    return in_order[:1] + [later for earlier, later in pairwise(in_order) if later != earlier]


def counted(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 notice`; empty when there is nothing."""
    listed = ordered(diagnostics)
    counts = [(sum(one.severity is severity for one in listed), severity.value) for severity in Severity]
    return ", ".join(f"{count:,} {name}{'s' if count > 1 else ''}" for count, name in counts if count)


_LONGEST = 400
_DIGITS, _LONG = re.compile("[0-9]+"), 10
_COLOURS = {Severity.ERROR: "31;1", Severity.WARNING: "33;1", Severity.NOTICE: "36;1"}
_WIDEST_LINE = 160


def tinted(text: str, severity: Severity) -> str:
    """The text in the colour in which a terminal shows this severity."""
    return f"\x1b[{_COLOURS[severity]}m{text}\x1b[0m"


def render(one: Diagnostic, *, colour: bool = False) -> str:
    """The diagnostic as text: headline, each place with its line underlined, notes, hint.

    ::

        error[NP112]: unknown role `dae`
          --> cluster.yaml:9:13
           |
         9 |     roles: [dae]
           |             ^^^
           = hint: did you mean `dea`?
    """
    paint = (lambda text, code: f"\x1b[{code}m{text}\x1b[0m") if colour else (lambda text, _: text)
    tint = _COLOURS[one.severity]
    lines = [f"{paint(f'{one.severity.value}[{one.code}]', tint)}: {paint(one.message, '1')}"]
    margin = max((len(str(label.span.line)) for label in one.labels), default=1)
    for number, label in enumerate(one.labels):
        lines += _render_label(label, margin, "-->" if number == 0 else "...", lambda text: paint(text, tint))
    blank = " " * (margin + 2)
    lines += [f"{blank}= note: {note}" for note in one.notes]
    if one.hint:
        lines.append(f"{blank}= hint: {one.hint}")
    return "\n".join(lines)


def _render_label(label: Label, margin: int, arrow: str, tint: Callable[[str], str]) -> list[str]:
    span = label.span
    number, column = span.source.position(span.start)
    text = span.source.line(number).replace("\t", " ")
    width = max(1, min(span.end, span.start - column + 1 + len(text)) - span.start)
    first = column - 1
    if len(text) > _WIDEST_LINE:
        cut = max(0, first - _WIDEST_LINE // 3)
        text, first = ("…" if cut else "") + text[cut : cut + _WIDEST_LINE], first - cut + (1 if cut else 0)
        width = max(1, min(width, len(text) - first))
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    carets = "^" * width + (f" {label.text}" if label.text else "")
    blank = " " * (margin + 2)
    return [
        f"{' ' * margin} {arrow} {span.place}",
        f"{blank}|",
        f" {number:>{margin}} | {shown}",
        f"{blank}| {' ' * first}{tint(carets)}",
    ]
