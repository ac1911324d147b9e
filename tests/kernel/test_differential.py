"""Random policies mean in the kernel what they say.

Real packets between random clusters, on both backends: the specification, the meaning that rules are proved against,
`decide` on the rules as read back, and the kernel have to say the same of every packet.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from netpolicy.lab.pairs import Way
from tests.differential.agree import agreed
from tests.differential.case import Case, cases
from tests.differential.saved import FOLDER, parsed
from tests.differential.tally import Tally
from tests.differential.trial import tried
from tests.properties.test_meaning import SLOW

SAVED = sorted(FOLDER.glob("*.txt"))
POLICIES = 120


def test_random_policies_mean_what_they_say() -> None:
    total = Tally()

    @settings(max_examples=POLICIES, derandomize=True, database=None, suppress_health_check=SLOW)
    @given(cases())
    def each(case: Case) -> None:
        nonlocal total
        total += agreed(case)

    each()
    assert total.policies >= POLICIES
    assert total.passing > 0.3 * total.packets, str(total)
    # Some of every way pass, and some do not: what is never seen proves nothing.
    assert {(way.name, passes) for way in Way for passes in (True, False)} == set(+total.fates)


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_a_disagreement_stays_away(path: Path) -> None:
    saved = parsed(path.read_text(encoding="utf-8"))
    trial = tried(saved.case, saved.backends, most=None)
    assert not trial.disagreements, str(trial.disagreements[0])
    assert trial.packets.issuperset(saved.packets), "the packet is not asked any more"
    assert saved.packets
