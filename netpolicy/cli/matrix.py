"""Shows who may reach what. A row (A, B) stands when some node of A may reach some other node of B.

Peers that are no nodes appear by network name, CIDR, `world` or `outside`. What is always open (loopback, established
traffic, neighbour discovery …) is not in the rows. Of a build folder the rows are what its files let pass.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netpolicy.verify.reachability import Row

    Told = tuple[Sequence[Row], Collection[tuple[str, str]]]

SUMMARY = "show who may reach what"
EXAMPLES = ("netpolicy matrix cluster.yaml --by role", "netpolicy matrix cluster.yaml --by node --format json")


def configure(parser: argparse.ArgumentParser) -> None:
    from netpolicy.cli.options import add_day

    parser.add_argument(
        "cluster",
        metavar="CLUSTER.yaml",
        help="the cluster file, or a build folder",
    )
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
    from netpolicy.cli import UNUSABLE
    from netpolicy.cli.folder import OutputError
    from netpolicy.cli.tell import tell
    from netpolicy.diagnostic import error

    status, told = _of_build(options) if _is_build(options.cluster) else _of_cluster(options)
    if told is None:
        return status
    try:
        _write(_text(*told, options), options.output)
    except OutputError as failure:
        tell([error("NP904", str(failure), hint=failure.hint)], options)
        return UNUSABLE
    return status


def _of_cluster(options: argparse.Namespace) -> tuple[int, Told | None]:
    """The exit status, and the rows of a cluster with its policy."""
    from netpolicy.cli import UNUSABLE, WRONG
    from netpolicy.cli.files import read
    from netpolicy.cli.options import today
    from netpolicy.cli.tell import tell, unreadable
    from netpolicy.diagnostic import Severity, has_errors
    from netpolicy.pipeline import InputError, Pipeline
    from netpolicy.verify.reachability import By, possible, rows

    pipeline = Pipeline(options.cluster, read, options.as_of or today(), omit_expired=options.omit_expired)
    try:
        found = [one for one in pipeline.diagnostics if one.severity is not Severity.NOTICE]
    except InputError as failure:
        unreadable(failure, options)
        return UNUSABLE, None
    status = tell(found, options)
    if has_errors(found) or pipeline.policy is None:
        return WRONG, None
    by = By(options.by)
    return status, (rows(pipeline.policy, pipeline.plans, by), possible(pipeline.policy, by))


def _of_build(options: argparse.Namespace) -> tuple[int, Told | None]:
    """The exit status, and the rows that the files of a build folder say."""
    from netpolicy.cli import FINE, UNUSABLE
    from netpolicy.cli.operand import OperandError, of_build
    from netpolicy.cli.tell import tell
    from netpolicy.diagnostic import error
    from netpolicy.verify.emitted_rows import emitted_rows, possible
    from netpolicy.verify.reachability import By

    by = By(options.by)
    if by is By.NETWORK:
        hint = "name the cluster file, or use `--by role` or `--by node`"
        tell([error("NP905", "the files of a build do not say which networks there are", hint=hint)], options)
        return UNUSABLE, None
    try:
        emitted, _ = of_build(options.cluster)
    except OperandError as failure:
        tell(failure.found, options)
        return failure.status, None
    return FINE, (emitted_rows(emitted, by), possible(emitted, by))


def _text(found: Sequence[Row], pairs: Collection[tuple[str, str]], options: argparse.Namespace) -> str:
    if options.format in ("json", "csv"):
        from netpolicy.report import matrix

        return matrix.as_json(found) if options.format == "json" else matrix.as_csv(found)
    from netpolicy.report import table

    if options.format == "markdown":
        return table.as_markdown(found, pairs, options.by)
    return table.as_table(found, pairs, options.by, shutil.get_terminal_size((150, 50)).columns)


def _write(text: str, output: str | None) -> None:
    if output is None:
        print(text, end="")
        return
    from netpolicy.cli.folder import write_file

    write_file(output, text)


def _is_build(path: str) -> bool:
    """True for a folder with a manifest; a path that no file can have is none."""
    from netpolicy.cli.folder import MANIFEST

    return os.path.exists(f"{path}/{MANIFEST}")  # noqa: PTH110
