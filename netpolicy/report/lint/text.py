"""For people: each finding with its lines, and what was looked at."""

from __future__ import annotations

from collections.abc import Iterable

from netpolicy.diagnostic import Diagnostic, Severity, one_line, ordered, render
from netpolicy.report.lint import Format, Lint, Looked

MOST = 200


def as_text(lint: Lint, *, colour: bool = False, quiet: bool = False) -> str:
    """The findings of each cluster, then a line about it; quiet runs tell what fails them, and nothing else."""
    parts = list[str]()
    for each in lint.looked:
        shown = [one for one in each.findings if lint.fails(one)] if quiet else list(each.findings)
        # Notices are left out before warnings, and warnings before errors: there may be very many of them.
        most = ordered(sorted(shown, key=lambda one: one.severity.rank)[:MOST])
        parts += [f"{render(one, colour=colour)}\n\n" for one in most]
        parts += [f"… and {len(shown) - MOST:,} more\n"] if len(shown) > MOST else []
        parts += [] if quiet else [f"{outcome(each)}\n"]
    return "".join(parts)


def outcome(each: Looked) -> str:
    """`cluster.yaml: 1 warning, 2 suppressed (2 files, …)`."""
    suppressed, known = len(list(each.suppressed)), len(each.known)
    told = [counted(each.findings) or "no findings"]
    told += [f"{suppressed:,} suppressed"] if suppressed else []
    told += [f"{known:,} in the baseline"] if known else []
    checked = f" ({each.checked})" if each.checked else ""
    return f"{one_line(each.path)}: {', '.join(told)}{checked}"


def counted(found: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 notice`; empty when there is nothing."""
    listed = list(found)
    counts = [(sum(one.severity is severity for one in listed), severity.value) for severity in Severity]
    return ", ".join(f"{count:,} {name}{'s' if count > 1 else ''}" for count, name in counts if count)


FORMAT = Format("text", as_text)
