"""What passes on one side and not on the other, between kinds of nodes, and between these and who is no node."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from netpolicy.packet.addresses import AddressSet
from netpolicy.packet.diagram import FALSE, TRUE, Node, at, difference, intersection, union_all
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.intervals import canonical
from netpolicy.packet.packetset import Axis
from netpolicy.verify import baseline
from netpolicy.verify.diff.gates import RECEIVING, Gates, Way, between
from netpolicy.verify.diff.kinds import NEW, OLD, SIDES, Half, Kind, Place, kinds
from netpolicy.verify.emitted import Emitted, together


class Share(Enum):
    """Whose flows they are: of nodes that are on both sides, or of such as came or went."""

    KEPT = "kept"
    CAME = "came"
    WENT = "went"


@dataclass(frozen=True, slots=True)
class Stranger:
    """The addresses of an atom that no node declares."""

    family: Family
    atom: int


@dataclass(frozen=True, slots=True)
class Behind:
    """Addresses that no node declares, and the nodes that receive for them."""

    stranger: Stranger
    kind: Kind


Side = Kind | Stranger | Behind
"""Who takes part in a flow."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """Packets that pass on one side alone, the new one if they are `opened`, from one end to another.

    The places say by which of its addresses a node took part, where it did.
    """

    share: Share
    opened: bool
    way: Way
    family: Family
    source: Side
    destination: Side
    packets: Node
    source_place: Place | None = None
    destination_place: Place | None = None


class Ground:
    """Two sides on common ground: the same atoms, nodes by name, and who is a stranger where."""

    def __init__(self, old: Emitted, new: Emitted) -> None:
        self.sides = (old, new)
        self.atoms = together(self.sides)
        self.gates = tuple(Gates(side, self.atoms) for side in self.sides)
        self.kinds = kinds(self.sides, self.atoms)
        self.declared = tuple(_declared(side) for side in self.sides)
        self.strangers = tuple({family: self._strangers(side, family) for family in FAMILIES} for side in SIDES)

    def _strangers(self, side: int, family: Family) -> list[int]:
        """The atoms that hold an address of no node."""
        atoms = self.atoms[family]
        held = [0] * len(atoms.sizes)
        for first, last in self.declared[side].of(family):
            for address in range(first, last + 1):
                held[atoms.number(address)] += 1
        return [number for number, whole in enumerate(atoms.sizes) if held[number] < whole]

    def outside(self, family: Family) -> list[int]:
        """The atoms that hold an address of no node on either side."""
        return sorted({*self.strangers[OLD][family], *self.strangers[NEW][family]})

    def addresses(self, side: int, one: Stranger) -> AddressSet:
        """The addresses of a stranger, on one side."""
        every = self.atoms[one.family].members(one.atom)
        found = AddressSet(every, ()) if one.family is Family.V4 else AddressSet((), every)
        return found - self.declared[side]


def crossings(ground: Ground) -> Iterator[Crossing]:
    """All that passes on one side alone, but what is always open."""
    same = {kind.number for kind in ground.kinds if _is_same(ground, kind)}
    for receiver in ground.kinds:
        for sender in ground.kinds:
            possible = sender is not receiver or len(receiver.names) > 1
            if possible and not (sender.number in same and receiver.number in same):
                yield from _between(ground, sender, receiver)
        yield from _from_strangers(ground, receiver)
        yield from _behind(ground, receiver)
    for sender in ground.kinds:
        yield from _to_strangers(ground, sender)


def share_of(*taking_part: Kind) -> Share | None:
    """Whose flows these are; None for nodes that never are there together."""
    came = any(kind.halves[OLD] is None for kind in taking_part)
    went = any(kind.halves[NEW] is None for kind in taking_part)
    if came and went:
        return None
    return Share.CAME if came else Share.WENT if went else Share.KEPT


def _is_same(ground: Ground, kind: Kind) -> bool:
    """True for nodes of both sides whose addresses and gates are the same on both."""
    old, new = kind.halves
    if old is None or new is None or old.atoms != new.atoms:
        return False
    gates = [(old, ground.gates[OLD]), (new, ground.gates[NEW])]
    asked = [(card, family, way) for card in new.cards for family in FAMILIES for way in Way]
    return all(len({id(_gate(one, half, *ask)) for half, one in gates}) == 1 for ask in asked)


def _gate(gates: Gates, half: Half, card: str, family: Family, way: Way) -> Node:
    if way is Way.SENT:
        return gates.out_of(half.digest, family, card)
    return gates.into(half.digest, family, card, way)


# Tables of what passes on one side, by the way and who takes part; each is compared with that of the other side.

Who = Place | Stranger | None
Key = tuple[Way, Family, Who, Who]
Table = dict[Key, Node]


def _compared(old: Table, new: Table, like: Callable[[Key], object]) -> Iterator[tuple[bool, Key, Node]]:
    """What passes on one side alone. A place that the other side has not is compared with all places there.

    What is always open, or is where addresses are leased, is left out.
    """
    for opened, here, there in ((True, new, old), (False, old, new)):
        for key, passing in here.items():
            known = there.get(key)
            if known is None:
                known = union_all(rest for other, rest in there.items() if like(other) == like(key))
            if known is passing:
                continue
            packets = difference(difference(passing, known), baseline.always(key[1]))
            if packets is not FALSE:
                yield opened, key, packets


def _between(ground: Ground, sender: Kind, receiver: Kind) -> Iterator[Crossing]:
    share = share_of(sender, receiver)
    if share is None:
        return
    old, new = (_pair_table(ground, side, sender.halves[side], receiver.halves[side]) for side in SIDES)
    for opened, (way, family, source, destination), packets in _compared(old, new, lambda key: key[0]):
        assert isinstance(source, Place) and isinstance(destination, Place)
        yield Crossing(share, opened, way, family, sender, receiver, packets, source, destination)


def _pair_table(ground: Ground, side: int, sender: Half | None, receiver: Half | None) -> Table:
    if sender is None or receiver is None:
        return {}
    found: Table = {}
    gates = ground.gates[side]
    for there, destination in receiver.atoms:
        for here, source in sender.of(there.family):
            out_of = gates.out_of(sender.digest, there.family, here.card)
            for way in RECEIVING:
                into = gates.into(receiver.digest, there.family, there.card, way)
                found[way, there.family, here, there] = intersection(*between(into, out_of, source, destination))
    return found


def _from_strangers(ground: Ground, receiver: Kind) -> Iterator[Crossing]:
    share = share_of(receiver)
    assert share is not None
    old, new = (_strangers_table(ground, side, receiver.halves[side]) for side in SIDES)
    for opened, (way, family, source, destination), packets in _compared(old, new, lambda key: key[:3]):
        assert isinstance(source, Stranger) and isinstance(destination, Place)
        if source.atom not in ground.strangers[NEW if opened else OLD][family]:
            continue
        yield Crossing(share, opened, way, family, source, receiver, packets, None, destination)


def _strangers_table(ground: Ground, side: int, receiver: Half | None) -> Table:
    found: Table = {}
    for there, destination in receiver.atoms if receiver is not None else ():
        for way in RECEIVING:
            assert receiver is not None
            into = ground.gates[side].into(receiver.digest, there.family, there.card, way)
            taken = at(into, Axis.DESTINATION.variable, destination)
            for atom in ground.outside(there.family):
                passing = at(taken, Axis.SOURCE.variable, atom)
                found[way, there.family, Stranger(there.family, atom), there] = passing
    return found


def _to_strangers(ground: Ground, sender: Kind) -> Iterator[Crossing]:
    """What goes to addresses of no node; where nothing is filtered, a node that came or went is no news."""
    share = share_of(sender)
    assert share is not None
    old, new = (_sent_table(ground, side, sender.halves[side]) for side in SIDES)
    for opened, (way, family, source, destination), packets in _compared(old, new, lambda key: (key[1], key[3])):
        assert isinstance(source, Place) and isinstance(destination, Stranger)
        if destination.atom not in ground.strangers[NEW if opened else OLD][family]:
            continue
        if share is Share.KEPT or (new if opened else old)[way, family, source, destination] is not TRUE:
            yield Crossing(share, opened, way, family, sender, destination, packets, source, None)


def _sent_table(ground: Ground, side: int, sender: Half | None) -> Table:
    found: Table = {}
    for here, source in sender.atoms if sender is not None else ():
        assert sender is not None
        out_of = ground.gates[side].out_of(sender.digest, here.family, here.card)
        sent = at(out_of, Axis.SOURCE.variable, source)
        for atom in ground.outside(here.family):
            found[Way.SENT, here.family, here, Stranger(here.family, atom)] = at(sent, Axis.DESTINATION.variable, atom)
    return found


# Addresses that no node declares and some receive: `nodes@ADDRESS`.


def _behind(ground: Ground, receiver: Kind) -> Iterator[Crossing]:
    for family in FAMILIES:
        for atom in ground.outside(family):
            to = Stranger(family, atom)
            taken = [_taken(ground, side, receiver.halves[side], to) for side in SIDES]
            if all(one is FALSE for pair in taken for one in pair.values()):
                continue
            yield from _virtual(ground, receiver, to, taken)


def _taken(ground: Ground, side: int, receiver: Half | None, to: Stranger) -> dict[Way, Node]:
    """What nodes take for an address that is not theirs, but for what every node takes."""
    found: dict[Way, Node] = {}
    for way in RECEIVING if receiver is not None and receiver.cards else ():
        assert receiver is not None
        into = ground.gates[side].into(receiver.digest, to.family, receiver.cards[0], way)
        found[way] = difference(at(into, Axis.DESTINATION.variable, to.atom), baseline.always(to.family))
    return found


def _virtual(ground: Ground, receiver: Kind, to: Stranger, taken: Sequence[Mapping[Way, Node]]) -> Iterator[Crossing]:
    """What passes to such an address from strangers and from other nodes."""
    tables: list[Table]
    family, behind = to.family, Behind(to, receiver)
    for atom in ground.outside(family):
        source = Stranger(family, atom)
        tables = [
            {(way, family, source, to): at(one, Axis.SOURCE.variable, atom) for way, one in taken[side].items()}
            for side in SIDES
        ]
        yield from _seen(ground, share_of(receiver), behind, tables, source)
    for sender in ground.kinds:
        if sender is receiver and len(receiver.names) == 1:
            continue
        tables = [_virtual_table(ground, side, sender.halves[side], to, taken[side]) for side in SIDES]
        yield from _seen(ground, share_of(sender, receiver), behind, tables, sender)


def _virtual_table(
    ground: Ground, side: int, sender: Half | None, to: Stranger, taken: Mapping[Way, Node]
) -> dict[Key, Node]:
    found: Table = {}
    for here, source in sender.of(to.family) if sender is not None else ():
        assert sender is not None
        out_of = ground.gates[side].out_of(sender.digest, to.family, here.card)
        for way, into in taken.items():
            found[way, to.family, here, to] = intersection(*between(into, out_of, source, to.atom))
    return found


def _seen(
    ground: Ground, share: Share | None, behind: Behind, tables: Sequence[Table], sender: Kind | Stranger
) -> Iterator[Crossing]:
    if share is None:
        return
    for opened, (way, family, source, _), packets in _compared(tables[OLD], tables[NEW], lambda key: key[:2]):
        strangers = ground.strangers[NEW if opened else OLD][family]
        if behind.stranger.atom not in strangers or (isinstance(source, Stranger) and source.atom not in strangers):
            continue
        here = source if isinstance(source, Place) else None
        yield Crossing(share, opened, way, family, sender, behind, packets, here, None)


def _declared(side: Emitted) -> AddressSet:
    pairs: dict[Family, list[tuple[int, int]]] = {family: [] for family in FAMILIES}
    for node in side.nodes:
        for family, address in node.addresses:
            pairs[family].append((address, address))
    return AddressSet(*(canonical(pairs[family]) for family in FAMILIES))
