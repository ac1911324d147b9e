"""A baseline: findings that were there before somebody began to look, known by their meaning and not by their line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from netpolicy import __version__
from netpolicy.diagnostic import Diagnostic, Label, error, notice
from netpolicy.source import Source, Span
from netpolicy.waivers.judge import waivable

KIND, FORMAT_VERSION = "baseline", 1
STALE = "NP530"
NEVER = "NP510"
"""A suppression that cannot be read is nobody's decision of old."""


@dataclass(frozen=True, slots=True, order=True)
class Known:
    """A finding of a cluster: its code, and what it is about (`world -> mysql : tcp 3306`)."""

    cluster: str
    code: str
    meaning: str


def meaning(one: Diagnostic) -> str:
    """What a finding is about, in words that do not change with the place of anything."""
    return one.subject or one.message


def known(one: Diagnostic, cluster: str) -> Known:
    """What a finding is known by."""
    return Known(cluster, one.code, meaning(one))


def may_be_known(one: Diagnostic) -> bool:
    """Whether a baseline may hold a finding: what makes a policy wrong is mended, not written down."""
    return waivable(one) and one.code != NEVER


def apart(
    found: Iterable[Diagnostic], cluster: str, base: frozenset[Known]
) -> tuple[list[Diagnostic], list[Diagnostic]]:
    """The findings that are new, and those that the baseline knows."""
    new, old = list[Diagnostic](), list[Diagnostic]()
    for one in found:
        (old if may_be_known(one) and known(one, cluster) in base else new).append(one)
    return new, old


def stale(base: Iterable[Known], cluster: str, old: Iterable[Diagnostic], source: Source) -> Iterator[Diagnostic]:
    """A notice for the entries of a cluster that are found no more."""
    there = {known(one, cluster) for one in old}
    gone = sorted(one for one in base if one.cluster == cluster and one not in there)
    if gone:
        several = f"{len(gone)} entries of the baseline are" if len(gone) > 1 else "an entry of the baseline is"
        message = f"{several} found no more, such as {gone[0].code} about `{gone[0].meaning}`"
        place = Label(Span(source, 0, source.text.find("\n") % (len(source.text) + 1)))
        yield notice(STALE, message, place, hint="write the baseline again with `--write-baseline`")


def as_text(entries: Iterable[Known]) -> str:
    """The file of a baseline."""
    tree = {
        "format_version": FORMAT_VERSION,
        "kind": KIND,
        "tool": {"name": "netpolicy", "version": __version__},
        "findings": [
            {"cluster": one.cluster, "code": one.code, "meaning": one.meaning} for one in sorted(set(entries))
        ],
    }
    return json.dumps(tree, indent=1, ensure_ascii=False) + "\n"


def read(source: Source) -> tuple[frozenset[Known], list[Diagnostic]]:
    """The entries of a baseline, or why it is none."""
    try:
        tree: Any = json.loads(source.text)
        if tree["kind"] != KIND or tree["format_version"] != FORMAT_VERSION:
            raise ValueError
        return frozenset(
            Known(*(_text(one[key]) for key in ("cluster", "code", "meaning"))) for one in tree["findings"]
        ), []
    except (ValueError, LookupError, TypeError, RecursionError):
        hint = "write it with `netpolicy lint --write-baseline FILE`"
        return frozenset(), [error("NP907", f"`{source.name}` is no baseline of this version", hint=hint)]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # half of a surrogate pair is no text, and an error of value
    return value
