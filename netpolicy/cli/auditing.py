"""Gathers the facts of an audit: what is compiled and proved, and what lies outside: git, nodes, other policies."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from netpolicy.cli import UNUSABLE, WRONG
from netpolicy.cli.audited import Audited
from netpolicy.cli.blame import Blame, revision
from netpolicy.cli.build import BASELINE
from netpolicy.cli.files import read
from netpolicy.cli.operand import OperandError, WithPolicy, beside
from netpolicy.cli.options import today
from netpolicy.cli.reports import ReportsError, reports
from netpolicy.cli.revision import RevisionError, at_revision
from netpolicy.cli.tell import why_unreadable
from netpolicy.data import folder
from netpolicy.diagnostic import Diagnostic, error, has_errors
from netpolicy.dsl.syntax import Verb
from netpolicy.pipeline import InputError, Pipeline
from netpolicy.policy.load import Place, Reader, Unreadable
from netpolicy.policy.model import Policy
from netpolicy.readback import of_pipeline
from netpolicy.report.audit.model import Audit, Report, Since, Surplus
from netpolicy.report.audit.witness import asked
from netpolicy.source import Source
from netpolicy.targets import Options
from netpolicy.verify.diff.compare import diff
from netpolicy.verify.emitted import Emitted


class Reading:
    """Reads files, and remembers which of them come with the product."""

    def __init__(self) -> None:
        self.read_so_far: list[tuple[Source, bool]] = []

    def __call__(self, place: Place) -> Source | Unreadable:
        source = read(place)
        if isinstance(source, Source):
            self.read_so_far.append((source, place.shipped))
        return source

    @property
    def own(self) -> list[str]:
        """The paths of the user's files."""
        return [source.name for source, shipped in self.read_so_far if not shipped]


def facts(options: argparse.Namespace) -> tuple[Audit | None, list[Diagnostic], int]:
    """The facts, what there is to tell beside them, and the exit status of that; no facts where they cannot be had.

    An OperandError says why what the cluster is compared with cannot be.
    """
    reading = Reading()
    day = options.as_of or today()
    choices = Options(inline_sets=options.sets == "inline")
    pipeline = Pipeline(options.cluster, reading, day, omit_expired=options.omit_expired, options=choices)
    try:
        linted = pipeline.linted
    except InputError as failure:
        return None, [why_unreadable(failure)], UNUSABLE
    policy = pipeline.policy
    if policy is None:
        return None, list(linted.findings), WRONG
    told = _reports(options)
    blame = Blame([one for one in reading.read_so_far if one[0].name != options.cluster])
    compared = bool(options.since or options.needed)
    one = Audited(pipeline, asked(policy, pipeline.plans), keep=compared)
    one.all()
    spans = {each.span for each in policy.of(Verb.ALLOW, Verb.DENY) if each.span is not None}
    audit = Audit(
        policy=policy,
        files=pipeline.files,
        plans=pipeline.plans,
        day=day,
        inputs=tuple((source.name, source.digest) for source in pipeline.sources),
        compiled=one.compiled,
        asked=one.asked,
        proof=one.proof,
        baseline=BASELINE,
        form=pipeline.form[0],
        clouds=one.clouds,
        findings=tuple(each for each in linted.findings if not _is_promise(each)),
        ignored=linted.ignored,
        promises=tuple(each for each in pipeline.promises if _is_promise(each)),
        revision=revision(options.cluster, reading.own),
        changes=blame.of(spans),
        reports=told,
    )
    if compared and not has_errors(one.found):
        audit = _compared(audit, one.emitted(), options)
    return audit, [*pipeline.told, *one.found], 0


def _is_promise(one: Diagnostic) -> bool:
    """True for a broken `never` or `expect`; what the cluster must be is told with the demands."""
    return one.code in ("NP301", "NP303")


def _reports(options: argparse.Namespace) -> tuple[Report, ...] | None:
    if options.nodes is None:
        return None
    try:
        return reports(options.nodes)
    except ReportsError as failure:
        hint = "name the folder of what `netpolicy drift --hits --format json` printed, a file a node"
        raise OperandError(UNUSABLE, error("NP905", str(failure), hint=hint)) from None


# What it is compared with.


def _compared(audit: Audit, now: Emitted, options: argparse.Namespace) -> Audit:
    if options.needed:
        needed = WithPolicy(*_named(options), options)
        policy, emitted = _compiled(needed, f"`--needed {options.needed}`")
        audit = replace(audit, surplus=Surplus(options.needed, diff(emitted, now)))
    if options.since:
        try:
            reader = at_revision(options.since, options.cluster)
        except RevisionError as failure:
            raise OperandError(UNUSABLE, error("NP905", str(failure), hint=failure.hint)) from None
        before = Pipeline(options.cluster, reader, audit.day, omit_expired=True)
        policy, emitted = _compiled(before, f"`--since {options.since}`")
        audit = replace(audit, since=Since(options.since, diff(emitted, now), policy))
    return audit


def _named(options: argparse.Namespace) -> tuple[str, Reader]:
    """How the cluster file would name the policy that says what is needed: a file of the user's, or a shipped one."""
    path = options.needed
    shipped = not Path(path).exists() and not path.startswith((".", "/")) and (folder("rules") / path).exists()
    return (path if shipped else beside(path, options.cluster)), read


def _compiled(pipeline: Pipeline, about: str) -> tuple[Policy, Emitted]:
    """What the rules of a pipeline say, whatever promises it breaks; else an OperandError says why there are none."""

    def fail(status: int, *found: Diagnostic) -> OperandError:
        return OperandError(status, *found, error("NP906", f"{about} cannot be compared"))

    try:
        policy = pipeline.policy
    except InputError as failure:
        raise fail(UNUSABLE, why_unreadable(failure)) from None
    if policy is None:
        raise fail(WRONG, *(one for one in pipeline.faults if has_errors([one])))
    emitted, limits = of_pipeline(pipeline)
    if emitted is None:
        raise fail(WRONG, *limits)
    return policy, emitted
