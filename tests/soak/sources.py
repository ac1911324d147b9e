"""Where cases come from. Whoever joins the soak adds a source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis.strategies import SearchStrategy

from tests.differential.agree import agreed
from tests.differential.case import cases
from tests.differential.tally import Tally


@dataclass(frozen=True, slots=True)
class Source:
    """Draws cases, and tries one: what was asked, or a DisagreementError whose words are the text to save."""

    name: str
    cases: SearchStrategy[Any]
    agreed: Callable[[Any], Tally]


SOURCES = (Source("policies", cases(), agreed),)
