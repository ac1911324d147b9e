"""Diagnostics as values for JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from netpolicy import __version__
from netpolicy.diagnostic import Diagnostic, ordered
from netpolicy.source import Span

FORMAT_VERSION = 1


def as_list(found: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """The diagnostics in order of place."""
    return [as_value(one) for one in ordered(found)]


def as_value(one: Diagnostic) -> dict[str, Any]:
    """One diagnostic; `place` is where its first label stands, and null where it has none."""
    return {
        "code": one.code,
        "severity": one.severity.value,
        "message": one.message,
        "hint": one.hint,
        "notes": list(one.notes),
        "place": _place(one),
    }


def as_document(result: str, found: Iterable[Diagnostic]) -> dict[str, Any]:
    """What a command tells that was stopped before it had anything else to tell."""
    return {
        "format_version": FORMAT_VERSION,
        "tool": {"name": "netpolicy", "version": __version__},
        "result": result,
        "findings": as_list(found),
    }


def _place(one: Diagnostic) -> str | None:
    return place_of(one.labels[0].span) if one.labels else None


def place_of(span: Span | None) -> str:
    """`file:line`; empty for what no file holds."""
    return f"{span.source.name}:{span.line}" if span is not None else ""
