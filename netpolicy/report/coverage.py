"""Coverage of statements by promises: a table, Markdown, and a value for JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tabulate import tabulate

from netpolicy import __version__
from netpolicy.policy.model import Statement
from netpolicy.verify.coverage.score import Coverage, StatementCoverage

FORMAT_VERSION = 1
HEADER = ("statement", "place", "missed by")
NOBODY, NOTHING = "no promise", "changes nothing"
SHOWN = 2
"""Promises that a line names; of more it gives the number."""


def as_text(found: Coverage, width: int) -> str:
    """A line a statement, then promises to paste for those that nobody would miss, then the score."""
    columns = [width // 2, width // 6, width // 4]
    rows = [_row(one, str) for one in found.statements]
    table = tabulate(rows, HEADER, tablefmt="simple", maxcolwidths=columns, disable_numparse=True)
    suggested = suggestions(found)
    pasted = "\n".join(["", "Promises that hold and would notice the others:", *suggested, ""]) if suggested else ""
    return f"{table}\n{pasted}\n{summary(found)}\n"


def as_markdown(found: Coverage) -> str:
    """The same in Markdown, the score first."""
    rows = [_row(one, _code) for one in found.statements]
    table = tabulate(rows, HEADER, tablefmt="github", disable_numparse=True)
    suggested = suggestions(found)
    pasted = "\n".join(["", "Promises that hold and would notice the others:", "", "```", *suggested, "```", ""])
    return f"{summary(found)}\n\n{table}\n" + (pasted if suggested else "")


def as_value(found: Coverage) -> dict[str, Any]:
    """The coverage for JSON; `score` is the part of the counted statements that is missed, and null of none."""
    return {
        "format_version": FORMAT_VERSION,
        "tool": {"name": "netpolicy", "version": __version__},
        "noticed": found.noticed,
        "counted": found.counted,
        "score": round(found.noticed / found.counted, 4) if found.counted else None,
        "statements": [
            {
                "id": one.statements[0].id,
                "text": one.text,
                "place": _place(one.statements[0]),
                "changes_nothing": one.changes_nothing,
                "noticed_by": [_promise(promise) for promise in one.noticed_by],
                "suggestion": one.suggestion or None,
            }
            for one in found.statements
        ],
    }


def summary(found: Coverage) -> str:
    """`31 of 37 statements would be missed: 84 %`, rounded down, and how many do not count."""
    idle = len(found.statements) - found.counted
    uncounted = f"{idle} {'changes' if idle == 1 else 'change'} nothing"
    if not found.counted:
        return f"no statement to miss: {uncounted}" if idle else "no statement to miss"
    score = found.noticed * 100 // found.counted
    noun = "statement" if found.counted == 1 else "statements"
    told = f"{found.noticed} of {found.counted} {noun} would be missed: {score} %"
    return f"{told}; {uncounted}" if idle else told


def suggestions(found: Coverage) -> list[str]:
    """The promises that would notice what none notices, each once, in order of the statements."""
    return list(dict.fromkeys(one.suggestion for one in found.statements if one.suggestion))


def _row(one: StatementCoverage, code: Callable[[str], str]) -> list[str]:
    return [code(one.text), _place(one.statements[0]) or "", _missed_by(one, code)]


def _missed_by(one: StatementCoverage, code: Callable[[str], str]) -> str:
    if one.changes_nothing:
        return NOTHING
    if not one.noticed_by:
        return NOBODY
    shown = ", ".join(code(f"{each.verb.value} {each.text}") for each in one.noticed_by[:SHOWN])
    more = len(one.noticed_by) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _code(text: str) -> str:
    """Code of a cell of a table in Markdown."""
    return "`" + text.replace("|", "\\|") + "`"


def _promise(one: Statement) -> dict[str, Any]:
    return {"id": one.id, "text": f"{one.verb.value} {one.text}", "place": _place(one)}


def _place(one: Statement) -> str | None:
    return f"{one.span.source.name}:{one.span.line}" if one.span is not None else None
