"""Diagrams, grids and packet sets by example, each compared point by point with plain sets."""

from __future__ import annotations

from itertools import product

import pytest

from netpolicy.packet import diagram, interfaces
from netpolicy.packet.addresses import EVERYWHERE, AddressSet, Family
from netpolicy.packet.diagram import FALSE, TRUE, Node, Variable
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.grid import Atoms, Grid
from netpolicy.packet.intervals import Intervals, canonical
from netpolicy.packet.packets import SYN, Packet, State
from netpolicy.packet.packetset import EMPTY, EVERYTHING, NO_MAC, NO_PORT, Axis, PacketSet, last, point, state
from netpolicy.packet.ports import PortSet, Protocol

V4, V6 = Family.V4, Family.V6
LAST = 3
X, Y, Z = VARIABLES = ((0, ""), (1, "a"), (1, "b"))
Point = tuple[int, int, int]
POINTS: list[Point] = [(x, y, z) for x, y, z in product(range(LAST + 1), repeat=3)]
Cube = dict[Variable, Intervals]
CUBES: list[Cube] = [
    {},
    {X: ((1, 2),)},
    {X: ((0, 0),), Y: ((2, 3),)},
    {Y: ((0, 0), (2, 2))},
    {Y: ((1, 3),), Z: ((3, 3),)},
    {X: ((0, 0), (3, 3)), Z: ((0, 1),)},
    {X: ((0, 3),), Y: ((1, 1),), Z: ((0, 3),)},
    {Z: ()},
]


def cube(asked: Cube) -> Node:
    return diagram.cube({variable: (inside, LAST) for variable, inside in asked.items()})


def inside(asked: Cube) -> frozenset[Point]:
    def fits(one: Point) -> bool:
        values = dict(zip(VARIABLES, one, strict=True))
        return all(any(a <= values[variable] <= b for a, b in pairs) for variable, pairs in asked.items())

    return frozenset(one for one in POINTS if fits(one))


def members(a: Node) -> frozenset[Point]:
    return frozenset(one for one in POINTS if diagram.contains(a, dict(zip(VARIABLES, one, strict=True))))


ALL = frozenset(POINTS)
SETS = [(cube(one), inside(one)) for one in CUBES]
SETS += [(diagram.union(a, b), in_a | in_b) for a, in_a in SETS[1:6] for b, in_b in SETS[1:6]]


def test_operators_mean_what_they_mean_for_sets() -> None:
    for (a, in_a), (b, in_b) in product(SETS, repeat=2):
        assert members(a) == in_a
        assert members(diagram.union(a, b)) == in_a | in_b
        assert members(diagram.intersection(a, b)) == in_a & in_b
        assert members(diagram.difference(a, b)) == in_a - in_b
        assert diagram.covers(a, b) is (in_a >= in_b)
        assert diagram.overlaps(a, b) is bool(in_a & in_b)
        assert (a is b) is (in_a == in_b)
    for a, in_a in SETS:
        assert members(diagram.complement(a)) == ALL - in_a
        assert diagram.complement(diagram.complement(a)) is a
    assert members(diagram.union_all(a for a, _ in SETS[1:4])) == SETS[1][1] | SETS[2][1] | SETS[3][1]
    assert diagram.union_all([]) is diagram.union_all([FALSE]) is FALSE
    assert (SETS[0][0], SETS[7][0]) == (TRUE, FALSE)
    assert (repr(TRUE), repr(FALSE), repr(SETS[1][0])) == ("everything", "nothing", "<(0, ''): 2 edges>")


def test_a_coordinate_that_is_forgotten_or_fixed() -> None:
    for a, in_a in SETS:
        for place, variable in enumerate(VARIABLES):
            left = {one[:place] + one[place + 1 :] for one in in_a}
            assert members(diagram.without(a, variable)) == {
                one for one in POINTS if one[:place] + one[place + 1 :] in left
            }
            for value in range(LAST + 1):
                fixed = {one[:place] + one[place + 1 :] for one in in_a if one[place] == value}
                assert members(diagram.at(a, variable, value)) == {
                    one for one in POINTS if one[:place] + one[place + 1 :] in fixed
                }


