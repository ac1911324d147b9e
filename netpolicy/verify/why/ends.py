"""The ends of a question: addresses of which the statements of a policy say the same, one entry for all of them.

What statements say of an address is a number with a bit for each statement, so that a pair of ends costs one `&`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from netpolicy.dsl.syntax import Verb
from netpolicy.flow.model import NodeClass
from netpolicy.packet.addresses import FAMILIES, NOWHERE, AddressSet, Family
from netpolicy.packet.intervals import Intervals, covers, difference, intersection
from netpolicy.policy.cluster import Address, Node
from netpolicy.policy.model import Policy, Selection, Statement
from netpolicy.policy.selectors import address_set


class Kind(Enum):
    """What an end is."""

    NODES = "nodes"
    VIRTUAL = "virtual"
    STRANGERS = "strangers"


@dataclass(frozen=True, slots=True)
class End:
    """Addresses of one family that no statement tells apart.

    Of nodes of one class each has one address here, and in `members` beside its name; VIRTUAL are nodes that receive
    for one address that no node declares, which is `members`'. `who`, `whom` and `aimed` are the statements that hold
    it as a sender, as a receiver, and as the destination that a sender has; `published` those that hold it as the
    original destination of what a receiver sends on.
    """

    kind: Kind
    family: Family
    who: int
    whom: int
    aimed: int
    published: int
    members: tuple[tuple[str, int], ...] = ()
    addresses: Intervals = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.members)

    @property
    def strangers(self) -> AddressSet:
        """The addresses of no node."""
        return AddressSet(v4=self.addresses) if self.family is Family.V4 else AddressSet(v6=self.addresses)


class Ends:
    """The ends of selections, as the ruling statements tell them apart."""

    def __init__(self, policy: Policy, classes: Sequence[NodeClass], ruling: Sequence[Statement]) -> None:
        self.policy = policy
        self.ruling = ruling
        # Who receives for an address is said by all statements, also by those on other ports.
        self.virtual = [one for each in policy.of(Verb.ALLOW, Verb.DENY) for one in each.whom.virtual]
        nodes = {node.name: node for node in policy.cluster.nodes}
        self.classes = [(one, [nodes[name] for name in one.members]) for one in classes]
        self._known: dict[tuple[int, int], tuple[int, int]] = {}

    def senders(self, who: Selection) -> list[End]:
        """Nodes of the selection by class and address, then addresses of no node."""
        return [*self._nodes(who.addresses), *self._strangers(who.addresses - self.policy.nodes)]

    def receivers(self, whom: Selection) -> list[End]:
        """As of senders, and nodes that receive for virtual addresses that are asked for, by name or as they are."""
        found = self._nodes(whom.addresses)
        asked = {(one.family, one.address): one.nodes for one in whom.virtual}
        opened = {(one.family, one.address) for one in self.virtual if one.nodes}
        taken = []
        for family, address in sorted(opened | set(asked)):
            plain = (family, address) in whom.addresses and (family, address) in opened
            if plain or (family, address) in asked:
                among = self._receiving(family, address) if plain else NOWHERE
                found += self._virtual(family, address, among | asked.get((family, address), NOWHERE))
                taken.append((family, address))
        return [*found, *self._strangers(whom.addresses - self.policy.nodes - address_set(taken))]

    def _nodes(self, addresses: AddressSet) -> list[End]:
        found = []
        for number, (_, nodes) in enumerate(self.classes):
            for place, (family, _) in enumerate(nodes[0].addresses):
                held = [(node.name, node.addresses[place][1]) for node in nodes if node.addresses[place] in addresses]
                if held:
                    who, whom = self._of_seat(number, place, nodes[0].addresses[place])
                    found.append(End(Kind.NODES, family, who, whom, whom, whom, tuple(held)))
        return found

    def _of_seat(self, number: int, place: int, address: Address) -> tuple[int, int]:
        if (number, place) not in self._known:
            who = self._bits(address in one.who.addresses for one in self.ruling)
            whom = self._bits(address in one.whom.addresses for one in self.ruling)
            self._known[number, place] = who, whom
        return self._known[number, place]

    def _receiving(self, family: Family, address: int) -> AddressSet:
        """The addresses of nodes of which some statement says that they receive for the address."""
        here = [one.nodes for one in self.virtual if (one.family, one.address) == (family, address)]
        return AddressSet.union_all(here)

    def _virtual(self, family: Family, address: int, among: AddressSet) -> Iterator[End]:
        """The nodes that are asked about, by class; a deny of the address itself closes it everywhere."""
        aimed = self._bits(self._aims(one, (family, address)) for one in self.ruling)
        for node_class, nodes in self.classes:
            held = tuple((node.name, address) for node in nodes if _has_any(node, among))
            if held:
                whom = self._bits(self._received(one, (family, address), node_class) for one in self.ruling)
                # A whom that holds the whole node speaks of all that the node sends on.
                own = node_class.own.of(family)
                whole = self._bits(bool(own) and covers(one.whom.addresses.of(family), own) for one in self.ruling)
                yield End(Kind.VIRTUAL, family, 0, whom, aimed, whom | whole, held)

    def _received(self, one: Statement, address: Address, node_class: NodeClass) -> bool:
        if one.verb is Verb.DENY and address in one.whom.addresses:
            return True
        virtual = (each for each in one.whom.virtual if (each.family, each.address) == address)
        return any(each.nodes.overlaps(node_class.own) for each in virtual)

    def _aims(self, one: Statement, address: Address) -> bool:
        received = any((each.family, each.address) == address and each.nodes for each in one.whom.virtual)
        return received or address in one.whom.addresses

    def _strangers(self, addresses: AddressSet) -> Iterator[End]:
        """Addresses of no node, cut where a statement begins to say something else."""
        for family in FAMILIES:
            parts = [(addresses.of(family), 0, 0)] if addresses.of(family) else []
            for place, one in enumerate(self.ruling):
                parts = list(_cut(parts, one.who.addresses.of(family), 1 << place, 0))
                whom = AddressSet.union_all([one.whom.addresses, *_received_for(one)])
                parts = list(_cut(parts, whom.of(family), 0, 1 << place))
            for left, who, aimed in parts:
                yield End(Kind.STRANGERS, family, who, 0, aimed, 0, (), left)

    def _bits(self, answers: Iterable[bool]) -> int:
        return sum(1 << place for place, answer in enumerate(answers) if answer)


def _has_any(node: Node, addresses: AddressSet) -> bool:
    return any(address in addresses for address in node.addresses)


def _received_for(one: Statement) -> Iterator[AddressSet]:
    """The virtual addresses of a whom that somebody receives."""
    yield address_set((each.family, each.address) for each in one.whom.virtual if each.nodes)


def _cut(
    parts: Iterable[tuple[Intervals, int, int]], held: Intervals, who: int, aimed: int
) -> Iterator[tuple[Intervals, int, int]]:
    for addresses, its_who, its_aimed in parts:
        if outside := difference(addresses, held):
            yield outside, its_who, its_aimed
        if inside := intersection(addresses, held):
            yield inside, its_who | who, its_aimed | aimed
