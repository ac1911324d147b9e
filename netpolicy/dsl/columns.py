"""Columns: what stands below each other in the statements of a paragraph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from netpolicy.dsl.clauses import Clause
from netpolicy.dsl.pieces import padded, text_of, width

FARTHEST = 32
"""How much wider than the narrowest a cell may be to push the others away."""
_ARROW = ("flow", 2)


def fitting(widths: Iterable[int]) -> int:
    """The width of a column; what is far wider than the narrowest does not push the others away."""
    known = list(widths)
    farthest = min(known, default=0) + FARTHEST
    return max((one for one in known if one <= farthest), default=0)


def heads(clauses: Sequence[Clause]) -> list[str]:
    """The cells of each clause as text; those of a family and a shape are in columns.

    Behind a cell that is wider than its column a clause goes on without columns.
    """
    texts = [[text_of(cell) for cell in one.cells] for one in clauses]
    lines = ["" for _ in clauses]
    straight = [True for _ in clauses]
    for column in range(max(len(row) for row in texts)):
        for members in _together(clauses, texts, column):
            followed = [one for one in members if straight[one] and any(texts[one][column + 1 :])]
            widest = fitting(width(texts[one][column]) for one in followed)
            for one in followed:
                cell = texts[one][column]
                straight[one] = width(cell) <= widest
                if straight[one]:
                    right = (clauses[one].shape, column) == _ARROW
                    texts[one][column] = cell.rjust(widest) if right else padded(cell, widest)
            for one in members:
                if texts[one][column]:
                    lines[one] += (" " if lines[one] else "") + texts[one][column]
    return lines


def _together(clauses: Sequence[Clause], texts: Sequence[Sequence[str]], column: int) -> Iterable[list[int]]:
    """The clauses whose cells stand in one column, by their places."""
    groups: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(clauses):
        if column < len(texts[place]):
            groups[one.shape if column else one.family].append(place)
    return groups.values()
