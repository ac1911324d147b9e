"""The laws of sets of addresses, ports and packets.

Each kind of set is compared with plain Python sets over a tiny universe: every axis is cut into a few stretches, so
that a set made of whole stretches has a faithful model, and both ends of the real axis are in it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netpolicy.packet import intervals as lines
from netpolicy.packet.addresses import (
    EVERYWHERE,
    FAMILIES,
    NOWHERE,
    AddressSet,
    Family,
)
from netpolicy.packet.familyset import FamilySet
from netpolicy.packet.flowset import EMPTY, EVERYTHING, FlowSet
from netpolicy.packet.intervals import Interval, Intervals
from netpolicy.packet.packets import Packet, State
from netpolicy.packet.ports import ANY_PORT, NO_PORT, PORT_SPACE_LAST, PortSet, Protocol

Member = tuple[int, ...]
"""A family and the index of one stretch an axis."""

Value = FamilySet[Any]
Modelled = tuple[Value, frozenset[Member]]


@dataclass(frozen=True)
class Universe:
    """One kind of set, its axes cut into stretches, and how to ask it about a point."""

    name: str
    empty: Value
    everything: Value
    axes: dict[Family, tuple[Intervals, ...]]
    of: Callable[[Family, tuple[Intervals, ...]], Value]
    point: Callable[[Family, tuple[int, ...]], Any]

    def members(self, family: Family) -> Iterator[Member]:
        """Every member of the family."""
        return ((family, *places) for places in product(*(range(len(axis)) for axis in self.axes[family])))

    def all_members(self) -> frozenset[Member]:
        """Every member of both families."""
        return frozenset(member for family in FAMILIES for member in self.members(family))

    def stretches(self, member: Member) -> tuple[Interval, ...]:
        """What the member stands for on each axis."""
        return tuple(axis[place] for axis, place in zip(self.axes[Family(member[0])], member[1:], strict=True))

    def value(self, member: Member) -> Value:
        """The set of that member alone."""
        return self.of(Family(member[0]), tuple((stretch,) for stretch in self.stretches(member)))

    def size(self, member: Member) -> int:
        """How many points the member stands for."""
        total = 1
        for first, last in self.stretches(member):
            total *= last - first + 1
        return total

    def model(self, value: Any) -> frozenset[Member]:
        """The members of a set; each must be in it with all its corners or with none."""
        found = set()
        for member in self.all_members():
            corners = {self.point(Family(member[0]), corner) in value for corner in product(*self.stretches(member))}
            assert len(corners) == 1, f"{member} is partly in {value}"
            if corners.pop():
                found.add(member)
        return frozenset(found)


def cut(last: int, starts: list[int]) -> Intervals:
    """The axis 0..last cut where the stretches start."""
    edges = sorted({0, *starts, last + 1})
    return tuple((first, following - 1) for first, following in pairwise(edges))


def family_pair(kind: Callable[..., Value]) -> Callable[[Family, tuple[Intervals, ...]], Value]:
    """How to make a set of intervals that has members of one family only."""
    return lambda family, box: kind(**{f"v{family}": box[0]})


def one_box(family: Family, box: tuple[Intervals, ...]) -> FlowSet:
    """The packets of one family in the box."""
    name = f"v{int(family)}"
    return FlowSet.box(AddressSet(**{name: box[0]}), AddressSet(**{name: box[1]}), PortSet(**{name: box[2]}))


TCP = Protocol.TCP << 16
ADDRESSES = Universe(
    "addresses",
    NOWHERE,
    EVERYWHERE,
    {family: (cut(family.last, [1, 2, 3, 1 << 24, family.last - 1, family.last]),) for family in FAMILIES},
    family_pair(AddressSet),
    lambda family, point: (family, point[0]),
)
PORTS = Universe(
    "ports",
    NO_PORT,
    ANY_PORT,
    {
        family: (cut(PORT_SPACE_LAST, [1, TCP, TCP + 22, TCP + 23, TCP + (1 << 16), PORT_SPACE_LAST]),)
        for family in FAMILIES
    },
    family_pair(PortSet),
    lambda family, point: (family, point[0]),
)
PACKETS = Universe(
    "packets",
    EMPTY,
    EVERYTHING,
    {
        family: (cut(family.last, [1, family.last]), cut(family.last, [5, 6, 7]), cut(PORT_SPACE_LAST, [TCP, TCP + 1]))
        for family in FAMILIES
    },
    one_box,
    lambda family, point: Packet(family, point[0], point[1], point[2] >> 16, point[2] & 0xFFFF),
)
UNIVERSES = [pytest.param(universe, id=universe.name) for universe in (ADDRESSES, PORTS, PACKETS)]
every_kind = pytest.mark.parametrize("universe", UNIVERSES)
examples = settings(max_examples=70)


@st.composite
def blocks(draw: st.DrawFn, universe: Universe) -> Modelled:
    """A box of whole stretches of one family, often more than one stretch wide on each axis."""
    family = draw(st.sampled_from(FAMILIES))
    chosen = [sorted(draw(st.sets(st.integers(0, len(axis) - 1), min_size=1))) for axis in universe.axes[family]]
    box = tuple(
        lines.canonical(axis[place] for place in places)
        for axis, places in zip(universe.axes[family], chosen, strict=True)
    )
    return universe.of(family, box), frozenset((family, *places) for places in product(*chosen))


@st.composite
def modelled(draw: st.DrawFn, universe: Universe) -> Modelled:
    """A set that grew by adding and removing boxes, and its members."""
    value, members = universe.empty, frozenset[Member]()
    for add, (block, block_members) in draw(st.lists(st.tuples(st.booleans(), blocks(universe)), max_size=5)):
        if add:
            value, members = value | block, members | block_members
        else:
            value, members = value - block, members - block_members
    if draw(st.booleans()):
        value, members = ~value, universe.all_members() - members
    return value, members


# Every kind of set


@every_kind
@given(data=st.data())
@examples
def test_operators_mean_what_they_mean_for_sets(universe: Universe, data: st.DataObject) -> None:
    (a, in_a), (b, in_b) = data.draw(modelled(universe)), data.draw(modelled(universe))
    model = universe.model
    assert (model(a), model(b)) == (in_a, in_b)
    assert model(a | b) == in_a | in_b
    assert model(a & b) == in_a & in_b
    assert model(a - b) == in_a - in_b
    assert model(~a) == universe.all_members() - in_a
    assert (a == b) == (in_a == in_b)
    assert a.covers(b) == (in_a >= in_b)
    assert a.overlaps(b) == bool(in_a & in_b)
    assert bool(a) == bool(in_a)
    assert a.families() == tuple(family for family in FAMILIES if any(member[0] == family for member in in_a))
    assert a.size() == sum(universe.size(member) for member in in_a)


@every_kind
@given(data=st.data())
@examples
def test_sets_are_a_boolean_algebra(universe: Universe, data: st.DataObject) -> None:
    a, b, c = (data.draw(modelled(universe))[0] for _ in range(3))
    empty, everything = universe.empty, universe.everything
    assert a | b == b | a
    assert a & b == b & a
    assert a | (b | c) == (a | b) | c
    assert a & (b & c) == (a & b) & c
    assert a & (b | c) == (a & b) | (a & c)
    assert a | (b & c) == (a | b) & (a | c)
    assert ~(a | b) == ~a & ~b
    assert ~(a & b) == ~a | ~b
    assert a - b == a & ~b
    assert a | (a & b) == a == a & (a | b)
    assert a | a == a == a & a
    assert a | empty == a == a & everything == a - empty
    assert a | everything == everything
    assert a & empty == a - a == a - everything == empty
    assert (a | ~a, a & ~a, ~~a, everything - a) == (everything, empty, a, ~a)


@every_kind
@given(data=st.data())
@examples
def test_covers_and_overlaps_follow_from_the_operators(universe: Universe, data: st.DataObject) -> None:
    a, b = data.draw(modelled(universe))[0], data.draw(modelled(universe))[0]
    assert a.covers(b) == (a | b == a) == (not b - a)
    assert a.overlaps(b) == bool(a & b) == b.overlaps(a)
    assert (a | b).covers(a)
    assert a.covers(a & b)
    assert not (a - b).overlaps(b)


@every_kind
@given(data=st.data())
@examples
def test_equal_members_are_an_equal_value_however_it_was_made(universe: Universe, data: st.DataObject) -> None:
    value, members = data.draw(modelled(universe))
    pieces = [universe.value(member) for member in data.draw(st.permutations(sorted(members)))]
    others = [universe.value(member) for member in data.draw(st.permutations(sorted(universe.all_members() - members)))]
    made = {
        value,
        reduce(lambda a, b: a | b, pieces, universe.empty),
        reduce(lambda a, b: b | a, pieces, universe.empty),
        type(value).union_all(pieces),
        type(value).union_all(reversed(pieces + pieces)),
        reduce(lambda a, b: a - b, others, universe.everything),
        reduce(lambda a, b: a & ~b, others, universe.everything),
    }
    assert made == {value}
    assert len({hash(one) for one in made}) == 1


@every_kind
@given(data=st.data())
@examples
def test_union_of_many_is_the_union_one_by_one(universe: Universe, data: st.DataObject) -> None:
    values = [value for value, _ in data.draw(st.lists(modelled(universe), max_size=6))]
    assert type(universe.empty).union_all(iter(values)) == reduce(lambda a, b: a | b, values, universe.empty)


@every_kind
@given(data=st.data())
@examples
def test_a_witness_is_a_member_and_only_the_empty_set_has_none(universe: Universe, data: st.DataObject) -> None:
    value: Any = data.draw(modelled(universe))[0]
    witness = value.witness()
    assert witness in value if value else witness is None


# Packets


def packet_points(family: Family, box: tuple[Intervals, ...]) -> Iterator[Packet]:
    """A packet at each corner of the box."""
    for source, destination, key in product(*({end for pair in axis for end in pair} for axis in box)):
        yield Packet(family, source, destination, key >> 16, key & 0xFFFF)


@given(modelled(PACKETS))
@examples
def test_boxes_are_disjoint_members_and_make_the_set_again(drawn: Modelled) -> None:
    value: Any = drawn[0]
    boxes = value.boxes()
    pieces = [one_box(family, axes) for family, *axes_list in boxes for axes in [tuple(axes_list)]]
    assert FlowSet.union_all(pieces) == value
    assert sum(piece.size() for piece in pieces) == value.size()
    assert all(packet in value for family, *axes in boxes for packet in packet_points(family, tuple(axes)))
    assert sorted(boxes, key=lambda box: (box[0], box[1][0], box[2][0])) == boxes


@given(modelled(PACKETS))
@examples
def test_each_level_has_disjoint_cells_with_distinct_rests(drawn: Modelled) -> None:
    for family in FAMILIES:
        levels = [drawn[0].of(family)]
        levels += [rest for _, rest in levels[0]]
        for cells in levels:
            total = lines.union_all(cell for cell, _ in cells)
            assert lines.size(total) == sum(lines.size(cell) for cell, _ in cells)
            assert len({rest for _, rest in cells}) == len(cells)
            assert [cell[0] for cell, _ in cells] == sorted(cell[0] for cell, _ in cells)
            assert all(cell and rest for cell, rest in cells)


def test_a_box_without_a_common_family_is_empty() -> None:
    host4, host6 = AddressSet.of_addresses([IPv4Address("10.0.0.1")]), AddressSet.of_addresses([IPv6Address("::1")])
    assert FlowSet.box(host4, host6, ANY_PORT) == EMPTY
    assert FlowSet.box(host4, NOWHERE, ANY_PORT) == EMPTY
    assert FlowSet.box(host4, host4, PortSet.icmp_any(Family.V6)) == EMPTY
    assert FlowSet.box(EVERYWHERE, EVERYWHERE, ANY_PORT) == EVERYTHING


def test_a_packet_set_judges_addresses_and_key_only() -> None:
    host = AddressSet.of_addresses([IPv4Address("10.0.0.1")])
    ssh = FlowSet.box(host, host, PortSet.ports(Protocol.TCP, [(22, 22)]))
    address = int(IPv4Address("10.0.0.1"))
    assert Packet(Family.V4, address, address, 6, 22, source_port=9, in_interface="eth0", state=State.INVALID) in ssh
    assert Packet(Family.V4, address, address, 17, 22) not in ssh
    assert Packet(Family.V6, address, address, 6, 22) not in ssh


def test_fifty_thousand_intervals_combine_exactly() -> None:
    even = AddressSet(v4=tuple((4 * n, 4 * n) for n in range(50_000)))
    odd = AddressSet(v4=tuple((4 * n + 1, 4 * n + 3) for n in range(50_000)))
    both = AddressSet(v4=((0, 199_999),))
    assert even | odd == both
    assert not even & odd
    assert both - odd == even
    ssh = PortSet.ports(Protocol.TCP, [(22, 22)])
    web = PortSet.ports(Protocol.TCP, [(80, 80)])
    everyone = FlowSet.box(even, odd, ssh) | FlowSet.box(odd, odd, ssh) | FlowSet.box(both, both, web)
    expected = FlowSet.box(both, odd, ssh | web) | FlowSet.box(both, even, web)
    assert everyone == expected
    assert len(everyone.boxes()) == 2
