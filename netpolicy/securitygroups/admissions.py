"""What each allow still admits when every deny has taken its part: a security group can only admit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from netpolicy.dsl.syntax import Verb
from netpolicy.packet.addresses import FAMILIES, Family, networks
from netpolicy.packet.flowset import SPACE, Points
from netpolicy.packet.intervals import Intervals, covers, overlaps, union, union_all
from netpolicy.policy.model import Policy, Selection, Statement
from netpolicy.policy.selectors import address_set
from netpolicy.securitygroups.seats import Seats


@dataclass(frozen=True, slots=True)
class Box:
    """Packets of one family between members of groups, at seats `near`, and their peers, seats or addresses `far`."""

    family: Family
    far: Intervals
    near: Intervals
    keys: Intervals


@dataclass(frozen=True, slots=True)
class Admission:
    """What one allow admits, as each end sees it: the receivers in `coming` and `entering`, the senders in the others.

    Peers of `coming` and `going` are seats, those of `entering` and `leaving` addresses: all that are of no node, and
    those of nodes where that makes fewer networks.
    """

    statement: Statement
    coming: tuple[Box, ...]
    entering: tuple[Box, ...]
    going: tuple[Box, ...]
    leaving: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class _Side:
    """A selection in one family: seats of nodes, addresses of no node, and these with the virtual ones."""

    seats: Intervals
    strangers: Intervals
    targets: Intervals


@dataclass(frozen=True, slots=True)
class _Ruling:
    """A statement in one family."""

    who: _Side
    whom: _Side
    keys: Intervals

    @property
    def inside(self) -> Points:
        return SPACE.box((self.who.seats, self.whom.seats, self.keys))

    @property
    def entering(self) -> Points:
        return SPACE.box((self.who.strangers, self.whom.seats, self.keys))

    @property
    def leaving(self) -> Points:
        return SPACE.box((self.whom.targets, self.who.seats, self.keys))


def admissions(policy: Policy, seats: Seats) -> Iterator[Admission]:
    """What is left of every allow, in the order of the statements."""
    sides = _Sides(policy, seats)
    denies = {family: [sides.ruling(one, family) for one in policy.of(Verb.DENY)] for family in FAMILIES}
    for one in policy.of(Verb.ALLOW):
        coming, entering, going, leaving = (list[Box]() for _ in range(4))
        for family in FAMILIES:
            ruling = _Judged(sides.ruling(one, family), denies[family])
            inside = ruling.left(lambda it: it.inside)
            seated, addressed = _ends(seats, family, inside, ruling.left(lambda it: it.entering))
            coming += seated
            entering += addressed
            seated, addressed = _ends(seats, family, _turned(inside), ruling.left(lambda it: it.leaving))
            going += seated
            leaving += addressed
        yield Admission(one, tuple(coming), tuple(entering), tuple(going), tuple(leaving))


@dataclass(frozen=True, slots=True)
class _Judged:
    """An allow, and all denies of the policy, in one family."""

    allow: _Ruling
    denies: Sequence[_Ruling]

    def left(self, part: Callable[[_Ruling], Points]) -> Points:
        """A part of the allow without what the denies take of it."""
        left = part(self.allow)
        for deny in self.denies:
            left = SPACE.difference(left, part(deny)) if left and overlaps(deny.keys, self.allow.keys) else left
        return left


def _turned(among: Points) -> Points:
    """The same pairs of seats, the other end first."""
    return SPACE.union_all(SPACE.box((near, far, keys)) for far, near, keys in SPACE.boxes(among))


def _ends(seats: Seats, family: Family, among: Points, strange: Points) -> tuple[list[Box], list[Box]]:
    """The boxes with seats as peers, and those with addresses; what is among the addresses is not in the first."""
    addressed: list[Box] = []
    for far, near, keys in SPACE.boxes(strange):
        wider, joined = _filled(seats, family, far, _reaching(among, near, keys))
        among = SPACE.difference(among, SPACE.box((joined, near, keys)))
        addressed.append(Box(family, wider, near, keys))
    return [Box(family, *box) for box in SPACE.boxes(among)], addressed


def _reaching(among: Points, near: Intervals, keys: Intervals) -> Intervals:
    """The far seats that have all of these near seats with all of these keys."""
    wanted = SPACE.rest.box((near, keys))
    return union_all(far for far, rest in among if SPACE.rest.covers(rest, wanted))


def _filled(seats: Seats, family: Family, strangers: Intervals, joining: Intervals) -> tuple[Intervals, Intervals]:
    """Addresses with the nodes between them, if fewer networks say that, and the seats that are then among them.

    `world` without the nodes is thousands of networks; with the nodes, which are admitted too, it is one.
    """
    every = union(strangers, seats.addresses(family, joining)) if joining else strangers
    wider = tuple(one for one in every if overlaps((one,), strangers))
    if wider == strangers:
        return strangers, ()
    # A set needs at least as many networks as it has intervals: mostly the long count can be spared.
    fewer = len(networks(family, wider))
    if fewer > len(strangers) and fewer >= len(networks(family, strangers)):
        return strangers, ()
    single = [((seat, seat),) for first, last in joining for seat in range(first, last + 1)]
    return wider, union_all(seat for seat in single if covers(wider, seats.addresses(family, seat)))


class _Sides:
    """Selections as seats and addresses, each worked out once."""

    def __init__(self, policy: Policy, seats: Seats) -> None:
        self.policy = policy
        self.seats = seats
        self._known: dict[tuple[int, Family], _Side] = {}

    def ruling(self, one: Statement, family: Family) -> _Ruling:
        return _Ruling(self._side(one.who, family), self._side(one.whom, family), one.ports.of(family))

    def _side(self, selection: Selection, family: Family) -> _Side:
        place = (id(selection), family)
        if place not in self._known:
            strangers = (selection.addresses - self.policy.nodes).of(family)
            virtual = address_set((one.family, one.address) for one in selection.virtual if one.nodes)
            targets = union(strangers, virtual.of(family))
            self._known[place] = _Side(self.seats.of(family, selection.addresses), strangers, targets)
        return self._known[place]


def receivers_of_virtual(policy: Policy) -> Sequence[Statement]:
    """Allows that open a virtual or multicast address of some node to somebody."""
    return [one for one in policy.of(Verb.ALLOW) if one.who and any(virtual.nodes for virtual in one.whom.virtual)]
