"""A limit on the steps of a search that could take for ever: it ends in an answer or in saying that it gave up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class SpentError(Exception):
    """The steps that a search was given are spent, and it has no answer."""

    def __init__(self, steps: int) -> None:
        super().__init__(f"gave up after {steps:,} steps")
        self.steps = steps


class _Budget:
    __slots__ = ("left", "steps")

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.left = steps


_NOW: ContextVar[_Budget | None] = ContextVar("budget", default=None)


@contextmanager
def limited(steps: int) -> Iterator[None]:
    """What is done inside raises `SpentError` when it takes more steps; an inner limit holds instead of the outer."""
    token = _NOW.set(_Budget(steps))
    try:
        yield
    finally:
        _NOW.reset(token)


def spend(steps: int = 1) -> None:
    """Takes steps from the limit, if there is one."""
    budget = _NOW.get()
    if budget is not None:
        budget.left -= steps
        if budget.left < 0:
            raise SpentError(budget.steps)
