"""A group of crossings as changes between names: roles, `all`, networks, `outside`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from netpolicy.packet.addresses import address_text
from netpolicy.packet.diagram import FALSE, intersection
from netpolicy.packet.packets import Packet
from netpolicy.packet.ports import PortSet
from netpolicy.verify.diff.blame import Cause, Witness, causes, seen
from netpolicy.verify.diff.cover import ALL, End, Names, rectangles
from netpolicy.verify.diff.crossing import Behind, Ground, Share, Side, Stranger
from netpolicy.verify.diff.gates import Way, of_keys
from netpolicy.verify.diff.grouping import Group, Pair
from netpolicy.verify.diff.kinds import NEW, OLD, Kind
from netpolicy.verify.diff.strangers import WORLD, Strangers

_PAIRS, _SEGMENTS = 4, 8
"""How many pairs of ends, and ranges of keys, of a change are asked for the statements behind it."""


@dataclass(frozen=True, slots=True)
class Change:
    """A flow that is opened, or closed, between two ends; `causes` are the statements behind it."""

    share: Share
    opened: bool
    way: Way
    source: End
    destination: End
    ports: PortSet
    witness: Packet
    causes: tuple[Cause, ...] = ()


class Naming:
    """Makes changes of groups, in the names of one side."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self._strangers = {side: Strangers(ground, side) for side in (OLD, NEW)}
        self._universes = {(side, share): _universes(ground, side, share) for side in (OLD, NEW) for share in Share}

    def changes(self, group: Group) -> Iterator[Change]:
        """The changes that a group is."""
        share, opened, _ = group.like
        side = NEW if opened else OLD
        return _Naming(self.ground, self._strangers[side], self._universes[side, share], group).all()


def _universes(ground: Ground, side: int, share: Share) -> list[tuple[Names, Names]]:
    """Who may be named as sender and as receiver: of those who came or went, and those who stay, one at a time."""
    here = [kind for kind in ground.kinds if kind.halves[side] is not None]
    stay = Names([kind for kind in here if kind.stays], side, every=True)
    if share is Share.KEPT:
        return [(stay, stay)]
    theirs = Names([kind for kind in here if not kind.stays], side, every=False)
    return [(stay, theirs), (theirs, theirs), (theirs, stay)]


@dataclass(frozen=True, slots=True)
class _Naming:
    ground: Ground
    strangers: Strangers
    universes: Sequence[tuple[Names, Names]]
    group: Group

    def all(self) -> Iterator[Change]:
        hints = self._hints()
        between: list[tuple[Kind, Kind]] = []
        coming: dict[Kind, set[Stranger]] = {}
        going: dict[Kind, set[Stranger]] = {}
        behind: dict[Stranger, list[tuple[Kind | Stranger, Behind]]] = {}
        for a, b in self.group.pairs:
            if isinstance(b, Behind):
                assert not isinstance(a, Behind)
                behind.setdefault(b.stranger, []).append((a, b))
            elif isinstance(a, Kind) and isinstance(b, Kind):
                between.append((a, b))
            elif isinstance(a, Stranger) and isinstance(b, Kind):
                coming.setdefault(b, set()).add(a)
            elif isinstance(a, Kind) and isinstance(b, Stranger):
                going.setdefault(a, set()).add(b)
        for source, destination, pairs in self._between(between, hints):
            yield self._change(source, destination, pairs)
        for near, far, kinds, others in self._alike(coming, hints):
            yield self._change(far, near, [(a, b) for b in kinds for a in others])
        for near, far, kinds, others in self._alike(going, hints):
            yield self._change(near, far, [(a, b) for a in kinds for b in others])
        for stranger, to_them in behind.items():
            yield from self._behind(stranger, to_them, hints)

    def _between(
        self, pairs: Sequence[tuple[Kind, Kind]], hints: Collection[str]
    ) -> Iterator[tuple[End, End, list[tuple[Kind, Kind]]]]:
        known = {(a.number, b.number): (a, b) for a, b in pairs}
        for senders, receivers in self.universes:
            some = [(a, b) for a, b in known if senders.mask >> a & 1 and receivers.mask >> b & 1]
            for source, froms, destination, tos in rectangles(senders, receivers, some, hints):
                yield source, destination, [known[a, b] for a, b in some if froms >> a & 1 and tos >> b & 1]

    def _alike(
        self, of_kind: Mapping[Kind, set[Stranger]], hints: Collection[str]
    ) -> Iterator[tuple[End, End, list[Kind], frozenset[Stranger]]]:
        """The nodes with the same strangers, and these, by name."""
        alike: dict[frozenset[Stranger], list[Kind]] = {}
        for kind, others in of_kind.items():
            alike.setdefault(frozenset(others), []).append(kind)
        for strangers, kinds in alike.items():
            mask = sum(1 << kind.number for kind in kinds)
            for names in dict.fromkeys(receivers for _, receivers in self.universes):
                for near, inside in names.of(mask & names.mask, hints):
                    for far, some in self.strangers.names(strangers):
                        yield near, far, [kind for kind in kinds if inside >> kind.number & 1], some

    def _behind(
        self, stranger: Stranger, pairs: Sequence[tuple[Kind | Stranger, Behind]], hints: Collection[str]
    ) -> Iterator[Change]:
        """To an address that nodes receive without declaring it, as `nodes@ADDRESS`."""
        held = self.ground.addresses(self.strangers.side, stranger)
        text = address_text(stranger.family, held.of(stranger.family)[0][0])

        def at(end: End) -> End:
            return replace(end, name=f"{end.name}@{text}", addresses=held)

        known = {b.kind: b for _, b in pairs}
        coming: dict[Kind, set[Stranger]] = {}
        for a, b in pairs:
            if isinstance(a, Stranger):
                coming.setdefault(b.kind, set()).add(a)
        for near, far, kinds, others in self._alike(coming, hints):
            yield self._change(far, at(near), [(a, known[b]) for b in kinds for a in others])
        nodes = [(a, b.kind) for a, b in pairs if isinstance(a, Kind)]
        for source, destination, some in self._between(nodes, hints):
            yield self._change(source, at(destination), [(a, known[b]) for a, b in some])

    def _change(self, source: End, destination: End, pairs: Sequence[tuple[Side, Side]]) -> Change:
        share, opened, way = self.group.like
        witnesses = list(self._witnesses(pairs))
        found = sorted({cause for one in witnesses for cause in causes(self.ground, one, opened=opened)})
        return Change(share, opened, way, source, destination, self.group.ports, witnesses[0].packet, tuple(found))

    def _hints(self) -> frozenset[str]:
        """The words of the statements behind some of the crossings."""
        words: set[str] = set()
        for one in self._witnesses(self.group.pairs):
            for cause in causes(self.ground, one, opened=self.group.like[1]):
                words |= set(cause.text.translate(_PARTING).split())
        return frozenset(words | {ALL} if WORLD in words else words)

    def _witnesses(self, pairs: Sequence[Pair]) -> Iterator[Witness]:
        for family, segment in islice(self.group.segments, _SEGMENTS):
            asked = of_keys((segment,))
            for pair in pairs[:_PAIRS]:
                for crossing in self.group.known.get((family, pair), ()):
                    packets = intersection(crossing.packets, asked)
                    if packets is not FALSE:
                        yield seen(self.ground, crossing, packets)
                        break


_PARTING = str.maketrans("(),&@", "     ")
