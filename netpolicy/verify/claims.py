"""What every statement of a policy opens or closes in its cluster, as boxes of one space for all nodes.

A point is a hook with a family, a source, a destination, a key, a day and a trace in a log. It is met on one node only:

- *in*: what a node receives. A destination is a declared address, which is of one node, or a virtual address at a node;
- *sent on*: what a node publishes behind DNAT, by original destination and port. There a destination is also any other
  address at a node, which a side holds that holds the whole node;
- *out*, with egress enforced: what a node sends. A source is a declared address, or any other at a node, as before.

Addresses are atoms, and nodes that no statement tells apart are one, so no box grows with the nodes. A statement that
expires has the days up to then; one that logs leaves a trace of its own, and no deny counts for the trace of an allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netpolicy.dsl.syntax import Verb
from netpolicy.packet.addresses import AddressSet
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.grid import Atoms
from netpolicy.packet.intervals import Intervals, canonical, covers, intersection, union
from netpolicy.packet.space import Box
from netpolicy.policy.model import Egress, Policy, Selection, Statement
from netpolicy.verify.meaning import atoms

_IN, _SENT_ON, _OUT = range(3)
_HOOKS = 3
_PASSES = 0
"""The trace that every statement leaves, so to speak: the packet passes, or it does not."""


def claims(policy: Policy, statements: Sequence[Statement]) -> list[tuple[Box, ...]]:
    """The boxes of each statement that is an allow or a deny and not to itself; in both families."""
    claiming = _Claiming(policy, statements)
    return [tuple(claiming.boxes(one)) for one in statements]


@dataclass(frozen=True, slots=True)
class _Node:
    """Nodes that no statement tells apart: the atoms of their addresses."""

    held: tuple[Intervals, Intervals]

    def inside(self, side: Intervals, family: Family) -> bool:
        """True if the side holds every address of the family, and there is one."""
        own = self.held[FAMILIES.index(family)]
        return bool(own) and covers(side, own)


class _Claiming:
    def __init__(self, policy: Policy, statements: Sequence[Statement]) -> None:
        received = {one.nodes for each in statements for one in each.whom.virtual}
        self.atoms = atoms(policy, {family: [one.of(family) for one in received] for family in FAMILIES})
        self.declared = {family: self.placed(policy.nodes.of(family), family) for family in FAMILIES}
        self.enforced = policy.egress is Egress.ENFORCED
        self.publishes = any(one.verb is Verb.ALLOW and one.forwarded for one in statements)
        self.nodes = _nodes(policy, self.atoms)
        virtual = {(one.family, one.address) for each in statements for one in each.whom.virtual}
        self.virtual = {family: sorted(number for at, number in virtual if at is family) for family in FAMILIES}
        self.days = sorted({one.attributes.expires for one in statements if one.attributes.expires is not None})
        self.logs = {
            verb: sorted({one.attributes.log for one in statements if one.verb is verb and one.attributes.log})
            for verb in (Verb.ALLOW, Verb.DENY)
        }
        self._whole: dict[tuple[Family, Intervals], Intervals] = {}

    def boxes(self, one: Statement) -> Iterator[Box]:
        for at, family in enumerate(FAMILIES):
            for hook, box in self.hooks(one, family):
                if all(box):
                    place = _HOOKS * at + hook
                    yield (((place, place),), *box, self.lasting(one), self.traces(one))

    def hooks(self, one: Statement, family: Family) -> Iterator[tuple[int, Box]]:
        """Source, destination and key in each hook."""
        who, whom = (self.placed(side.addresses.of(family), family) for side in (one.who, one.whom))
        ports, forwarded = one.ports.of(family), one.forwarded.of(family)
        at_nodes = self.at_nodes(one, family)
        yield _IN, (who, union(intersection(whom, self.declared[family]), at_nodes), ports)
        if self.publishes:
            whole = self.whole(whom, family)
            held = union(union(intersection(whom, self.declared[family]), whole), at_nodes)
            everywhere = self.virtual_at_whole(whole, family)
            yield _SENT_ON, (who, union(held, everywhere), ports if one.verb is Verb.DENY else forwarded)
        if self.enforced:
            sources = union(intersection(who, self.declared[family]), self.whole(who, family))
            yield _OUT, (sources, union(whom, self.received(one.whom, family)), ports)

    # Places on the axes: the atoms, then any other address at each node, then each virtual address at each node.

    def at_nodes(self, one: Statement, family: Family) -> Intervals:
        """Virtual addresses, each at the nodes that receive it; a deny also closes those that its whom holds."""
        found = [
            self.other(family, number, 1 + self.virtual[family].index(virtual.address))
            for virtual in one.whom.virtual
            if virtual.family is family
            for number, node in enumerate(self.nodes)
            if self.receives(virtual.nodes, node)
        ]
        if one.verb is Verb.DENY:
            found += [
                self.other(family, number, 1 + at)
                for at, address in enumerate(self.virtual[family])
                if (family, address) in one.whom.addresses
                for number in range(len(self.nodes))
            ]
        return canonical((place, place) for place in found)

    def receives(self, receivers: AddressSet, node: _Node) -> bool:
        return any(
            intersection(self.placed(receivers.of(family), family), node.held[at]) for at, family in enumerate(FAMILIES)
        )

    def whole(self, held: Intervals, family: Family) -> Intervals:
        """Any other address at each node of which the side holds every address."""
        known = self._whole.get((family, held))
        if known is None:
            inside = [n for n, node in enumerate(self.nodes) if node.inside(held, family)]
            known = canonical((self.other(family, n, 0), self.other(family, n, 0)) for n in inside)
            self._whole[family, held] = known
        return known

    def virtual_at_whole(self, whole: Intervals, family: Family) -> Intervals:
        """Every virtual address at these nodes."""
        width = len(self.nodes)
        shifts = range(1, 1 + len(self.virtual[family]))
        return canonical((first + width * by, last + width * by) for by in shifts for first, last in whole)

    def other(self, family: Family, node: int, which: int) -> int:
        """The place of what is no declared address at a node: of any other, 0, or of a virtual address."""
        return len(self.atoms[family].sizes) + which * len(self.nodes) + node

    def received(self, whom: Selection, family: Family) -> Intervals:
        """The atoms of virtual addresses that somebody receives."""
        numbers = [self.atoms[family].number(one.address) for one in whom.virtual if one.family is family and one.nodes]
        return canonical((number, number) for number in numbers)

    def placed(self, addresses: Intervals, family: Family) -> Intervals:
        found = self.atoms[family].place(addresses)
        assert found is not None, "every side of a statement is a union of atoms"
        return found

    # Days and logs.

    def lasting(self, one: Statement) -> Intervals:
        expires = one.attributes.expires
        return ((0, len(self.days) if expires is None else self.days.index(expires)),)

    def traces(self, one: Statement) -> Intervals:
        """That it decides, and its entry in the log; a deny leaves no entry for an allow to leave."""
        logs = self.logs[one.verb]
        allows = len(self.logs[Verb.ALLOW])
        own = 1 + logs.index(one.attributes.log) if one.attributes.log else _PASSES
        if one.verb is Verb.ALLOW:
            return canonical([(_PASSES, _PASSES), (own, own)])
        return canonical([(_PASSES, allows), *([(allows + own, allows + own)] if own else [])])


def _nodes(policy: Policy, known: Mapping[Family, Atoms]) -> list[_Node]:
    """The nodes of the cluster, each kind once."""
    found: dict[_Node, None] = {}
    for node in policy.cluster.nodes:
        numbers: dict[Family, set[int]] = {family: set() for family in FAMILIES}
        for family, address in node.addresses:
            numbers[family].add(known[family].number(address))
        v4, v6 = (canonical((number, number) for number in numbers[family]) for family in FAMILIES)
        found[_Node((v4, v6))] = None
    return list(found)
