"""Checks a cluster and its policy: language, names, addresses, every promise (never, expect, require …), hygiene."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netpolicy.pipeline import Pipeline
    from netpolicy.policy.model import Policy

SUMMARY = "check a cluster and its policy"
EXAMPLES = ("netpolicy lint cluster.yaml", "netpolicy lint cluster.yaml --fail-on warning --as-of 2027-01-31")


def configure(parser: argparse.ArgumentParser) -> None:
    from netpolicy.cli.options import add_day

    parser.add_argument("clusters", nargs="+", metavar="CLUSTER.yaml", help="cluster files; each names its policy")
    parser.add_argument(
        "--fail-on",
        choices=("error", "warning", "notice"),
        default="error",
        help="what makes the exit status 1: an error (default), a warning too, or any finding",
    )
    add_day(parser)


def run(options: argparse.Namespace) -> int:
    """Lints each cluster; the worst status is the answer."""
    return max(_lint(path, options) for path in options.clusters)


def _lint(path: str, options: argparse.Namespace) -> int:
    from netpolicy.cli import UNUSABLE
    from netpolicy.cli.files import read
    from netpolicy.cli.options import today
    from netpolicy.cli.tell import counted, tell, unreadable
    from netpolicy.diagnostic import Severity, one_line
    from netpolicy.pipeline import InputError, Pipeline

    pipeline = Pipeline(path, read, options.as_of or today(), omit_expired=options.omit_expired)
    try:
        found = pipeline.diagnostics
    except InputError as failure:
        unreadable(failure, options)
        return UNUSABLE
    status = tell(found, options, Severity(options.fail_on))
    outcome = f"{one_line(path)}: {counted(found) or 'no findings'}"
    if pipeline.policy is None:
        print(outcome, file=sys.stderr)
    elif not options.quiet:
        print(f"{outcome} ({_checked(pipeline, pipeline.policy)})")
    return status


def _checked(pipeline: Pipeline, policy: Policy) -> str:
    """What was looked at: silence is mistaken for having looked at nothing."""
    from netpolicy.cli.tell import many

    nodes, classes = many(len(policy.cluster.nodes), "node"), many(len(pipeline.plans), "class", "classes")
    flows = many(len({one.id for one in policy.statements}), "flow statement")  # `<->` is one
    demands = many(len(policy.demands), "demand")
    return f"{many(len(pipeline.sources), 'file')}, {nodes} in {classes}, {flows}, {demands}"