def test_what_a_diagram_is_made_of() -> None:
    a = diagram.union(cube(CUBES[2]), cube(CUBES[4]))
    assert diagram.variables(a) == (X, Y, Z)
    assert diagram.variables(cube(CUBES[5])) == (X, Z)
    assert diagram.variables(TRUE) == ()
    assert len(set(diagram.nodes(a))) == len(diagram.nodes(a)) == 6
    assert set(diagram.nodes(cube(CUBES[1]))) == {cube(CUBES[1]), TRUE, FALSE}
    for one, in_one in SETS:
        boxes = list(diagram.boxes(one))
        assert sum(len(inside(box)) for box in boxes) == len(in_one)
        assert frozenset(found for box in boxes for found in inside(box)) == in_one
    assert list(diagram.boxes(cube(CUBES[2]))) == [CUBES[2]]
    with pytest.raises(StopIteration):
        diagram.at(cube(CUBES[1]), X, LAST + 1)
    assert diagram.contains(cube(CUBES[3]), {})
    assert not diagram.contains(cube(CUBES[1]), {})


# Addresses by atom


SIDES: list[Intervals] = [((5, 9),), ((8, 12),), ((5, 7), (20, 20)), ((0, 3),), ((V4.last, V4.last),)]


def test_addresses_in_the_same_sets_are_one_atom() -> None:
    atoms = Atoms.of(V4.last, [*SIDES, (), SIDES[0]])
    told: dict[tuple[bool, ...], int] = {}
    for address in (*range(25), 1000, V4.last - 1, V4.last):
        signature = tuple(any(a <= address <= b for a, b in side) for side in SIDES)
        assert told.setdefault(signature, atoms.number(address)) == atoms.number(address)
    assert len(set(told.values())) == len(told) == len(atoms.sizes)
    assert sum(atoms.sizes) == V4.last + 1
    for side in SIDES:
        numbers = {atoms.number(address) for address in range(25) if any(a <= address <= b for a, b in side)}
        numbers |= {atoms.number(V4.last)} if side == SIDES[-1] else set()
        assert atoms.place(side) == canonical((one, one) for one in numbers)
    assert atoms.place(()) == ()
    assert atoms.place(((5, 12),)) == canonical((one, one) for one in {atoms.number(at) for at in (5, 8, 10)})
    assert (atoms.place(((5, 6),)), atoms.place(((5, 8),)), atoms.place(((6, 9),))) == (None, None, None)
    assert atoms.place(EVERYWHERE.v4) == ((0, len(atoms.sizes) - 1),)
    assert list(atoms.some(atoms.number(5))) == [5, 6, 7]
    assert list(atoms.some(atoms.number(V4.last))) == [V4.last]
    assert len(list(atoms.some(atoms.number(13)))) == 1 + 7 + 1024
    assert Atoms.of(V6.last, []).sizes == (2**128,)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_addresses_before_the_first_set_are_an_atom_too(first: int) -> None:
    atoms = Atoms.of(V4.last, [((first, 4),)])
    assert sum(atoms.sizes) == V4.last + 1
    assert atoms.number(first) == atoms.number(4) != atoms.number(5)
    assert first == 0 or atoms.number(0) == atoms.number(first - 1) == atoms.number(5)
    assert atoms.place(((first, 4),)) == ((atoms.number(first), atoms.number(first)),)


def test_own_addresses_stand_apart() -> None:
    atoms = Atoms.of(V4.last, SIDES)
    grid = Grid(V4, atoms, own=(20, 6))
    count = len(atoms.sizes)
    assert (grid.family, grid.last) == (V4, count + 1)
    assert (grid.number(20), grid.number(6), grid.number(5)) == (count, count + 1, atoms.number(5))
    assert (grid.address(count), grid.address(count + 1), grid.address(atoms.number(5))) == (20, 6, 5)
    numbers = {atoms.number(5), atoms.number(20), count, count + 1}
    assert grid.place(SIDES[2]) == canonical((one, one) for one in numbers)
    assert grid.place(((6, 6),)) is None
    emptied = atoms.number(20)  # its only address stands apart
    assert [one for first, end in grid.every for one in range(first, end + 1)] == [
        one for one in range(count + 2) if one != emptied
    ]
    plain = Grid(V4, atoms)
    assert (plain.last, plain.every, plain.place(SIDES[0])) == (count - 1, ((0, count - 1),), atoms.place(SIDES[0]))
    assert Grid(V4, atoms, own=(5,)).address(atoms.number(5)) == 6


