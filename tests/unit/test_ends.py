"""Ends by name: together they are exactly the pairs that they stand for, roles first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from netpolicy.verify.diff.cover import ALL, Names, bits, rectangles
from netpolicy.verify.diff.kinds import NEW, Half, Kind

ROLES = ("db", "web", "cache")


@st.composite
def universes(draw: st.DrawFn) -> Names:
    """Up to six kinds of one or two nodes, with roles."""
    kinds = []
    for number in range(draw(st.integers(1, 6))):
        roles = tuple(sorted(draw(st.sets(st.sampled_from(ROLES), min_size=1, max_size=2))))
        half = Half("", roles, ())
        names = tuple(f"n{number}{letter}" for letter in "ab"[: draw(st.integers(1, 2))])
        kinds.append(Kind(number, names, (half, half)))
    return Names(kinds, NEW, every=True)


def universe(*nodes: tuple[str, int]) -> Names:
    """A kind for each (role, number of nodes)."""
    kinds = []
    for number, (role, count) in enumerate(nodes):
        half = Half("", (role,), ())
        kinds.append(Kind(number, tuple(f"{role}{number}{at}" for at in range(count)), (half, half)))
    return Names(kinds, NEW, every=True)


@given(st.data(), universes())
def test_rectangles_are_exactly_the_pairs(data: st.DataObject, names: Names) -> None:
    possible = [(a, b) for a in names.kinds for b in names.kinds if a != b or len(names.kinds[a].names) > 1]
    pairs = data.draw(st.sets(st.sampled_from(possible))) if possible else set()
    told = {
        (a, b)
        for _, froms, _, tos in rectangles(names, names, sorted(pairs), ())
        for a in bits(froms)
        for b in bits(tos)
    }
    assert told & set(possible) == pairs


@given(st.data(), universes())
def test_names_are_exactly_the_kinds(data: st.DataObject, names: Names) -> None:
    mask = data.draw(st.integers(0, names.mask))
    found = names.of(mask, ())
    assert sum(set().union(*(bits(inside) for _, inside in found)) and {mask}) == mask
    for end, inside in found:
        assert set(end.nodes) == {node for number in bits(inside) for node in names.kinds[number].names}
        assert end.partial == bool(names.named[end.name] & ~inside)


def test_whole_roles_are_told_before_nodes() -> None:
    names = universe(("web", 1), ("web", 1), ("db", 1), ("cache", 1))
    (one,) = rectangles(names, names, [(0, 2), (1, 2)], ())
    assert (one[0].name, one[2].name, one[0].partial) == ("web", "db", False)
    (one,) = rectangles(names, names, [(1, 2)], ())
    assert (one[0].name, one[0].nodes, one[0].whole) == ("web", ("web10",), 2)


def test_all_may_reach_one_node_though_it_does_not_reach_itself() -> None:
    names = universe(("web", 2), ("db", 1))
    (one,) = rectangles(names, names, [(0, 1)], {"all"})
    assert (one[0].name, one[0].partial) == (ALL, False)


def test_a_name_that_a_statement_says_is_preferred() -> None:
    half = Half("", ("mysql", "postgresql"), ())
    other = Half("", ("web",), ())
    names = Names([Kind(0, ("sql",), (half, half)), Kind(1, ("web",), (other, other))], NEW, every=True)
    for hint in ("mysql", "postgresql"):
        (one,) = rectangles(names, names, [(1, 0)], {"web", hint})
        assert (one[0].name, one[2].name) == ("web", hint)
