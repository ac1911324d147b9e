"""Answers whether A may reach B, and why: `who -> whom : what`, as a policy says it; a node goes by its name, too.

The answer names the statements, the rules of sender and receiver as they would be emitted, a witness packet, and for
what does not pass what is missing. Nothing is written. Exit status: 0 all of it passes, 1 not all of it does, or the
policy or the cluster is in error, 2 the question cannot be read.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netpolicy.pipeline import Pipeline
    from netpolicy.policy.model import Policy
    from netpolicy.policy.question import Asking, Question
    from netpolicy.report.why import Told

SUMMARY = "say whether A may reach B, and why"
EXAMPLES = (
    "netpolicy why cluster.yaml 'web -> db : tcp 3306'",
    "netpolicy why cluster.yaml '198.51.100.7 -> web1 : tcp 22' --format json",
)
SHOWN, MOST = 5, 200
"""Answers that are told to people, and to programs."""


def configure(parser: argparse.ArgumentParser) -> None:
    from netpolicy.cli.options import add_day

    parser.add_argument("cluster", metavar="CLUSTER.yaml", help="the cluster file; it names its policy")
    parser.add_argument("question", metavar="QUESTION", help="such as 'dea -> mysql : tcp 3306'")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument(
        "--cloud",
        action="append",
        default=[],
        metavar="NAME",
        help="ask the security groups of this cloud, too (repeatable; default: those that the cluster names)",
    )
    add_day(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the answer; with an error in policy, cluster or question, the errors instead."""
    from netpolicy.cli import FINE, UNUSABLE, WRONG
    from netpolicy.cli.files import read
    from netpolicy.cli.options import today
    from netpolicy.cli.tell import tell, unreadable
    from netpolicy.diagnostic import Severity, has_errors
    from netpolicy.pipeline import InputError, Pipeline, unknown_cloud
    from netpolicy.policy.question import Asking

    wrong = next((why for name in options.cloud if (why := unknown_cloud(name)) is not None), None)
    if wrong is not None:
        return _misnamed(*wrong)
    pipeline = Pipeline(options.cluster, read, options.as_of or today(), omit_expired=options.omit_expired)
    try:
        found = [one for one in pipeline.faults if one.severity is Severity.ERROR]
    except InputError as failure:
        unreadable(failure, options)
        return UNUSABLE
    tell(found, options)
    if found or pipeline.policy is None:
        return WRONG
    asking = Asking(pipeline.files, pipeline.policy.cluster, pipeline.policy.egress)
    questions, unfit = asking.read(options.question)
    tell(unfit, options)
    if has_errors(unfit):
        return UNUSABLE
    told = _answered(pipeline, pipeline.policy, asking, questions, options)
    return FINE if all(one.answers.passes for one in told) else WRONG


def _misnamed(message: str, hint: str) -> int:
    import sys

    from netpolicy.cli import UNUSABLE

    print(f"error: {message}\n  = hint: {hint}", file=sys.stderr)
    return UNUSABLE


def _answered(
    pipeline: Pipeline, policy: Policy, asking: Asking, questions: tuple[Question, ...], options: argparse.Namespace
) -> list[Told]:
    """Prints the answers, and gives them back."""
    from netpolicy.cli.asking import Emitted
    from netpolicy.cli.tell import tell
    from netpolicy.report.why import Told, as_text, headlines
    from netpolicy.verify.why.explain import explain
    from netpolicy.verify.why.lacking import lacking

    emitted = Emitted(pipeline, tuple(options.cloud))
    classes = [one.node_class for one in pipeline.plans]
    idle = tuple(asking.idle(pipeline.day))
    most = SHOWN if options.format == "text" else MOST
    told = []
    for question in questions:
        answers = explain(policy, classes, question, emitted.judge, most)
        lacks = tuple(lacking(policy, answers, one, idle) if one.refused else None for one in answers.found)
        told.append(Told(answers, lacks))
    tell(emitted.unsaid, options)
    if options.format == "json":
        from netpolicy.report.whyjson import as_json

        text = as_json(policy, pipeline.sources, pipeline.day.isoformat(), told, emitted.digest)
    else:
        text = headlines(policy, told) if options.quiet else as_text(policy, told, verbose=options.verbose)
    print(text, end="")
    return told