# Packets


PACKET = Packet(
    V4,
    *(1, 2, Protocol.TCP, 22, 40001, "eth0", "eth1", State.ESTABLISHED, True, 3, 23, SYN | 1, 7, True),
    holds=frozenset({"x"}),
    snat=True,
)


def test_each_axis_asks_for_its_own_coordinate() -> None:
    found = point(PACKET)
    numbers = {axis.name: found[axis.variable] for axis in Axis if axis.variable in found}
    assert {name: numbers[name] for name in numbers if "INTERFACE" not in name} == {
        "STATE": list(State).index(State.ESTABLISHED),
        "TRANSLATED": 1,
        "KEY": 6 << 16 | 22,
        "ORIGINAL_PORT": 23,
        "ORIGINAL_DESTINATION": 3,
        "DESTINATION": 2,
        "SOURCE": 1,
        "SOURCE_PORT": 40001,
        "FLAGS": SYN | 1,
        "FRAGMENT": 1,
        "MAC": 7,
        "ORIGINAL_PROTOCOL": 6,
        "SOURCE_TRANSLATED": 1,
    }
    assert found[int(Axis.OPAQUE), "x"] == 1
    for axis in Axis:
        if axis is Axis.OPAQUE:
            continue
        value = found[axis.variable]
        is_so = PacketSet.where(V4, {axis: ((value, value),)})
        assert PACKET in is_so
        assert PACKET not in ~is_so
        assert PACKET not in PacketSet.where(V6, {axis: ((value, value),)})
    assert PACKET in PacketSet.opaque(V4, "x")
    assert PACKET not in PacketSet.opaque(V4, "x", holds=False)
    assert PACKET in PacketSet.opaque(V4, "y", holds=False)
    bare = point(Packet(V6, 1, 2, 6))
    assert bare[Axis.ORIGINAL_DESTINATION.variable] == V6.last + 1 == last(Axis.ORIGINAL_DESTINATION, V6)
    assert (bare[Axis.ORIGINAL_PORT.variable], bare[Axis.MAC.variable]) == (NO_PORT, NO_MAC) == (1 << 16, 1 << 48)
    assert (last(Axis.ORIGINAL_PORT, V4), last(Axis.MAC, V4)) == (NO_PORT, NO_MAC)
    assert (last(Axis.SOURCE, V4), last(Axis.FLAGS, V4), last(Axis.KEY, V4)) == (V4.last, 255, (1 << 24) - 1)


def test_a_witness_is_as_usual_a_packet_as_there_is() -> None:
    assert EVERYTHING.witness() == Packet(V4, 0, 0, 6, 80, source_port=0, flags=SYN)
    named = PacketSet.where(V4, {Axis.IN_INTERFACE: ((0, last(Axis.IN_INTERFACE, V4)),)})
    for axis in (Axis.IN_INTERFACE, Axis.OUT_INTERFACE):
        named = named - PacketSet.where(V4, {axis: ((interfaces.NONE, interfaces.NONE),)})
    assert named.witness() == Packet(V4, 0, 0, 6, 80, in_interface="eth0", out_interface="eth0")
    assert EMPTY.witness() is None
    assert (bool(PacketSet(v4=TRUE)), bool(PacketSet(v6=TRUE)), bool(EMPTY)) == (True, True, False)
    assert PacketSet(v6=TRUE).witness() == Packet(V6, 0, 0, 6, 80)
    exact = EVERYTHING
    for axis in (*Axis,)[:-1]:
        value = point(PACKET)[axis.variable]
        exact = exact & PacketSet.where(V4, {axis: ((value, value),)})
    exact = exact & PacketSet.opaque(V4, "x")
    assert exact.witness() == PACKET
    asked = {Axis.SOURCE_PORT: ((1, 50000),), Axis.KEY: ((0, (1 << 24) - 1),), Axis.STATE: state(State.RELATED)}
    found = PacketSet.where(V4, asked).witness()
    assert found == Packet(V4, 0, 0, 6, 80, source_port=40000, state=State.RELATED)
    assert PacketSet.where(V4, {Axis.SOURCE_PORT: ((1, 3), (5, 7))}).witness() == Packet(V4, 0, 0, 6, 80, source_port=1)
    moved = PacketSet.where(V4, {Axis.ORIGINAL_DESTINATION: ((0, V4.last),), Axis.ORIGINAL_PORT: ((9, 9),)}).witness()
    assert moved == Packet(V4, 0, 0, 6, 80, original_destination=0, original_port=9)


