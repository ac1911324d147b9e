"""What a difference in a chain does to packets: whether it can let more of them through, or fewer.

In our chains RETURN admits and the first rule that decides is the last one met. So taking a rule away that admits can
only close, and taking one away that refuses can only open; where a rule goes to another chain, both may be.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import assert_never

from netpolicy.targets.iptables.admits import GOES_ON, REFUSES
from netpolicy.targets.iptables.live import LiveRule
from netpolicy.targets.iptables.rules import (
    Accept,
    Chain,
    Drop,
    Goto,
    InSet,
    Jump,
    Log,
    Mark,
    Reject,
    Return,
    Rule,
    Table,
)


class Consequence(Enum):
    """What the difference can do; EITHER also where it is not known."""

    OPENS = "opens"
    CLOSES = "closes"
    EITHER = "may open or close"
    NOTHING = "changes no verdict"

    @property
    def opposite(self) -> Consequence:
        return {Consequence.OPENS: Consequence.CLOSES, Consequence.CLOSES: Consequence.OPENS}.get(self, self)


class Way(Enum):
    """What becomes of a packet that a rule matches."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    ON = "goes on to the next rule"
    ELSEWHERE = "judged elsewhere"


def together(all_of: Iterable[Consequence]) -> Consequence:
    """What several differences do at once."""
    found = set(all_of) - {Consequence.NOTHING}
    if not found:
        return Consequence.NOTHING
    return found.pop() if len(found) == 1 else Consequence.EITHER


def refusing(table: Table) -> frozenset[str]:
    """The chains that refuse whatever comes there."""
    return frozenset(chain.name for chain in table.chains if chain.rules and _only_refuses(chain))


def _only_refuses(chain: Chain) -> bool:
    return not chain.rules[-1].matches and all(isinstance(rule.target, Drop | Reject) for rule in chain.rules)


def way(rule: Rule, refusals: frozenset[str]) -> Way:
    """The way of what a rule matches; `refusals` are the chains that only refuse."""
    match rule.target:
        case Return() | Accept():
            return Way.ADMITTED
        case Drop() | Reject():
            return Way.REFUSED
        case Jump(chain) | Goto(chain):
            return Way.REFUSED if chain in refusals else Way.ELSEWHERE
        case Log() | Mark():
            return Way.ON
        case _:
            assert_never(rule.target)


def live_way(live: LiveRule, refusals: frozenset[str]) -> Way:
    """The way of what a live rule matches; of one that is not understood, as its target says."""
    if live.rule is not None:
        return way(live.rule, refusals)
    target, _ = live.target
    if live.line is None:
        return Way.ELSEWHERE
    if target in REFUSES or target in refusals:
        return Way.REFUSED
    if target in GOES_ON:
        return Way.ON
    return Way.ADMITTED if target in ("RETURN", "ACCEPT") else Way.ELSEWHERE


_ADDED = {
    Way.ADMITTED: Consequence.OPENS,
    Way.REFUSED: Consequence.CLOSES,
    Way.ON: Consequence.NOTHING,
    Way.ELSEWHERE: Consequence.EITHER,
}


def added(one: Way) -> Consequence:
    """What a rule more does."""
    return _ADDED[one]


def removed(one: Way) -> Consequence:
    """What a rule less does."""
    return _ADDED[one].opposite


def edited(was: Rule, live: LiveRule, refusals: frozenset[str]) -> Consequence:
    """What it does that a rule stands as another in its place."""
    before, after = way(was, refusals), live_way(live, refusals)
    same_end = before is after and (after is not Way.ELSEWHERE or (live.rule and was.target == live.rule.target))
    if live.rule is None or not same_end:
        return together((removed(before), added(after)))
    # ACCEPT keeps others from refusing what we admit.
    found = [Consequence.OPENS] if isinstance(live.rule.target, Accept) and not isinstance(was.target, Accept) else []
    wide, narrow = set(live.rule.matches), set(was.matches)
    if wide < narrow:
        found.append(added(after))
    elif narrow < wide:
        found.append(removed(after))
    elif wide != narrow:
        found += [removed(before), added(after)]
    return together(found)


def moved(one: Way, passed: Iterable[Way], *, down: bool) -> Consequence:
    """What it does that a rule stands behind (`down`), or before, rules that it did not."""
    first = Consequence.CLOSES if one is Way.ADMITTED else Consequence.OPENS
    found = []
    for other in passed:
        if Way.ON in (one, other) or (one is other and one is not Way.ELSEWHERE):
            continue
        known = Way.ELSEWHERE not in (one, other)
        found.append((first if down else first.opposite) if known else Consequence.EITHER)
    return together(found)


def changed_set(table: Table, name: str, *, more: bool, less: bool) -> Consequence:
    """What members more, and members less, of a set do in the rules that ask for it."""
    refusals = refusing(table)
    found: list[Consequence] = []
    for chain in table.chains:
        for rule in chain.rules:
            for match in rule.matches:
                if isinstance(match, InSet) and match.name == name:
                    one = added(way(rule, refusals))
                    widened = one.opposite if match.negated else one
                    found += [widened] * more + [widened.opposite] * less
    return together(found)
