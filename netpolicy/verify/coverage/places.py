"""A policy as boxes: at each place where nodes judge packets, what each statement admits or refuses there.

The places are those of a plan (`flow/plan.py`), for all nodes at once: what comes in to declared addresses, what comes
to virtual ones, what was sent on by DNAT, and, where egress is enforced, what goes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from netpolicy.dsl.syntax import Verb
from netpolicy.packet.addresses import FAMILIES, AddressSet, Family
from netpolicy.packet.ports import PORT_SPACE_LAST
from netpolicy.policy.model import Egress, Policy, Statement, Virtual
from netpolicy.policy.selectors import address_set
from netpolicy.verify.coverage.boxes import Box, BoxIndex, Ends
from netpolicy.verify.coverage.masks import Masks, bits
from netpolicy.verify.coverage.seats import FamilyMasks, Kind, Seats, address_side, kinds


class Place(Enum):
    """Where packets are judged."""

    INBOUND = "inbound"
    VIRTUAL = "virtual"
    FORWARD = "forward"
    OUTBOUND = "outbound"


Key = tuple[str, str, str]
"""What the directions of one statement share."""


def key_of(one: Statement) -> Key:
    """The same for both directions of a statement, and for another spelling of its ports."""
    first, second = sorted((one.who.text, one.whom.text))
    return one.id, first, second


@dataclass(frozen=True, slots=True)
class Part:
    """A box that stands as long as all these statements do."""

    box: Box
    needs: frozenset[Key]


@dataclass(slots=True)
class Parts:
    """Boxes of one effect."""

    parts: list[Part] = field(default_factory=list)
    of: dict[Key, list[int]] = field(default_factory=dict)
    _index: BoxIndex | None = None

    def add(self, box: Box, *needs: Key) -> None:
        """Notes the box, if it holds a packet."""
        if box:
            for key in set(needs):
                self.of.setdefault(key, []).append(len(self.parts))
            self.parts.append(Part(box, frozenset(needs)))

    def lost(self, key: Key) -> Iterator[Box]:
        """The boxes that fall with the statement."""
        return (self.parts[place].box for place in self.of.get(key, ()))

    def meeting(self, *boxes: Box, but: Key | None = None) -> list[Box]:
        """The boxes that meet each of these, but for those that fall with a statement."""
        if self._index is None:
            self._index = BoxIndex([one.box for one in self.parts])
        held = -1
        for box in boxes:
            held &= self._index.meeting(box)
        return [self.parts[place].box for place in bits(held) if but is None or but not in self.parts[place].needs]


@dataclass(slots=True)
class Bench:
    """What is admitted and what refused at one place, of one family."""

    ends: Ends
    allows: Parts = field(default_factory=Parts)
    denies: Parts = field(default_factory=Parts)


View = tuple[Family, Place, Box]
"""Packets of a promise, and where they are judged."""


class Benches:
    """All places of a policy, of both families."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.enforced = policy.egress is Egress.ENFORCED
        self.ruling = [one for one in policy.of(Verb.ALLOW, Verb.DENY) if not one.to_self]
        self.virtual = sorted({at for one in policy.statements for at in _virtual(one)})
        self.naming = self._naming()
        self._points = {at: address_set([at]) for at in self.virtual}
        self.atoms = {family: self._atoms(family) for family in FAMILIES}
        ports = [ports for one in policy.statements for ports in (one.ports, one.forwarded)]
        self.keys = {family: Masks(PORT_SPACE_LAST, (each.of(family) for each in ports)) for family in FAMILIES}
        self.nodes = self.masks(policy.nodes)
        self.kinds: list[Kind] = kinds(policy.cluster.nodes, self.atoms)
        self.seats = {family: Seats(self.kinds, family, self.virtual) for family in FAMILIES}
        self.all = {family: self._benches(family) for family in FAMILIES}

    def _naming(self) -> dict[tuple[Family, int], set[Key]]:
        """The rules that name each virtual address."""
        found: dict[tuple[Family, int], set[Key]] = {}
        for one in self.ruling:
            for at in _virtual(one):
                found.setdefault(at, set()).add(key_of(one))
        return found

    def _atoms(self, family: Family) -> Masks:
        sides = [side for one in self.policy.statements for side in (one.who, one.whom)]
        sets = [held for side in sides for held in (side.addresses, *(virtual.nodes for virtual in side.virtual))]
        return Masks(family.last, (each.of(family) for each in (self.policy.nodes, *self._points.values(), *sets)))

    @cached_property
    def holders(self) -> dict[Family, dict[int, list[tuple[int, str]]]]:
        """The declared addresses of each atom, each with its node."""
        found: dict[Family, dict[int, list[tuple[int, str]]]] = {family: {} for family in FAMILIES}
        for node in self.policy.cluster.nodes:
            for family, address in node.addresses:
                atom = self.atoms[family].at(address)
                if atom is not None:
                    found[family].setdefault(atom, []).append((address, node.name))
        return found

    def inbound(self, family: Family) -> Bench:
        """What comes in to declared addresses."""
        return self.all[family][Place.INBOUND]

    def masks(self, addresses: AddressSet) -> FamilyMasks:
        """The atoms of a set that the policy speaks of."""
        return {family: self.atoms[family].mask(addresses.of(family)) for family in FAMILIES}

    def _benches(self, family: Family) -> dict[Place, Bench]:
        addresses = address_side(self.policy.cluster.nodes, family, self.atoms[family])
        seats = self.seats[family].side
        found = {
            Place.INBOUND: Bench(Ends(addresses, addresses)),
            Place.VIRTUAL: Bench(Ends(addresses, seats)),
            Place.FORWARD: Bench(Ends(addresses, seats)),
            Place.OUTBOUND: Bench(Ends(seats, addresses)),
        }
        for one in self.ruling:
            self._rule(family, one, found)
        return found

    def _rule(self, family: Family, one: Statement, benches: dict[Place, Bench]) -> None:
        """Adds what a statement admits or refuses in a family."""
        key, seats = key_of(one), self.seats[family]
        who, whom = self.masks(one.who.addresses)[family], self.masks(one.whom.addresses)[family]
        keys, denies = self.keys[family].mask(one.ports.of(family)), one.verb is Verb.DENY
        parts = {place: bench.denies if denies else bench.allows for place, bench in benches.items()}
        parts[Place.INBOUND].add(Box(who, whom & self.nodes[family], keys), key)
        receiving = self.receiving(family, one.whom.virtual)
        inside = [at for at in self.naming if denies and at[0] is family and at in one.whom.addresses]
        parts[Place.VIRTUAL].add(Box(who, receiving | seats.at([address for _, address in inside]), keys), key)
        published = keys if denies else self.keys[family].mask(one.forwarded.of(family))
        if published and self.publishes:
            parts[Place.FORWARD].add(Box(who, seats.standing(whom) | receiving, published), key)
            # A plan closes an address that lies in the whom of a deny only where some statement names it.
            for at in inside:
                named = self.naming[at] if len(self.naming[at]) == 1 else ()
                parts[Place.FORWARD].add(Box(who, seats.at([at[1]]), published), key, *named)
        if self.enforced:
            aimed = whom | self.points(family, (each for each in one.whom.virtual if each.nodes))
            parts[Place.OUTBOUND].add(Box(seats.standing(who), aimed, keys), key)

    @cached_property
    def publishes(self) -> bool:
        """True when some allow speaks of a forwarded service."""
        return any(one.forwarded for one in self.ruling if one.verb is Verb.ALLOW)

    def receiving(self, family: Family, virtual: Iterable[Virtual]) -> int:
        """The seats where nodes receive for virtual addresses."""
        found = 0
        for one in virtual:
            if one.family is family:
                found |= self.seats[family].receiving(self.masks(one.nodes), one.address)
        return found

    def points(self, family: Family, virtual: Iterable[Virtual]) -> int:
        """The atoms of virtual addresses."""
        found = 0
        for one in virtual:
            if one.family is family:
                found |= self.masks(self._points[one.family, one.address])[family]
        return found

    # What a promise is about.

    def views(self, promise: Statement) -> Iterator[View]:
        """The packets of a promise, and where they are judged; the same views as those of `verify/promises.py`."""
        for family in FAMILIES:
            for place, box in self._of_family(family, promise):
                if box:
                    yield family, place, box

    def _of_family(self, family: Family, promise: Statement) -> Iterator[tuple[Place, Box]]:
        never = promise.verb is Verb.NEVER
        who, whom = self.masks(promise.who.addresses)[family], self.masks(promise.whom.addresses)[family]
        keys = self.keys[family].mask(promise.ports.of(family))
        yield Place.INBOUND, Box(who, whom & self.nodes[family], keys)
        received = Box(who, self.receiving(family, promise.whom.virtual), keys)
        yield Place.VIRTUAL, received
        if never:
            yield Place.FORWARD, received
            inside = [at for at in self.virtual if at[0] is family and at in promise.whom.addresses]
            yield Place.VIRTUAL, Box(who, self.seats[family].at([address for _, address in inside]), keys)
        if self.enforced:
            senders = self.seats[family].own(who)
            yield Place.OUTBOUND, Box(senders, whom & ~self.nodes[family], keys)
            for one in promise.whom.virtual if not never else ():
                if one.family is family:
                    yield Place.OUTBOUND, Box(self._sending(senders, one), self.points(family, [one]), keys)

    def _sending(self, senders: int, virtual: Virtual) -> int:
        """The senders for whom somebody else receives."""
        held = self.masks(virtual.nodes)
        receivers = [kind for kind in self.kinds if kind.touches(held)]
        if not receivers:
            return 0
        only = receivers[0].owner if len(receivers) == 1 else None
        return senders if only is None else senders & ~self.seats[virtual.family].side.of[only]

    def left_open(self, promise: Statement) -> bool:
        """True when a `never` is about what any node may send while egress is open."""
        return (
            promise.verb is Verb.NEVER
            and not self.enforced
            and any(
                self.masks(promise.who.addresses)[family] & self.nodes[family]
                and self.masks(promise.whom.addresses)[family] & ~self.nodes[family]
                and promise.ports.of(family)
                for family in FAMILIES
            )
        )


def _virtual(one: Statement) -> Sequence[tuple[Family, int]]:
    return [(each.family, each.address) for each in one.whom.virtual]
