"""Compares two clusters, policies, builds or dumps by what their emitted rules let pass: flows opened and closed.

OLD and NEW are each a cluster file, a policy (with --cluster), `git:REV` or `git:REV:PATH`, a build folder, or what
iptables-save printed. `NEW --against OLD` says the same; several clusters are compared with `--against git:REV`, each
with itself as of that revision. Markdown is a comment for a pull request; of several clusters JSON is a list. A side
that breaks its own promises is compared all the same. The exit status is 0 without a difference, and 1 where a flow, a
node or a promise differs, or a promise is broken.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netpolicy.cli.dumps import Dumps
    from netpolicy.report.diff import Comparison, Input

SUMMARY = "show which flows a change opens and closes"
EXAMPLES = (
    "netpolicy diff cluster.yaml --against git:HEAD --format markdown",
    "netpolicy diff git:HEAD policy.netpol --cluster cluster.yaml",
)


def configure(parser: argparse.ArgumentParser) -> None:
    from netpolicy.cli.options import add_day
    from netpolicy.cli.reporting import add_reports

    parser.add_argument(
        "operands", nargs="+", metavar="OPERAND", help="OLD NEW: a file, a build folder, or git:REV[:PATH]"
    )
    parser.add_argument(
        "--against",
        metavar="OLD",
        help="compare with this instead: `CLUSTER.yaml --against git:REV`; several clusters may",
    )
    parser.add_argument("--cluster", metavar="CLUSTER.yaml", help="the cluster of operands that are policies")
    add_reports(parser, ("text", "json", "markdown"), "text")
    add_day(parser)


def run(options: argparse.Namespace) -> int:
    """Prints what changes; with an error in an operand other than a broken promise, the errors instead."""
    from netpolicy.cli import FINE, WRONG
    from netpolicy.cli.comparing import pairs
    from netpolicy.cli.operand import OperandError
    from netpolicy.cli.reporting import write_reports
    from netpolicy.cli.tell import tell

    try:
        write, differs = _compared(pairs(options), options)
    except OperandError as failure:
        tell(failure.found, options)
        return failure.status
    unwritten = write_reports(options, write)
    if options.output is None:
        print(write(options.format), end="")
    return max(unwritten, WRONG if differs else FINE)


def _compared(named: Sequence[tuple[str, str]], options: argparse.Namespace) -> tuple[Callable[[str], str], bool]:
    """Who writes the report in a format, and whether there is any difference."""
    from netpolicy.cli import UNUSABLE
    from netpolicy.cli.comparing import compared, inputs_of
    from netpolicy.cli.dumps import Dumps
    from netpolicy.cli.operand import OperandError, operands
    from netpolicy.diagnostic import error

    found: list[Comparison] = []
    for pair in named:
        old, new = operands(*pair, options)
        if isinstance(old.value, Dumps) and isinstance(new.value, Dumps) and len(named) == 1:
            return _of_dumps(old.value, new.value, list(inputs_of(old, new)))
        if isinstance(old.value, Dumps) or isinstance(new.value, Dumps):
            hint = "a dump is compared with a dump, one at a time; `verify --against` judges one by a policy"
            raise OperandError(
                UNUSABLE, error("NP905", "one side is a dump of one node, the other a cluster", hint=hint)
            )
        found.append(compared(old, new, old.value, new.value, options))
    return lambda form: _report(found, form), any(found)


def _report(found: Sequence[Comparison], form: str) -> str:
    match form:
        case "json":
            from netpolicy.report.diff import as_json

            return as_json(found)
        case "markdown":
            from netpolicy.report.comment import comment

            return comment(found)
        case _:
            from netpolicy.report.diff import as_text

            return as_text(found)


def _of_dumps(old: Dumps, new: Dumps, inputs: list[Input]) -> tuple[Callable[[str], str], bool]:
    from netpolicy.cli.dumps import compared
    from netpolicy.report import rulesdiff as report

    found = compared(old, new)
    coverage = {
        f"{side} IPv{family.value}": str(dump.coverage)
        for side, one in (("old", old), ("new", new))
        for family, dump in one.families.items()
    }

    def write(form: str) -> str:
        match form:
            case "json":
                return report.as_json(found, coverage, inputs)
            case "markdown":
                return report.as_markdown(found, coverage)
            case _:
                return report.as_text(found, coverage)

    return write, bool(found)
