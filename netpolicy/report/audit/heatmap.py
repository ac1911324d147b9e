"""Who may reach whom as a picture of squares: a row is who sends, a column who receives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_KINDS = {"outside": 0, "network": 1, "role": 2}
_LETTERS = {"high": "H", "medium": "M", "low": "L", "none": ""}
_SIDES = ((16, 36), (26, 30))
_SMALLEST = 25
_GLYPH = 7.0
_LONGEST = 20


@dataclass(frozen=True, slots=True)
class Cell:
    """A square: `mark` is the letter of its risk and how many services pass; empty where nothing does."""

    row: int
    column: int
    source: str
    destination: str
    risk: str
    mark: str
    title: str


@dataclass(frozen=True, slots=True)
class End:
    """A role, a network or `outside`; `label` is its name, shortened to what the picture has room for."""

    name: str
    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The picture; `side` of a square and `margin` of the headings are in pixels."""

    ends: tuple[End, ...]
    cells: tuple[Cell, ...]
    side: int
    margin: int

    @property
    def size(self) -> int:
        """Width and height of the whole, in pixels."""
        return self.margin + self.side * len(self.ends) + 1


def ends_of(tree: Mapping[str, Any]) -> tuple[End, ...]:
    """Who has nodes or flows: all that is outside first, then networks, then roles, each as the document lists them."""
    idle = set(idle_of(tree))
    listed = sorted(tree["roles"], key=lambda role: _KINDS[role["kind"]])
    return tuple(
        End(role["name"], role["kind"], shortened(role["name"])) for role in listed if role["name"] not in idle
    )


def idle_of(tree: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of who has neither nodes nor flows, and would fill a picture with nothing."""
    met = {name for cell in tree["matrix"] for name in (cell["source"], cell["destination"])}
    return tuple(role["name"] for role in tree["roles"] if not role["nodes"] and role["name"] not in met)


def heat_map(tree: Mapping[str, Any]) -> HeatMap:
    """A square for each ordered pair of ends."""
    ends = ends_of(tree)
    known = {(cell["source"], cell["destination"]): cell for cell in tree["matrix"]}
    cells = tuple(
        _cell(row, column, source.name, destination.name, known.get((source.name, destination.name)))
        for row, source in enumerate(ends)
        for column, destination in enumerate(ends)
    )
    side = next((side for most, side in _SIDES if len(ends) <= most), _SMALLEST)
    return HeatMap(ends, cells, side, round(12 + _GLYPH * max((len(end.label) for end in ends), default=0)))


def shortened(name: str) -> str:
    """The name, cut where it is too long for a heading in a picture."""
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def _cell(row: int, column: int, source: str, destination: str, found: Mapping[str, Any] | None) -> Cell:
    if found is None:
        return Cell(row, column, source, destination, "empty", "", f"{source} to {destination}: nothing passes")
    services = found["services"]
    mark = _LETTERS[found["risk"]] + (
        "all" if any(one["protocol"] == "any" for one in services) else str(len(services))
    )
    told = ", ".join(one["text"] for one in services)
    return Cell(
        row,
        column,
        source,
        destination,
        found["risk"],
        mark,
        f"{source} to {destination}: {told}; risk {found['risk']}",
    )
