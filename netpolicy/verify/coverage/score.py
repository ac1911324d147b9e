"""Says which statements no promise would miss: a statement is lost, and each promise that held is asked again.

A statement admits or refuses boxes of packets at each place where nodes judge them. Losing an allow refuses what it
alone admits; losing a deny admits what it alone refuses of what an allow admits. A promise notices when such a packet
is one of its own. Only what meets a lost box is looked at, and nothing is planned again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce

from netpolicy.dsl.syntax import Verb
from netpolicy.packet.addresses import Family
from netpolicy.policy.model import Policy, Statement
from netpolicy.verify.coverage.boxes import Box, left_over
from netpolicy.verify.coverage.places import Bench, Benches, Key, Place, View, key_of
from netpolicy.verify.coverage.suggestion import PROMISE, of_packet, of_statement


@dataclass(frozen=True, slots=True)
class StatementCoverage:
    """One allow or deny as written, in all its directions, and the promises that notice its loss.

    `changes_nothing` says that the same packets pass without it. `suggestion` is a promise that holds and would notice;
    it is empty where a promise notices already, where nothing changes, and where no promise speaks of what changes.
    """

    statements: tuple[Statement, ...]
    noticed_by: tuple[Statement, ...]
    changes_nothing: bool
    suggestion: str = ""

    @property
    def text(self) -> str:
        """The statement in words: `allow dea -> mysql : tcp 3306`."""
        first = self.statements[0]
        arrow = "<->" if len({(one.who.text, one.whom.text) for one in self.statements}) > 1 else "->"
        return f"{first.verb.value} {first.who.text} {arrow} {first.whom.text} : {first.what}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """The allows and denies in order of place; `counted` change something, `noticed` of these are missed."""

    statements: tuple[StatementCoverage, ...]
    noticed: int
    counted: int


def coverage(policy: Policy) -> Coverage:
    """Which promises notice the loss of each allow and deny. A promise that is broken already notices nothing."""
    losses = _Losses(policy)
    written = _as_written(policy, Verb.ALLOW, Verb.DENY)
    found = [losses.of(key, written[key]) for key in sorted(written, key=lambda key: _place(written[key][0]))]
    counted = [one for one in found if not one.changes_nothing]
    return Coverage(tuple(found), sum(bool(one.noticed_by) for one in counted), len(counted))


def _place(one: Statement) -> tuple[object, ...]:
    return (one.span.source.name, one.span.start, one.id) if one.span is not None else ("", 0, one.id)


def _as_written(policy: Policy, *verbs: Verb) -> dict[Key, tuple[Statement, ...]]:
    """The statements, directions together, first the one that is read first."""
    found: dict[Key, list[Statement]] = {}
    for one in policy.of(*verbs):
        found.setdefault(key_of(one), []).append(one)
    return {key: tuple(sorted(each, key=_first_read)) for key, each in found.items()}


def _first_read(one: Statement) -> int:
    return one.who.span.start if one.who.span is not None else 0


class _Losses:
    def __init__(self, policy: Policy) -> None:
        self.benches = Benches(policy)
        promises = _as_written(policy, Verb.NEVER, Verb.EXPECT)
        self.held = [one for one in promises.values() if all(self.holds(each) for each in one)]
        self.views: dict[tuple[Verb, Family, Place], list[tuple[int, Box]]] = {}
        for place, promise in enumerate(self.held):
            for one in promise:
                for family, at, box in self.benches.views(one):
                    self.views.setdefault((one.verb, family, at), []).append((place, box))

    def of(self, key: Key, statements: tuple[Statement, ...]) -> StatementCoverage:
        """What losing the statement does."""
        if next(self.changed(key), None) is None:
            return StatementCoverage(statements, (), changes_nothing=True)
        noticed = tuple(self.held[place][0] for place in sorted(self.noticing(key)))
        suggestion = "" if noticed else self.suggestion(key, statements)
        return StatementCoverage(statements, noticed, changes_nothing=False, suggestion=suggestion)

    def _benches(self) -> Iterator[tuple[Family, Place, Bench]]:
        for family, benches in self.benches.all.items():
            for place, bench in benches.items():
                yield family, place, bench

    # What holds.

    def holds(self, promise: Statement) -> bool:
        """True when no packet breaks the promise."""
        if self.benches.left_open(promise):
            return False
        never = promise.verb is Verb.NEVER
        return not any(
            (_passing if never else _stopped)(self._at(view), view[2]) for view in self.benches.views(promise)
        )

    def _at(self, view: View) -> Bench:
        return self.benches.all[view[0]][view[1]]

    # What a loss changes.

    def changed(self, key: Key) -> Iterator[View]:
        """Packets that are judged otherwise, some for each box that is lost."""
        for family, place, bench in self._benches():
            for box in bench.allows.lost(key):
                yield from ((family, place, part) for part in _refused(bench, key, box))
            for box in bench.denies.lost(key):
                yield from ((family, place, part) for part in _admitted(bench, key, box))

    def noticing(self, key: Key) -> set[int]:
        """The places of the promises that hold and that the loss breaks."""
        found: set[int] = set()
        for family, place, bench in self._benches():
            for verb, parts in ((Verb.EXPECT, bench.allows), (Verb.NEVER, bench.denies)):
                views = self.views.get((verb, family, place), ())
                for box in parts.lost(key) if views else ():
                    found |= {
                        at
                        for at, view in views
                        if at not in found and view.overlaps(box) and _breaks(verb, bench, key, box, view)
                    }
        return found

    def suggestion(self, key: Key, statements: tuple[Statement, ...]) -> str:
        """A promise that holds and breaks without the statement: in its words, else about a packet, else nothing."""
        promises = [replace(one, verb=PROMISE[one.verb]) for one in statements if not one.to_self]
        held = [one for one in promises if self.holds(one)]
        noticing = [one for one in held if self._notices(one, key)]
        if noticing and len(held) == len(statements) > 1:
            return of_statement(statements[0], "<->")
        if noticing:
            return of_statement(statements[promises.index(noticing[0])], "->")
        for family, place, box in self.changed(key):
            if place is Place.INBOUND and (text := of_packet(statements[0].verb, self.benches, family, box)):
                return text
        return ""

    def _notices(self, promise: Statement, key: Key) -> bool:
        for view in self.benches.views(promise):
            bench, wanted = self._at(view), view[2]
            parts = bench.allows if promise.verb is Verb.EXPECT else bench.denies
            for box in parts.lost(key):
                if box.overlaps(wanted) and _breaks(promise.verb, bench, key, box, wanted):
                    return True
        return False


def _breaks(verb: Verb, bench: Bench, key: Key, lost: Box, wanted: Box) -> bool:
    """True when without the statement a promise about what is wanted no longer holds."""
    return any((_refused if verb is Verb.EXPECT else _admitted)(bench, key, lost, wanted))


def _refused(bench: Bench, key: Key, *boxes: Box) -> Iterator[Box]:
    """A part of what is in all boxes, one of them lost to the allows, that no other admits and no deny refuses."""
    others = (*bench.denies.meeting(*boxes), *bench.allows.meeting(*boxes, but=key))
    left = left_over(_meet(boxes), others, bench.ends)
    if left is not None:
        yield left


def _admitted(bench: Bench, key: Key, *boxes: Box) -> Iterator[Box]:
    """Parts of what is in all boxes, one of them lost to the denies, that an allow admits and no other deny refuses."""
    region = _meet(boxes)
    for allow in bench.allows.meeting(*boxes, but=key):
        left = left_over(allow.meet(region), bench.denies.meeting(*boxes, allow, but=key), bench.ends)
        if left is not None:
            yield left


def _meet(boxes: tuple[Box, ...]) -> Box:
    return reduce(Box.meet, boxes)


def _passing(bench: Bench, box: Box) -> bool:
    """True when some packet of the box passes."""
    return any(
        left_over(one.meet(box), bench.denies.meeting(box, one), bench.ends) is not None
        for one in bench.allows.meeting(box)
    )


def _stopped(bench: Bench, box: Box) -> bool:
    """True when some packet of the box does not pass."""
    if any(bench.ends.pair(one.meet(box)) is not None for one in bench.denies.meeting(box)):
        return True
    return left_over(box, bench.allows.meeting(box), bench.ends) is not None
