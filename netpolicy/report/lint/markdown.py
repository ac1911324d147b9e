"""Markdown, for the comment of a pull request or the summary of a job."""

from __future__ import annotations

from netpolicy.diagnostic import Diagnostic, counted
from netpolicy.report.findings import place_of
from netpolicy.report.gfm import escaped, head, row
from netpolicy.report.lint import Format, Lint, Looked
from netpolicy.report.lint.text import outcome

_MOST = 50


def as_markdown(lint: Lint) -> str:
    """A table of findings a cluster, what weighs most first; suppressed ones are folded."""
    lines = list[str]()
    for each in lint.looked:
        lines += [f"**{escaped(outcome(each))}**", "", *_table(each), *_folded(each)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(each: Looked) -> list[str]:
    if not each.findings:
        return []
    found = sorted(each.findings, key=lambda one: one.severity.rank)
    lines = [*head(("", "code", "where", "what", "what to do"))]
    lines += [_row(one) for one in found[:_MOST]]
    more = found[_MOST:]
    return [*lines, "", *([f"and {counted(more)} more", ""] if more else [])]


def _row(one: Diagnostic) -> str:
    cells = (one.severity.value, one.code, place_of(one.span), one.message, one.hint)
    return row(map(escaped, cells))


def _folded(each: Looked) -> list[str]:
    suppressed = list(each.suppressed)
    if not suppressed and not each.known:
        return []
    lines = [f"<details><summary>{len(suppressed)} suppressed, {len(each.known)} in the baseline</summary>", ""]
    lines += head(("code", "where", "what", "until", "why"))
    for one, by in suppressed[:_MOST]:
        cells = (one.code, place_of(one.span), one.message, str(by.waiver.until), by.waiver.reason)
        lines.append(row(map(escaped, cells)))
    for one in each.known[: max(0, _MOST - len(suppressed))]:
        cells = (one.code, place_of(one.span), one.message, "", "in the baseline")
        lines.append(row(map(escaped, cells)))
    return [*lines, "", "</details>", ""]


FORMAT = Format("markdown", as_markdown)
