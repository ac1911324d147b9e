"""Tells an auditor, and an engineer with a question, what a cluster's rules are, why, and what was proved of them.

The cluster is compiled in memory and proved. The report has digests, the matrix by role with a packet for each
service that the rules were asked about, the register of rules with owner, reason, dates, risk, where each is compiled
to, exceptions, hygiene and security groups; with `--nodes` what nodes told of themselves (`netpolicy drift --hits
--format json`, a file a node), with `--needed` what passes beyond another policy, with `--since` what changed.

Exit status: 0 all is proved and every node that answered is as it must be, 1 the proof differs, a promise is broken or
a node drifted or has another build (the report is written), 2 unreadable, or a tool is missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

SUMMARY = "report for an audit: rules, reasons, owners, proof, drift"
EXAMPLES = (
    "netpolicy audit cluster.yaml --output audit.md",
    "netpolicy audit cluster.yaml --format csv",
)
PROFILES = ("minimal", "standard", "production")
FORMATS = ("markdown", "json", "csv", "html")


def configure(parser: argparse.ArgumentParser) -> None:
    from netpolicy.cli.options import add_config, add_day
    from netpolicy.cli.reporting import add_reports

    parser.add_argument("cluster", metavar="CLUSTER.yaml", help="the cluster file; it names its policy")
    parser.add_argument("--nodes", metavar="DIR", help="reports of nodes: what `drift --hits --format json` printed")
    parser.add_argument("--since", metavar="REV", help="tell what changed in meaning since this git revision")
    parser.add_argument(
        "--needed", metavar="POLICY", help="tell what passes beyond this policy, a file or a shipped one"
    )
    parser.add_argument(
        "--sets", choices=("ipset", "inline"), default="ipset", help="as `compile` writes them (default: ipset)"
    )
    add_reports(parser, FORMATS, "markdown")
    parser.add_argument("--pack", metavar="DIR", help="write all formats and a manifest of digests into this folder")
    parser.add_argument("--sign", metavar="KEY", help="sign the manifest of the pack with this private key of ssh")
    parser.add_argument("--profile", choices=PROFILES, help="how much lint asks (default: standard)")
    add_config(parser)
    add_day(parser)


def run(options: argparse.Namespace) -> int:
    """Writes the reports; with errors in the policy, the errors instead."""
    from netpolicy.cli import FINE, WRONG
    from netpolicy.cli.auditing import facts
    from netpolicy.cli.operand import OperandError
    from netpolicy.cli.tell import tell
    from netpolicy.report.audit.document import document, is_fine

    if wrong := _wrong_choices(options):
        return _unusable(*wrong)
    try:
        audit, found = facts(options)
    except OperandError as failure:
        tell(failure.found, options)
        return failure.status
    tell(found, options)
    tree = document(audit)
    status = _written(tree, options)
    if tree["nodes"] is not None and not options.quiet:
        _warn_of_nodes(tree["nodes"])
    return max(status, FINE if is_fine(tree) else WRONG)


def _wrong_choices(options: argparse.Namespace) -> tuple[str, str] | None:
    from netpolicy.cli.reporting import clashing

    for name in ("nodes", "since", "needed", "pack", "sign"):
        if getattr(options, name) == "":  # of a variable that is not set: what it asks for would just be left out
            return f"the value of `--{name}` is empty", "name what it is about, or leave the option out"
    if options.sign and not options.pack:
        return "`--sign` signs the manifest of a pack", "name a folder for it with `--pack DIR`"
    if file := clashing(options):
        return f"two reports would go to `{file}`", "name a file for each"
    return None


def _unusable(message: str, hint: str) -> int:
    from netpolicy.cli import UNUSABLE

    print(f"error: {message}\n  = hint: {hint}", file=sys.stderr)
    return UNUSABLE


def _written(tree: Mapping[str, Any], options: argparse.Namespace) -> int:
    """Writes what is asked for, each format made once; answers the exit status of that alone."""
    from netpolicy.cli import FINE, UNUSABLE
    from netpolicy.cli.folder import OutputError
    from netpolicy.cli.packing import FILES, pack
    from netpolicy.cli.reporting import write_reports
    from netpolicy.cli.tell import tell
    from netpolicy.diagnostic import error

    made: dict[str, str] = {}

    def text(name: str) -> str:
        if name not in made:
            made[name] = _rendered(tree, name)
        return made[name]

    try:
        status = write_reports(options, text)
        if options.pack:
            pack(options.pack, {name: text(name) for name in FILES}, tree, options.sign or "")
        if not options.output and not options.pack:
            print(text(options.format), end="")
        elif not options.quiet and status == FINE:
            print(_said(options, tree))
    except MissingError as missing:
        return _unusable(*missing.args)
    except OutputError as failure:
        tell([error("NP904", str(failure), hint=failure.hint)], options)
        return UNUSABLE
    return status


class MissingError(Exception):
    """A library is missing that a format needs: what is wrong, and what to do."""


def _rendered(tree: Mapping[str, Any], name: str) -> str:
    """The report in one format; only HTML needs a library of its own."""
    if name == "json":
        from netpolicy.report.audit.jsontext import as_json

        return as_json(tree)
    if name == "csv":
        from netpolicy.report.audit.csvtext import as_csv

        return as_csv(tree)
    if name == "markdown":
        from netpolicy.report.audit.markdown import as_markdown

        return as_markdown(tree)
    try:
        from netpolicy.report.audit.page import as_html
    except ModuleNotFoundError as missing:
        hint = "install it with `pip install 'netpolicy[report]'`"
        raise MissingError(f"the format html needs `{missing.name}`", hint) from None
    return as_html(tree)


def _said(options: argparse.Namespace, tree: Mapping[str, Any]) -> str:
    from netpolicy.cli.tell import many
    from netpolicy.diagnostic import one_line

    cluster, proof, nodes = tree["cluster"], tree["proof"], tree["nodes"]
    parts = [f"{many(cluster['nodes'], 'node')} in {many(cluster['classes'], 'class', 'classes')}"]
    parts += [many(len(tree["register"]), "rule")]
    parts += [f"{nodes['answered']:,} of {nodes['asked']:,} nodes answered"] if nodes else []
    verdict = "all proved" if proof["result"] == "proved" else "not proved"
    wrong = (
        (sum(one["result"] == "broken" for one in tree["promises"]), "broken promise"),
        (sum(one["severity"] == "error" for one in tree["hygiene"]), "error"),
        (nodes["asked"] - nodes["as_they_must_be"] - len(nodes["not_reached"]) if nodes else 0, "wrong node"),
    )
    told = [many(count, words) for count, words in wrong if count]
    return f"{one_line(options.cluster)}: {', '.join(parts)}: {'; '.join([verdict, *told])}"


def _warn_of_nodes(nodes: Mapping[str, Any]) -> None:
    """What nodes did not say is told beside the report, too: silence must not look like assent."""
    from netpolicy.cli.tell import many

    for count, words in (
        (nodes["drifted"], "drifted"),
        (nodes["another_build"], "with another build"),
        (len(nodes["not_reached"]), "without a report that counts"),
    ):
        if count:
            print(f"warning: {many(count, 'node')} {words}", file=sys.stderr)
    for one in nodes["unreadable"]:
        print(f"warning: `{one['file']}`: {one['why']}", file=sys.stderr)
