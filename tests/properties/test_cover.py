"""The laws of what covers what, against plain sets of points of a tiny space: each side is a part of 0..7."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import compress, product
from operator import or_
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netpolicy.packet import overlaps
from netpolicy.packet.blame import Blame
from netpolicy.packet.cover import BUDGET, Cover, Finding, GaveUp, Kind, needless, redundant, shadowed
from netpolicy.packet.intervals import canonical, contains
from netpolicy.packet.sides import as_intervals
from netpolicy.packet.space import Box
from netpolicy.packet.split import Outcome, clips, split
from netpolicy.packet.steps import Steps
from netpolicy.packet.sweep import covered_exactly

WIDTH = 8
Points = int
"""Points of the space, a bit each."""


@dataclass(frozen=True)
class Rules:
    """Boxes of one space, each with the truth that it accepts."""

    boxes: list[Box]
    accepts: list[bool]

    def points(self) -> list[Points]:
        """What each box holds."""
        return [points(box) for box in self.boxes]


def points(box: Box) -> Points:
    """What the box holds, counted one by one."""
    space = product(range(WIDTH), repeat=len(box))
    return sum(1 << at for at, point in enumerate(space) if all(map(contains, box, point)))


def union(held: Sequence[Points]) -> Points:
    """What any holds."""
    return reduce(or_, held, 0)


sides = st.one_of(
    st.tuples(st.integers(0, WIDTH - 1), st.integers(0, WIDTH - 1)).map(lambda ends: (tuple(sorted(ends)),)),
    st.just(((0, WIDTH - 1),)),
    st.integers(0, (1 << WIDTH) - 1).map(lambda bits: canonical((at, at) for at in range(WIDTH) if bits >> at & 1)),
)
single = st.tuples(st.integers(0, WIDTH - 1), st.integers(0, WIDTH - 1)).map(lambda ends: (tuple(sorted(ends)),))


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    """A few boxes; in half of the lists every side is one interval, and in many they are wide."""
    dimensions = draw(st.integers(1, 3))
    side = draw(st.sampled_from((sides, single)))
    boxes = draw(st.lists(st.tuples(*[side] * dimensions), min_size=1, max_size=12))
    return Rules(boxes, draw(st.lists(st.booleans(), min_size=len(boxes), max_size=len(boxes))))


def decided(rules: Rules, held: Sequence[Points], without: frozenset[int] = frozenset()) -> tuple[Points, Points]:
    """What the first match accepts and what it refuses, once some boxes have gone."""
    verdicts, left = [0, 0], ~0
    for place, box in enumerate(held):
        if place not in without:
            verdicts[rules.accepts[place]] |= box & left
            left &= ~box
    return verdicts[True], verdicts[False]


def found(findings: Sequence[Finding], kind: Kind) -> set[int]:
    """The places of the findings of a kind."""
    return {finding.place for finding in findings if finding.kind is kind}


def cover(finding: Finding) -> Cover:
    """What is to blame; no question of a tiny space spends its steps."""
    assert isinstance(finding.by, Cover)
    return finding.by


def assert_minimal(box: Points, held: Sequence[Points], by: Cover) -> None:
    """The blamed cover the box, and no smaller part of them does."""
    blamed = [held[place] for place in by.places]
    assert by.minimal
    assert box & ~union(blamed) == 0
    for left_out in range(len(blamed)):
        assert box & ~union(blamed[:left_out] + blamed[left_out + 1 :])


# A list in which the first match wins


@given(rules())
def test_a_box_is_shadowed_exactly_when_earlier_ones_leave_no_point(rules: Rules) -> None:
    held = rules.points()
    findings = shadowed(rules.boxes, rules.accepts)
    truth = {place for place, box in enumerate(held) if not box & ~union(held[:place])}
    assert found(findings, Kind.SHADOWED) == truth == {finding.place for finding in findings}
    for finding in findings:
        by = cover(finding)
        assert_minimal(held[finding.place], held, by)
        assert all(place < finding.place and place not in truth for place in by.places)


@given(rules())
def test_of_boxes_that_cover_alone_one_of_the_opposite_action_is_blamed(rules: Rules) -> None:
    held = rules.points()
    findings = shadowed(rules.boxes, rules.accepts)
    never = found(findings, Kind.SHADOWED)
    for finding in findings:
        accepts = rules.accepts[finding.place]
        by = cover(finding).places
        assert list(by) == sorted(by, key=lambda place: (rules.accepts[place] == accepts, place))
        alone = [one for one in range(finding.place) if one not in never and not held[finding.place] & ~held[one]]
        if alone and held[finding.place]:
            assert by == (min(alone, key=lambda one: (rules.accepts[one] == accepts, one)),)


@given(rules())
def test_opposed_names_a_box_that_decides_otherwise_exactly_when_there_is_one(rules: Rules) -> None:
    held = rules.points()
    for finding in shadowed(rules.boxes, rules.accepts):
        box, accepts = held[finding.place], rules.accepts[finding.place]
        firsts = {place: box & held[place] & ~union(held[:place]) for place in range(finding.place)}
        others = [place for place, first in firsts.items() if first and rules.accepts[place] != accepts]
        assert finding.opposed == (others[0] if others else None)


@given(rules())
def test_without_all_redundant_boxes_a_list_decides_the_same_and_no_other_can_go(rules: Rules) -> None:
    held = rules.points()
    findings = redundant(rules.boxes, rules.accepts)
    gone = frozenset(finding.place for finding in findings)
    assert found(findings, Kind.SHADOWED) == found(shadowed(rules.boxes, rules.accepts), Kind.SHADOWED)
    assert decided(rules, held, gone) == decided(rules, held)
    for place in set(range(len(held))) - gone:
        assert decided(rules, held, gone | {place}) != decided(rules, held)
    for finding in findings:
        assert_minimal(held[finding.place], held, cover(finding))
        later = [place for place in cover(finding).places if place > finding.place]
        assert all(rules.accepts[place] == rules.accepts[finding.place] for place in later)


# A set in which some overrule the others


@given(rules())
def test_needless_boxes_of_a_set_are_found_and_can_go_together(rules: Rules) -> None:
    held, denies = rules.points(), rules.accepts
    findings = needless(rules.boxes, denies)
    places = range(len(held))
    denied = union(list(compress(held, denies)))
    allowed = union([held[place] for place in places if not denies[place]])
    gone = found(findings, Kind.REDUNDANT)
    assert found(findings, Kind.CONFLICT) == {
        place for place in places if not denies[place] and not held[place] & ~denied
    }
    assert (
        found(findings, Kind.IDLE) == {place for place in places if denies[place] and not held[place] & allowed} - gone
    )
    kept = [place for place in places if place not in gone]
    assert union([held[place] for place in kept if denies[place]]) == denied
    assert union([held[place] for place in kept if not denies[place]]) & ~denied == allowed & ~denied
    for finding in findings:
        if finding.kind is not Kind.IDLE:
            assert_minimal(held[finding.place], held, cover(finding))
            assert not gone & set(cover(finding).places)
    standing = [place for place in kept if place not in found(findings, Kind.CONFLICT)]
    for place in standing:
        others = [held[other] for other in standing if other != place and (denies[other] or not denies[place])]
        assert held[place] & ~union(others)


# Ways to the answer


@given(rules())
def test_the_search_and_the_fallback_both_say_whether_a_point_is_left(rules: Rules) -> None:
    held = rules.points()
    *others, box = rules.boxes
    left = held[-1] & ~union(held[:-1])
    assert covered_exactly(box, others, Steps(BUDGET)) == (not left)
    if all(box):
        used = split(box, clips(box, enumerate(others)), 0, Steps(BUDGET))
        assert (used is Outcome.HOLE) == bool(left)
        assert isinstance(used, Outcome) or not held[-1] & ~union([held[place] for place in used])


@given(rules(), st.integers(0, 60))
def test_with_few_steps_an_answer_is_right_or_missing(rules: Rules, budget: int) -> None:
    held = rules.points()
    findings = shadowed(rules.boxes, rules.accepts, budget)
    truth = {place for place, box in enumerate(held) if not box & ~union(held[:place])}
    given_up = {finding.place for finding in findings if isinstance(finding.by, GaveUp)}
    assert {finding.place for finding in findings} - given_up == truth - given_up
    for finding in findings:
        if isinstance(finding.by, GaveUp):
            assert finding.by.steps > budget
        elif finding.by.minimal:
            assert_minimal(held[finding.place], held, finding.by)
        else:
            assert not held[finding.place] & ~union([held[place] for place in finding.by.places])


@pytest.mark.parametrize("ask", [shadowed, redundant, needless])
@given(rules())
@settings(max_examples=50)
def test_memory_has_no_part_in_the_answer(ask: Callable[..., tuple[Finding, ...]], rules: Rules) -> None:
    usual = {(finding.place, finding.kind) for finding in ask(rules.boxes, rules.accepts)}
    with patch.object(overlaps, "MOST_BITS", 16):
        assert {(finding.place, finding.kind) for finding in ask(rules.boxes, rules.accepts)} == usual


@given(rules())
@example(Rules([((((0, 0), (2, 2)),)), (((1, 1), (3, 3)),)], [True, True]))
def test_boxes_that_overlap_are_all_found(rules: Rules) -> None:
    held = rules.points()
    blame = Blame(rules.boxes, BUDGET)
    for place, box in enumerate(held):
        met = {other for other, _ in blame.overlapping(place, -1)}
        assert met == {other for other in range(len(held)) if other != place and box & held[other]}
        assert all(as_intervals((side,)) for side in blame.boxes[place])
