"""Compares two clusters, policies, builds or dumps by what their emitted rules let pass: flows opened and closed.

OLD and NEW are each a cluster file, a policy (with --cluster), `git:REV` or `git:REV:PATH`, a build folder, or what
iptables-save printed. The exit status is 0 without a difference and 1 with one.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netpolicy.cli.dumps import Dumps
    from netpolicy.cli.operand import Operand
    from netpolicy.report.diff import Input
    from netpolicy.verify.emitted import Emitted

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
    from netpolicy.cli import UNUSABLE
    from netpolicy.cli.dumps import Dumps
    from netpolicy.cli.operand import OperandError
    from netpolicy.diagnostic import error
    from netpolicy.report.diff import Input

    both = (("old", old), ("new", new))
    inputs = [Input(side, path, digest) for side, one in both for path, digest in one.inputs]
    if isinstance(old.value, Dumps) and isinstance(new.value, Dumps):
        return _of_dumps(old.value, new.value, inputs, options)
    if isinstance(old.value, Dumps) or isinstance(new.value, Dumps):
        hint = "a dump is compared with a dump; `verify --against` judges one by a policy"
        raise OperandError(UNUSABLE, error("NP905", "one side is a dump of one node, the other a cluster", hint=hint))
    return _of_clusters(old.value, new.value, inputs, options)


def _of_clusters(old: Emitted, new: Emitted, inputs: list[Input], options: argparse.Namespace) -> tuple[str, bool]:
    from netpolicy.report import diff as report
    from netpolicy.verify.diff.compare import diff

    found = diff(old, new)
    match options.format:
        case "json":
            return report.as_json(found, inputs), bool(found)
        case "markdown":
            return report.as_markdown(found), bool(found)
        case _:
            return report.as_text(found), bool(found)


def _of_dumps(old: Dumps, new: Dumps, inputs: list[Input], options: argparse.Namespace) -> tuple[str, bool]:
    from netpolicy.cli.dumps import compared
    from netpolicy.report import rulesdiff as report

    found = compared(old, new)
    coverage = {
        f"{side} IPv{family.value}": str(dump.coverage)
        for side, one in (("old", old), ("new", new))
        for family, dump in one.families.items()
    }
    match options.format:
        case "json":
            return report.as_json(found, coverage, inputs), bool(found)
        case "markdown":
            return report.as_markdown(found, coverage), bool(found)
        case _:
            return report.as_text(found, coverage), bool(found)
