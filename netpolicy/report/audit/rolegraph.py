"""Who may reach whom as a graph: ends on a circle, an arrow for what passes between two of them.

What every role may do is told in words: a cluster in which each node takes SSH from each other would be one black disc.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import cos, degrees, hypot, pi, sin
from typing import Any

from netpolicy.report.audit.heatmap import End, ends_of

EVERY = "every role"
_DOT = 6.0
_ARROW = 7.0
_PULL = 0.35
_ASIDE = 16.0
_FEWEST = 4
"""Of fewer roles, nobody is told `every role`."""
_GLYPH = 7.2

Point = tuple[float, float]
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Dot:
    """An end on the circle; its label is turned by `angle` degrees and runs to the left where `left`."""

    end: End
    x: float
    y: float
    angle: float
    left: bool
    shared: bool


@dataclass(frozen=True, slots=True)
class Arrow:
    """What passes from one end to another and is not told in words; `line` and `head` are SVG paths."""

    source: str
    destination: str
    risk: str
    title: str
    line: str
    head: str


@dataclass(frozen=True, slots=True)
class Shared:
    """Services that every role has in common, sent or received by one end or by every role."""

    source: str
    destination: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoleGraph:
    """The picture, and what it leaves out; `box` is its left, top, width and height in pixels, around a middle at 0."""

    dots: tuple[Dot, ...]
    arrows: tuple[Arrow, ...]
    shared: tuple[Shared, ...]
    box: tuple[int, int, int, int]


def role_graph(tree: Mapping[str, Any]) -> RoleGraph:
    """The graph of a document; the same document gives the same picture."""
    ends = ends_of(tree)
    radius = max(180.0, 6.8 * len(ends))
    turns = {end.name: 2 * pi * number / len(ends) - pi / 2 for number, end in enumerate(ends)}
    places = {name: (radius * cos(turn), radius * sin(turn)) for name, turn in turns.items()}
    shared, left = _apart(tree["matrix"], _possible(tree))
    told = {name for one in shared for name in (one.source, one.destination)}
    dots = tuple(_dot(end, places[end.name], turns[end.name], end.name in told) for end in ends)
    arrows = tuple(
        _arrow(cell, left[cell["source"], cell["destination"]], places)
        for cell in tree["matrix"]
        if left[cell["source"], cell["destination"]] and cell["source"] != cell["destination"]
    )
    return RoleGraph(dots, arrows, shared, _box(radius, ends, turns))


def _box(radius: float, ends: Sequence[End], turns: Mapping[str, float]) -> tuple[int, int, int, int]:
    """What holds every dot and the far end of every label."""
    reach = [(radius + 20 + _GLYPH * len(end.label), turns[end.name]) for end in ends]
    across, down = [far * cos(turn) for far, turn in reach], [far * sin(turn) for far, turn in reach]
    left, right, top, bottom = (round(far(side, default=0)) for side in (across, down) for far in (min, max))
    return left - 10, top - 10, right - left + 20, bottom - top + 20


def _possible(tree: Mapping[str, Any]) -> set[Pair]:
    """The pairs of roles between which something could pass: a node that has two roles does not send to itself."""
    held: dict[str, set[str]] = {}
    for node in tree["list_of_nodes"]:
        for role in node["roles"]:
            held.setdefault(role, set()).add(node["name"])
    alone = {role: next(iter(names)) for role, names in held.items() if len(names) == 1}
    return {(one, other) for one in held for other in held if alone.get(one, one) != alone.get(other, other)} | {
        (role, role) for role in held if role not in alone
    }


def _apart(
    matrix: Sequence[Mapping[str, Any]], possible: set[Pair]
) -> tuple[tuple[Shared, ...], dict[Pair, list[str]]]:
    """What every role does, and what is left of each pair; `possible` has the pairs of roles that have two nodes."""
    pairs: dict[str, set[Pair]] = {}
    for cell in matrix:
        for service in cell["services"]:
            pairs.setdefault(service["text"], set()).add((cell["source"], cell["destination"]))
    roles = {name for pair in possible for name in pair}
    told: dict[Pair, list[str]] = {}
    rest: dict[Pair, list[str]] = {(cell["source"], cell["destination"]): [] for cell in matrix}
    for service, held in pairs.items():
        left = set(held)
        for ends, covered in _common(held, possible, roles) if len(roles) >= _FEWEST else ():
            told.setdefault(ends, []).append(service)
            left -= covered
        for pair in left:
            rest[pair].append(service)
    shared = (Shared(source, destination, tuple(services)) for (source, destination), services in told.items())
    return tuple(
        sorted(shared, key=lambda one: (one.source != EVERY, one.destination != EVERY, one.source, one.destination))
    ), rest


def _common(held: set[Pair], possible: set[Pair], roles: set[str]) -> Iterable[tuple[Pair, set[Pair]]]:
    """(ends, pairs): a service between every two roles, to one end from every role, or from one end to every role."""
    if held >= possible:
        yield (EVERY, EVERY), possible
        held = held - possible
    for end in sorted({name for pair in held for name in pair}):
        to, back = {(role, end) for role in roles}, {(end, role) for role in roles}
        if end in roles:
            to, back = to & possible, back & possible
        if held >= to:
            yield (EVERY, end), to
        if held >= back:
            yield (end, EVERY), back


def _dot(end: End, place: Point, turn: float, shared: bool) -> Dot:
    left = cos(turn) < -1e-9
    angle = degrees(turn) + (180 if left else 0)
    return Dot(end, _round(place[0]), _round(place[1]), _round(angle), left, shared)


def _arrow(cell: Mapping[str, Any], services: Sequence[str], places: Mapping[str, Point]) -> Arrow:
    """A curve that bends towards the middle; the way back lies beside it."""
    start, end = places[cell["source"]], places[cell["destination"]]
    way = hypot(end[0] - start[0], end[1] - start[1])
    aside = (-(end[1] - start[1]) / way * _ASIDE, (end[0] - start[0]) / way * _ASIDE)
    middle = tuple((a + b) / 2 * _PULL + c for a, b, c in zip(start, end, aside, strict=True))
    bend = (middle[0], middle[1])
    first, last = _towards(start, bend, _DOT + 2), _towards(end, bend, _DOT + 2)
    neck = _towards(end, bend, _DOT + 2 + _ARROW)
    across = ((last[1] - neck[1]) * 0.45, (neck[0] - last[0]) * 0.45)
    sides = [(neck[0] + sign * across[0], neck[1] + sign * across[1]) for sign in (1, -1)]
    return Arrow(
        cell["source"],
        cell["destination"],
        cell["risk"],
        f"{cell['source']} to {cell['destination']}: {', '.join(services)}; risk {cell['risk']}",
        f"M{_text(first)}Q{_text(bend)} {_text(neck)}",
        f"M{_text(last)}L{_text(sides[0])}L{_text(sides[1])}Z",
    )


def _towards(start: Point, aim: Point, length: float) -> Point:
    way = hypot(aim[0] - start[0], aim[1] - start[1]) or 1.0
    return start[0] + (aim[0] - start[0]) / way * length, start[1] + (aim[1] - start[1]) / way * length


def _text(point: Point) -> str:
    return f"{_round(point[0]):g},{_round(point[1]):g}"


def _round(number: float) -> float:
    """One digit behind the point: the last bits of a sine are no one's picture, and differ between machines."""
    return round(number, 1) + 0.0
