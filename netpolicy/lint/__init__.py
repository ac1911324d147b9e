"""Lint rules: each judges a cluster, or a policy in its cluster, and brings the page of its code.

A rule is one module here that offers `RULE`. The registry finds it; nothing else names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from functools import cache
from typing import Any

from netpolicy.diagnostic import Diagnostic, Label, Severity, has_errors, one_line
from netpolicy.dsl import syntax as s
from netpolicy.flow.model import Plan
from netpolicy.packet.ports import PORTED, by_protocol
from netpolicy.policy.cluster import Cluster
from netpolicy.policy.model import Policy, Statement
from netpolicy.policy.names import Names
from netpolicy.policy.params import Params
from netpolicy.policy.services import Services
from netpolicy.registry import modules
from netpolicy.securitygroups.inventory import inventory
from netpolicy.securitygroups.lower import lower
from netpolicy.source import Source, Span
from netpolicy.verify.exposure import Exposed, Exposure, exposure
from netpolicy.verify.needless import Needless, needless

_SHOWN = 4
"""Statements that are shown beside a finding."""

Range = tuple[int, int, int]
"""Protocol, first and last port."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A member of what an active allow lists: a service by its name, ports by their text, and where they are written.

    `ranges` are its ports, without what is sent on by DNAT; a portless protocol has none.
    """

    name: str
    span: Span
    ranges: tuple[Range, ...]
    statement: Statement


class Profile(Enum):
    """How much is asked of a policy: that it does no harm, that it is well kept, that somebody answers for it."""

    MINIMAL = "minimal"
    STANDARD = "standard"
    PRODUCTION = "production"

    @property
    def rank(self) -> int:
        return tuple(Profile).index(self)


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule sees: a policy without errors, the names that it declares, and the syntax of its files.

    `files` are in the order of reading, included ones first; `shipped` are the sources of those that come with the
    product, which the user cannot change. `plans` are the flows of each class of nodes, `day` is when it is judged.
    """

    policy: Policy
    names: Names
    files: tuple[s.PolicyFile, ...]
    shipped: frozenset[Source] = frozenset()
    plans: tuple[Plan, ...] = ()
    day: date = date.min
    _needless: list[Needless] = field(default_factory=list, compare=False, repr=False)
    _exposure: list[Exposure] = field(default_factory=list, compare=False, repr=False)

    @property
    def cluster(self) -> Cluster:
        return self.policy.cluster

    def statements(self) -> Iterator[s.Statement]:
        """Every statement of every file, those inside a `when` too, whether it is active or not."""
        for file in self.files:
            yield from inside(file.statements)

    def active(self) -> Iterator[tuple[s.Flow, Statement]]:
        """Each active flow statement as written, in that order, and as resolved: `<->` once a direction."""
        resolved: dict[Span, list[Statement]] = {}
        for one in (*self.policy.statements, *self.policy.repeated):
            if one.span is not None:
                resolved.setdefault(one.span, []).append(one)
        for written in self.statements():
            if isinstance(written, s.Flow):
                yield from ((written, one) for one in resolved.get(written.span, ()))

    def own(self, *verbs: s.Verb) -> Iterator[tuple[s.Flow, Statement]]:
        """Each active flow statement of the user's files with one of these verbs, once whatever its directions."""
        told: set[Span] = set()
        for written, one in self.active():
            if written.verb in verbs and written.span not in told and self._judged(one):
                told.add(written.span)
                yield written, one

    def needless(self) -> Needless:
        """Which of the user's active statements could go, found once; the first of equal ones stays."""
        if not self._needless:
            said: dict[str, list[Statement]] = {one.id: [] for _, one in self.active()}
            for one in self.policy.of(s.Verb.ALLOW, s.Verb.DENY):
                said.setdefault(one.id, []).append(one)
            self._needless.append(needless(self.policy, [each for each in said.values() if each], self._judged))
        return self._needless[0]

    def exposure(self) -> Exposure:
        """What strangers reach, found once."""
        if not self._exposure:
            self._exposure.append(exposure(self.policy, self.plans))
        return self._exposure[0]

    def written_for(self, cloud: str) -> tuple[Any, Span] | None:
        """What a cloud would get, and where the cluster asks for it.

        None where it does not, or where the cloud cannot say the policy: only who asks for a cloud waits for it.
        """
        asked = next((one for one in self.cluster.clouds or () if one.text == cloud), None)
        if asked is None:
            return None
        offered = (getattr(module, "CLOUD", None) for module in modules("netpolicy.targets"))
        target = next(one for one in offered if one is not None and one.name == cloud)
        form, found = lower(self.policy, [one.node_class for one in self.plans])
        if has_errors(found):
            return None
        ruleset, limits = target.lower(form, inventory(self.cluster))
        return None if has_errors(limits) else (ruleset, asked.span)

    def _judged(self, one: Statement) -> bool:
        return one.span is not None and one.span.source not in self.shipped

    def opened(self) -> Iterator[Opened]:
        """What the active allows open, by the members of their lists; one with an empty side opens nothing."""
        services = Services(self.names, Params(self.names, self.files, self.cluster))
        for flow, statement in self.active():
            opens = flow.verb is s.Verb.ALLOW and statement.who and statement.whom
            for item in flow.what.items if opens else ():
                ports, forwarded = services.ports(s.What((item,), item.span))
                ranges = _ranges((ports - forwarded).v4)
                if isinstance(item, s.ServiceNamed):
                    yield Opened(item.name, self.names.services[item.name].what.span, ranges, statement)
                elif ranges:
                    yield Opened(", ".join(range_text(one) for one in ranges), item.span, ranges, statement)


