"""A run of lint: what is looked at, by what configuration, and what is made of what was found."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from netpolicy.cli import FINE, UNUSABLE
from netpolicy.cli.config import Config, ConfigError, config
from netpolicy.cli.files import read
from netpolicy.cli.options import today
from netpolicy.cli.reporting import clashing
from netpolicy.cli.tell import many, tell, why_unreadable
from netpolicy.diagnostic import Diagnostic, Severity, error
from netpolicy.lint import Profile, rules
from netpolicy.pipeline import InputError, Pipeline
from netpolicy.policy.load import Place, Reader, Unreadable
from netpolicy.policy.model import Policy
from netpolicy.report.lint import Lint, Looked, of_name
from netpolicy.report.lint.text import outcome
from netpolicy.source import Source
from netpolicy.waivers import baseline
from netpolicy.waivers.judge import UNUSED, used_elsewhere


@dataclass
class Linting:
    """One run over some clusters.

    `known` is what the baseline lists, `base` its file, and `kept` what stands in the file to be written. It is
    `blocked` where errors kept it from removing anything.
    """

    options: argparse.Namespace
    config: Config
    clusters: tuple[str, ...]
    profile: Profile
    day: date
    known: frozenset[baseline.Known] = frozenset()
    base: Source | None = None
    kept: frozenset[baseline.Known] = frozenset()
    unreadable: bool = False
    blocked: bool = False
    _lint: Lint | None = None
    _texts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, options: argparse.Namespace) -> Linting:
        """The run that the options and the configuration ask for; a ConfigError says why there is none."""
        if options.diff and (options.report or options.output or options.write_baseline or options.format != "text"):
            options.usage_error("--diff shows what would change and makes no report")
        used = config(options)
        for one in used.reports if not options.report else ():
            try:
                options.report.append(options.of_text(one))
            except argparse.ArgumentTypeError as failure:
                raise ConfigError([error("NP907", str(failure), hint=f"it stands in `{used.path}`")]) from None
        if not (options.clusters or used.clusters):
            options.usage_error("name a cluster file, or `clusters` under `[lint]` in a configuration")
        if clash := clashing(options):
            raise ConfigError([error("NP904", f"two reports go to `{clash}`", hint="give each a file of its own")])
        profile = Profile(options.profile) if options.profile else used.profile
        clusters = tuple(options.clusters or used.clusters)
        run = cls(options, used, clusters, profile, options.as_of or today())
        run._read_baseline()
        run._read_what_is_replaced()
        return run

    def _read_baseline(self) -> None:
        name = self.options.baseline or self.config.baseline
        if not name:
            return
        source = read(Place(name, shipped=False))
        if isinstance(source, Unreadable):
            if self.options.write_baseline and not self.options.baseline:
                return  # the first one is being written
            raise ConfigError([error(source.code, source.why, hint=source.hint)])
        self.base = source
        self.known, wrong = baseline.read(source)
        if wrong:
            raise ConfigError(wrong)

    def _read_what_is_replaced(self) -> None:
        """A baseline keeps its entries of other clusters; what is none is not written over."""
        name = self.options.write_baseline
        if name and Path(name).is_file():
            source = read(Place(name, shipped=False))
            if isinstance(source, Unreadable):
                raise ConfigError([error(source.code, source.why, hint=source.hint)])
            self.kept, wrong = baseline.read(source) if source.text.strip() else (frozenset(), [])
            if wrong:
                hint = "name another file, or remove this one"
                raise ConfigError([replace(one, hint=hint) for one in wrong])

    def pipeline(self, path: str, reader: Reader = read) -> Pipeline:
        """The stages of a cluster, judged as this run judges."""
        return Pipeline(
            path,
            reader,
            self.day,
            omit_expired=self.options.omit_expired,
            profile=self.profile,
            waivers=self.config.waivers,
        )

    def lint(self) -> Lint:
        """What is found in every cluster."""
        if self._lint is None:
            bar = Severity(self.options.fail_on or self.config.fail_on)
            looked = self._together([self._looked(path) for path in self.clusters])
            self._lint = Lint(tuple(looked), self.profile, self.day, bar)
        return self._lint

    def _together(self, looked: Sequence[Looked]) -> Iterator[Looked]:
        """What only the clusters together show: what each suppression is for, and whom a baseline takes for another."""
        used = used_elsewhere([each.ignored for each in looked])
        first: dict[str, str] = {}
        for each in looked:
            found = [one for one in each.findings if one.code != UNUSED or _said(one) not in used]
            other = first.setdefault(each.cluster, each.path)
            if (self.base is not None or self.options.write_baseline) and each.cluster and other != each.path:
                both = f"`{other}` and `{each.path}` are both the cluster `{each.cluster}`"
                told = f"{both}; no baseline can tell them apart"
                found.append(error("NP907", told, hint="give each a name of its own by `cluster:`"))
            yield replace(each, findings=tuple(found))

    def _asked(self, code: str) -> bool:
        """Whether the profile asks for what a code is about."""
        return next((rule.level(self.profile) is not None for rule in rules() if rule.code == code), True)

    def _looked(self, path: str) -> Looked:
        pipeline = self.pipeline(path)
        try:
            linted = pipeline.linted
        except InputError as failure:
            self.unreadable = True
            return Looked(path, "", (why_unreadable(failure),), whole=False)
        name = pipeline.cluster.name if pipeline.cluster is not None else ""
        standing, old = baseline.apart(linted.findings, name, self.known)
        if self.base is not None and pipeline.policy is not None:
            asked = [one for one in self.known if self._asked(one.code)]
            standing += baseline.stale(asked, name, old, self.base)
        return Looked(
            path=path,
            cluster=name,
            findings=tuple(standing),
            ignored=linted.ignored,
            known=tuple(old),
            inputs=tuple(sorted({(one.name, one.digest) for one in pipeline.sources})),
            shipped=frozenset(one.name for one in pipeline.shipped),
            whole=pipeline.policy is not None,
            checked=checked(pipeline, pipeline.policy) if pipeline.policy is not None else "",
        )

    def written(self, name: str) -> str:
        """The report of this run in a format."""
        if name not in self._texts:
            self._texts[name] = of_name(name).write(self.lint())
        return self._texts[name]

    def show(self) -> None:
        """Prints the report: a text as all commands do, findings on stderr and what was looked at on stdout."""
        if self.options.format != "text":
            print(self.written(self.options.format), end="")
            return
        for each in self.lint().looked:
            tell(each.findings, self.options, self.lint().bar)
            if not each.whole:
                print(outcome(each), file=sys.stderr)
            elif not self.options.quiet:
                print(outcome(each))

    def write_baseline(self) -> int:
        """Writes the findings that stand, and those that the baseline knew, where that is asked; the exit status.

        What a baseline may not hold stands on; the rest counts as known from here on.
        """
        if not self.options.write_baseline:
            return FINE
        from netpolicy.cli.folder import OutputError, write_file

        entries, looked = list[baseline.Known](), list[Looked]()
        for each in self.lint().looked:
            apart = [one for one in each.findings if baseline.may_be_known(one) and one.code != baseline.STALE]
            entries += [baseline.known(one, each.cluster) for one in (*apart, *each.known)]
            left = tuple(one for one in each.findings if one not in apart and one.code != baseline.STALE)
            looked.append(replace(each, findings=left, known=(*each.known, *apart)))
        judged = {each.cluster for each in looked if each.whole}
        elsewhere = [one for one in self.known | self.kept if one.cluster not in judged or not self._asked(one.code)]
        try:
            write_file(self.options.write_baseline, baseline.as_text([*entries, *elsewhere]))
        except OutputError as failure:
            tell([error("NP904", str(failure), hint=failure.hint)], self.options)
            return UNUSABLE
        self._lint, self._texts = replace(self.lint(), looked=tuple(looked)), {}
        return FINE

    def fix(self) -> int:
        """Removes what is needless, or shows it; answers the exit status."""
        from netpolicy.cli.fixing import fix

        return fix(self)


def _said(one: Diagnostic) -> tuple[str, str]:
    return (one.span.place if one.span is not None else "", one.message)


def checked(pipeline: Pipeline, policy: Policy) -> str:
    """What was looked at: silence is mistaken for having looked at nothing."""
    nodes, classes = many(len(policy.cluster.nodes), "node"), many(len(pipeline.plans), "class", "classes")
    flows = many(len({one.id for one in policy.statements}), "flow statement")  # `<->` is one
    demands = many(len(policy.demands), "demand")
    return f"{many(len(pipeline.sources), 'file')}, {nodes} in {classes}, {flows}, {demands}"
