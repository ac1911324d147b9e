"""What covers what in lists that are hard to compare, and what is said when there are too few steps."""

from __future__ import annotations

import pytest

from netpolicy.packet.cover import Cover, Finding, GaveUp, Kind, needless, redundant, shadowed
from netpolicy.packet.steps import Steps
from netpolicy.packet.sweep import covered_exactly
from tests.bench import rulesets

ALL = ((0, 99),)
LOW, HIGH = ((0, 49),), ((50, 99),)


def test_two_halves_cover_the_whole_jointly() -> None:
    (finding,) = shadowed([(LOW, ALL), (HIGH, ALL), (ALL, ALL)], ["accept", "drop", "accept"])
    assert finding == Finding(2, Kind.SHADOWED, Cover((1, 0), minimal=True), opposed=1)


def test_an_empty_box_is_covered_by_nothing() -> None:
    assert shadowed([((), ALL)], [True]) == (Finding(0, Kind.SHADOWED, Cover((), minimal=True)),)


def test_a_list_without_boxes_has_no_findings() -> None:
    assert shadowed([], []) == redundant([], []) == needless([], []) == ()


def test_the_same_action_later_makes_a_box_redundant_but_not_past_another_action() -> None:
    assert redundant([(LOW,), (ALL,)], ["drop", "drop"]) == (Finding(0, Kind.REDUNDANT, Cover((1,), minimal=True)),)
    assert redundant([(LOW,), (ALL,), (ALL,)], ["drop", "accept", "drop"]) == (
        Finding(2, Kind.SHADOWED, Cover((1,), minimal=True), opposed=1),
    )


def test_of_two_equal_allows_the_first_stays_and_a_deny_of_nothing_allowed_is_idle() -> None:
    found = needless([(LOW,), (LOW,), (HIGH,)], [False, False, True])
    assert found == (
        Finding(1, Kind.REDUNDANT, Cover((0,), minimal=True)),
        Finding(2, Kind.IDLE, Cover((), minimal=True)),
    )


@pytest.mark.parametrize(
    "dense", [rulesets.wide_over_narrow, lambda count, missing: rulesets.checkerboard(16, missing)]
)
def test_many_narrow_boxes_cover_a_wide_one_unless_one_is_missing(dense: rulesets.Dense) -> None:
    boxes, accepts = dense(256, 0)
    assert shadowed(boxes, accepts) == (Finding(256, Kind.SHADOWED, Cover(tuple(range(256)), minimal=True), opposed=0),)
    assert shadowed(*dense(256, 1)) == ()


def test_addresses_cover_their_networks_and_networks_their_addresses() -> None:
    assert [one.place for one in shadowed(*rulesets.hosts_and_supernets(512, supernets_first=False))] == [512, 513]
    assert [one.place for one in shadowed(*rulesets.hosts_and_supernets(512, supernets_first=True))] == [*range(2, 514)]


def test_the_fallback_answers_where_the_search_cannot() -> None:
    boxes, accepts = rulesets.checkerboard(16, 0)
    (finding,) = shadowed(boxes, accepts, budget=600)
    assert isinstance(finding.by, Cover)
    assert set(finding.by.places) == set(range(256))


def test_a_question_with_too_few_steps_is_given_up_and_the_box_is_still_compared_with_others() -> None:
    boxes, accepts = rulesets.checkerboard(16, 0)
    *_, wide = boxes
    given_up, twin = shadowed([*boxes, wide], [*accepts, True], budget=100)
    assert isinstance(given_up.by, GaveUp)
    assert given_up.by.steps > 200
    assert (twin.place, twin.by) == (257, Cover((256,), minimal=True))
    assert covered_exactly(wide, boxes[:-1], Steps(100)) is None