@dataclass(frozen=True, slots=True)
class LintRule:
    """A code, how much its findings weigh, its page, and one check or both.

    `profile` is the least strict one that asks for it; in the strictest it weighs `strict`, where that is given.
    `standards` are the controls of standards and the ids of other tools that ask the same (`CIS AWS 5.2`).
    `of_cluster` is asked as soon as the cluster file has no error, `of_policy` when the policy has none either. Checks
    are pure, and near linear in nodes and statements. The page has a bad example, of which this code is told, and a
    good one, of which nothing is told.
    """

    code: str
    severity: Severity
    page: str
    of_cluster: Callable[[Cluster], Iterable[Diagnostic]] | None = None
    of_policy: Callable[[Context], Iterable[Diagnostic]] | None = None
    profile: Profile = Profile.STANDARD
    strict: Severity | None = None
    standards: tuple[str, ...] = ()

    def finding(
        self, message: str, *places: Span | Label | None, hint: str = "", about: str = "", removable: bool = False
    ) -> Diagnostic:
        """A finding of this rule; a place of None (a value that no file holds) is left out.

        `about` is its meaning, whatever the message says and wherever it stands, such as the text of a statement.
        What stands at the first place of a `removable` one may go, where that is proved to change nothing.
        """
        labels = tuple(one if isinstance(one, Label) else Label(one) for one in places if one is not None)
        told, done = one_line(message), one_line(hint)
        return Diagnostic(self.code, told, labels, done, self.severity, subject=about, removable=removable)

    def exposed(self, one: Exposed, told: str, hint: str) -> Diagnostic:
        """A finding about what strangers reach, at the statements that let them in."""
        return self.finding(
            f"{told} is open to {one.degree.value} on {one.where}", *blamed(one.statements), hint=hint, about=one.about
        )

    def level(self, profile: Profile) -> Severity | None:
        """How much its findings weigh in a profile; None where that does not ask for it."""
        if profile.rank < self.profile.rank:
            return None
        return self.strict if self.strict is not None and profile is Profile.PRODUCTION else self.severity


@cache
def rules() -> tuple[LintRule, ...]:
    """Every rule, by code."""
    return tuple(sorted((module.RULE for module in modules(__name__)), key=lambda rule: str(rule.code)))


def lint_cluster(cluster: Cluster, profile: Profile = Profile.STANDARD) -> list[Diagnostic]:
    """What the rules of a profile find in a cluster without errors, whatever its policy."""
    return [
        one
        for rule in rules()
        if rule.of_cluster is not None and (level := rule.level(profile)) is not None
        for one in _weighed(rule.of_cluster(cluster), level)
    ]


def lint_policy(context: Context, profile: Profile = Profile.STANDARD) -> list[Diagnostic]:
    """What the rules of a profile find in a policy without errors."""
    return [
        one
        for rule in rules()
        if rule.of_policy is not None and (level := rule.level(profile)) is not None
        for one in _weighed(rule.of_policy(context), level)
    ]


def _weighed(found: Iterable[Diagnostic], level: Severity) -> Iterator[Diagnostic]:
    return (one if one.severity is level else replace(one, severity=level) for one in found)


def inside(statements: Sequence[s.Statement]) -> Iterator[s.Statement]:
    """The statements, each `when` followed by those in it."""
    for statement in statements:
        yield statement
        if isinstance(statement, s.When):
            yield from inside(statement.statements)


def blamed(statements: Iterable[Statement]) -> list[Label]:
    """Where statements stand that are to blame together, the first few of them."""
    spans = [one.span for one in statements if one.span is not None]
    return [Label(span, "and this one" if number else "") for number, span in enumerate(spans[:_SHOWN])]


def range_text(one: Range) -> str:
    """As the language writes it: `tcp 22`, `udp 5000-5010`."""
    number, first, last = one
    protocol = next((known.name.lower() for known in PORTED if known == number), str(number))
    return f"{protocol} {first}" if first == last else f"{protocol} {first}-{last}"


def _ranges(keys: Sequence[tuple[int, int]]) -> tuple[Range, ...]:
    """The ranges of protocols with ports; a whole protocol is none."""
    return tuple(
        (number, first, last)
        for number, values in by_protocol(tuple(keys))
        if number in PORTED
        for first, last in values
        if not (first <= 1 and last == 0xFFFF)
    )
