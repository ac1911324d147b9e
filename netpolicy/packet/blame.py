"""A small set of boxes that cover a box together, of which none can be left out; boxes are places in a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from operator import is_

from netpolicy.packet.overlaps import Overlaps, bits_of, places_in
from netpolicy.packet.probe import Probe
from netpolicy.packet.sides import Bits, Sides, as_intervals, extent
from netpolicy.packet.space import Box
from netpolicy.packet.split import Clip, Outcome, clips, split
from netpolicy.packet.steps import Steps
from netpolicy.packet.sweep import covered_exactly


@dataclass(frozen=True, slots=True)
class Cover:
    """Places of boxes that cover a box together, preferred ones first; `minimal` if none can be left out.

    An empty box is covered by no box at all.
    """

    places: tuple[int, ...]
    minimal: bool


@dataclass(frozen=True, slots=True)
class GaveUp:
    """So many steps did not suffice for an answer."""

    steps: int


class Blame:
    """Asks of the boxes of a list which others cover them; each question has a budget of steps.

    The search (`split`) may take the budget, the exact fallback (`sweep`) may take it again, and so may each of two
    attempts to leave boxes out. `taken` counts the steps of all questions. With `probing`, a hole is first looked for
    in a quick way, which pays where boxes have few different sides.
    """

    def __init__(self, boxes: Sequence[Box], budget: int, *, probing: bool = False) -> None:
        self.budget = budget
        self.taken = 0
        self._overlaps = Overlaps(boxes)
        self._probe = Probe(boxes) if probing else None
        self.boxes = self._overlaps.boxes

    def plainly_open(self, place: int, among: Bits) -> bool:
        """True if a quick look finds a point of the box that is in none of those; False says nothing."""
        return self._probe is not None and self._probe.finds_hole(place, among & ~(1 << place))

    def overlapping(self, place: int, among: Bits) -> list[Clip]:
        """What of each of those boxes lies in the box at the place, without the box itself."""
        others = self._overlaps.of(self.boxes[place]) & among & ~(1 << place)
        return clips(self.boxes[place], ((other, self.boxes[other]) for other in places_in(others)))

    def cover(self, place: int, among: Bits, preferred: Bits = 0) -> Cover | GaveUp | None:
        """Boxes among those that cover the one at the place, or None if some point of it is in none of them.

        It is the smallest cover found: one box alone if there is such a box. Of covers of equal size it is one with a
        preferred box, if both kinds were found.
        """
        box = self.boxes[place]
        if not all(box):
            return Cover((), minimal=True)
        if self.plainly_open(place, among):
            return None
        live = self.overlapping(place, among)
        alone = [other for other, inside in live if all(map(is_, inside, box))]
        if alone:
            return Cover((next((one for one in alone if preferred >> one & 1), alone[0]),), minimal=True)
        used = self.covering(box, live)
        if used is None or isinstance(used, GaveUp):
            return used
        found = self._minimal(dict(live), used, preferred)
        if not _any(found.places, preferred) and _any([other for other, _ in live], preferred):
            again = split(box, live, preferred, Steps(self.budget))
            other = self._minimal(dict(live), again, preferred) if not isinstance(again, Outcome) else found
            if _any(other.places, preferred) and len(other.places) <= len(found.places):
                found = other
        return found

    def covering(self, piece: Sides, live: list[Clip]) -> list[int] | GaveUp | None:
        """Places of those that cover the piece, not all needed, or None if some point of it is in none."""
        search = Steps(self.budget)
        used = split(piece, live, 0, search)
        self.taken += search.taken
        if used is Outcome.HOLE:
            return None
        if used is not Outcome.SPENT:
            return used
        exact = Steps(self.budget)
        covered = covered_exactly(as_intervals(piece), [as_intervals(inside) for _, inside in live], exact)
        self.taken += exact.taken
        if covered is None:
            return GaveUp(search.taken + exact.taken)
        return [place for place, _ in live] if covered else None

    def _minimal(self, inside: dict[int, Sides], used: Sequence[int], preferred: Bits) -> Cover:
        """The used ones without those that the others make needless: the smallest go first, preferred ones last.

        What is needed stays needed when others have gone, so one round is enough.
        """
        steps = Steps(self.budget)
        kept = bits_of(used)
        for place in sorted(used, key=lambda one: (preferred >> one & 1, prod(map(extent, inside[one])))):
            near = self._overlaps.of(self.boxes[place]) & kept & ~(1 << place)
            others = clips(inside[place], ((other, inside[other]) for other in places_in(near)))
            found = split(inside[place], others, 0, steps)
            if found is Outcome.SPENT:
                break
            if found is not Outcome.HOLE:
                kept ^= 1 << place
        self.taken += steps.taken
        first = list(places_in(kept & preferred))
        return Cover((*first, *places_in(kept & ~preferred)), not steps.spent)


def _any(places: Sequence[int], wanted: Bits) -> bool:
    return bool(bits_of(places) & wanted)
