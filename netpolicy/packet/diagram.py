"""Sets of points in many dimensions as decision diagrams: equal sets are the same object.

A diagram asks for one coordinate after the other, always in the same order, and leaves out those on which nothing
depends. A node has an edge for each set of values that leads to the same rest; what leads to the same rest is one edge,
and equal nodes are one node (`_KNOWN`), so that a set of points has exactly one diagram, however it was made. All is
cached by that identity. Sizes grow with what a set *says*, not with its boxes: a checkerboard is two nodes a row.

The ends of edges are complete: every value of a coordinate lies on exactly one edge. A set that says nothing of a
coordinate needs no range of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from weakref import WeakValueDictionary

from netpolicy.packet import intervals
from netpolicy.packet.budget import spend
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.product import overlay

Variable = tuple[int, str]
"""A coordinate by its rank; opaque matches share a rank and are told apart by their text. Asked in ascending order."""

_CACHED = 1 << 17


class Node:
    """A set of points. Nodes are made by the functions of this module alone; equal sets are the same node."""

    __slots__ = ("__weakref__", "edges", "variable")

    variable: Variable
    edges: tuple[tuple[Intervals, Node], ...]

    def __init__(self, variable: Variable, edges: tuple[tuple[Intervals, Node], ...]) -> None:
        self.variable = variable
        self.edges = edges

    def __repr__(self) -> str:
        if self is FALSE or self is TRUE:
            return "everything" if self is TRUE else "nothing"
        return f"<{self.variable}: {len(self.edges)} edges>"


_AFTER_ALL: Variable = (1 << 30, "")
FALSE = Node(_AFTER_ALL, ())
"""No point."""
TRUE = Node(_AFTER_ALL, ())
"""Every point."""

_KNOWN: WeakValueDictionary[tuple[Variable, tuple[tuple[Intervals, Node], ...]], Node] = WeakValueDictionary()


def cube(asked: Mapping[Variable, tuple[Intervals, int]]) -> Node:
    """The points whose coordinates are among the values asked for; with each goes the last value of its coordinate."""
    found = TRUE
    for variable in sorted(asked, reverse=True):
        inside, last = asked[variable]
        whole = ((0, last),)
        if not inside:
            return FALSE
        if inside != whole:
            found = _node(variable, [(inside, found), (intervals.difference(whole, inside), FALSE)])
    return found


@lru_cache(maxsize=_CACHED)
def complement(a: Node) -> Node:
    """The points that are not in a."""
    if a is FALSE or a is TRUE:
        return TRUE if a is FALSE else FALSE
    spend()
    # Different rests have different complements, so the edges stay as they are.
    return _interned(a.variable, tuple((values, complement(rest)) for values, rest in a.edges))


def union(a: Node, b: Node) -> Node:
    """The points in a or in b."""
    if a is TRUE or b is TRUE:
        return TRUE
    if a is FALSE or a is b:
        return b
    return a if b is FALSE else _union(a, b)


def intersection(a: Node, b: Node) -> Node:
    """The points in a and in b."""
    if a is FALSE or b is FALSE:
        return FALSE
    if a is TRUE or a is b:
        return b
    return a if b is TRUE else _intersection(a, b)


def difference(a: Node, b: Node) -> Node:
    """The points in a and not in b."""
    return intersection(a, complement(b))


def union_all(sets: Iterable[Node]) -> Node:
    """The points in any of the sets: neighbours first, as a balanced tree."""
    layer = [one for one in dict.fromkeys(sets) if one is not FALSE]
    while len(layer) > 1:
        odd = layer[len(layer) & ~1 :]
        layer = [union(a, b) for a, b in zip(layer[::2], layer[1::2], strict=False)] + odd
    return layer[0] if layer else FALSE


def covers(a: Node, b: Node) -> bool:
    """True if every point of b is in a."""
    return not overlaps(complement(a), b)


def overlaps(a: Node, b: Node) -> bool:
    """True if some point is in both; stops at the first that is."""
    if a is FALSE or b is FALSE:
        return False
    return True if a is TRUE or b is TRUE or a is b else _overlaps(a, b)


def contains(a: Node, point: Mapping[Variable, int]) -> bool:
    """True if the point is in a; a coordinate that the point does not have is 0."""
    while a.edges:
        value = point.get(a.variable, 0)
        a = next(rest for values, rest in a.edges if intervals.contains(values, value))
    return a is TRUE


@lru_cache(maxsize=_CACHED)
def without(a: Node, variable: Variable) -> Node:
    """The points that are in a for some value of the variable: a no longer says anything of it."""
    if a.variable > variable:
        return a
    spend()
    if a.variable == variable:
        return union_all(rest for _, rest in a.edges)
    return _node(a.variable, [(values, without(rest, variable)) for values, rest in a.edges])


@lru_cache(maxsize=_CACHED)
def at(a: Node, variable: Variable, value: int) -> Node:
    """The points that are in a with this value of the variable, whatever they have there."""
    if a.variable > variable:
        return a
    spend()
    if a.variable == variable:
        return next(rest for values, rest in a.edges if intervals.contains(values, value))
    return _node(a.variable, [(values, at(rest, variable, value)) for values, rest in a.edges])


def renumbered(a: Node, numbers: Mapping[Variable, Sequence[Intervals]]) -> Node:
    """The same points where some coordinates are told more finely: each value of old is all of these of new."""
    done: dict[Node, Node] = {FALSE: FALSE, TRUE: TRUE}

    def told(values: Intervals, finer: Sequence[Intervals]) -> Intervals:
        return intervals.union_all(finer[value] for first, last in values for value in range(first, last + 1))

    def made(node: Node) -> Node:
        if node not in done:
            finer = numbers.get(node.variable)
            parts = [(values if finer is None else told(values, finer), made(rest)) for values, rest in node.edges]
            done[node] = _node(node.variable, parts)
        return done[node]

    return made(a)


def variables(a: Node) -> tuple[Variable, ...]:
    """The coordinates on which it depends whether a point is in a, in order."""
    return tuple(sorted({node.variable for node in nodes(a) if node.edges}))


def nodes(a: Node) -> tuple[Node, ...]:
    """Every node of the diagram, each once."""
    found: dict[Node, None] = {a: None}
    todo = [a]
    while todo:
        for _, rest in todo.pop().edges:
            if rest not in found:
                found[rest] = None
                todo.append(rest)
    return tuple(found)


def boxes(a: Node) -> Iterator[dict[Variable, Intervals]]:
    """Disjoint boxes whose union is a, in order; a coordinate that a box does not name is free."""
    if a is TRUE:
        yield {}
    for values, rest in a.edges:
        for box in boxes(rest):
            yield {a.variable: values, **box}


def forget() -> None:
    """What was worked out is worked out again when it is asked again; no set changes."""
    for known in (complement, without, at, _union, _intersection, _overlaps):
        known.cache_clear()


@lru_cache(maxsize=_CACHED)
def _union(a: Node, b: Node) -> Node:
    spend()
    if a.variable == b.variable:
        met = overlay(a.edges, b.edges)
        return _node(a.variable, [(values, union(a.edges[i][1], b.edges[j][1])) for (i, j), values in met.items()])
    first, other = (a, b) if a.variable < b.variable else (b, a)
    return _node(first.variable, [(values, union(rest, other)) for values, rest in first.edges])


@lru_cache(maxsize=_CACHED)
def _intersection(a: Node, b: Node) -> Node:
    spend()
    if a.variable == b.variable:
        met = overlay(a.edges, b.edges)
        return _node(
            a.variable, [(values, intersection(a.edges[i][1], b.edges[j][1])) for (i, j), values in met.items()]
        )
    first, other = (a, b) if a.variable < b.variable else (b, a)
    return _node(first.variable, [(values, intersection(rest, other)) for values, rest in first.edges])


@lru_cache(maxsize=_CACHED)
def _overlaps(a: Node, b: Node) -> bool:
    spend()
    if a.variable == b.variable:
        return any(overlaps(a.edges[i][1], b.edges[j][1]) for i, j in overlay(a.edges, b.edges))
    first, other = (a, b) if a.variable < b.variable else (b, a)
    return any(overlaps(rest, other) for _, rest in first.edges)


def _node(variable: Variable, parts: Iterable[tuple[Intervals, Node]]) -> Node:
    """The node of these parts, which hold every value once; no node where it does not matter which."""
    gathered: dict[Node, list[Intervals]] = defaultdict(list)
    for values, rest in parts:
        if values:
            gathered[rest].append(values)
    if len(gathered) == 1:
        return next(iter(gathered))
    edges = ((found[0] if len(found) == 1 else intervals.union_all(found), rest) for rest, found in gathered.items())
    return _interned(variable, tuple(sorted(edges, key=lambda edge: edge[0][0])))


def _interned(variable: Variable, edges: tuple[tuple[Intervals, Node], ...]) -> Node:
    known = _KNOWN.get((variable, edges))
    if known is None:
        known = _KNOWN[variable, edges] = Node(variable, edges)
    return known
