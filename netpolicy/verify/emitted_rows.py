"""The rows of a matrix from emitted text: who may reach what by the rules, and the statements in their comments.

Between nodes, and to addresses that nodes receive without declaring them, these are the rows of the plan. Others than
nodes are told by their addresses, since rules know no names of networks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from netpolicy.packet import interfaces
from netpolicy.packet.addresses import address_text
from netpolicy.packet.diagram import FALSE, TRUE, Node, at
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.intervals import intersection
from netpolicy.packet.packetset import Axis
from netpolicy.verify.admitted import Admitted
from netpolicy.verify.diff.crossing import Ground, Stranger
from netpolicy.verify.diff.gates import keys, untouched
from netpolicy.verify.diff.kinds import NEW, Half, Kind
from netpolicy.verify.diff.strangers import Strangers
from netpolicy.verify.emitted import Emitted
from netpolicy.verify.reachability import By, Row, rows_between

Ends = tuple[str, str]
Found = Iterator[tuple[str, str, Admitted]]


def emitted_rows(emitted: Emitted, by: By) -> list[Row]:
    """All rows by role or by node, sorted."""
    collected: dict[Ends, Admitted] = {}
    for source, destination, admitted in _Matrix(emitted, by).all():
        if admitted:
            collected.setdefault((source, destination), []).extend(admitted)
    found = [row for ends, admitted in collected.items() for row in rows_between(*ends, admitted)]
    return sorted(found, key=lambda row: (row.source, row.destination, row.protocol, row.first or 0))


class _Matrix:
    def __init__(self, emitted: Emitted, by: By) -> None:
        assert by is not By.NETWORK, "rules know no networks"
        self.by = by
        self.ground = Ground(emitted, emitted)
        self.strangers = Strangers(self.ground, NEW)
        self.thanks = emitted.thanks()
        self._known: dict[tuple[str, Family, str, bool], list[tuple[tuple[str, ...], Node]]] = {}

    def all(self) -> Found:
        kinds = [(kind, half) for kind in self.ground.kinds if (half := kind.halves[NEW]) is not None]
        for receiver, into in kinds:
            for sender, out_of in kinds:
                if sender is not receiver or len(receiver.names) > 1:
                    yield from self._between(sender, out_of, receiver, into)
            yield from self._from_strangers(receiver, into)
        # What some nodes receive is told by these.
        received = {one for _, into in kinds for family in FAMILIES for one in self._behind(into, family)}
        for sender, out_of in kinds:
            yield from self._to_strangers(sender, out_of, received)

    def _between(self, sender: Kind, out_of: Half, receiver: Kind, into: Half) -> Found:
        """Between two nodes, and to what the receiver takes for addresses that no node declares."""
        admitted: Admitted = []
        for family in FAMILIES:
            for here, source in out_of.of(family):
                sent = self.ground.gates[NEW].out_of(out_of.digest, family, here.card)
                sent = at(sent, Axis.SOURCE.variable, source)
                for there, destination in into.of(family):
                    admitted += self._passing((into.digest, family, there.card), source, destination, sent)
                for stranger in self._behind(into, family):
                    passing = self._passing((into.digest, family, into.cards[0]), source, stranger.atom, sent)
                    for name in self._names(sender):
                        yield name, self._text(stranger), passing
        if self.by is By.ROLE:
            yield from ((a, b, admitted) for a in sender.roles(NEW) for b in receiver.roles(NEW))
        else:
            yield from ((a, b, admitted) for a in sender.names for b in receiver.names if a != b)

    def _from_strangers(self, receiver: Kind, into: Half) -> Found:
        for family in FAMILIES:
            places = [(there.card, destination, "") for there, destination in into.of(family)]
            places += [(into.cards[0], one.atom, self._text(one)) for one in self._behind(into, family)]
            for card, destination, virtual in places:
                named: dict[tuple[tuple[str, ...], object], tuple[set[Stranger], Admitted]] = {}
                for atom in self.ground.strangers[NEW][family]:
                    for one in self._passing((into.digest, family, card), atom, destination, TRUE):
                        found = named.setdefault((one[2], one[1]), (set(), [one]))
                        found[0].add(Stranger(family, atom))
                for some, admitted in named.values():
                    for end, _ in self.strangers.names(some):
                        for name in (virtual,) if virtual else self._names(receiver):
                            yield end.name, name, admitted

    def _to_strangers(self, sender: Kind, out_of: Half, received: Collection[Stranger]) -> Found:
        """To others, where what goes out is filtered."""
        for family in FAMILIES:
            for here, source in out_of.of(family):
                named: dict[tuple[tuple[str, ...], object], tuple[set[Stranger], Admitted]] = {}
                for statements, packets in self._thanked(out_of.digest, family, here.card, coming=False):
                    sent = at(packets, Axis.SOURCE.variable, source)
                    for atom in self.ground.strangers[NEW][family]:
                        passing = keys(at(sent, Axis.DESTINATION.variable, atom))
                        if passing and Stranger(family, atom) not in received:
                            found = named.setdefault((statements, passing), (set(), [(family, passing, statements)]))
                            found[0].add(Stranger(family, atom))
                for some, admitted in named.values():
                    for end, _ in self.strangers.names(some):
                        yield from ((name, end.name, admitted) for name in self._names(sender))

    def _passing(self, at_card: tuple[str, Family, str], source: int, destination: int, sent: Node) -> Admitted:
        """What passes from one address to another, by the rules of the receiver, of what the sender lets out."""
        leaving = keys(at(sent, Axis.DESTINATION.variable, destination))
        found: Admitted = []
        for statements, packets in self._thanked(*at_card, coming=True):
            there = at(packets, Axis.DESTINATION.variable, destination)
            passing = intersection(keys(at(there, Axis.SOURCE.variable, source)), leaving)
            if passing:
                found.append((at_card[1], passing, statements))
        return found

    def _thanked(self, digest: str, family: Family, card: str, *, coming: bool) -> list[tuple[tuple[str, ...], Node]]:
        """The rules of a class that let new packets pass at an interface."""
        place = (digest, family, card, coming)
        if place not in self._known:
            number = interfaces.number(card)
            comes, goes = (number, interfaces.NONE) if coming else (interfaces.NONE, number)
            nowhere = len(self.ground.atoms[family].sizes)
            cut = ((ids, untouched(one.of(family), comes, goes, nowhere)) for ids, one in self.thanks[digest])
            self._known[place] = [(ids, node) for ids, node in cut if node is not FALSE]
        return self._known[place]

    def _behind(self, into: Half, family: Family) -> list[Stranger]:
        """The addresses that no node declares and these nodes receive."""
        if not into.cards:
            return []
        rules = self._thanked(into.digest, family, into.cards[0], coming=True)
        return [
            Stranger(family, atom)
            for atom in self.ground.strangers[NEW][family]
            if any(at(packets, Axis.DESTINATION.variable, atom) is not FALSE for _, packets in rules)
        ]

    def _names(self, kind: Kind) -> tuple[str, ...]:
        return kind.roles(NEW) if self.by is By.ROLE else kind.names

    def _text(self, stranger: Stranger) -> str:
        first = self.ground.addresses(NEW, stranger).of(stranger.family)[0][0]
        return address_text(stranger.family, first)


def possible(emitted: Emitted, by: By) -> frozenset[Ends]:
    """The pairs of names that two different nodes hold in one family: only these can have a row between nodes."""
    held: dict[tuple[Family, str], set[str]] = {}
    for node in emitted.nodes:
        names = (node.node,) if by is By.NODE else node.roles or ("(no role)",)
        for family in {family for family, _ in node.addresses}:
            for name in names:
                held.setdefault((family, name), set()).add(node.node)
    return frozenset((a, b) for f, a in held for g, b in held if f is g and len(held[f, a] | held[g, b]) > 1)
