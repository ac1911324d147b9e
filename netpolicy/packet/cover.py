"""Which boxes of a list could go, and which others are to blame: never matched, needless, or overruled.

A box is one canonical interval set a dimension; one that asks nothing of a dimension has its whole domain there. All
answers are exact. One that would take too long is a `GaveUp`, and nothing is said of that box.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from netpolicy.packet.blame import Blame, Cover, GaveUp
from netpolicy.packet.overlaps import bits_of, places_in
from netpolicy.packet.sides import Bits
from netpolicy.packet.space import Box
from netpolicy.packet.split import clips
from netpolicy.packet.steps import Steps

__all__ = ["BUDGET", "Cover", "Finding", "GaveUp", "Kind", "needless", "redundant", "shadowed"]

BUDGET = 1_000_000
"""Steps a question: about a second."""


class Kind(Enum):
    """What is wrong with a box."""

    SHADOWED = "earlier ones cover it"
    REDUNDANT = "without it, nothing changes"
    CONFLICT = "those that overrule it cover it"
    IDLE = "it meets nothing that it could overrule"


@dataclass(frozen=True, slots=True)
class Finding:
    """The box at a place, and which others are to blame.

    `opposed` is one of another action that decides a packet of the box: None if there is none, so that the box is as
    needless as it is covered.
    """

    place: int
    kind: Kind
    by: Cover | GaveUp
    opposed: int | GaveUp | None = None


def shadowed(boxes: Sequence[Box], actions: Sequence[Hashable], budget: int = BUDGET) -> tuple[Finding, ...]:
    """Every box that earlier ones cover, where the first match wins; one that never matches is not blamed."""
    return tuple(_Ordered(boxes, actions, budget).shadowed())


def redundant(boxes: Sequence[Box], actions: Sequence[Hashable], budget: int = BUDGET) -> tuple[Finding, ...]:
    """The shadowed boxes, and those whose packets meet the same action later; all of them can go together.

    What is found last in the list goes first: each finding holds when those after it have gone. A packet that no box
    holds meets no action; a list that has a default ends in a box for it.
    """
    ordered = _Ordered(boxes, actions, budget)
    found = [*ordered.shadowed(), *ordered.taken_over()]
    return tuple(sorted(found, key=lambda finding: finding.place))


def needless(boxes: Sequence[Box], overruling: Sequence[bool], budget: int = BUDGET) -> tuple[Finding, ...]:
    """The boxes in conflict, redundant or idle, where order means nothing and some boxes overrule all others.

    An overruling box is redundant if others of them cover it, and idle if it meets none of the rest. One of the rest
    is in conflict if overruling ones cover it, and redundant if those and others of the rest do. All redundant ones
    can go together, and the boxes to blame are among those that stay; of equal ones the first stays.
    """
    strong = bits_of(place for place, overrules in enumerate(overruling) if overrules)
    every = (1 << len(boxes)) - 1
    weak = every ^ strong
    blame = Blame(boxes, budget, probing=True)
    found, strong = _redundant(blame, strong, 0)
    idle = [place for place in places_in(strong) if not blame.overlapping(place, weak)]
    found += [Finding(place, Kind.IDLE, Cover((), minimal=True)) for place in idle]
    for place in places_in(weak):
        by = blame.cover(place, strong)
        if by is not None:
            found.append(Finding(place, Kind.CONFLICT, by))
            weak ^= 1 << place if isinstance(by, Cover) else 0
    return tuple(sorted([*found, *_redundant(blame, weak, strong)[0]], key=lambda finding: finding.place))


def _redundant(blame: Blame, among: Bits, beside: Bits) -> tuple[list[Finding], Bits]:
    """Those that the others of them cover, with what stands beside; and those that stay."""
    kept, open_questions = among, list[Finding]()
    gone: list[int] = []
    for place in reversed(list(places_in(among))):
        box, others = blame.boxes[place], kept | beside
        if all(box) and blame.plainly_open(place, others):
            continue
        used = blame.covering(box, blame.overlapping(place, others)) if all(box) else []
        if isinstance(used, GaveUp):
            open_questions.append(Finding(place, Kind.REDUNDANT, used))
        elif used is not None:
            gone.append(place)
            kept ^= 1 << place
    by = {place: blame.cover(place, kept | beside, beside) for place in gone}
    found = [Finding(place, Kind.REDUNDANT, cover) for place, cover in by.items() if cover is not None]
    return open_questions + found, kept


class _Ordered:
    """A list in which the first match wins; `kept` are the boxes that were not found."""

    def __init__(self, boxes: Sequence[Box], actions: Sequence[Hashable], budget: int) -> None:
        self.blame = Blame(boxes, budget)
        self.budget = budget
        self.kept: Bits = (1 << len(boxes)) - 1
        places: dict[Hashable, list[int]] = {}
        for place, action in enumerate(actions):
            places.setdefault(action, []).append(place)
        of = {action: bits_of(found) for action, found in places.items()}
        self.same = [of[action] for action in actions]
        unlike = {action: ~bits for action, bits in of.items()}
        self.unlike = [unlike[action] for action in actions]

    def shadowed(self) -> Iterator[Finding]:
        """Each box that earlier ones cover; it is no longer kept."""
        earlier = 0
        for place, unlike in enumerate(self.unlike):
            by = self.blame.cover(place, earlier, unlike)
            if isinstance(by, Cover):
                self.kept ^= 1 << place
                yield Finding(place, Kind.SHADOWED, by, self.opposed(place, earlier & unlike, earlier & ~unlike))
                continue
            earlier |= 1 << place
            if by is not None:
                yield Finding(place, Kind.SHADOWED, by)

    def taken_over(self) -> Iterator[Finding]:
        """Each kept box whose packets would meet the same action later, last ones first; it is no longer kept."""
        for place in reversed(list(places_in(self.kept))):
            earlier = self.kept & ((1 << place) - 1)
            later = self.kept & ~earlier & ~(1 << place)
            same = later & self.same[place]
            by = self.blame.cover(place, earlier | same)
            if isinstance(by, GaveUp):
                yield Finding(place, Kind.REDUNDANT, by)
            elif by is not None:
                opposed = self.opposed(place, later ^ same, earlier | same)
                if opposed is None:
                    self.kept ^= 1 << place
                    yield Finding(place, Kind.REDUNDANT, by)
                elif isinstance(opposed, GaveUp):
                    yield Finding(place, Kind.REDUNDANT, opposed)

    def opposed(self, place: int, others: Bits, rivals: Bits) -> int | GaveUp | None:
        """The first of the others that holds a packet of the box that no rival before it holds."""
        steps = Steps(self.budget)
        live = self.blame.overlapping(place, others)
        before = self.blame.overlapping(place, rivals) if live else []
        for other, inside in live:
            if not steps.take(len(before)):
                return GaveUp(steps.taken)
            left = self.blame.covering(inside, clips(inside, (one for one in before if one[0] < other)))
            if left is None:
                return other
            if isinstance(left, GaveUp):
                return left
        return None
