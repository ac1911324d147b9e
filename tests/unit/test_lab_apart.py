"""Work in processes of its own: what it answers, what it tells meanwhile, and what stops it, come back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial

import pytest

from netpolicy.diagnostic import error
from netpolicy.lab.apart import apart
from netpolicy.lab.post import LostError
from netpolicy.lab.space import SpaceError
from netpolicy.node.stopped import Ending, StoppedError

Progress = Callable[[int], object]


@pytest.fixture(autouse=True)
def processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def answer(number: int, progress: Progress) -> tuple[int, int]:
    time.sleep(number / 10)
    progress(number)
    progress(number * 10)
    return number, os.getpid()


def both(*works: Callable[[Progress], tuple[int, int]]) -> list[tuple[int, int]]:
    return apart(works, lambda _: None)


def fail(failure: Exception, progress: Progress) -> tuple[int, int]:
    raise failure


def die(progress: Progress) -> tuple[int, int]:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0, 0


def wait(progress: Progress) -> tuple[int, int]:
    signal.pause()
    return 0, 0


def test_answers_come_in_order_from_processes_of_their_own_and_all_progress_is_heard() -> None:
    heard: list[int] = []
    answers = apart([partial(answer, number) for number in (3, 1, 2)], heard.append)
    assert [number for number, _ in answers] == [3, 1, 2]
    assert len({process for _, process in answers} | {os.getpid()}) == 4
    assert sorted(heard) == [1, 2, 3, 10, 20, 30]


def test_one_piece_of_work_or_one_processor_needs_no_other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []
    assert apart([partial(answer, 7)], heard.append) == [(7, os.getpid())]
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert apart([partial(answer, 7), partial(answer, 8)], heard.append) == [(7, os.getpid()), (8, os.getpid())]
    assert heard == [7, 70, 7, 70, 8, 80]


@pytest.mark.parametrize("failure", [SpaceError("no space"), LostError("not heard")], ids=["space", "lost"])
def test_an_error_of_a_child_is_raised_here_and_stops_the_others(failure: Exception) -> None:
    with pytest.raises(type(failure), match=f"^{failure}$"):
        both(partial(fail, failure), wait)


def test_so_are_findings() -> None:
    found = error("NP324", "rules were refused", hint="look")
    with pytest.raises(StoppedError) as told:
        both(wait, partial(fail, StoppedError(Ending.UNUSABLE, found)))
    assert told.value.ending is Ending.UNUSABLE
    assert list(told.value.found) == [found]


def test_an_error_of_ours_keeps_its_words() -> None:
    with pytest.raises(RuntimeError) as told:
        both(partial(fail, KeyError("web")), wait)
    assert str(told.value) == "KeyError: 'web'"
    assert "in fail" in told.value.__notes__[0]  # where it was raised, for `--verbose`


def test_a_child_that_is_killed_is_an_error_and_no_answer() -> None:
    with pytest.raises(RuntimeError, match="ended before its work was done"):
        both(partial(answer, 1), die)
