"""What a policy means for the nodes of a class: exactly the packets that they let pass, in each hook.

Read from the resolved statements and the cluster alone. The plan, and what is made of it, is judged by this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from netpolicy.dsl.syntax import Verb
from netpolicy.flow.model import NodeClass
from netpolicy.packet import interfaces
from netpolicy.packet.addresses import AddressSet
from netpolicy.packet.diagram import TRUE, Node, at, complement, difference, intersection, union, union_all
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.grid import Atoms, Grid
from netpolicy.packet.intervals import Intervals, canonical, covers, size
from netpolicy.packet.intervals import difference as left_of
from netpolicy.packet.intervals import intersection as in_both
from netpolicy.packet.intervals import union as in_either
from netpolicy.packet.packets import State
from netpolicy.packet.packetset import NO_PORT, Axis, PacketSet, state
from netpolicy.packet.ports import VALUE_BITS, VALUE_LAST, PortSet, by_protocol
from netpolicy.policy.model import Egress, Policy, Selection, Statement
from netpolicy.verify import baseline

Asked = dict[Axis, Intervals]
"""What one box of packets asks on some axes."""


@dataclass(frozen=True, slots=True)
class Hook:
    """What a policy says of the packets of one family in one hook.

    `asked` are those that can be met and that the rules of a class can judge; of these, `wanted` pass and no other.
    """

    family: Family
    name: str
    asked: Node
    wanted: Node


def atoms(policy: Policy, more: Mapping[Family, Iterable[Intervals]] | None = None) -> dict[Family, Atoms]:
    """The atoms of a policy's addresses: what its statements tell apart, and what `more` does."""
    ruling = _ruling(policy)
    sides = [policy.nodes, *(side.addresses for one in ruling for side in (one.who, one.whom))]
    found = {}
    for family in FAMILIES:
        sets = [side.of(family) for side in sides]
        alone = {one.address for each in ruling for one in each.whom.virtual if one.family is family}
        sets += [((address, address),) for address in sorted(alone)]
        sets += [baseline.LINK_LOCAL] if family is Family.V6 else []
        found[family] = Atoms.of(family.last, [*sets, *(more or {}).get(family, ())])
    return found


def grids(known: Mapping[Family, Atoms], own: AddressSet) -> dict[Family, Grid]:
    """The axes on which the addresses of a node stand apart."""
    return {family: Grid(family, known[family], _each(own.of(family))) for family in FAMILIES}


def meaning(policy: Policy, node_class: NodeClass, axes: Mapping[Family, Grid]) -> tuple[Hook, ...]:
    """What the policy says of the packets of each family in each hook of the first node of a class."""
    found: list[Hook] = []
    for family in FAMILIES:
        here = _Here(policy, node_class, family, axes[family])
        found += [here.input(), here.forward(), here.output()]
    return tuple(found)


def incoming(policy: Policy, node_class: NodeClass, grid: Grid, address: int) -> Node:
    """The new flows that statements let in to one address of the node, whatever its state and interface."""
    here = _Here(policy, node_class, grid.family, grid)
    return at(here.ruled(here.received), Axis.DESTINATION.variable, grid.number(address))


def outgoing(policy: Policy, node_class: NodeClass, grid: Grid, address: int) -> Node:
    """The new flows that statements let out from one address of the node; all where egress is open."""
    here = _Here(policy, node_class, grid.family, grid)
    return at(here.ruled(here.sent), Axis.SOURCE.variable, grid.number(address)) if here.enforced else TRUE


