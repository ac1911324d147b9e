"""Which ports of a node others can reach: the ports, at which addresses, from which sources, by which statements.

Exact for every ruleset that this project emits. What a set of new packets cannot tell (what a connection was before
its translation, the rate of a limit) is taken as if it admitted: a port may then be told as admitted that is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from netpolicy.netfilter import BASELINE, COMMENT_PREFIX, DEFAULT
from netpolicy.packet.addresses import AddressSet, Family, network_text, networks
from netpolicy.packet.flowset import SPACE, Points
from netpolicy.packet.intervals import Intervals, union_all
from netpolicy.packet.ports import VALUE_LAST, by_protocol
from netpolicy.targets.iptables.regions import PORTED, Context, members, region
from netpolicy.targets.iptables.rules import (
    Accept,
    Chain,
    Drop,
    Goto,
    InSet,
    Interface,
    Jump,
    Log,
    Mark,
    PortIn,
    Reject,
    Return,
    Rule,
    Ruleset,
    Side,
)

Held = dict[str, Points]
"""Packets by the comment of the last rule that let them go on; empty while there was none."""

_LOOPBACK = "lo"
_UNNAMED = "/"  # an interface that no rule names: no interface has it in its name
_MOST_NETWORKS = 4


@dataclass(frozen=True, slots=True)
class Admission:
    """The ports of one protocol that the rules with one comment admit, at these addresses, from these sources.

    `statements` are the ids of the comment; the baseline has none.
    """

    family: Family
    protocol: int
    ports: Intervals
    destinations: Intervals
    sources: Intervals
    statements: tuple[str, ...]
    is_baseline: bool = False


def admitted_ports(ruleset: Ruleset, family: Family) -> tuple[Admission, ...]:
    """What INPUT lets in that is new and does not come over loopback. Boxes of one comment are disjoint."""
    return _admissions(ruleset, family, "INPUT")


def published_ports(ruleset: Ruleset, family: Family) -> tuple[Admission, ...]:
    """What statements let through FORWARD behind DNAT, by the address and the port that the sender wrote.

    It comes by an interface that the rules judge, and leaves by one that they do not name, as those of containers are.
    """
    return tuple(one for one in _admissions(ruleset, family, "FORWARD") if one.statements)


def declared(ruleset: Ruleset, family: Family) -> Intervals:
    """The addresses of nodes that all the classes share; none where the rules name the node's own addresses instead."""
    found = [
        members(ruleset, family, match.name)
        for chain in _reached(ruleset, family, "INPUT")
        for rule in chain.rules
        if rule.comment == DEFAULT
        for match in rule.matches
        if isinstance(match, InSet) and match.side is Side.DESTINATION and match.negated
    ]
    return union_all(found)


def sources_text(ruleset: Ruleset, family: Family, sources: Intervals) -> str:
    """Sources as people read them: `anywhere`, the set that has exactly these members with them, or networks."""
    if sources == AddressSet.whole(family):
        return "anywhere"
    listed = [
        network_text(family, first, length).removesuffix(f"/{family.bits}")
        for first, length in networks(family, sources)
    ]
    more = len(listed) - _MOST_NETWORKS
    shown = ", ".join(listed[:_MOST_NETWORKS]) + (f" and {more:,} more" if more > 0 else "")
    named = (one.name for one in ruleset.sets if one.family is family and one.members == sources)
    name = next(named, None)
    return shown if name is None else f"{name} ({shown})"


def _admissions(ruleset: Ruleset, family: Family, hook: str) -> tuple[Admission, ...]:
    found: Held = {}
    start = SPACE.box((PORTED, AddressSet.whole(family), AddressSet.whole(family)))
    for context in _contexts(ruleset, family, hook):
        walk = _Walk(ruleset, family, context)
        back = walk.through(hook, {"": start})
        if walk.chain(hook).policy != "DROP":
            _add(walk.admitted, back)
        _add(found, walk.admitted)
    return tuple(one for comment in sorted(found) for one in _boxes(family, comment, found[comment]))


def _boxes(family: Family, comment: str, points: Points) -> Iterator[Admission]:
    statements = _statements(comment)
    for keys, destinations, sources in SPACE.boxes(points):
        for protocol, ports in by_protocol(keys):
            yield Admission(family, protocol, ports, destinations, sources, statements, comment == BASELINE)


