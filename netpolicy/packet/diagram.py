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
_TALL = 100
"""What is higher is worked out from its far end, so that no recursion goes deeper: Python ends one at 1,000 calls."""


class Node:
    """A set of points. Nodes are made by the functions of this module alone; equal sets are the same node."""

    __slots__ = ("__weakref__", "edges", "height", "variable")

    variable: Variable
    edges: tuple[tuple[Intervals, Node], ...]
    height: int
    """How many coordinates it asks for one after the other, at most."""

    def __init__(self, variable: Variable, edges: tuple[tuple[Intervals, Node], ...]) -> None:
        self.variable = variable
        self.edges = edges
        self.height = 1 + max((rest.height for _, rest in edges), default=-1)

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


def complement(a: Node) -> Node:
    """The points that are not in a."""
    if a.height > _TALL:
        for node in _from_far_end(nodes(a)):
            _complement(node)
    return _complement(a)


def union(a: Node, b: Node) -> Node:
    """The points in a or in b."""
    if a.height > _TALL or b.height > _TALL:
        for x, y in _tall_pairs(a, b):
            _either(x, y)
    return _either(a, b)


def intersection(a: Node, b: Node) -> Node:
    """The points in a and in b."""
    if a.height > _TALL or b.height > _TALL:
        for x, y in _tall_pairs(a, b):
            _both(x, y)
    return _both(a, b)


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
    if a.height > _TALL or b.height > _TALL:
        return intersection(a, b) is not FALSE
    return _overlap(a, b)


def contains(a: Node, point: Mapping[Variable, int]) -> bool:
    """True if the point is in a; a coordinate that the point does not have is 0."""
    while a.edges:
        value = point.get(a.variable, 0)
        a = next(rest for values, rest in a.edges if intervals.contains(values, value))
    return a is TRUE


def without(a: Node, variable: Variable) -> Node:
    """The points that are in a for some value of the variable: a no longer says anything of it."""
    if a.height > _TALL:
        for node in _from_far_end(nodes(a)):
            _without(node, variable)
    return _without(a, variable)


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
    for known in (_complement, _without, at, _union, _intersection, _overlaps):
        known.cache_clear()


@lru_cache(maxsize=_CACHED)
def _complement(a: Node) -> Node:
    if a is FALSE or a is TRUE:
        return TRUE if a is FALSE else FALSE
    spend(len(a.edges))
    # Different rests have different complements, so the edges stay as they are.
    return _interned(a.variable, tuple((values, _complement(rest)) for values, rest in a.edges))


@lru_cache(maxsize=_CACHED)
def _without(a: Node, variable: Variable) -> Node:
    if a.variable > variable:
        return a
    spend(len(a.edges))
    if a.variable == variable:
        return union_all(rest for _, rest in a.edges)
    return _node(a.variable, [(values, _without(rest, variable)) for values, rest in a.edges])


def _either(a: Node, b: Node) -> Node:
    if a is TRUE or b is TRUE:
        return TRUE
    if a is FALSE or a is b:
        return b
    return a if b is FALSE else _union(a, b)


def _both(a: Node, b: Node) -> Node:
    if a is FALSE or b is FALSE:
        return FALSE
    if a is TRUE or a is b:
        return b
    return a if b is TRUE else _intersection(a, b)


def _overlap(a: Node, b: Node) -> bool:
    if a is FALSE or b is FALSE:
        return False
    return True if a is TRUE or b is TRUE or a is b else _overlaps(a, b)


@lru_cache(maxsize=_CACHED)
def _union(a: Node, b: Node) -> Node:
    variable, parts = _met(a, b)
    return _node(variable, [(values, _either(x, y)) for values, x, y in parts])


@lru_cache(maxsize=_CACHED)
def _intersection(a: Node, b: Node) -> Node:
    variable, parts = _met(a, b)
    return _node(variable, [(values, _both(x, y)) for values, x, y in parts])


@lru_cache(maxsize=_CACHED)
def _overlaps(a: Node, b: Node) -> bool:
    return any(_overlap(x, y) for _, x, y in _met(a, b)[1])


def _met(a: Node, b: Node) -> tuple[Variable, list[tuple[Intervals, Node, Node]]]:
    """The first coordinate that one of two diagrams asks for, and where each of its values leads in both."""
    spend(len(a.edges) + len(b.edges))
    if a.variable == b.variable:
        met = overlay(a.edges, b.edges)
        return a.variable, [(values, a.edges[i][1], b.edges[j][1]) for (i, j), values in met.items()]
    first, other = (a, b) if a.variable < b.variable else (b, a)
    return first.variable, [(values, rest, other) for values, rest in first.edges]


def _tall_pairs(a: Node, b: Node) -> list[tuple[Node, Node]]:
    """The pairs of tall diagrams that a meeting of two comes to, those first that no other waits for."""
    found: dict[tuple[Node, Node], None] = {}
    todo = [(a, b)]
    while todo:
        pair = x, y = todo.pop()
        if pair not in found and x is not y and x.edges and y.edges and max(x.height, y.height) > _TALL:
            found[pair] = None
            todo += [(p, q) for _, p, q in _met(x, y)[1]]
    return sorted(found, key=lambda pair: min(pair[0].variable, pair[1].variable), reverse=True)


def _from_far_end(found: Iterable[Node]) -> list[Node]:
    return sorted(found, key=lambda node: node.variable, reverse=True)


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
