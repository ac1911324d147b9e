"""Laws of packet sets: a Boolean algebra in which equal sets are equal values, with projections and witnesses."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netpolicy.packet import diagram, interfaces
from netpolicy.packet.addresses import FAMILIES, AddressSet, Family
from netpolicy.packet.budget import SpentError, limited
from netpolicy.packet.diagram import FALSE, TRUE, Node, Variable
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.grid import Atoms, Grid
from netpolicy.packet.intervals import Intervals, canonical, contains
from netpolicy.packet.packets import State
from netpolicy.packet.packetset import EMPTY, EVERYTHING, Axis, PacketSet, last, point, state
from netpolicy.packet.ports import PortSet

LAST = 7
VARIABLES: tuple[Variable, ...] = ((0, ""), (4, ""), (13, "a"), (13, "b"))
LASTS = {(0, ""): LAST, (4, ""): LAST, (13, "a"): 1, (13, "b"): 1}
POINTS = [
    dict(zip(VARIABLES, values, strict=True)) for values in product(*(range(LASTS[one] + 1) for one in VARIABLES))
]

# Diagrams, judged by every point of a small space.


def some(last_value: int) -> st.SearchStrategy[Intervals]:
    return st.sets(st.integers(0, last_value)).map(lambda found: canonical((one, one) for one in found))


@st.composite
def nodes(draw: st.DrawFn) -> Node:
    """A union of boxes, or the complement of one."""
    boxes = []
    for _ in range(draw(st.integers(0, 4))):
        asked = [one for one in VARIABLES if draw(st.booleans())]
        boxes.append(diagram.cube({one: (draw(some(LASTS[one])), LASTS[one]) for one in asked}))
    found = diagram.union_all(boxes)
    return diagram.complement(found) if draw(st.booleans()) else found


def members(node: Node) -> list[bool]:
    return [diagram.contains(node, point) for point in POINTS]


@given(nodes(), nodes())
def test_operations_hold_point_by_point(a: Node, b: Node) -> None:
    left, right = members(a), members(b)
    assert members(diagram.union(a, b)) == [x or y for x, y in zip(left, right, strict=True)]
    assert members(diagram.intersection(a, b)) == [x and y for x, y in zip(left, right, strict=True)]
    assert members(diagram.difference(a, b)) == [x and not y for x, y in zip(left, right, strict=True)]
    assert members(diagram.complement(a)) == [not x for x in left]
    assert diagram.covers(a, b) is all(x or not y for x, y in zip(left, right, strict=True))
    assert diagram.overlaps(a, b) is any(x and y for x, y in zip(left, right, strict=True))


@given(nodes(), nodes())
def test_equal_members_are_the_same_node(a: Node, b: Node) -> None:
    assert (a is b) is (members(a) == members(b))
    assert (a is FALSE) is not any(members(a))
    assert (a is TRUE) is all(members(a))


@given(nodes())
def test_a_set_built_from_its_members_is_the_same_node(a: Node) -> None:
    held = [point for point in POINTS if diagram.contains(a, point)]
    points = [{one: (((value, value),), LASTS[one]) for one, value in point.items()} for point in held]
    assert diagram.union_all(diagram.cube(one) for one in points) is a


@given(nodes(), nodes(), nodes())
def test_the_laws_of_a_boolean_algebra(a: Node, b: Node, c: Node) -> None:
    union, intersection, complement = diagram.union, diagram.intersection, diagram.complement
    assert union(a, b) is union(b, a)
    assert intersection(a, b) is intersection(b, a)
    assert union(a, union(b, c)) is union(union(a, b), c)
    assert intersection(a, intersection(b, c)) is intersection(intersection(a, b), c)
    assert intersection(a, union(b, c)) is union(intersection(a, b), intersection(a, c))
    assert union(a, intersection(b, c)) is intersection(union(a, b), union(a, c))
    assert union(a, intersection(a, b)) is a
    assert complement(union(a, b)) is intersection(complement(a), complement(b))
    assert complement(complement(a)) is a
    assert union(a, complement(a)) is TRUE
    assert intersection(a, complement(a)) is FALSE


@given(nodes(), st.sampled_from(VARIABLES))
def test_a_projection_holds_what_some_value_makes_a_member(a: Node, variable: Variable) -> None:
    values = range(LASTS[variable] + 1)
    projected = diagram.without(a, variable)
    assert members(projected) == [
        any(diagram.contains(a, point | {variable: one}) for one in values) for point in POINTS
    ]
    assert diagram.without(projected, variable) is projected
    assert variable not in diagram.variables(projected)
    for one in values:
        expected = [diagram.contains(a, point | {variable: one}) for point in POINTS]
        assert members(diagram.at(a, variable, one)) == expected


@given(nodes())
def test_boxes_are_disjoint_and_are_the_set(a: Node) -> None:
    boxes = list(diagram.boxes(a))
    for member in POINTS:
        holding = [box for box in boxes if all(contains(values, member[one]) for one, values in box.items())]
        assert len(holding) == diagram.contains(a, member)


def test_a_budget_ends_in_a_refusal_and_not_in_an_answer() -> None:
    diagram.forget()
    boxes = [diagram.cube({(at, ""): (((at, at),), LAST), (at + 1, ""): (((0, 1),), LAST)}) for at in range(6)]
    with pytest.raises(SpentError, match="gave up after 5 steps"), limited(5):
        diagram.union_all(boxes)
    with limited(10_000):
        assert diagram.union_all(boxes) is diagram.union_all(reversed(boxes))


# Dense sets.


def test_a_checkerboard_of_ports_takes_two_nodes_and_its_complement_is_the_other_colour() -> None:
    side = 256
    even, odd = (canonical((one, one) for one in range(start, side, 2)) for start in (0, 1))

    def coloured(a: Intervals, b: Intervals) -> Node:
        return diagram.cube({(0, ""): (a, side - 1), (1, ""): (b, side - 1)})

    white = diagram.union(coloured(even, even), coloured(odd, odd))
    black = diagram.union(coloured(even, odd), coloured(odd, even))
    assert diagram.complement(white) is black
    assert len([one for one in diagram.nodes(white) if one.edges]) == 3
    squares = (coloured(((a, a),), ((b, b),)) for a in range(side) for b in range(side) if (a + b) % 2 == 0)
    assert diagram.union_all(squares) is white


def test_ten_thousand_narrow_rules_are_the_wide_one_but_for_a_hole() -> None:
    wide = PacketSet.where(Family.V4, {Axis.SOURCE: ((0, 99),), Axis.KEY: ((0, 99),)})
    narrow = [
        PacketSet.where(Family.V4, {Axis.SOURCE: ((a, a),), Axis.KEY: ((b, b),)})
        for a in range(100)
        for b in range(100)
    ]
    assert PacketSet.union_all(narrow) == wide
    hole = wide - PacketSet.union_all(narrow[:5050] + narrow[5051:])
    assert hole == narrow[5050]


def test_single_addresses_are_the_network_that_holds_them() -> None:
    hosts = [
        PacketSet.where(Family.V4, {Axis.DESTINATION: ((one, one),)}) for one in range(10 << 24, (10 << 24) + 4096)
    ]
    network = PacketSet.where(Family.V4, {Axis.DESTINATION: ((10 << 24, (10 << 24) + 4095),)})
    assert PacketSet.union_all(reversed(hosts)) == network
    assert network.covers(hosts[77])
    assert not PacketSet.union_all(hosts[:77] + hosts[78:]).covers(network)


# Packet sets.

SPANS: dict[Axis, list[int]] = {
    Axis.STATE: list(range(len(State))),
    Axis.TRANSLATED: [0, 1],
    Axis.IN_INTERFACE: [interfaces.number(one) for one in ("", "eth0", "eth1", "lo")],
    Axis.KEY: [6 << 16 | 22, 6 << 16 | 23, 17 << 16 | 53, 1 << 16],
    Axis.SOURCE: [5, 6, 8],
    Axis.DESTINATION: [5, 6, 8],
    Axis.SOURCE_PORT: [0, 40000],
    Axis.FLAGS: [2, 18],
}


@st.composite
def packet_sets(draw: st.DrawFn) -> PacketSet:
    found = []
    for family in FAMILIES:
        for _ in range(draw(st.integers(0, 3))):
            asked = {}
            for axis, values in SPANS.items():
                if draw(st.integers(0, 3)) == 0:
                    held = [one for one in values if draw(st.booleans())]
                    asked[axis] = canonical((one, one) for one in held)
            one = PacketSet.where(family, asked)
            found.append(one & PacketSet.opaque(family, "limit") if draw(st.integers(0, 4)) == 0 else one)
    joined = PacketSet.union_all(found)
    return ~joined if draw(st.booleans()) else joined


@settings(max_examples=150)
@given(packet_sets(), packet_sets())
def test_sets_of_packets_keep_the_laws_in_both_families(a: PacketSet, b: PacketSet) -> None:
    assert a | b == b | a
    assert a & b == ~(~a | ~b)
    assert a - b == a & ~b
    assert (a - b) | (a & b) == a
    assert a.covers(b) is (b - a == EMPTY)
    assert a.overlaps(b) is bool(a & b)
    assert (a | ~a, a & ~a) == (EVERYTHING, EMPTY)
    assert hash(a | b) == hash(b | a)


@settings(max_examples=150)
@given(packet_sets())
def test_a_witness_is_a_member(a: PacketSet) -> None:
    packet = a.witness()
    assert (packet is None) is (a == EMPTY)
    assert packet is None or packet in a
    assert packet is None or packet.holds <= set(a.opaques())


@settings(max_examples=100)
@given(packet_sets())
def test_flows_are_the_shadow_of_a_set(a: PacketSet) -> None:
    flows = a.flows()
    assert PacketSet.of_flows(flows).covers(a)
    assert PacketSet.of_flows(flows).flows() == flows
    assert bool(flows) is bool(a)
    assert a.without(
        *(axis for axis in Axis if axis not in (Axis.SOURCE, Axis.DESTINATION, Axis.KEY))
    ) == PacketSet.of_flows(flows)


def test_flows_as_packets_hold_every_packet_of_them() -> None:
    flows = FlowSet.box(AddressSet(((1, 9),), ((1, 9),)), AddressSet(((2, 2),), ()), PortSet.ports(6, [(22, 22)]))
    found = PacketSet.of_flows(flows)
    assert found == PacketSet.where(
        Family.V4, {Axis.SOURCE: ((1, 9),), Axis.DESTINATION: ((2, 2),), Axis.KEY: ((6 << 16 | 22, 6 << 16 | 22),)}
    )


@settings(max_examples=100)
@given(packet_sets())
def test_a_point_of_a_packet_is_within_the_axes(a: PacketSet) -> None:
    packet = a.witness()
    if packet is not None:
        for (rank, _), value in point(packet).items():
            assert 0 <= value <= last(Axis(rank), packet.family)


def test_states_are_one_axis() -> None:
    every = PacketSet.where(Family.V4, {Axis.STATE: state(*State)})
    assert every == PacketSet.only(Family.V4, TRUE)


# Interfaces.


@pytest.mark.parametrize(
    ("asked", "name", "held"),
    [
        ("eth0", "eth0", True),
        ("eth0", "eth01", False),
        ("eth+", "eth", True),
        ("eth+", "eth0.17", True),
        ("eth+", "et", False),
        ("+", "", True),
        ("+", "lo", True),
    ],
)
def test_a_trailing_plus_asks_for_a_prefix(asked: str, name: str, held: bool) -> None:
    assert contains((interfaces.named(asked),), interfaces.number(name)) is held


NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789.-_", min_size=1, max_size=15)


@given(st.lists(NAMES, max_size=4), st.lists(NAMES, max_size=4))
def test_what_is_left_of_names_and_prefixes_has_a_name(without: list[str], prefixes: list[str]) -> None:
    left = PacketSet.where(Family.V4, {Axis.IN_INTERFACE: interfaces.SOME})
    for asked in (*without, *(f"{one}+" for one in prefixes)):
        left -= PacketSet.where(Family.V4, {Axis.IN_INTERFACE: (interfaces.named(asked),)})
    packet = left.witness()
    assert packet is not None
    assert packet.in_interface and packet.in_interface not in without
    assert not packet.in_interface.startswith(tuple(prefixes))


# Grids.


@given(st.lists(some(31), max_size=5), st.sets(st.integers(0, 31), max_size=3))
def test_a_grid_stands_for_its_addresses(sets: list[Intervals], own: set[int]) -> None:
    grid = Grid(Family.V4, Atoms.of(Family.V4.last, sets), tuple(sorted(own)))
    for one in sets:
        placed = grid.place(one)
        assert placed is not None
        assert all(contains(placed, grid.number(address)) is contains(one, address) for address in range(40))
    for first, end in grid.every:
        for number in range(first, end + 1):
            assert grid.number(grid.address(number)) == number
    assert {grid.number(address) for address in range(40)} <= {n for a, b in grid.every for n in range(a, b + 1)}
    assert len({grid.number(address) for address in own}) == len(own)


@given(st.lists(some(15), max_size=3), some(15))
def test_a_set_has_a_place_exactly_when_it_is_a_union_of_atoms(sets: list[Intervals], other: Intervals) -> None:
    atoms = Atoms.of(Family.V4.last, sets)
    inside = [contains(other, address) for address in range(32)]
    whole = all(inside[a] == inside[b] for a in range(32) for b in range(32) if atoms.number(a) == atoms.number(b))
    assert (atoms.place(other) is not None) is whole


def test_thousands_of_matches_that_are_not_modelled_are_no_crash() -> None:
    """A diagram asks for one after the other; Python ends a recursion at 1,000 calls."""
    texts = [f"string --string {at:04}" for at in range(3000)]
    every = [PacketSet.opaque(Family.V4, text) for text in texts]
    some = PacketSet.union_all(every)
    assert some.opaques() == tuple(texts)
    assert ~~some == some
    assert (~some).opaques() == tuple(texts)
    assert some.without(Axis.OPAQUE) == PacketSet(v4=TRUE)
    assert not some & ~some
    assert some.covers(every[7])
    assert (some - every[7]).overlaps(every[8])
    assert not (some - every[7]).overlaps(every[7])
    found = some.witness()
    assert found is not None
    assert found in some


@given(st.lists(some(15), max_size=3))
def test_members_of_atoms_are_a_partition(sets: list[Intervals]) -> None:
    atoms = Atoms.of(15, sets)
    every = [atoms.members(number) for number in range(len(atoms.sizes))]
    for address in range(16):
        assert [contains(one, address) for one in every].index(True) == atoms.number(address)
        assert sum(contains(one, address) for one in every) == 1
    assert [sum(last - first + 1 for first, last in one) for one in every] == list(atoms.sizes)
