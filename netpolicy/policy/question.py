"""A question in the language of a policy: `who -> whom : what`, with names of nodes as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from netpolicy.diagnostic import Diagnostic, did_you_mean, error, has_errors
from netpolicy.dsl import syntax as s
from netpolicy.dsl.build import build
from netpolicy.dsl.parse import parse_question
from netpolicy.packet.ports import PortSet
from netpolicy.policy.cluster import Cluster
from netpolicy.policy.conditions import Conditions
from netpolicy.policy.judge import Judge, misused
from netpolicy.policy.model import Egress, Selection
from netpolicy.policy.names import CLUSTER_NETWORKS, collect
from netpolicy.policy.params import Params
from netpolicy.policy.selectors import Selectors, parts
from netpolicy.policy.services import Services, what_text
from netpolicy.source import Source, Span

_DECLARE = re.compile(r"declare it: `service \S+ = (.*)`")
NAME = "question"
"""What the text of a question is called where it is shown."""


@dataclass(frozen=True, slots=True)
class Question:
    """One direction of a question; `notes` say how its names were read where that is not plain."""

    who: Selection
    whom: Selection
    ports: PortSet
    what: str
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return f"{self.who.text} -> {self.whom.text} : {self.what}"


@dataclass(frozen=True, slots=True)
class Idle:
    """One direction of an allow that does not hold in this cluster on this day; `why` is a clause of a sentence."""

    who: Selection
    whom: Selection
    ports: PortSet
    what: str
    why: str
    span: Span = field(compare=False, repr=False)

    @property
    def text(self) -> str:
        return f"{self.who.text} -> {self.whom.text} : {self.what}"


class Asking:
    """Reads questions about one sound policy and its cluster."""

    def __init__(self, files: Sequence[s.PolicyFile], cluster: Cluster, egress: Egress) -> None:
        self.files = files
        self.names, _ = collect(files)
        self.params = Params(self.names, files, cluster)
        self.selectors = Selectors(self.names, cluster)
        self.services = Services(self.names, self.params)
        self.judge = Judge(self.selectors, self.services, egress)
        self.nodes = frozenset(node.name for node in cluster.nodes)

    def read(self, text: str) -> tuple[tuple[Question, ...], list[Diagnostic]]:
        """The question, both of them for `<->`; none when the text is in error."""
        source = Source(NAME, text)
        if not text.strip():
            hint = "such as `dea -> mysql : tcp 3306`"
            return (), [error("NP102", "the question is empty", Span(source, 0, 0), hint=hint)]
        tree, found = parse_question(source)
        file, wrong = build(tree, source, frozenset())
        found += wrong
        flows = [one for one in file.statements if isinstance(one, s.Flow)]
        for half in (one for one in file.statements if isinstance(one, s.HalfFlow)):
            found += self._judged(half.selectors, half.what)
        for more in file.statements[1:]:
            found.append(error("NP101", "a question is one flow", more.span, hint="ask about the others one by one"))
        if not flows:
            return (), found
        flow, notes = self._with_nodes(flows[0])
        found += self._unfit(flow)
        if has_errors(found):
            return (), found
        who, whom = self.selectors.selection(flow.who), self.selectors.selection(flow.whom)
        ports, _ = self.services.ports(flow.what)
        question = Question(who, whom, ports, what_text(flow.what), notes)
        both = flow.both_ways and who.text != whom.text
        return ((question, replace(question, who=whom, whom=who)) if both else (question,)), found

    def idle(self, day: date) -> Iterator[Idle]:
        """The allows that a condition or a date keeps from holding."""
        conditions = Conditions(self.params, self.selectors)
        for file in self.files:
            yield from self._idle(conditions, day, file.statements, ())

    def _idle(
        self, conditions: Conditions, day: date, statements: Sequence[s.Statement], false: tuple[Span, ...]
    ) -> Iterator[Idle]:
        for one in statements:
            if isinstance(one, s.When):
                holds = conditions.holds(one.condition)
                more = false if holds else (*false, one.condition.span)
                yield from self._idle(conditions, day, one.statements, more)
            elif isinstance(one, s.Flow) and one.verb is s.Verb.ALLOW:
                expires = one.attributes.expires
                why = f"it expired on {expires}" if expires is not None and expires < day else ""
                if false:
                    said = " and ".join(f"`{' '.join(span.text.split())}`" for span in false)
                    why = f"{said} does not hold here" + (f", and {why}" if why else "")
                if why:
                    yield from self._both_ways(one, why)

    def _both_ways(self, flow: s.Flow, why: str) -> Iterator[Idle]:
        who, whom = self.selectors.selection(flow.who), self.selectors.selection(flow.whom)
        ports, _ = self.services.ports(flow.what)
        idle = Idle(who, whom, ports, what_text(flow.what), why, flow.span)
        yield idle
        if flow.both_ways and who.text != whom.text:
            yield replace(idle, who=whom, whom=who)

    # Names and what is wrong with them.

    def _with_nodes(self, flow: s.Flow) -> tuple[s.Flow, tuple[str, ...]]:
        """The flow in which a name of a node that is no other name means the node."""
        names = [part for side in (flow.who, flow.whom) for part in parts(side) if isinstance(part, s.Named)]
        twice = sorted({one.span.text.lower() for one in names if self._is_another(one)})
        notes = tuple(f"`{name}` is read as {self._kind(name)}; the node is `node {name}`" for name in twice)
        return replace(flow, who=self._of_nodes(flow.who), whom=self._of_nodes(flow.whom)), notes

    def _of_nodes(self, selector: s.Selector) -> s.Selector:
        match selector:
            case s.Named() if not self._is_role(selector) and self._is_node(selector):
                return s.NodeNamed(selector.span.text.lower(), selector.span)
            case s.AnyOf() | s.AllOf():
                return replace(selector, parts=tuple(self._of_nodes(part) for part in selector.parts))
            case s.Except():
                base, without = self._of_nodes(selector.base), self._of_nodes(selector.without)
                return replace(selector, base=base, without=without)
            case s.OnInterface() | s.AtAddress():
                return replace(selector, base=self._of_nodes(selector.base))
            case _:
                return selector

    def _is_role(self, one: s.Named) -> bool:
        return one.name in self.names.selectors or one.name in CLUSTER_NETWORKS

    def _is_another(self, one: s.Named) -> bool:
        """True for a name of a role and of a node that are not the same addresses."""
        if not self._is_role(one) or not self._is_node(one):
            return False
        node = s.NodeNamed(one.span.text.lower(), one.span)
        return self.selectors.addresses(one) != self.selectors.addresses(node)

    def _is_node(self, one: s.Named) -> bool:
        return one.span.text.lower() in self.nodes

    def _kind(self, name: str) -> str:
        declared = self.names.selectors.get(s.normal(name))
        if isinstance(declared, s.Declaration):
            return f"the {declared.kind.value}"
        return "the group" if declared is not None else "the network"

    def _unfit(self, flow: s.Flow) -> list[Diagnostic]:
        found = misused(flow)
        if flow.attributes.span is not None:
            hint = "remove it: nothing is asked about it"
            found.append(error("NP119", "a question has no attributes", flow.attributes.span, hint=hint))
        found += self._judged((flow.who, flow.whom), flow.what)
        self.judge.interfaces(flow)
        return [*found, *self.judge.found]

    def _judged(self, selectors: Sequence[s.Selector], what: s.What | None) -> list[Diagnostic]:
        """What is wrong with the names of some parts."""
        found = []
        for selector in (self._of_nodes(one) for one in selectors):
            unknown = [part for part in parts(selector) if isinstance(part, s.Named) and not self._is_role(part)]
            found += [self._unknown(part) for part in unknown]
            if not unknown:
                self.selectors.selection(selector)
        if what is not None:
            self.services.ports(what)
        found += self.selectors.found + self.params.found
        found += [
            replace(one, hint=_DECLARE.sub(r"say what it is, such as `\1`", one.hint)) for one in self.services.found
        ]
        return list(dict.fromkeys(found))

    def _unknown(self, one: s.Named) -> Diagnostic:
        written = one.span.text
        hint = did_you_mean(written, [*self.names.selectors, *CLUSTER_NETWORKS, *self.nodes])
        if one.name in self.names.services:
            hint = "that is a service; it goes behind the `:`"
        hint = hint or "a name is that of a role, group, label, network or node"
        return error("NP112", f"no role, group, label, network or node `{written}`", one.span, hint=hint)
