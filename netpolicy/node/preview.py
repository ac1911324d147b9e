"""What an apply would change, in the words of the policy and rule by rule.

Names of chains and sets hold digests of their content, so both sides are compared without them: a rule that only moved
to another generation is no change.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netpolicy.netfilter import COMMENT_PREFIX
from netpolicy.node.bundle import StatementText
from netpolicy.packet.addresses import FAMILIES, Family, address_text
from netpolicy.packet.intervals import Intervals, difference
from netpolicy.targets.iptables.live import STABLE, Live
from netpolicy.targets.iptables.normal import BUILT_IN
from netpolicy.targets.iptables.render import rule_text
from netpolicy.targets.iptables.rules import AddressList, Ruleset
from netpolicy.targets.iptables.standing import standing

_GENERATION = re.compile(r"\b(NP-(?:IN|FWD|OUT))-[0-9a-f]{8}")
_MEMBERS = re.compile(r"\b(np[46]-[a-z0-9_]+)-[0-9a-f]{8}")
_MARKER = f"{COMMENT_PREFIX}ruleset "
_MOST = 20


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that comes (`+`) or goes (`-`), without digests."""

    sign: str
    family: Family
    text: str
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetChange:
    """A set by the head of its name, and the ranges of addresses that come and go."""

    name: str
    more: tuple[str, ...]
    fewer: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What would change. `opens` and `closes` are statements, `changes` those whose rules become others.

    `loaded` is False where no packet meets rules of ours yet.
    """

    in_force: bool
    loaded: bool
    rules: tuple[RuleChange, ...]
    sets: tuple[SetChange, ...]
    jumps: tuple[str, ...]
    opens: tuple[str, ...]
    closes: tuple[str, ...]
    changes: tuple[str, ...]


def preview(live: Live, wanted: Ruleset) -> Preview:
    """What an apply of the ruleset would change in what the kernel holds."""
    one = standing(live, wanted)
    old, new = Counter(_live_rules(live)), Counter(_wanted_rules(wanted))
    rules = tuple(
        RuleChange(sign, family, text, _statements(text))
        for sign, each in (("+", new - old), ("-", old - new))
        for family, text in each
    )
    before, after = ({name for _, text in each for name in _statements(text)} for each in (old, new))
    touched = {name for rule in rules for name in rule.statements}
    jumps = tuple(jump.built_in for each in one.families for jump in each.jumps if not jump.stands)
    return Preview(
        one.in_force,
        any(jump.found for each in one.families for jump in each.jumps),
        rules,
        tuple(_sets(live.sets, {each.name: each for each in wanted.sets})),
        tuple(dict.fromkeys(jumps)),
        tuple(sorted(after - before)),
        tuple(sorted(before - after)),
        tuple(sorted(touched & before & after)),
    )


def told(one: str, statements: Mapping[str, StatementText]) -> str:
    """A statement as people read it, with its place."""
    known = statements.get(one)
    return f"{known.flow}  ({known.place or one})" if known is not None else f"statement {one}"


def _live_rules(live: Live) -> Iterator[tuple[Family, str]]:
    """The rules that packets meet: those of the chains that our stable chains lead to."""
    for family in FAMILIES:
        table = live.table(family)
        todo, seen = list(STABLE.values()), set[str]()
        while todo:
            chain = table.chain(todo.pop())
            if chain is None or chain.name in seen:
                continue
            seen.add(chain.name)
            for rule in chain.rules:
                todo.append(rule.target[0])
                text = rule_text(rule.rule, family) if rule.rule is not None else f" {rule.options}"
                yield from _shown(family, chain.name, text)


def _wanted_rules(wanted: Ruleset) -> Iterator[tuple[Family, str]]:
    for family in FAMILIES:
        for chain in wanted.table(family).chains:
            for rule in chain.rules if chain.name not in BUILT_IN else ():
                yield from _shown(family, chain.name, rule_text(rule, family))


def _shown(family: Family, chain: str, text: str) -> Iterator[tuple[Family, str]]:
    if _MARKER not in text:
        yield family, _MEMBERS.sub(r"\1", _GENERATION.sub(r"\1", f"-A {chain}{text}"))


def _statements(text: str) -> tuple[str, ...]:
    found = re.search(rf"--comment \"?{COMMENT_PREFIX}([0-9a-f,]+)\b", text)
    return tuple(one for one in found[1].split(",") if len(one) == 8) if found else ()


def _sets(old: Mapping[str, AddressList], new: Mapping[str, AddressList]) -> Iterator[SetChange]:
    """Sets whose members change, by the heads of their names; one that only comes or goes is told by its rules."""
    was, comes = ({_MEMBERS.sub(r"\1", one.name): one for one in each.values()} for each in (old, new))
    for head in sorted(was.keys() & comes.keys()):
        if was[head].members != comes[head].members:
            more = difference(comes[head].members, was[head].members)
            fewer = difference(was[head].members, comes[head].members)
            yield SetChange(head, _ranges(comes[head].family, more), _ranges(was[head].family, fewer))


def _ranges(family: Family, intervals: Intervals) -> tuple[str, ...]:
    shown = [
        address_text(family, first) if first == last else f"{address_text(family, first)}-{address_text(family, last)}"
        for first, last in intervals
    ]
    return (*shown[:_MOST], f"and {len(shown) - _MOST} more") if len(shown) > _MOST else tuple(shown)