def test_a_witness_on_a_grid_has_real_addresses() -> None:
    atoms = Atoms.of(V4.last, SIDES)
    grid = Grid(V4, atoms, own=(20,))
    place = ((grid.number(20), grid.number(20)),)
    found = PacketSet.where(V4, {Axis.DESTINATION: place, Axis.SOURCE: atoms.place(SIDES[1]) or ()}, grid)
    witness = found.witness({V4: grid})
    assert witness == Packet(V4, 8, 20, 6, 80)
    assert last(Axis.SOURCE, V4, grid) == grid.last
    assert last(Axis.ORIGINAL_DESTINATION, V4, grid) == grid.last + 1


def test_packets_of_flows_and_back() -> None:
    one, other = AddressSet(((1, 2),), ((1, 2),)), AddressSet(((7, 9),))
    flows = FlowSet.box(one, other | AddressSet((), ((7, 7),)), PortSet.ports(6, [(22, 22)])) | FlowSet.box(
        other, one, PortSet.ports(17, [(53, 53)])
    )
    packets = PacketSet.of_flows(flows)
    assert packets.flows() == flows
    assert (packets & PacketSet.where(V4, {Axis.STATE: state(State.NEW)})).flows() == flows - FlowSet(v6=flows.v6)
    assert packets.families() == (V4, V6)
    assert (packets.covers(packets - EMPTY), packets.overlaps(~packets), bool(packets), bool(EMPTY)) == (
        *(True, False, True, False),
    )
    assert EVERYTHING.flows() == FlowSet.box(
        EVERYWHERE, EVERYWHERE, PortSet(((0, (1 << 24) - 1),), ((0, (1 << 24) - 1),))
    )
    assert PacketSet.union_all([packets, EVERYTHING]) == EVERYTHING == packets | ~packets
    both = PacketSet.opaque(V4, "b") & PacketSet.opaque(V4, "a") & PacketSet.where(V4, {Axis.FRAGMENT: ((1, 1),)})
    assert both.opaques() == ("a", "b")
    assert both.without(Axis.OPAQUE) == PacketSet.where(V4, {Axis.FRAGMENT: ((1, 1),)})
    assert both.without(Axis.FRAGMENT, Axis.OPAQUE) == PacketSet(v4=TRUE)
    assert (both.at(Axis.FRAGMENT, 0), both.at(Axis.FRAGMENT, 1)) == (EMPTY, both.without(Axis.FRAGMENT))
    assert (packets.covers(EVERYTHING), PacketSet(v4=TRUE).covers(PacketSet(v6=TRUE))) == (False, False)
    assert not PacketSet(v4=TRUE).overlaps(PacketSet(v6=TRUE))
    assert [family for family, _ in EVERYTHING.boxes()] == [V4, V6]


def test_members_of_an_atom_are_all_of_its_numbers() -> None:
    atoms = Atoms.of(15, [((3, 5), (9, 9)), ((5, 7),)])
    assert atoms.members(atoms.number(3)) == ((3, 4), (9, 9))
    assert atoms.members(atoms.number(5)) == ((5, 5),)
    assert atoms.members(atoms.number(15)) == ((0, 2), (8, 8), (10, 15))
