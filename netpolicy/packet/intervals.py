"""Sets of integers as sorted, disjoint, non-adjacent inclusive intervals: equal sets are equal tuples."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

Interval = tuple[int, int]
"""First and last member, both inside."""

Intervals = tuple[Interval, ...]
"""Canonical: sorted, disjoint and non-adjacent. Every function here expects and returns this form."""

FEW = 16
"""So many times fewer intervals on one side, and looking each of them up is quicker than a walk through both."""


def canonical(pairs: Iterable[Interval]) -> Intervals:
    """The set of all integers in any of the pairs, in canonical form; a backwards pair is a ValueError."""
    ordered = sorted(pairs)
    for first, last in ordered:
        if first > last:
            raise ValueError(f"interval {first}-{last} runs backwards")
    return _coalesced(ordered)


def union(a: Intervals, b: Intervals) -> Intervals:
    """The integers in a or in b."""
    if not b or a is b or a == b:
        return a
    if not a:
        return b
    # Two sorted runs: the sort is one linear merge.
    return _coalesced(sorted(a + b))


def union_all(sets: Iterable[Intervals]) -> Intervals:
    """The integers in any of the sets; one sort, linear afterwards."""
    distinct = [intervals for intervals in dict.fromkeys(sets) if intervals]
    if len(distinct) < 2:
        return distinct[0] if distinct else ()
    return _coalesced(sorted(pair for intervals in distinct for pair in intervals))


def intersection(a: Intervals, b: Intervals) -> Intervals:
    """The integers in a and in b."""
    if not a or not b or a[-1][1] < b[0][0] or b[-1][1] < a[0][0]:
        return ()
    if a is b or a == b:
        return a
    few, many = (a, b) if len(a) <= len(b) else (b, a)
    if len(few) * FEW < len(many):
        return tuple(_met(few, many))
    met: list[Interval] = []
    i = j = 0
    while i < len(a) and j < len(b):
        a_first, a_last = a[i]
        b_first, b_last = b[j]
        first = a_first if a_first > b_first else b_first
        last = a_last if a_last < b_last else b_last
        if first <= last:
            met.append((first, last))
        if a_last <= b_last:
            i += 1
        if b_last <= a_last:
            j += 1
    return tuple(met)


def difference(a: Intervals, b: Intervals) -> Intervals:
    """The integers in a and not in b."""
    if not a or not b or a[-1][1] < b[0][0] or b[-1][1] < a[0][0]:
        return a
    if a is b or a == b:
        return ()
    left: list[Interval] = []
    j = 0
    for first, last in a:
        start = first
        while j < len(b) and b[j][0] <= last:
            b_first, b_last = b[j]
            if start < b_first:
                left.append((start, b_first - 1))
            if start <= b_last:
                start = b_last + 1
            if b_last > last:
                # It may reach into the next interval of a.
                break
            j += 1
        if start <= last:
            left.append((start, last))
    return tuple(left)


def contains(a: Intervals, value: int) -> bool:
    """True if the value is in a."""
    place = bisect_left(a, (value + 1,))  # as `_begun`; of all questions this one is asked most
    return place > 0 and value <= a[place - 1][1]


def covers(a: Intervals, b: Intervals) -> bool:
    """True if every integer of b is in a."""
    if a is b or not b:
        return True
    for first, last in b:
        place = _begun(a, first)
        if not place or a[place - 1][1] < last:
            return False
    return True


def overlaps(a: Intervals, b: Intervals) -> bool:
    """True if some integer is in both."""
    few, many = (a, b) if len(a) <= len(b) else (b, a)
    for first, last in few:
        place = _begun(many, last)
        if place and many[place - 1][1] >= first:
            return True
    return False


def size(a: Intervals) -> int:
    """How many integers are in a."""
    return len(a) + sum([last - first for first, last in a])


def _met(few: Intervals, many: Intervals) -> Iterator[Interval]:
    """The intersection of a few intervals with many, which are searched instead of walked through."""
    for first, last in few:
        for other_first, other_last in many[max(_begun(many, first) - 1, 0) : _begun(many, last)]:
            if first <= other_last:
                yield max(first, other_first), min(last, other_last)


def _begun(a: Intervals, value: int) -> int:
    """How many intervals of a begin at the value or before."""
    # A shorter tuple sorts before every longer one that begins with it.
    return bisect_left(a, (value + 1,))


def _coalesced(ordered: list[Interval]) -> Intervals:
    """The canonical form of pairs that are already sorted by their first member."""
    merged: list[Interval] = []
    if not ordered:
        return ()
    first, last = ordered[0]
    for next_first, next_last in ordered:
        if next_first > last + 1:
            merged.append((first, last))
            first, last = next_first, next_last
        elif next_last > last:
            last = next_last
    merged.append((first, last))
    return tuple(merged)
