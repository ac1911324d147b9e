"""What lint found, in the forms that people and machines read. A form is one module here that offers `FORMAT`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pkgutil import iter_modules

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.lint import LintRule, Profile, rules
from netpolicy.waivers.baseline import meaning
from netpolicy.waivers.judge import Ignored, State


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in one cluster: what stands, what is suppressed, and what the baseline knows.

    `inputs` are the files that were read, with their sha256; `shipped` the names of those that come with the product.
    `whole` says that the rules about the policy were asked, too. `checked` says how much was looked at.
    """

    path: str
    cluster: str
    findings: tuple[Diagnostic, ...]
    ignored: tuple[Ignored, ...] = ()
    known: tuple[Diagnostic, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
    shipped: frozenset[str] = frozenset()
    whole: bool = True
    checked: str = ""

    @property
    def suppressed(self) -> Iterator[tuple[Diagnostic, Ignored]]:
        """Each finding that is suppressed, once, and by what first."""
        told = set[int]()
        for by in self.ignored:
            for one in by.hides if by.state is State.USED else ():
                if id(one) not in told:
                    told.add(id(one))
                    yield one, by


@dataclass(frozen=True, slots=True)
class Lint:
    """A whole run. Findings that weigh as much as `bar` make it fail."""

    looked: tuple[Looked, ...]
    profile: Profile
    day: date
    bar: Severity

    def fails(self, one: Diagnostic) -> bool:
        """Whether a finding makes the run fail."""
        return one.severity.rank <= self.bar.rank

    @property
    def failed(self) -> bool:
        return any(self.fails(one) for each in self.looked for one in each.findings)

    def rules(self) -> tuple[LintRule, ...]:
        """The rules that the profile asks, by code."""
        return tuple(rule for rule in rules() if rule.level(self.profile) is not None)

    def once(self) -> Iterator[tuple[Looked, Diagnostic]]:
        """Every finding that stands, once: several clusters may share a policy, but not what is told at their files."""
        told = set[tuple[object, ...]]()
        for each in self.looked:
            for one in each.findings:
                apart = one.span is None or one.span.source.name in each.shipped
                key = (one.code, one.span.place if one.span else "", one.message, each.path if apart else "")
                if key not in told:
                    told.add(key)
                    yield each, one


@dataclass(frozen=True, slots=True)
class Format:
    """A name, as `--format` takes it, and how a run is written so. The text ends in a line break."""

    name: str
    write: Callable[[Lint], str]


def names() -> tuple[str, ...]:
    """The names of all formats, which are those of their modules: none of these is imported."""
    return tuple(sorted(one.name for one in iter_modules(__path__) if not one.name.startswith("_")))


def of_name(name: str) -> Format:
    """The format of that name."""
    found: Format = import_module(f"{__name__}.{name}").FORMAT
    return found


def fingerprint(one: Diagnostic, cluster: str) -> str:
    """What a finding is known by, wherever its lines stand: code, cluster, file and meaning."""
    file = one.span.source.name if one.span is not None else ""
    whole = "\0".join((one.code, cluster, file, meaning(one)))
    return hashlib.sha256(whole.encode(errors="backslashreplace")).hexdigest()
