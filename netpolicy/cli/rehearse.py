"""Rehearses a cluster: its nodes as network namespaces of this machine, with their real rules and real packets.

The cluster is compiled and proved, `apply-rules` brings the rules of every node into force in its namespace, and
packets are sent between all nodes, named networks and the outside: every edge of every port range of the policy,
and what no rule expects, such as stray segments, fragments and sources of others. Nothing of this machine's own
network is touched, and nothing is left when it ends, however it ends. Exit status: 0 all as the policy says, 1 not,
2 unreadable, or a privilege or a tool is missing.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netpolicy.pipeline import Pipeline

SUMMARY = "try the rules of a cluster with real packets"
EXAMPLES = ("netpolicy rehearse cluster.yaml", "netpolicy rehearse cluster.yaml --only 'dea -> mysql'")
_MOST = 50
BACKENDS = ("iptables-legacy", "iptables-nft")


def configure(parser: argparse.ArgumentParser) -> None:
    from netpolicy.cli.options import add_day

    parser.add_argument("cluster", metavar="CLUSTER.yaml", help="the cluster file; it names its policy")
    parser.add_argument(
        "--backend", action="append", choices=BACKENDS, default=[], help="repeatable; all where none is named"
    )
    parser.add_argument("--only", metavar="'WHO -> WHOM'", help="packets between these alone")
    parser.add_argument("--build", default="", metavar="DIR", help="the rules of this build folder, not compiled anew")
    parser.add_argument(
        "--sets", choices=("ipset", "inline"), default="ipset", help="as `compile` writes them (default: ipset)"
    )
    parser.add_argument("--format", choices=("text", "json", "junit"), default="text", help="default: text")
    add_day(parser)


def run(options: argparse.Namespace) -> int:
    """Prints how the packets fared."""
    from netpolicy.cli.sound import sound

    pipeline, status = sound(options)
    return status if pipeline is None else max(status, _rehearsed(pipeline, options))


def _rehearsed(pipeline: Pipeline, options: argparse.Namespace) -> int:
    from netpolicy.cli import FINE, WRONG
    from netpolicy.cli.rehearsing import rehearsed
    from netpolicy.cli.tell import stop, tell
    from netpolicy.diagnostic import one_line
    from netpolicy.node.stopped import StoppedError
    from netpolicy.report import rehearsal as report

    try:
        played, results = rehearsed(pipeline, options)
    except StoppedError as stopped:
        stop(stopped.found, options, "not rehearsed")
        return int(stopped.ending)
    findings = [told.finding for one in results for told in one.told]
    tell(findings, options, as_given=True)
    differing = any(one.differing for one in results)
    if options.format == "json":
        inputs = sorted((one.name, one.digest) for one in pipeline.sources)
        print(report.as_json(played, results, [{"path": path, "sha256": digest} for path, digest in inputs]), end="")
    elif options.format == "junit":
        print(report.as_junit(played, results), end="")
    elif differing or not options.quiet:
        listed = report.pairs(results)
        for one in listed[:_MOST]:
            print(f"  {one}")
        if len(listed) > _MOST:
            print(f"  … and {len(listed) - _MOST:,} more pairs; `--format json` has them")
        nodes = f"{played.nodes:,} node{'' if played.nodes == 1 else 's'}"
        print(f"{one_line(options.cluster)}: {nodes}, {report.line(played, results)}")
    for one in played.left_out if not options.quiet else ():
        print(f"not rehearsed: {one}", file=sys.stderr)
    return WRONG if differing else FINE
