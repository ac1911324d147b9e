"""Which findings stand, and which are suppressed by whom until when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

from netpolicy.diagnostic import Diagnostic, Severity, error, one_line, ordered, warning
from netpolicy.lint import rules
from netpolicy.waivers.comment import Waiver

UNUSED = "NP511"


class State(Enum):
    """What became of a suppression."""

    USED = "used"
    UNUSED = "unused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Ignored:
    """A suppression, and the findings that it is about; they are told again where it has expired."""

    waiver: Waiver
    state: State
    hides: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Linted:
    """The findings that stand, in order of place, and every suppression."""

    findings: tuple[Diagnostic, ...]
    ignored: tuple[Ignored, ...] = ()

    @property
    def hidden(self) -> tuple[Diagnostic, ...]:
        """The findings that are suppressed."""
        return tuple(one for each in self.ignored if each.state is State.USED for one in each.hides)


def waivable(one: Diagnostic) -> bool:
    """Whether a finding may be somebody's decision: a lint rule's may, and what is no error."""
    return one.severity is not Severity.ERROR or one.code in _of_rules()


def judge(
    found: Iterable[Diagnostic], waivers: Sequence[Waiver], day: date, asked: Callable[[str], bool] = lambda _: True
) -> Linted:
    """The findings, without those that a suppression covers.

    An expired one hides nothing: its findings say that it was there. One that covers nothing, though its codes were
    `asked`, is a finding itself; and so is one of what nobody may ignore.
    """
    listed = ordered(found)
    by_code: dict[str, list[int]] = {}
    for number, one in enumerate(listed):
        by_code.setdefault(one.code, []).append(number)
    covering = list[list[Diagnostic]]()
    by: dict[int, list[Waiver]] = {}
    for waiver in waivers:
        named = sorted(number for code in {*waiver.codes} for number in by_code.get(code, ()))
        covered = [number for number in named if waiver.covers(listed[number])]
        covering.append([listed[number] for number in covered])
        for number in covered:
            by.setdefault(number, []).append(waiver)
    standing = list[Diagnostic]()
    for number, one in enumerate(listed):
        if number not in by or not waivable(one):
            standing.append(one)
        elif all(waiver.until < day for waiver in by[number]):
            last = max(waiver.until for waiver in by[number])
            standing.append(replace(one, notes=(*one.notes, f"its suppression expired on {last}")))
    ignored = [_ignored(waiver, its, day) for waiver, its in zip(waivers, covering, strict=True)]
    told = [problem for one in ignored for problem in _told(one, asked)]
    return Linted(tuple(ordered([*standing, *told])), tuple(ignored))


def _ignored(waiver: Waiver, found: Sequence[Diagnostic], day: date) -> Ignored:
    hides = tuple(one for one in found if waivable(one))
    expired = waiver.until < day
    return Ignored(waiver, State.EXPIRED if expired else State.USED if hides else State.UNUSED, hides)


def _told(one: Ignored, asked: Callable[[str], bool]) -> Iterable[Diagnostic]:
    for code in one.waiver.codes:
        hides = any(hidden.code == code for hidden in one.hides)
        if not hides and _never(code):
            hint = "mend what it says; only findings of lint rules and warnings can be ignored"
            yield error("NP510", f"`{code}` cannot be ignored", one.waiver.span, hint=hint)
        elif not hides and asked(code):
            yield warning(UNUSED, _nothing(one.waiver, code), one.waiver.span, hint="remove the suppression")


def _nothing(waiver: Waiver, code: str) -> str:
    return one_line(f"nothing here is `{code}`" + (f" about `{waiver.about}`" if waiver.about else ""))


def used_elsewhere(several: Sequence[Sequence[Ignored]]) -> frozenset[tuple[str, str]]:
    """Place and message of what must not be told of the suppressions of several clusters: another one needs them."""
    return frozenset(
        (one.waiver.span.place, _nothing(one.waiver, hidden.code))
        for ignored in several
        for one in ignored
        for hidden in one.hides
        if one.waiver.span is not None
    )


def _never(code: str) -> bool:
    return code not in _of_rules() and code not in WARNINGS


WARNINGS = ("NP302", "NP305", "NP501")
"""Codes outside of the lint rules that may be warnings or notices."""


def _of_rules() -> frozenset[str]:
    return frozenset(rule.code for rule in rules())
