"""Shows who may reach what. A row (A, B) stands when some node of A may reach some other node of B.

Peers that are no nodes appear by network name, CIDR, `world` or `outside`. What is always open (loopback, established
traffic, neighbour discovery …) is not in the rows.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netpolicy.flow.model import Plan
    from netpolicy.policy.model import Policy
    from netpolicy.verify.reachability import By

SUMMARY = "show who may reach what"
EXAMPLES = ("netpolicy matrix cluster.yaml --by role", "netpolicy matrix cluster.yaml --by node --format json")


def configure(parser: argparse.ArgumentParser) -> None:
    from netpolicy.cli.options import add_day

    parser.add_argument("cluster", metavar="CLUSTER.yaml", help="the cluster file; it names its policy")
    parser.add_argument(
        "--by", choices=("role", "node", "network"), default="role", help="what nodes are grouped by (default: role)"
    )
    parser.add_argument(
        "--format", choices=("table", "csv", "json", "markdown"), default="table", help="default: table"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of stdout")
    add_day(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the rows; with an error in policy or cluster, the errors instead."""
    from netpolicy.cli import UNUSABLE, WRONG
    from netpolicy.cli.files import read
    from netpolicy.cli.folder import OutputError
    from netpolicy.cli.options import today
    from netpolicy.cli.tell import tell, unreadable
    from netpolicy.diagnostic import Severity, error, has_errors
    from netpolicy.pipeline import InputError, Pipeline
    from netpolicy.verify.reachability import By

    pipeline = Pipeline(options.cluster, read, options.as_of or today(), omit_expired=options.omit_expired)
    try:
        found = [one for one in pipeline.diagnostics if one.severity is not Severity.NOTICE]
    except InputError as failure:
        unreadable(failure, options)
        return UNUSABLE
    status = tell(found, options)
    if has_errors(found) or pipeline.policy is None:
        return WRONG
    text = _text(pipeline.policy, pipeline.plans, By(options.by), options)
    try:
        _write(text, options.output)
    except OutputError as failure:
        tell([error("NP904", str(failure), hint=failure.hint)], options)
        return UNUSABLE
    return status


def _text(policy: Policy, plans: Sequence[Plan], by: By, options: argparse.Namespace) -> str:
    from netpolicy.verify.reachability import possible, rows

    found = rows(policy, plans, by)
    if options.format in ("json", "csv"):
        from netpolicy.report import matrix

        return matrix.as_json(found) if options.format == "json" else matrix.as_csv(found)
    from netpolicy.report import table

    pairs = possible(policy, by)
    if options.format == "markdown":
        return table.as_markdown(found, pairs, by.value)
    return table.as_table(found, pairs, by.value, shutil.get_terminal_size((150, 50)).columns)


def _write(text: str, output: str | None) -> None:
    if output is None:
        print(text, end="")
        return
    from netpolicy.cli.folder import write_file

    write_file(output, text)
