"""One process of a soak: cases of every source in turn, until the time is over."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.queues import Queue
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Flaky

from tests.differential.agree import DisagreementError
from tests.differential.tally import Tally
from tests.soak.sources import SOURCES, Source


@dataclass(frozen=True, slots=True)
class Text:
    """A disagreement, and where it belongs."""

    words: str
    folder: Path


Told = Tally | Text | Exception | None
"""What a worker tells: counts, a disagreement, that it could not go on, that it has ended."""


class BrokenError(Exception):
    """A worker could not go on; its words are the traceback."""


def work(first_seed: int, until: float, said: Queue[Told]) -> None:
    """Tells of all that was asked; ends with None."""
    number = first_seed
    try:
        while time.monotonic() < until:
            for source in SOURCES:
                for text in tried(source, number, until, said.put):
                    said.put(Text(text, source.folder))
            number += 1
    except Exception:
        said.put(BrokenError(traceback.format_exc()))
    said.put(None)


def tried(source: Source, number: int, until: float, tell: Callable[[Tally], object]) -> list[str]:
    """The cases of a turn have been tried; where voices differ about one, its text, as small as it could be made."""
    failing: list[str] = []

    @seed(number)
    @settings(
        max_examples=source.turn,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(source.cases)
    def each(case: object) -> None:
        if not failing and time.monotonic() >= until:
            return
        try:
            tally = source.agreed(case)
        except DisagreementError as differing:
            failing.append(str(differing))
            raise
        if not failing:
            tell(tally)

    try:
        each()
    except (DisagreementError, Flaky):
        return failing[-1:]
    return []
