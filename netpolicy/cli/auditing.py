"""Gathers the facts of an audit: what is compiled and proved, and what lies outside: git, nodes, other policies."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from netpolicy.cli import UNUSABLE, WRONG
from netpolicy.cli.audited import Audited
from netpolicy.cli.blame import Blame, revision
from netpolicy.cli.build import BASELINE
from netpolicy.cli.config import Config, ConfigError, config
from netpolicy.cli.files import read
from netpolicy.cli.operand import OperandError, WithPolicy, beside
from netpolicy.cli.options import today
from netpolicy.cli.reports import ReportsError, reports
from netpolicy.cli.revision import RevisionError, at_revision
from netpolicy.cli.tell import why_unreadable
from netpolicy.data import folder
from netpolicy.diagnostic import Diagnostic, error, has_errors
from netpolicy.dsl.syntax import Verb
from netpolicy.lint import Profile
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

_UNREADABLE = ("NP901", "NP902", "NP903")


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


def facts(options: argparse.Namespace) -> tuple[Audit, list[Diagnostic]]:
    """The facts, and what there is to tell beside them; an OperandError says why they cannot be had."""
    used = _configured(options)
    reading = Reading()
    pipeline = Pipeline(
        options.cluster,
        reading,
        options.as_of or today(),
        omit_expired=options.omit_expired,
        options=Options(inline_sets=options.sets == "inline"),
        profile=Profile(options.profile) if options.profile else used.profile,
        waivers=used.waivers,
    )
    try:
        linted = pipeline.linted
    except InputError as failure:
        raise OperandError(UNUSABLE, why_unreadable(failure)) from None
    policy = pipeline.policy
    if policy is None:
        raise OperandError(WRONG, *linted.findings)
    told = _reports(options)
    blame = Blame([one for one in reading.read_so_far if one[0].name != options.cluster])
    compared = bool(options.since or options.needed)
    one = Audited(pipeline, asked(policy, pipeline.plans), keep=compared)
    one.all()
    spans = {each.span for each in policy.of(Verb.ALLOW, Verb.DENY) if each.span is not None}
    audit = Audit(
        policy=policy,
        files=pipeline.files,
        day=pipeline.day,
        profile=pipeline.profile.value,
        inputs=tuple(_inputs(pipeline, used)),
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
    return audit, [*pipeline.told, *one.found]


def _configured(options: argparse.Namespace) -> Config:
    try:
        return config(options)
    except ConfigError as failure:
        raise OperandError(UNUSABLE, *failure.found) from None


def _inputs(pipeline: Pipeline, used: Config) -> Iterator[tuple[str, str]]:
    """Every file that was read, and its digest; the configuration says what is suppressed."""
    yield from ((source.name, source.digest) for source in pipeline.sources)
    source = read(Place(used.path, shipped=False)) if used.path else None
    if isinstance(source, Source):
        yield source.name, source.digest


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
        raise OperandError(UNUSABLE, error("NP901", str(failure), hint=hint)) from None


# What it is compared with.


def _compared(audit: Audit, now: Emitted, options: argparse.Namespace) -> Audit:
    if options.needed:
        needed = WithPolicy(*_named(options), options)
        _, emitted = _compiled(needed, f"`--needed {options.needed}`")
        audit = replace(audit, inputs=_with(audit, needed), surplus=Surplus(options.needed, diff(emitted, now)))
    if options.since:
        try:
            reader = at_revision(options.since, options.cluster)
        except RevisionError as failure:
            raise OperandError(UNUSABLE, error("NP905", str(failure), hint=failure.hint)) from None
        before = Pipeline(options.cluster, reader, audit.day, omit_expired=True)
        policy, emitted = _compiled(before, f"`--since {options.since}`")
        since = Since(options.since, diff(emitted, now), policy)
        audit = replace(audit, inputs=_with(audit, before), since=since)
    return audit


def _with(audit: Audit, other: Pipeline) -> tuple[tuple[str, str], ...]:
    """The inputs of the audit, and those of what it is compared with."""
    return tuple(sorted({*audit.inputs, *((source.name, source.digest) for source in other.sources)}))


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
        found = [one for one in pipeline.faults if has_errors([one])]
        raise fail(UNUSABLE if any(one.code in _UNREADABLE for one in found) else WRONG, *found)
    emitted, limits = of_pipeline(pipeline)
    if emitted is None:
        raise fail(WRONG, *limits)
    return policy, emitted