class _Here:
    """One node and one family."""

    def __init__(self, policy: Policy, node_class: NodeClass, family: Family, grid: Grid) -> None:
        self.policy, self.node_class, self.family, self.grid = policy, node_class, family, grid
        self.own = canonical(
            (one, one) for one in (grid.number(address) for address in _each(node_class.own.of(family)))
        )
        self.others = left_of(self.placed(policy.nodes), self.own)
        self.elsewhere = left_of(grid.every, self.others)
        named = [one.address for each in _ruling(policy) for one in each.whom.virtual if one.family is family]
        self.all_virtual = canonical((number, number) for number in map(grid.number, named))
        self.invalid = baseline.unplaced(family)
        self.enforced = policy.egress is Egress.ENFORCED
        cards = canonical((one, one) for one in map(interfaces.number, node_class.interfaces))
        self.comes_by_declared = self.box({Axis.IN_INTERFACE: cards})
        self.goes_by_declared = self.box({Axis.OUT_INTERFACE: cards})

    # The hooks.

    def input(self) -> Hook:
        """What comes in: to addresses of the node, and to those that no node declares."""
        leased = self.node_class.leased
        open_ = [baseline.icmp(self.family), baseline.dhcp(self.family, self.grid, leased=leased, answers=True)]
        wanted = self.stateful(Axis.IN_INTERFACE, union_all([*open_, self.ruled(self.received)]))
        asked = self.possible(Axis.IN_INTERFACE, self.box({Axis.DESTINATION: self.elsewhere}))
        return Hook(self.family, "INPUT", asked, wanted)

    def output(self) -> Hook:
        """What goes out, with addresses of the node or with such as no node declares."""
        asked = self.possible(Axis.OUT_INTERFACE, self.box({Axis.SOURCE: self.elsewhere}))
        if not self.enforced:
            return Hook(self.family, "OUTPUT", asked, TRUE)
        leased = self.node_class.leased
        open_ = [baseline.icmp(self.family), baseline.dhcp(self.family, self.grid, leased=leased, answers=False)]
        wanted = self.stateful(Axis.OUT_INTERFACE, union_all([*open_, self.ruled(self.sent)]))
        return Hook(self.family, "OUTPUT", asked, wanted)

    def forward(self) -> Hook:
        """What is sent on: to what the node publishes behind DNAT; with egress enforced also from what it holds."""
        published = intersection(self.box({Axis.TRANSLATED: ((1, 1),)}), self.comes_by_declared)
        inside = difference(self.ruled(self.sent_on), self.invalid)
        wanted = intersection(published, union(baseline.established(self.family), inside))
        leaving = TRUE
        if self.enforced:
            outside = difference(self.ruled(self.contained), self.invalid)
            passing = union_all([baseline.established(self.family), outside])
            leaving = union(complement(self.goes_by_declared), passing)
        wanted = union(wanted, difference(leaving, published))
        strange = union_all([published, complement(self.goes_by_declared), self.box({Axis.SOURCE: self.elsewhere})])
        return Hook(self.family, "FORWARD", self.possible(None, strange), wanted)

    def stateful(self, axis: Axis, new: Node) -> Node:
        """What is established, over loopback, or new and admitted."""
        always = union(baseline.established(self.family), baseline.loopback(self.family, axis))
        return union(always, difference(new, self.invalid))

    def possible(self, only: Axis | None, asked: Node) -> Node:
        """Those of the packets asked about that can be.

        Connection tracking knows of every packet that has a connection where its first one was sent, translated or not;
        that both are the same where nothing was translated is not used.
        """
        some, none = interfaces.SOME, ((interfaces.NONE, interfaces.NONE),)
        comes = some if only in (Axis.IN_INTERFACE, None) else none
        goes = some if only in (Axis.OUT_INTERFACE, None) else none
        ends = {Axis.SOURCE: self.grid.every, Axis.DESTINATION: self.grid.every}
        # Connection tracking puts fragments together before any rule sees them.
        box = {Axis.IN_INTERFACE: comes, Axis.OUT_INTERFACE: goes, Axis.FRAGMENT: ((0, 0),), **ends}
        nowhere = self.grid.last + 1
        untouched = {
            Axis.TRANSLATED: ((0, 0),),
            Axis.ORIGINAL_PORT: ((NO_PORT, NO_PORT),),
            Axis.ORIGINAL_DESTINATION: ((nowhere, nowhere),),
        }
        translated = {
            Axis.STATE: state(State.NEW, State.ESTABLISHED, State.RELATED),
            Axis.TRANSLATED: ((1, 1),),
            Axis.ORIGINAL_PORT: ((0, VALUE_LAST),),
            Axis.ORIGINAL_DESTINATION: self.elsewhere,
        }
        known = {**translated, Axis.TRANSLATED: ((0, 0),), Axis.ORIGINAL_DESTINATION: self.grid.every}
        can_be = union_all(self.box({**box, **more}) for more in (untouched, translated, known))
        return intersection(asked, can_be)

    # The statements. A deny beats every allow.

    def ruled(self, speaks: Callable[[Statement], Iterable[Asked]]) -> Node:
        """The packets that some allow speaks of and no deny."""
        allowed, denied = (
            union_all(self.box(box) for one in self.policy.of(verb) if not one.to_self for box in speaks(one))
            for verb in (Verb.ALLOW, Verb.DENY)
        )
        return difference(allowed, denied)

    def received(self, one: Statement) -> Iterable[Asked]:
        """A plain whom opens own addresses alone, and closes all that it holds; a virtual one is opened by its name."""
        held = self.placed(one.whom.addresses)
        destinations = in_either(in_both(held, self.own) if one.verb is Verb.ALLOW else held, self.virtual(one.whom))
        yield {Axis.SOURCE: self.placed(one.who.addresses), Axis.DESTINATION: destinations, Axis.KEY: self.keys(one)}

    def sent(self, one: Statement) -> Iterable[Asked]:
        sources = in_both(self.placed(one.who.addresses), self.own)
        yield {Axis.SOURCE: sources, Axis.DESTINATION: self.targets(one.whom), Axis.KEY: self.keys(one)}

    def contained(self, one: Statement) -> Iterable[Asked]:
        """What containers send leaves with the rights of their node."""
        yield {
            Axis.SOURCE: self.standing_for(one.who),
            Axis.DESTINATION: self.targets(one.whom),
            Axis.KEY: self.keys(one),
        }

    def sent_on(self, one: Statement) -> Iterable[Asked]:
        """A published port counts by what the sender wrote; it is opened by forwarded services alone."""
        destinations = in_either(self.standing_for(one.whom), left_of(self.virtual(one.whom), self.own))
        if one.verb is Verb.DENY:
            # A plain whom closes a virtual address that it holds, too.
            destinations = in_either(destinations, in_both(self.placed(one.whom.addresses), self.all_virtual))
        ports: PortSet = one.forwarded if one.verb is Verb.ALLOW else one.ports
        for protocol, values in by_protocol(ports.of(self.family)):
            yield {
                Axis.SOURCE: self.placed(one.who.addresses),
                Axis.KEY: ((protocol << VALUE_BITS, protocol << VALUE_BITS | VALUE_LAST),),
                Axis.ORIGINAL_PORT: values,
                Axis.ORIGINAL_DESTINATION: destinations,
            }

    # Addresses and ports.

    def standing_for(self, side: Selection) -> Intervals:
        """Every address where the side holds the whole node, else the part of the node that it holds."""
        held = in_both(self.placed(side.addresses), self.own)
        return self.grid.every if held and covers(held, self.own) else held

    def virtual(self, whom: Selection) -> Intervals:
        """The addresses that no node declares and that this node receives."""
        own = self.node_class.own
        mine = [one.address for one in whom.virtual if one.family is self.family and one.nodes.overlaps(own)]
        return canonical((number, number) for number in map(self.grid.number, mine))

    def targets(self, whom: Selection) -> Intervals:
        """The addresses that the whom speaks of, virtual ones with a receiver included."""
        received = [one.address for one in whom.virtual if one.family is self.family and one.nodes]
        virtual = canonical((number, number) for number in map(self.grid.number, received))
        return in_either(self.placed(whom.addresses), virtual)

    def placed(self, addresses: AddressSet) -> Intervals:
        found = self.grid.place(addresses.of(self.family))
        assert found is not None, "every side of a statement is a union of atoms"
        return found

    def keys(self, one: Statement) -> Intervals:
        return one.ports.of(self.family)

    def box(self, asked: Asked) -> Node:
        return PacketSet.where(self.family, asked, self.grid).of(self.family)


def _ruling(policy: Policy) -> Sequence[Statement]:
    return [one for one in policy.of(Verb.ALLOW, Verb.DENY) if not one.to_self]


def _each(addresses: Intervals) -> tuple[int, ...]:
    """The addresses of a node, one by one."""
    assert size(addresses) < 1 << 16, "a node has few addresses"
    return tuple(address for first, last in addresses for address in range(first, last + 1))
