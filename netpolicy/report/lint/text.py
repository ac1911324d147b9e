"""For people: each finding with its lines, and what was looked at."""

from __future__ import annotations

from netpolicy.diagnostic import counted, one_line, render
from netpolicy.report.lint import Format, Lint, Looked


def as_text(lint: Lint) -> str:
    """All findings of each cluster, then a line about it."""
    return "".join(
        text
        for each in lint.looked
        for text in (*(f"{render(one)}\n\n" for one in each.findings), f"{outcome(each)}\n")
    )


def outcome(each: Looked) -> str:
    """`cluster.yaml: 1 warning, 2 suppressed (2 files, …)`."""
    suppressed, known = len(list(each.suppressed)), len(each.known)
    told = [counted(each.findings) or "no findings"]
    told += [f"{suppressed:,} suppressed"] if suppressed else []
    told += [f"{known:,} in the baseline"] if known else []
    checked = f" ({each.checked})" if each.checked else ""
    return f"{one_line(each.path)}: {', '.join(told)}{checked}"


FORMAT = Format("text", as_text)
