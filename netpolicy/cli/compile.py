"""Compiles a cluster and its policy into a build folder: rulesets for every node, and a manifest.

What was compiled is read back from its text and proved before anything is written: every packet that the policy lets
pass passes, and no other.

The folder holds `classes/<digest>/` with rules.v4, rules.v6 and sets.ipset for nodes that nothing tells apart,
`nodes/<node>/` with node.json and links to them, `cloud/` with the security groups of the whole cluster for OpenStack
and AWS, and `manifest.json`. It is replaced whole or not at all.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netpolicy.cli.build import Written
    from netpolicy.pipeline import Pipeline

SUMMARY = "compile rulesets for every node"
EXAMPLES = (
    "netpolicy compile cluster.yaml -o build/",
    "netpolicy compile cluster.yaml -o build/ --serial 42 --sets inline --cloud none",
)


def configure(parser: argparse.ArgumentParser) -> None:
    from netpolicy.cli.options import add_day, serial

    parser.add_argument("cluster", metavar="CLUSTER.yaml", help="the cluster file; it names its policy")
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="the build folder; a build that is there is replaced"
    )
    parser.add_argument(
        "--sets",
        choices=("ipset", "inline"),
        default="ipset",
        help="address sets as ipsets, or as plain rules for hosts without ipset",
    )
    parser.add_argument(
        "--serial",
        type=serial,
        default=0,
        metavar="N",
        help="order of builds, for nodes that refuse an older one (default 0: unordered)",
    )
    parser.add_argument(
        "--cloud",
        action="append",
        default=[],
        metavar="NAME",
        help="security groups for this cloud: aws, neutron or none (repeatable; default: as the cluster says)",
    )
    add_day(parser)


def run(options: argparse.Namespace) -> int:
    """Writes the build, or nothing when anything is in error."""
    from netpolicy.cli import UNUSABLE
    from netpolicy.cli.build import NotLoweredError
    from netpolicy.cli.files import read
    from netpolicy.cli.folder import OutputError
    from netpolicy.cli.options import today, wrong_clouds
    from netpolicy.cli.tell import tell, unreadable
    from netpolicy.diagnostic import counted, error, has_errors
    from netpolicy.pipeline import InputError, Pipeline
    from netpolicy.targets import Options

    wrong = wrong_clouds(options.cloud)
    if wrong is not None:
        print(f"error: {wrong[0]}\n  = hint: {wrong[1]}", file=sys.stderr)
        return UNUSABLE
    choices = Options(inline_sets=options.sets == "inline")
    pipeline = Pipeline(
        options.cluster, read, options.as_of or today(), omit_expired=options.omit_expired, options=choices
    )
    try:
        found = pipeline.told
    except InputError as failure:
        unreadable(failure, options)
        return UNUSABLE
    status = tell(found, options)
    if has_errors(found) or pipeline.policy is None:
        return _nothing_written(options, counted(found))
    try:
        written = _write(pipeline, options)
    except NotLoweredError as failure:
        tell(failure.found, options)
        return _nothing_written(options, counted(failure.found))
    except OutputError as failure:
        tell([error("NP904", str(failure), hint=failure.hint)], options)
        return UNUSABLE
    status = max(status, tell(written.found, options))
    if not options.quiet:
        print(_said(options.output, written))
    return status


def _nothing_written(options: argparse.Namespace, why: str) -> int:
    from netpolicy.cli import WRONG
    from netpolicy.diagnostic import one_line

    print(f"{one_line(options.cluster)}: {why}; nothing was written", file=sys.stderr)
    return WRONG


def _write(pipeline: Pipeline, options: argparse.Namespace) -> Written:
    from netpolicy.cli.build import write_build
    from netpolicy.cli.folder import replacing

    with replacing(Path(options.output)) as fresh:
        return write_build(pipeline, fresh, options)


def _said(target: str, build: Written) -> str:
    from netpolicy.cli.tell import many

    nodes, classes = many(build.nodes, "node"), many(build.classes, "class", "classes")
    rules, groups = many(build.rules, "rule"), f", {many(build.groups, 'security group')}" if build.groups else ""
    most = f"{rules} at most on a node{groups}"
    return f"{Path(target)}: {nodes} in {classes}, {most}: all proved, generation {build.generation[:12]}"
