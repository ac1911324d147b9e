"""Which unions of boxes of a list could go, and which others are to blame together.

As `cover.needless`, where each of the list is not one box but several: a statement opens more than one product. It is
needless only if all its boxes are, and the boxes of one that goes, go together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netpolicy.packet.blame import Blame
from netpolicy.packet.cover import BUDGET, Cover, Finding, GaveUp, Kind
from netpolicy.packet.overlaps import bits_of, places_in
from netpolicy.packet.sides import Bits
from netpolicy.packet.space import Box

TOTAL = 5_000_000
"""Steps for all questions about a list: some seconds."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A union of boxes; `overruling` ones beat all others; one that is not `judged` stays, whatever it is."""

    boxes: tuple[Box, ...]
    overruling: bool
    judged: bool = True


def needless_wholes(wholes: Sequence[Whole], budget: int = BUDGET, total: int = TOTAL) -> tuple[Finding, ...]:
    """The judged ones in conflict or redundant, as `needless` has it, by place; one without a box is none.

    All redundant ones can go together, and those in conflict with them. Each question has a budget of steps, and all
    questions have one, past which the rest are given up.
    """
    return tuple(sorted(_Wholes(wholes, budget, total).found(), key=lambda finding: finding.place))


class _Wholes:
    def __init__(self, wholes: Sequence[Whole], budget: int, total: int) -> None:
        self.wholes = wholes
        self.budget, self.total = budget, total
        self.owner = [at for at, whole in enumerate(wholes) for _ in whole.boxes]
        self.blame = Blame([box for whole in wholes for box in whole.boxes], budget, probing=True)
        self.parts: list[list[int]] = [[] for _ in wholes]
        for place, at in enumerate(self.owner):
            self.parts[at].append(place)
        self.bits = [bits_of(places) for places in self.parts]

    def found(self) -> Iterator[Finding]:
        strong = [at for at, whole in enumerate(self.wholes) if whole.overruling]
        weak = [at for at, whole in enumerate(self.wholes) if not whole.overruling]
        denied, told = self.redundant(strong, 0)
        yield from told
        left = []
        for at in weak:
            by = self.cover(at, denied) if self.asked(at) else None
            if by is None or isinstance(by, GaveUp):
                left.append(at)
            if by is not None:
                yield Finding(at, Kind.CONFLICT, by)
        yield from self.redundant(left, denied)[1]

    def redundant(self, among: Sequence[int], beside: Bits) -> tuple[Bits, list[Finding]]:
        """The boxes of those that stay, and what is told of the others, which these cover with what stands beside."""
        kept, gone, told = self.of(among), list[int](), list[Finding]()
        for at in reversed(among):
            others = (kept | beside) & ~self.bits[at]
            covered = self.covered(at, others) if self.asked(at) else False
            if isinstance(covered, GaveUp):
                told.append(Finding(at, Kind.REDUNDANT, covered))
            elif covered:
                kept &= ~self.bits[at]
                gone.append(at)
        for at in gone:
            by = self.cover(at, kept | beside, beside)
            assert by is not None, "what covers it stays"
            told.append(Finding(at, Kind.REDUNDANT, by))
        return kept, told

    def covered(self, at: int, others: Bits) -> bool | GaveUp:
        """True if the other boxes hold every point of it."""
        places = self.parts[at]
        if any(self.blame.plainly_open(place, others) for place in places):
            return False
        for place in places:
            if not self.pays():
                return GaveUp(self.blame.taken)
            used = self.blame.covering(self.blame.boxes[place], self.blame.overlapping(place, others))
            if used is None or isinstance(used, GaveUp):
                return used or False
        return True

    def cover(self, at: int, among: Bits, preferred: Bits = 0) -> Cover | GaveUp | None:
        """Those among whose boxes it is covered together, none of which can be left out; one alone if there is one."""
        places, among = self.parts[at], among & ~self.bits[at]
        if any(self.blame.plainly_open(place, among) for place in places):
            return None
        used: Bits = 0
        for place in places:
            if not self.pays():
                return GaveUp(self.blame.taken)
            by = self.blame.cover(place, among, preferred)
            if by is None or isinstance(by, GaveUp):
                return by
            used |= bits_of(self.owner[one] for one in by.places)
        alone = self.alone(at, among, preferred)
        if alone is not None:
            return Cover((alone,), minimal=True)
        names, minimal = self.names(preferred), True
        for one in sorted(places_in(used), key=lambda one: (names >> one & 1, -one)):
            rest = used & ~(1 << one)
            covered = self.covered(at, self.of(places_in(rest)))
            minimal &= not isinstance(covered, GaveUp)
            used = rest if covered is True else used
        first = list(places_in(used & names))
        return Cover((*first, *places_in(used & ~names)), minimal)

    def alone(self, at: int, among: Bits, preferred: Bits) -> int | None:
        """One whose boxes each hold one of it whole: a preferred one, else the first."""
        common: Bits = -1
        for place in self.parts[at]:
            box = self.blame.boxes[place]
            live = self.blame.overlapping(place, among)
            common &= bits_of(self.owner[one] for one, inside in live if inside == box)
        return next(places_in(common & self.names(preferred) or common), None)

    def asked(self, at: int) -> bool:
        return self.wholes[at].judged and bool(self.parts[at])

    def pays(self) -> bool:
        """True if steps are left; a question may take no more than these."""
        self.blame.budget = min(self.budget, self.total - self.blame.taken)
        return self.blame.budget > 0

    def of(self, some: Sequence[int] | Iterator[int]) -> Bits:
        """The boxes of these."""
        found: Bits = 0
        for at in some:
            found |= self.bits[at]
        return found

    def names(self, boxes: Bits) -> Bits:
        """Whose boxes these are."""
        return bits_of({self.owner[place] for place in places_in(boxes)})
