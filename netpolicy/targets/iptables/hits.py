"""How often each statement was met, from the counters of a live ruleset.

A packet that begins a connection is counted where it is decided, once; what follows is counted as established, which
is part of the baseline.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netpolicy.netfilter import BASELINE, COMMENT_PREFIX, DEFAULT
from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.targets.iptables.consequence import Way, refusing, way
from netpolicy.targets.iptables.live import Live, LiveRule
from netpolicy.targets.iptables.rules import Goto, Ruleset

NOT_STATEMENTS = tuple(one.removeprefix(COMMENT_PREFIX) for one in (BASELINE, DEFAULT))


@dataclass(frozen=True, slots=True)
class Hit:
    """What the rules of these statements decided, in both families: `baseline` and `default` stand for no statement."""

    statements: tuple[str, ...]
    packets: int
    octets: int


def hits(live: Live, wanted: Ruleset) -> list[Hit] | None:
    """The counters of what is wanted, most packets first, with a line of zeros for what was never met.

    None where the text of a family has no counters, or nothing of ours is in any.
    """
    if uncounted(live, wanted):
        return None
    counted: dict[tuple[str, ...], tuple[int, int]] = {}
    read = False
    for ids, rule in _deciding(live, wanted):
        if rule is None:
            counted.setdefault(ids, (0, 0))
        elif rule.packets is not None:
            read = True
            packets, octets = counted.get(ids, (0, 0))
            counted[ids] = packets + rule.packets, octets + (rule.octets or 0)
    if not read:
        return None
    met = {name for ids, (packets, _) in counted.items() if packets for name in ids}
    # A statement that shares its only rules with another, met one, may have been met.
    found = [Hit(ids, *counts) for ids, counts in counted.items() if counts[0] or not met.issuperset(ids)]
    return sorted(found, key=lambda one: (-one.packets, one.statements))


def uncounted(live: Live, wanted: Ruleset) -> list[Family]:
    """The families that have rules of ours without counters: who adds up the others alone tells too little."""
    found = {rule.family for _, rule in _deciding(live, wanted) if rule is not None and rule.packets is None}
    return [family for family in FAMILIES if family in found]


def never(found: Iterable[Hit]) -> list[str]:
    """The statements that no packet met."""
    listed = list(found)
    met = {name for one in listed if one.packets for name in one.statements}
    return sorted({name for one in listed for name in one.statements} - met - set(NOT_STATEMENTS))


def statements_of(comment: str) -> tuple[str, ...]:
    """The ids in the comment of a rule; `baseline` and `default` for rules of no statement, none for a marker."""
    text = comment.removeprefix(COMMENT_PREFIX)
    return tuple(text.split(",")) if text != comment and " " not in text else ()


def _deciding(live: Live, wanted: Ruleset) -> Iterator[tuple[tuple[str, ...], LiveRule | None]]:
    """What decides: every wanted one without a rule, then the live ones.

    A rule that logs counts what the next one decides, and so does a chain of refusals for the rules that lead there.
    """
    for family in FAMILIES:
        table = wanted.table(family)
        chains = refusing(table)
        entered = {rule.target.chain for chain in table.chains for rule in chain.rules if isinstance(rule.target, Goto)}
        for chain in table.chains:
            if chain.name in chains & entered:
                continue
            for rule in chain.rules:
                if (ids := statements_of(rule.comment)) and way(rule, chains) in (Way.ADMITTED, Way.REFUSED):
                    yield ids, None
            now = live.table(family).chain(chain.name)
            for one in now.rules if now is not None else ():
                rule_now = one.rule
                decides = rule_now is not None and way(rule_now, chains) in (Way.ADMITTED, Way.REFUSED)
                if rule_now is not None and decides and (ids := statements_of(rule_now.comment)):
                    yield ids, one
