"""Tells people what was found: on stderr, with colours where they are wanted."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from netpolicy.cli import FINE, WRONG
from netpolicy.diagnostic import Diagnostic, Severity, error, ordered, render

if TYPE_CHECKING:  # a command of a node tells without the pipeline, which takes its time to load
    from netpolicy.pipeline import InputError

MOST = 200


def colour(options: argparse.Namespace, stream: TextIO | None = None) -> bool:
    """Whether a stream gets colours; stderr when none is named."""
    if options.color != "auto":
        return bool(options.color == "always")
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream or sys.stderr).isatty()


def tell(
    diagnostics: Iterable[Diagnostic],
    options: argparse.Namespace,
    bar: Severity = Severity.ERROR,
    *,
    as_given: bool = False,
) -> int:
    """Prints them in order of place, or `as_given`; answers the exit status: WRONG when one weighs as much as `bar`."""
    listed = list(diagnostics) if as_given else ordered(diagnostics)
    wrong = [one for one in listed if one.severity.rank <= bar.rank]
    shown = wrong if options.quiet else listed
    painted = colour(options)
    # Notices are left out before warnings, and warnings before errors: there may be very many of them.
    most = sorted(shown, key=lambda one: one.severity.rank)[:MOST]
    for one in most if as_given else ordered(most):
        print(render(one, colour=painted) + "\n", file=sys.stderr)
    if len(shown) > MOST:
        print(f"… and {len(shown) - MOST} more", file=sys.stderr)
    return WRONG if wrong else FINE


def stop(diagnostics: Sequence[Diagnostic], options: argparse.Namespace, result: str, **more: None) -> None:
    """Prints what stopped a command, and for machines a document of it, too; `more` is what nobody knows."""
    tell(diagnostics, options)
    if options.format == "junit":
        from netpolicy.report.rehearsal import stopped_as_junit

        print(stopped_as_junit(diagnostics), end="")
    if options.format == "json":
        import json

        from netpolicy.report.findings import as_document

        print(json.dumps(as_document(result, diagnostics) | more, indent=1, sort_keys=True))


def many(count: int, one: str, several: str = "") -> str:
    """`1 node`, `20 nodes`."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def unreadable(failure: InputError, options: argparse.Namespace) -> None:
    """Prints why the named file cannot be read."""
    tell([why_unreadable(failure)], options)


def why_unreadable(failure: InputError) -> Diagnostic:
    """Why the named file cannot be read."""
    return error(failure.unreadable.code, failure.unreadable.why, hint=failure.unreadable.hint)
