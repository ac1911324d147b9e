"""What every space of points offers, and the space of one dimension."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from netpolicy.packet import intervals
from netpolicy.packet.intervals import Intervals

S = TypeVar("S", bound=tuple[Any, ...])
Box = tuple[Intervals, ...]
"""One canonical interval set a dimension."""


class Space(ABC, Generic[S]):
    """The Boolean algebra of the sets S of points; the empty set is the empty tuple and false."""

    @abstractmethod
    def box(self, box: Box) -> S:
        """The product of the box's interval sets, one a dimension."""

    @abstractmethod
    def union_all(self, sets: Iterable[S]) -> S:
        """The points in any of the sets."""

    @abstractmethod
    def union(self, a: S, b: S) -> S:
        """The points in a or in b."""

    @abstractmethod
    def intersection(self, a: S, b: S) -> S:
        """The points in a and in b."""

    @abstractmethod
    def difference(self, a: S, b: S) -> S:
        """The points in a and not in b."""

    @abstractmethod
    def contains(self, a: S, point: Sequence[int]) -> bool:
        """True if the point is in a."""

    @abstractmethod
    def covers(self, a: S, b: S) -> bool:
        """True if every point of b is in a."""

    @abstractmethod
    def overlaps(self, a: S, b: S) -> bool:
        """True if some point is in both."""

    @abstractmethod
    def boxes(self, a: S) -> Iterator[Box]:
        """Disjoint boxes, in order, whose union is a."""

    @abstractmethod
    def size(self, a: S) -> int:
        """How many points are in a."""


class Line(Space[Intervals]):
    """The sets of one dimension."""

    def box(self, box: Box) -> Intervals:
        """The only interval set of the box."""
        (only,) = box
        return only

    def union_all(self, sets: Iterable[Intervals]) -> Intervals:
        """The integers in any of the sets."""
        return intervals.union_all(sets)

    def union(self, a: Intervals, b: Intervals) -> Intervals:
        """The integers in a or in b."""
        return intervals.union(a, b)

    def intersection(self, a: Intervals, b: Intervals) -> Intervals:
        """The integers in a and in b."""
        return intervals.intersection(a, b)

    def difference(self, a: Intervals, b: Intervals) -> Intervals:
        """The integers in a and not in b."""
        return intervals.difference(a, b)

    def contains(self, a: Intervals, point: Sequence[int]) -> bool:
        """True if the point's only coordinate is in a."""
        (value,) = point
        return intervals.contains(a, value)

    def covers(self, a: Intervals, b: Intervals) -> bool:
        """True if every integer of b is in a."""
        return intervals.covers(a, b)

    def overlaps(self, a: Intervals, b: Intervals) -> bool:
        """True if some integer is in both."""
        return intervals.overlaps(a, b)

    def boxes(self, a: Intervals) -> Iterator[Box]:
        """The set itself, if it is not empty."""
        if a:
            yield (a,)

    def size(self, a: Intervals) -> int:
        """How many integers are in a."""
        return intervals.size(a)
