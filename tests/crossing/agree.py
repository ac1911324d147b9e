"""Random rulesets put to every voice: what was asked, or the text of what they differ about."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from netpolicy.node.backend import Backend
from tests.crossing.drawn import Drawn, rulesets, sets_text
from tests.crossing.sampled import sample
from tests.crossing.saved import Saved
from tests.crossing.voices import MisreadError, disagreements
from tests.crossing.world import RefusedError, World
from tests.differential.agree import DisagreementError
from tests.differential.tally import Tally

PROBES = 200


@dataclass(frozen=True, slots=True)
class Case:
    """A ruleset and the number of a sample of probes; the rest is the same for all cases."""

    tracked: bool
    drawn: Drawn
    number: int


@st.composite
def cases(draw: st.DrawFn, *, tracked: bool) -> Case:
    """Rulesets that ask conntrack, or such as know nothing of it and see fragments."""
    return Case(tracked, draw(rulesets(tracked=tracked)), draw(st.integers(0, 1 << 20)))


_WORLDS: dict[tuple[Backend, bool], World] = {}


def world(backend: Backend, tracked: bool) -> World:
    """The one of this process."""
    if (backend, tracked) not in _WORLDS:
        _WORLDS[backend, tracked] = World(backend, tracked=tracked)
    return _WORLDS[backend, tracked]


def clear() -> None:
    """No world is left."""
    while _WORLDS:
        _WORLDS.popitem()[1].close()


def agreed(case: Case) -> Tally:
    """What was asked; a DisagreementError where voices differ, a tool refuses what was drawn, or our reader does."""
    packets = passing = 0
    probes = sample(case.number, PROBES, tracked=case.tracked)
    sets = sets_text(case.drawn.ruleset)
    for backend in Backend:
        place = world(backend, case.tracked)
        try:
            odd, passed, asked = disagreements(place, case.drawn.texts, sets, case.drawn.ruleset, probes)
        except (RefusedError, MisreadError) as refused:
            raise DisagreementError(str(refused)) from None
        if odd:
            one = odd[0]
            saved = Saved(case.tracked, backend, one.probe, one.said["kernel"], case.drawn.texts, sets)
            raise DisagreementError(saved.text(str(one)))
        packets, passing = packets + asked, passing + passed
    return Tally(rulesets=1, rules=case.drawn.count, packets=packets, passing=passing)
