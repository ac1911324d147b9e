"""What a compile wrote, one class at a time: digests, where each statement stands, and what the rules decide.

A class is looked at while its ruleset is at hand; what is kept is small.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from netpolicy.flow.model import NodeClass
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.packets import Packet
from netpolicy.source import Source
from netpolicy.targets.iptables.decide import Verdict, decide, hook
from netpolicy.targets.iptables.read import RULES
from netpolicy.targets.iptables.rules import Chain, Goto, Jump, Log, Mark, Ruleset, Table
from netpolicy.targets.iptables.thanks import statements_of

MOST_CLASSES = 24
"""Classes of which the places of one statement are told; of more it is told how many."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A packet where the rules of a node judge it."""

    node: str
    packet: Packet


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rules of a class decide of a packet, and the rule that does; 0 where the end of a chain does."""

    digest: str
    chain: str
    rule: int
    line: str
    passes: bool


@dataclass(frozen=True, slots=True)
class Position:
    """Where a statement stands in the rules of a class: chain, number of the rule in it (from 1), and its line."""

    digest: str
    family: Family
    chain: str
    rule: int
    line: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What some nodes load: the same files, byte for byte."""

    digest: str
    members: tuple[str, ...]
    roles: tuple[str, ...]
    files: Mapping[str, str] = field(hash=False)
    rules: int = 0


@dataclass(slots=True)
class Compiled:
    """What was written, gathered class by class."""

    stops: Mapping[str, Sequence[Stop]]
    loaded: dict[str, Loaded] = field(default_factory=dict)
    positions: dict[str, list[Position]] = field(default_factory=dict)
    classes: dict[str, set[str]] = field(default_factory=dict)
    answers: dict[Stop, Answer] = field(default_factory=dict)

    def add(self, node_class: NodeClass, digest: str, files: Mapping[str, Source], ruleset: Ruleset) -> None:
        """Gathers what there is to know of a class; its ruleset was read back from the files."""
        before = self.loaded.get(digest)
        if before is None:
            digests = {name: hashlib.sha256(source.text.encode()).hexdigest() for name, source in files.items()}
            rules = sum(len(chain.rules) for family in FAMILIES for chain in ruleset.table(family).chains)
            self.loaded[digest] = Loaded(digest, node_class.members, node_class.roles, digests, rules)
            self._place(digest, files, ruleset)
        else:  # nodes that differ and still load the same
            roles = tuple(sorted({*before.roles, *node_class.roles}))
            members = before.members + node_class.members
            self.loaded[digest] = Loaded(digest, members, roles, before.files, before.rules)
        for name in node_class.members:
            for stop in self.stops.get(name, ()):
                self.answers[stop] = answer(digest, files, ruleset, stop.packet)

    @property
    def class_of(self) -> dict[str, str]:
        """The digest of what each node loads."""
        return {name: one.digest for one in self.loaded.values() for name in one.members}

    @property
    def generation(self) -> str:
        """The digest that the manifest of a build of the same nodes and files has."""
        listed = "".join(f"{name} {digest}\n" for name, digest in sorted(self.class_of.items()))
        return hashlib.sha256(listed.encode()).hexdigest()

    def _place(self, digest: str, files: Mapping[str, Source], ruleset: Ruleset) -> None:
        for statement, position in _positions(digest, files, ruleset):
            classes = self.classes.setdefault(statement, set())
            classes.add(digest)
            if len(classes) <= MOST_CLASSES:
                self.positions.setdefault(statement, []).append(position)


def answer(digest: str, files: Mapping[str, Source], ruleset: Ruleset, packet: Packet) -> Answer:
    """What the rules say of the packet, and by which of them: the last on its way that does not only lead on."""
    decision = decide(ruleset, packet)
    passes = decision.verdict is Verdict.ALLOW
    table = ruleset.table(packet.family)
    met = [(step.chain, step.rule) for step in decision.why if step.rule is not None]
    if met and not isinstance(met[-1][1].target, Jump | Goto | Log | Mark):
        name, rule = met[-1]
        chain = _chain(table, name)
        number = next(at for at, one in enumerate(chain.rules, 1) if one.line == rule.line)
        return Answer(digest, name, number, files[RULES[packet.family]].line(rule.line), passes)
    end = _chain(table, hook(packet))
    return Answer(digest, end.name, 0, f":{end.name} {end.policy}", passes)


def _chain(table: Table, name: str) -> Chain:
    chain = table.chain(name)
    assert chain is not None, "a packet goes through chains that are there"
    return chain


def _positions(digest: str, files: Mapping[str, Source], ruleset: Ruleset) -> Iterator[tuple[str, Position]]:
    """Every rule that carries a statement in its comment, in order of the files."""
    for family in FAMILIES:
        source = files[RULES[family]]
        for chain in ruleset.table(family).chains:
            for number, rule in enumerate(chain.rules, 1):
                for statement in statements_of(rule.comment):
                    yield statement, Position(digest, family, chain.name, number, source.line(rule.line))
