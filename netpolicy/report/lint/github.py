"""Commands that GitHub's runners read from the output of a step, and show beside the lines of a pull request."""

from __future__ import annotations

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.report.lint import Format, Lint, Looked
from netpolicy.report.lint.text import outcome

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "notice"}


def as_github(lint: Lint) -> str:
    """A command a finding, then a line a cluster for the log."""
    lines = [_command(one, each) for each, one in lint.once()]
    return "\n".join([*lines, *(_logged(outcome(each)) for each in lint.looked)]) + "\n"


def _logged(line: str) -> str:
    """A line that is no command, whoever named a file: neither `::` where it begins nor `##[` anywhere."""
    return line.replace("::", ": :").replace("##[", "## [")


def _command(one: Diagnostic, each: Looked) -> str:
    """`::error file=…,line=…,title=…::message`; a place in a shipped file is told at the cluster file instead."""
    told = one.message + (f"\n{one.hint}" if one.hint else "") + "".join(f"\n{note}" for note in one.notes)
    properties = {"file": each.path}
    span = one.span
    if span is not None and span.source.name not in each.shipped:
        line, column = span.source.position(span.start)
        last, end = span.source.position(span.end)
        properties = {"file": span.source.name, "line": str(line), "endLine": str(last)}
        # Columns are taken for one line only.
        properties |= {"col": str(column), "endColumn": str(end)} if last == line else {}
    elif span is not None:
        told = f"{told}\n{span.place}"
    properties["title"] = f"{one.code} {one.severity.value}"
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_COMMANDS[one.severity]} {listed}::{_escaped(told)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


FORMAT = Format("github", as_github)
