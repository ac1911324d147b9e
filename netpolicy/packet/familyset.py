"""A set of points for each address family, with the operators of sets."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Self

from netpolicy.packet import intervals
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.space import Line, S, Space

LINE = Line()


@dataclass(frozen=True, slots=True)
class FamilySet(ABC, Generic[S]):
    """One canonical set of points a family: equal members are an equal value."""

    v4: S
    v6: S

    @staticmethod
    @abstractmethod
    def space() -> Space[S]:
        """The algebra of the points of one family."""

    @staticmethod
    @abstractmethod
    def whole(family: Family) -> S:
        """All points of the family."""

    @classmethod
    def union_all(cls, sets: Iterable[Self]) -> Self:
        """The members of any of the sets."""
        given = tuple(sets)
        space = cls.space()
        return cls(space.union_all(one.v4 for one in given), space.union_all(one.v6 for one in given))

    def of(self, family: Family) -> S:
        """The points of one family."""
        return self.v4 if family == Family.V4 else self.v6

    def families(self) -> tuple[Family, ...]:
        """The families that have a member, IPv4 first."""
        return tuple(family for family in FAMILIES if self.of(family))

    def covers(self, other: Self) -> bool:
        """True if every member of the other set is in this one."""
        return all(self.space().covers(self.of(family), other.of(family)) for family in FAMILIES)

    def overlaps(self, other: Self) -> bool:
        """True if some member is in both sets."""
        return any(self.space().overlaps(self.of(family), other.of(family)) for family in FAMILIES)

    def size(self) -> int:
        """How many members the set has, of both families."""
        return sum(self.space().size(self.of(family)) for family in FAMILIES)

    def __or__(self, other: Self) -> Self:
        return type(self)(self.space().union(self.v4, other.v4), self.space().union(self.v6, other.v6))

    def __and__(self, other: Self) -> Self:
        return type(self)(self.space().intersection(self.v4, other.v4), self.space().intersection(self.v6, other.v6))

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.space().difference(self.v4, other.v4), self.space().difference(self.v6, other.v6))

    def __invert__(self) -> Self:
        return type(self)(self.whole(Family.V4), self.whole(Family.V6)) - self

    def __bool__(self) -> bool:
        return bool(self.v4 or self.v6)


@dataclass(frozen=True, slots=True)
class IntervalSet(FamilySet[Intervals]):
    """A set of integers for each family; a member is a pair (family, integer)."""

    v4: Intervals = ()
    v6: Intervals = ()

    @staticmethod
    def space() -> Space[Intervals]:
        """The algebra of interval sets."""
        return LINE

    def __contains__(self, member: tuple[Family, int]) -> bool:
        family, value = member
        return intervals.contains(self.v4 if family is Family.V4 else self.v6, value)

    def witness(self) -> tuple[Family, int] | None:
        """The first member, IPv4 before IPv6, or None if there is none."""
        for family in self.families():
            return family, self.of(family)[0][0]
        return None
