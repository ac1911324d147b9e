"""Drawing from what is known. `sampled_from` builds a strategy at each call, which costs three times as much."""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


def pick(draw: st.DrawFn, known: Sequence[T]) -> T:
    """One of the known; it shrinks to the first."""
    return known[draw(st.integers(0, len(known) - 1))]


def several(draw: st.DrawFn, known: Sequence[T], least: int, most: int) -> list[T]:
    """Some of the known, none twice; what stands there more often is likelier."""
    left = list(known)
    chosen: list[T] = []
    for _ in range(draw(st.integers(least, most))):
        if left:
            chosen.append(pick(draw, left))
            left = [one for one in left if one != chosen[-1]]
    return chosen
