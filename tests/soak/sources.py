"""Where cases come from. Whoever joins the soak adds a source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis.strategies import SearchStrategy

from tests.crossing import agree as rulesets
from tests.crossing.saved import FOLDER as RULESETS
from tests.differential.agree import agreed
from tests.differential.case import cases
from tests.differential.saved import FOLDER
from tests.differential.tally import Tally


@dataclass(frozen=True, slots=True)
class Source:
    """Draws cases, and tries one: what was asked, or a DisagreementError whose words are the text to save.

    Texts are saved in `folder`, where a test tries them again. `turn` is how many cases it has in a row.
    """

    name: str
    cases: SearchStrategy[Any]
    agreed: Callable[[Any], Tally]
    folder: Path
    turn: int


SOURCES = (
    Source("policies", cases(), agreed, FOLDER, 50),
    Source("rulesets", rulesets.cases(tracked=True), rulesets.agreed, RULESETS, 10),
    Source("rulesets without conntrack", rulesets.cases(tracked=False), rulesets.agreed, RULESETS, 10),
)
