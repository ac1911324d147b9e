"""Diagnostics as values for JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from netpolicy.diagnostic import Diagnostic, ordered


def as_list(found: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """The diagnostics in order; `place` is where the first label of each stands, and null where it has none."""
    return [
        {
            "code": one.code,
            "severity": one.severity.value,
            "message": one.message,
            "hint": one.hint,
            "notes": list(one.notes),
            "place": _place(one),
        }
        for one in ordered(found)
    ]


def _place(one: Diagnostic) -> str | None:
    return f"{one.labels[0].span.source.name}:{one.labels[0].span.line}" if one.labels else None
