"""Lays the rules that a chain holds beside those that it must hold: which are missing, extra, edited and moved.

One rule taken out is one finding, wherever it stood; so is one that stands elsewhere, or with other words.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from enum import Enum

from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables.consequence import (
    Consequence,
    Way,
    added,
    edited,
    live_way,
    moved,
    removed,
    way,
)
from netpolicy.targets.iptables.live import LiveChain, LiveRule
from netpolicy.targets.iptables.render import rule_text
from netpolicy.targets.iptables.rules import Chain, Drop, Goto, Reject, Return, Rule

_ALIKE = 0.5
"""The share of words that two rules in one place have in common, from which on the one is the other, edited."""


class Edit(Enum):
    """What was done to a rule."""

    MISSING = "missing"
    EXTRA = "extra"
    EDITED = "edited"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class RuleDifference:
    """A rule that differs, with its number from 1 in what is wanted, and in what lives."""

    edit: Edit
    consequence: Consequence
    wanted: tuple[int, Rule] | None = None
    live: tuple[int, LiveRule] | None = None


def align(wanted: Chain, live: LiveChain, family: Family, refusals: frozenset[str]) -> list[RuleDifference]:
    """The differences of a chain, as its rules stand; none when each rule is understood and equal to that in place."""
    return sorted(_Alignment(wanted.rules, live.rules, family, refusals).differences(), key=_place)


def _place(one: RuleDifference) -> tuple[int, int]:
    first = one.wanted or one.live
    return first[0] if first else 0, one.live[0] if one.live else 0


@dataclass(slots=True)
class _Alignment:
    wanted: Sequence[Rule]
    live: Sequence[LiveRule]
    family: Family
    refusals: frozenset[str]
    same: list[tuple[int, int]] = field(default_factory=list)
    gaps: list[tuple[list[int], list[int]]] = field(default_factory=list)

    def differences(self) -> Iterator[RuleDifference]:
        self._lay()
        shifts = self._shifts()
        elsewhere = ({at for at, _ in shifts}, {at for _, at in shifts})
        for before, after in shifts:
            yield self._moved(before, after, [*self.same, *shifts])
        for gone, come in self.gaps:
            yield from self._gap(
                [at for at in gone if at not in elsewhere[0]], [at for at in come if at not in elsewhere[1]]
            )

    def _lay(self) -> None:
        """Fills `same` with the pairs of equal rules in order, and `gaps` with what stands between them."""
        keys: list[Rule | LiveRule] = [one.rule or one for one in self.live]
        matcher = SequenceMatcher(None, list[Rule | LiveRule](self.wanted), keys, autojunk=False)
        for tag, first, last, live_first, live_last in matcher.get_opcodes():
            if tag == "equal":
                self.same += zip(range(first, last), range(live_first, live_last), strict=True)
            else:
                self.gaps.append((list(range(first, last)), list(range(live_first, live_last))))

    def _shifts(self) -> list[tuple[int, int]]:
        """The pairs of equal rules out of order."""
        gone: dict[Rule, deque[int]] = defaultdict(deque)
        for at in (at for missing, _ in self.gaps for at in missing):
            gone[self.wanted[at]].append(at)
        pairs = []
        for at in (at for _, extra in self.gaps for at in extra):
            rule = self.live[at].rule
            if rule is not None and gone.get(rule):
                pairs.append((gone[rule].popleft(), at))
        return pairs

    def _moved(self, before: int, after: int, pairs: list[tuple[int, int]]) -> RuleDifference:
        rule = self.wanted[before]
        sides = {down: self._passed(before, after, pairs, down=down) for down in (True, False)}
        ways = {down: moved(way(rule, self.refusals), passed, down=down) for down, passed in sides.items()}
        found = ways[True] if ways[False] is Consequence.NOTHING else ways[False]
        if Consequence.NOTHING not in ways.values() and ways[True] is not ways[False]:
            found = Consequence.EITHER
        return RuleDifference(Edit.MOVED, found, (before + 1, rule), (after + 1, self.live[after]))

    def _passed(self, before: int, after: int, pairs: list[tuple[int, int]], *, down: bool) -> list[Way]:
        inverted = (
            one for one, other in pairs if (one > before and other < after if down else one < before and other > after)
        )
        return [way(self.wanted[one], self.refusals) for one in inverted]

    def _gap(self, gone: list[int], come: list[int]) -> Iterator[RuleDifference]:
        for at in gone:
            like = max(come, key=lambda one: self._alike(at, one), default=None)
            if like is None or self._alike(at, like) < _ALIKE:
                rule = self.wanted[at]
                yield RuleDifference(Edit.MISSING, removed(way(rule, self.refusals)), (at + 1, rule))
                continue
            come.remove(like)
            does = edited(self.wanted[at], self.live[like], self.refusals)
            yield RuleDifference(Edit.EDITED, does, (at + 1, self.wanted[at]), (like + 1, self.live[like]))
        for at in come:
            yield RuleDifference(Edit.EXTRA, self._added(at), None, (at + 1, self.live[at]))

    def _alike(self, wanted: int, live: int) -> float:
        one = rule_text(self.wanted[wanted], self.family).split()
        other = self.live[live].options.split()
        return SequenceMatcher(None, one, other, autojunk=False).ratio()

    def _added(self, at: int) -> Consequence:
        """What a rule more does: nothing behind one that ends every packet's way, or beside one that is the same."""
        one = self.live[at]
        before = [rule.rule for rule in self.live[:at]]
        beside = [*before, *(rule.rule for rule in self.live[at + 1 : at + 2])]
        if any(_ends(rule) for rule in before) or (one.rule is not None and one.rule in beside):
            return Consequence.NOTHING
        return added(live_way(one, self.refusals))


def _ends(rule: Rule | None) -> bool:
    return rule is not None and not rule.matches and isinstance(rule.target, Drop | Reject | Return | Goto)
