"""Unions of boxes that could go: joint blame, what stays, and budgets."""

from netpolicy.packet.cover import Cover, Finding, GaveUp, Kind
from netpolicy.packet.joint import Whole, needless_wholes
from netpolicy.packet.space import Box


def box(*sides: tuple[int, int]) -> Box:
    return tuple((side,) for side in sides)


SQUARE = box((0, 9), (0, 9))
LOW, HIGH = box((0, 4), (0, 9)), box((5, 9), (0, 9))


def allow(*boxes: Box, judged: bool = True) -> Whole:
    return Whole(boxes, False, judged)


def deny(*boxes: Box) -> Whole:
    return Whole(boxes, True)


def test_all_boxes_must_be_covered() -> None:
    far = box((50, 59), (0, 9))
    assert needless_wholes([allow(LOW), allow(HIGH), allow(SQUARE, far)]) == (
        Finding(0, Kind.REDUNDANT, Cover((2,), minimal=True)),
        Finding(1, Kind.REDUNDANT, Cover((2,), minimal=True)),
    )
    assert needless_wholes([allow(LOW, far), allow(HIGH), allow(SQUARE)]) == (
        Finding(2, Kind.REDUNDANT, Cover((0, 1), minimal=True)),
    )
    assert needless_wholes([allow(LOW, far), allow(SQUARE)]) == ()


def test_one_that_is_not_judged_stays_and_is_blamed() -> None:
    assert needless_wholes([allow(SQUARE), allow(SQUARE, judged=False)]) == (
        Finding(0, Kind.REDUNDANT, Cover((1,), minimal=True)),
    )
    assert needless_wholes([allow(SQUARE, judged=False), deny(SQUARE)]) == ()


def test_a_conflict_is_no_blame_for_others() -> None:
    assert needless_wholes([allow(LOW), deny(LOW), allow(SQUARE), allow(HIGH)]) == (
        Finding(0, Kind.CONFLICT, Cover((1,), minimal=True)),
        Finding(3, Kind.REDUNDANT, Cover((2,), minimal=True)),
    )


def test_nothing_is_silent_when_the_steps_end() -> None:
    """Each question that is not plainly answered is a question that was given up."""
    alone = box((0, 9), (20, 29))
    found = needless_wholes([allow(LOW), allow(HIGH), allow(SQUARE), allow(alone), deny(SQUARE)], total=0)
    assert {one.place for one in found} == {0, 1, 2}
    assert all(one.by == GaveUp(0) for one in found)


def test_one_of_no_box_is_not_found() -> None:
    assert needless_wholes([allow(), allow(SQUARE), deny()]) == ()