def _statements(comment: str) -> tuple[str, ...]:
    if comment in (BASELINE, DEFAULT) or not comment.startswith(COMMENT_PREFIX):
        return ()
    return tuple(comment.removeprefix(COMMENT_PREFIX).split(","))


@dataclass(slots=True)
class _Walk:
    """The way of all packets of one context through the chains; `admitted` are those that some rule accepts."""

    ruleset: Ruleset
    family: Family
    context: Context
    admitted: Held = field(default_factory=dict)

    def through(self, name: str, held: Held) -> Held:
        """The packets that come back to where the chain was jumped from."""
        back: Held = {}
        for rule in self.chain(name).rules:
            if not held:
                break
            if isinstance(rule.target, Log | Mark):
                continue
            about = region(self.ruleset, self.family, self.context, rule)
            inside = _met(held, about.points)
            if not inside:
                continue
            if about.exact:
                held = _without(held, about.points)
            match rule.target:
                case Jump(chain):
                    _add(held, self.through(chain, inside))
                case Goto(chain):
                    _add(back, self.through(chain, inside))
                case Return():
                    _add(back, _let_on(inside, rule))
                case Accept():
                    _add(self.admitted, _let_on(inside, rule))
                case Drop() | Reject():
                    continue
                case _:
                    assert_never(rule.target)
        _add(back, held)
        return back

    def chain(self, name: str) -> Chain:
        return _chain(self.ruleset, self.family, name)


def _met(held: Held, points: Points) -> Held:
    return {comment: met for comment, one in held.items() if (met := SPACE.intersection(one, points))}


def _without(held: Held, points: Points) -> Held:
    return {comment: left for comment, one in held.items() if (left := SPACE.difference(one, points))}


def _add(held: Held, more: Mapping[str, Points]) -> None:
    for comment, points in more.items():
        held[comment] = SPACE.union(held.get(comment, ()), points)


def _let_on(inside: Held, rule: Rule) -> Held:
    """The packets under the comment of the rule that lets them go on; a rule without one changes nothing."""
    return {rule.comment: SPACE.union_all(inside.values())} if rule.comment else inside


def _contexts(ruleset: Ruleset, family: Family, hook: str) -> Iterator[Context]:
    """A context for every way to come that some rule of the hook tells from the others; loopback is none."""
    rules = [rule for chain in _reached(ruleset, family, hook) for rule in chain.rules]
    matches = [match for rule in rules for match in rule.matches]
    cards = _cards([match.name for match in matches if isinstance(match, Interface)])
    asked = [match.ports for match in matches if isinstance(match, PortIn) and match.side is Side.SOURCE]
    translated = hook == "FORWARD"
    for card in cards:
        for port in _source_ports(asked):
            yield Context(card, _UNNAMED if translated else "", port, translated)


def _cards(names: list[str]) -> list[str]:
    """Names of interfaces, at least one of each kind that the rules tell apart."""
    some = {_UNNAMED, *(f"{name[:-1]}{_UNNAMED}" if name.endswith("+") else name for name in names)}
    return sorted(some - {_LOOPBACK})


def _source_ports(asked: list[Intervals]) -> list[int]:
    """A source port of each kind that the rules tell apart."""
    edges = {0, *(port for ports in asked for first, last in ports for port in (first, last + 1))}
    kinds: dict[tuple[bool, ...], int] = {}
    for port in sorted(edge for edge in edges if edge <= VALUE_LAST):
        kinds.setdefault(tuple(any(first <= port <= last for first, last in ports) for ports in asked), port)
    return list(kinds.values())


def _reached(ruleset: Ruleset, family: Family, hook: str) -> list[Chain]:
    """The chain of the hook and those that its packets may come to."""
    names, found = [hook], [_chain(ruleset, family, hook)]
    for chain in found:
        for rule in chain.rules:
            if isinstance(rule.target, Jump | Goto) and rule.target.chain not in names:
                names.append(rule.target.chain)
                found.append(_chain(ruleset, family, rule.target.chain))
    return found


def _chain(ruleset: Ruleset, family: Family, name: str) -> Chain:
    chain = ruleset.table(family).chain(name)
    if chain is None:
        raise ValueError(f"the table has no chain {name}")
    return chain
