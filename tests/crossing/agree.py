"""Random rulesets put to every voice: what was asked, or the text of what they differ about."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from netpolicy.node.backend import Backend
from tests.crossing.drawn import Drawn, rulesets, sets_text
from tests.crossing.sampled import sample
from tests.crossing.saved import Saved
from tests.crossing.voices import MisreadError, disagreements
from tests.crossing.world import RefusedError, World

PROBES = 200
_TOGETHER = 25
"""Rulesets of a seed; a disagreement ends them."""
_SHRINKING = 60
"""Seconds that a disagreement may go on being made smaller when the time is over."""
SLOW = tuple(HealthCheck)


class DisagreementError(Exception):
    """Voices differ; the words are the text to save."""


@dataclass(slots=True)
class Counts:
    """How much was asked. A packet is counted for each backend; `texts` are the disagreements, and what was refused."""

    rulesets: int = 0
    rules: int = 0
    packets: int = 0
    passing: int = 0
    texts: list[str] = field(default_factory=list)

    @property
    def disagreements(self) -> int:
        return len(self.texts)

    def add(self, other: Counts) -> None:
        """These were asked as well."""
        self.rulesets += other.rulesets
        self.rules += other.rules
        self.packets += other.packets
        self.passing += other.passing
        self.texts += other.texts

    def __str__(self) -> str:
        return (
            f"{self.rulesets:,} rulesets, {self.rules:,} rules, {self.packets:,} packets, "
            f"{self.passing / max(1, self.packets):.0%} passing, {self.disagreements} disagreements"
        )


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


def agreed(case: Case) -> Counts:
    """What was asked; a DisagreementError where voices differ.

    A RefusedError says that a tool does not take what was drawn, a MisreadError that our reader does not.
    """
    found = Counts()
    probes = sample(case.number, PROBES, tracked=case.tracked)
    sets = sets_text(case.drawn.ruleset)
    for backend in Backend:
        place = world(backend, case.tracked)
        odd, passing, asked = disagreements(place, case.drawn.texts, sets, case.drawn.ruleset, probes)
        if odd:
            one = odd[0]
            saved = Saved(case.tracked, backend, one.probe, one.said["kernel"], case.drawn.texts, sets)
            raise DisagreementError(saved.text(str(one)))
        found.packets += asked
        found.passing += passing
    found.rulesets, found.rules = 1, case.drawn.count
    return found


def soak(seed: int, until: float) -> Counts:
    """What was asked of random rulesets until `time.monotonic()` is that; seeds of two calls at once lie far apart."""
    total = Counts()
    while time.monotonic() < until:
        for tracked in (True, False):
            total.add(_some(seed, until, tracked=tracked))
        seed += 1
    return total


def _some(seed: int, until: float, *, tracked: bool) -> Counts:
    found = Counts()
    failing: list[str] = []

    @seeded(seed)
    @settings(
        max_examples=_TOGETHER,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=SLOW,
        verbosity=Verbosity.quiet,
    )
    @given(cases(tracked=tracked))
    def each(case: Case) -> None:
        if time.monotonic() >= (until + _SHRINKING if failing else until):
            return
        try:
            counts = agreed(case)
        except DisagreementError as differing:
            failing.append(str(differing))
            raise
        if not failing:
            found.add(counts)

    try:
        each()
    except (DisagreementError, Flaky):
        found.texts += failing[-1:]
    except (RefusedError, MisreadError) as refused:
        found.texts.append(str(refused))
    return found
