"""Proves that rules mean the policy: every packet that it lets pass passes, on every node, and no other.

Without `--against` the cluster is compiled in memory, and the text of every class of nodes and of every cloud is read
back and proved. With it, what is proved is the text that is there: a build folder, or what iptables-save,
ip6tables-save and `ipset save` print on the node that `--node` names. `--coverage` asks instead which statements no
promise would miss. Exit status: 0 proved, 1 a difference, or the proof gave up, 2 unreadable.
"""

from __future__ import annotations

import argparse
import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netpolicy.diagnostic import Diagnostic
    from netpolicy.pipeline import Pipeline
    from netpolicy.proof import Proved

SUMMARY = "prove that rules mean the policy"
EXAMPLES = ("netpolicy verify cluster.yaml", "netpolicy verify cluster.yaml --coverage --format json")


def configure(parser: argparse.ArgumentParser) -> None:
    from netpolicy.cli.options import add_day

    parser.add_argument("cluster", metavar="CLUSTER.yaml", help="the cluster file; it names its policy")
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="PATH",
        help="prove what is there: a build folder, or saved rules of one node (repeatable: IPv4, IPv6, sets)",
    )
    parser.add_argument("--node", default="", metavar="NAME", help="the node whose rules `--against` names")
    parser.add_argument("--coverage", action="store_true", help="tell which statements no promise would miss")
    parser.add_argument(
        "--sets", choices=("ipset", "inline"), default="ipset", help="as `compile` writes them (default: ipset)"
    )
    parser.add_argument("--cloud", action="append", default=[], metavar="NAME", help="as in `compile` (repeatable)")
    parser.add_argument("--format", choices=("text", "json", "markdown"), default="text", help="default: text")
    add_day(parser)


def run(options: argparse.Namespace) -> int:
    """Prints what was proved, or every difference."""
    from netpolicy.cli.options import wrong_clouds
    from netpolicy.cli.sound import sound

    wrong = wrong_clouds(options.cloud) or _wrong_choices(options)
    if wrong is not None:
        return _unusable(*wrong)
    pipeline, status = sound(options)
    if pipeline is None:
        return status
    return max(status, _covered(pipeline, options) if options.coverage else _proved(pipeline, options))


def _wrong_choices(options: argparse.Namespace) -> tuple[str, str] | None:
    if options.coverage and options.against:
        return "`--coverage` is about the policy alone", "leave out `--against`"
    if options.node and not options.against:
        return "`--node` says whose rules `--against` names", "name the rules with `--against`"
    if options.format == "markdown" and not options.coverage:
        return "a proof has no Markdown", "take `--format json`"
    return None


def _unusable(message: str, hint: str) -> int:
    import sys

    from netpolicy.cli import UNUSABLE

    print(f"error: {message}\n  = hint: {hint}", file=sys.stderr)
    return UNUSABLE


def _covered(pipeline: Pipeline, options: argparse.Namespace) -> int:
    """Prints the coverage; that statements are not covered is no error."""
    import json

    from netpolicy.cli import FINE
    from netpolicy.report import coverage as report
    from netpolicy.verify.coverage.score import coverage

    assert pipeline.policy is not None
    found = coverage(pipeline.policy)
    if options.format == "json":
        print(json.dumps(report.as_value(found) | {"inputs": _inputs(pipeline)}, indent=1, sort_keys=True))
    elif options.format == "markdown":
        print(report.as_markdown(found), end="")
    else:
        print(report.as_text(found, shutil.get_terminal_size((150, 50)).columns), end="")
    return FINE


def _proved(pipeline: Pipeline, options: argparse.Namespace) -> int:
    """Prints what was proved of what was compiled, or of what is there."""
    from netpolicy.cli import WRONG
    from netpolicy.cli.against import against, of_compile
    from netpolicy.cli.tell import tell
    from netpolicy.diagnostic import has_errors
    from netpolicy.node.stopped import StoppedError

    try:
        done, found = against(pipeline, options) if options.against else of_compile(pipeline, options)
    except StoppedError as stopped:
        done, found, status = None, list(stopped.found), int(stopped.ending)
    else:
        status = WRONG if has_errors(found) else 0
    tell(found, options)
    if options.format == "json":
        import json

        print(json.dumps(_document(pipeline, done, found), indent=1, sort_keys=True))
    elif done is not None and not options.quiet:
        print(_said(options.cluster, done, found))
    return status


def _said(path: str, done: Proved, found: list[Diagnostic]) -> str:
    from netpolicy.cli.tell import many
    from netpolicy.diagnostic import counted, has_errors, one_line

    if not done.nodes and has_errors(found):
        return f"{one_line(path)}: {counted(found)}; not proved"
    nodes, classes = many(done.nodes, "node"), many(done.classes, "class", "classes")
    parts = [f"{nodes} in {classes}", f"{many(done.rules, 'rule')} read back"]
    parts += [f"{many(done.cards, 'kind')} of interfaces in clouds"] if done.cards else []
    verdict = f"{counted(found)}; not proved" if has_errors(found) else "all proved"
    return f"{one_line(path)}: {', '.join(parts)}: {verdict}"


def _document(pipeline: Pipeline, done: Proved | None, found: list[Diagnostic]) -> dict[str, Any]:
    from netpolicy.diagnostic import has_errors
    from netpolicy.proof import PREMISES
    from netpolicy.report.findings import as_document

    told = as_document("differs" if done is None or has_errors(found) else "proved", found)
    counts = None
    if done is not None:
        counts = {"nodes": done.nodes, "classes": done.classes, "rules": done.rules, "interfaces": done.cards}
    return told | {"proved": counts, "premises": list(PREMISES), "inputs": _inputs(pipeline)}


def _inputs(pipeline: Pipeline) -> list[dict[str, str]]:
    return [
        {"path": path, "sha256": digest} for path, digest in sorted((one.name, one.digest) for one in pipeline.sources)
    ]
