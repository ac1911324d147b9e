"""What an apply would change, in the words of the policy and rule by rule.

Names of chains and sets hold digests of their content, so both sides are compared without them: a rule that only moved
to another generation is no change.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_SET = re.compile(r"\bnp[46]-[a-z0-9_]+-[0-9a-f]{8}\b")
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
    """A set by the head of its name, the ranges of addresses that come and go, and the statements that ask for it."""

    name: str
    more: tuple[str, ...]
    fewer: tuple[str, ...]
    statements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """What would change. `comes` and `goes` are statements, `changes` those whose rules or sets become others.

    A statement that comes need not open what no other opened: of that a packet is the judge, not a statement.
    `loaded` is False where no packet meets rules of ours yet.
    """

    in_force: bool
    loaded: bool
    rules: tuple[RuleChange, ...]
    sets: tuple[SetChange, ...]
    jumps: tuple[str, ...]
    comes: tuple[str, ...]
    goes: tuple[str, ...]
    changes: tuple[str, ...]


def preview(live: Live, wanted: Ruleset) -> Preview:
    """What an apply of the ruleset would change in what the kernel holds."""
    one = standing(live, wanted)
    held = list(_live_rules(live))
    used = {name for _, text in held for name in _SET.findall(text)}
    old, new = Counter(_shown(held)), Counter(_shown(_wanted_rules(wanted)))
    rules = tuple(
        RuleChange(sign, family, text, _statements(text))
        for sign, each in (("+", new - old), ("-", old - new))
        for family, text in each
    )
    before, after = ({name for _, text in each for name in _statements(text)} for each in (old, new))
    asking = [(text, _statements(text)) for _, text in new]
    sets = tuple(_sets([live.sets[name] for name in used if name in live.sets], wanted.sets, asking))
    touched = {name for each in rules for name in each.statements} | {
        name for change in sets for name in change.statements
    }
    jumps = tuple(jump.built_in for each in one.families for jump in each.jumps if not jump.stands)
    return Preview(
        one.in_force,
        any(jump.found for each in one.families for jump in each.jumps),
        rules,
        sets,
        tuple(dict.fromkeys(jumps)),
        tuple(sorted(after - before)),
        tuple(sorted(before - after)),
        tuple(sorted(touched & before & after)),
    )


def told(one: str, statements: Mapping[str, StatementText]) -> str:
    """A statement as people read it, with its place."""
    known = statements.get(one)
    return f"{known.flow}  ({known.place or one})" if known is not None else f"statement {one}, which is not known here"


def pairs(one: Preview, statements: Mapping[str, StatementText]) -> dict[str, str]:
    """By each statement that comes, the one that goes for it: of the same two sides, where there is one of each."""
    sides: dict[str, tuple[list[str], list[str]]] = {}
    for place, names in enumerate((one.comes, one.goes)):
        for name in names:
            if name in statements:
                sides.setdefault(statements[name].flow.partition(" : ")[0], ([], []))[place].append(name)
    return {comes[0]: goes[0] for comes, goes in sides.values() if (len(comes), len(goes)) == (1, 1)}


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
                yield family, f"-A {chain.name}{text}"


def _wanted_rules(wanted: Ruleset) -> Iterator[tuple[Family, str]]:
    for family in FAMILIES:
        for chain in wanted.table(family).chains:
            for rule in chain.rules if chain.name not in BUILT_IN else ():
                yield family, f"-A {chain.name}{rule_text(rule, family)}"


def _shown(rules: Iterable[tuple[Family, str]]) -> Iterator[tuple[Family, str]]:
    """The rules without digests, and without the markers of a generation."""
    for family, text in rules:
        if _MARKER not in text:
            yield family, _MEMBERS.sub(r"\1", _GENERATION.sub(r"\1", text))


def _statements(text: str) -> tuple[str, ...]:
    found = re.search(rf"--comment \"?{COMMENT_PREFIX}([0-9a-f,]+)\b", text)
    return tuple(one for one in found[1].split(",") if len(one) == 8) if found else ()


def _sets(
    old: Iterable[AddressList], new: Iterable[AddressList], asking: Sequence[tuple[str, tuple[str, ...]]]
) -> Iterator[SetChange]:
    """Sets whose members change, by the heads of their names; one that only comes or goes is told by its rules."""
    was, comes = ({_MEMBERS.sub(r"\1", one.name): one for one in each} for each in (old, new))
    for head in sorted(was.keys() & comes.keys()):
        if was[head].members != comes[head].members:
            more = difference(comes[head].members, was[head].members)
            fewer = difference(was[head].members, comes[head].members)
            names = dict.fromkeys(name for text, each in asking if f" {head} " in text for name in each)
            family = comes[head].family
            yield SetChange(head, _ranges(family, more), _ranges(family, fewer), tuple(names))


def _ranges(family: Family, intervals: Intervals) -> tuple[str, ...]:
    shown = [
        address_text(family, first) if first == last else f"{address_text(family, first)}-{address_text(family, last)}"
        for first, last in intervals
    ]
    return (*shown[:_MOST], f"and {len(shown) - _MOST} more") if len(shown) > _MOST else tuple(shown)
