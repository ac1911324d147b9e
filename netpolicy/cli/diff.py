"""Compares two clusters, policies, builds or dumps by what their emitted rules let pass: flows opened and closed.

OLD and NEW are each a cluster file, a policy (with --cluster), `git:REV` or `git:REV:PATH`, a build folder, or what
iptables-save printed. The exit status is 0 without a difference and 1 with one.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netpolicy.cli.operand import Operand
    from netpolicy.report.diff import Input

SUMMARY = "show which flows a change opens and closes"
EXAMPLES = (
    "netpolicy diff git:HEAD cluster.yaml",
    "netpolicy diff git:HEAD policy.netpol --cluster cluster.yaml --format markdown",
)


def configure(parser: argparse.ArgumentParser) -> None:
    from netpolicy.cli.options import add_day

    parser.add_argument("old", metavar="OLD", help="a file, a build folder, or git:REV[:PATH]")
    parser.add_argument("new", metavar="NEW", help="what to compare it with")
    parser.add_argument("--cluster", metavar="CLUSTER.yaml", help="the cluster of operands that are policies")
    parser.add_argument("--format", choices=("text", "json", "markdown"), default="text", help="default: text")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of stdout")
    add_day(parser)


def run(options: argparse.Namespace) -> int:
    """Prints what changes; with an error in an operand, the errors instead."""
    from netpolicy.cli import FINE, UNUSABLE, WRONG
    from netpolicy.cli.folder import OutputError, write_file
    from netpolicy.cli.operand import OperandError, operands
    from netpolicy.cli.tell import tell
    from netpolicy.diagnostic import error

    try:
        old, new = operands(options)
        text, differs = _compared(old, new, options)
    except OperandError as failure:
        tell(failure.found, options)
        return failure.status
    if options.output is None:
        print(text, end="")
    else:
        try:
            write_file(options.output, text)
        except OutputError as failure:
            tell([error("NP904", str(failure), hint=failure.hint)], options)
            return UNUSABLE
    return WRONG if differs else FINE


def _compared(old: Operand, new: Operand, options: argparse.Namespace) -> tuple[str, bool]:
    """The report, and whether there is any difference."""
    from netpolicy.report import diff as report
    from netpolicy.verify.diff import diff

    found = diff(old.emitted(), new.emitted())
    inputs: list[Input] = [
        report.Input(side, path, digest) for side, one in (("old", old), ("new", new)) for path, digest in one.inputs
    ]
    match options.format:
        case "json":
            return report.as_json(found, inputs), bool(found)
        case "markdown":
            return report.as_markdown(found), bool(found)
        case _:
            return report.as_text(found), bool(found)
