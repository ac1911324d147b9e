"""What changes between two sides in meaning: flows opened and closed by role pair, and the nodes that load others.

Nodes are compared by name: one that only changed its address has no flow opened or closed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from netpolicy.packet.addresses import Family, address_text
from netpolicy.packet.diagram import FALSE, intersection
from netpolicy.packet.family import FAMILIES
from netpolicy.packet.intervals import Interval, canonical, size
from netpolicy.packet.packets import Packet
from netpolicy.packet.ports import VALUE_BITS, PortSet, Protocol
from netpolicy.policy.identity import Identity
from netpolicy.verify.blame import Cause, Witness, causes, seen
from netpolicy.verify.cover import ALL, OUTSIDE, WORLD, Cover, End
from netpolicy.verify.crossing import Behind, Crossing, Ground, Share, Side, Stranger, crossings
from netpolicy.verify.emitted import Emitted
from netpolicy.verify.gates import Way, keys, of_keys
from netpolicy.verify.kinds import NEW, OLD, Kind

Pair = tuple[Side, Side]
_USUAL = Protocol.TCP << VALUE_BITS | 80
_PAIRS, _SEGMENTS = 4, 8
"""How many pairs of ends, and ranges of ports, of a change are asked for the statements behind it."""


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


@dataclass(frozen=True, slots=True)
class Touched:
    """A node of both sides that loads other rules, or has other addresses."""

    name: str
    rules: bool
    addresses: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """All that changes, what raises a risk first. `came` and `went` are nodes of one side alone."""

    changes: tuple[Change, ...]
    touched: tuple[Touched, ...]
    came: tuple[Identity, ...]
    went: tuple[Identity, ...]

    def of(self, share: Share, *, opened: bool) -> list[Change]:
        """The changes of nodes of one share."""
        return [one for one in self.changes if one.share is share and one.opened is opened]

    def __bool__(self) -> bool:
        return bool(self.changes or self.touched or self.came or self.went)


def diff(old: Emitted, new: Emitted) -> Difference:
    """What changes from the old side to the new."""
    ground = Ground(old, new)
    found = _merged([change for group in _groups(crossings(ground)) for change in group.changes(ground)])
    before, after = ({node.node: node for node in side.nodes} for side in (old, new))
    touched = [
        Touched(name, before[name].digest != node.digest, before[name].interfaces != node.interfaces)
        for name, node in sorted(after.items())
        if name in before
    ]
    return Difference(
        tuple(sorted(found, key=risk)),
        tuple(one for one in touched if one.rules or one.addresses),
        tuple(node for name, node in sorted(after.items()) if name not in before),
        tuple(node for name, node in sorted(before.items()) if name not in after),
    )


def risk(one: Change) -> tuple[object, ...]:
    """Sorts what raises a risk most first: kept nodes, opened, from anywhere, many ports."""
    far = 0 if one.source.name in (WORLD, OUTSIDE) else 1 if one.source.name.startswith(OUTSIDE) else 2
    if one.source.nodes:
        far = 3
    width = max(size(one.ports.of(family)) for family in FAMILIES)
    ends = (one.source.name, one.destination.name, one.source.nodes, one.destination.nodes, one.way.value)
    return (one.share is not Share.KEPT, not one.opened, far, -width, *ends, one.ports.v4, one.ports.v6)


@dataclass(slots=True)
class _Group:
    """Crossings between the same pairs of ends, on some keys."""

    like: tuple[Share, bool, Way]
    pairs: tuple[Pair, ...]
    known: Mapping[tuple[Family, Pair], Sequence[Crossing]]
    segments: list[tuple[Family, Interval]] = field(default_factory=list)

    def changes(self, ground: Ground) -> Iterator[Change]:
        """The changes that these are, by name."""
        share, opened, _ = self.like
        cover = Cover(ground, NEW if opened else OLD, share)
        hints = self._hints(ground)
        nodes = [(a.number, b.number) for a, b in self.pairs if isinstance(a, Kind) and isinstance(b, Kind)]
        for source, froms, destination, tos in cover.rectangles(nodes, hints):
            inside = [
                (a, b)
                for a, b in self.pairs
                if isinstance(a, Kind) and isinstance(b, Kind) and froms >> a.number & 1 and tos >> b.number & 1
            ]
            yield self._change(ground, source, destination, inside)
        yield from self._with_strangers(ground, cover, hints)

    def _with_strangers(self, ground: Ground, cover: Cover, hints: Collection[str]) -> Iterator[Change]:
        """From strangers to nodes, from nodes to strangers, and to addresses that nodes receive without declaring."""
        sources: dict[tuple[str, Stranger | None, Side], set[Side]] = {}
        for a, b in self.pairs:
            if isinstance(b, Behind):
                side = "to virtual from nodes" if isinstance(a, Kind) else "to virtual"
                sources.setdefault((side, b.stranger, b.kind), set()).add(a)
            elif isinstance(a, Stranger):
                sources.setdefault(("in", None, b), set()).add(a)
            elif isinstance(b, Stranger):
                sources.setdefault(("out", None, a), set()).add(b)
        joined: dict[tuple[str, Stranger | None, frozenset[Side]], list[Kind]] = {}
        for (side, behind, kind), others in sources.items():
            assert isinstance(kind, Kind)
            joined.setdefault((side, behind, frozenset(others)), []).append(kind)
        for (side, behind, others), kinds in joined.items():
            mask = sum(1 << kind.number for kind in kinds)
            far = (
                cover.names(sum(1 << one.number for one in others if isinstance(one, Kind)), hints)
                if side == "to virtual from nodes"
                else cover.strangers([one for one in others if isinstance(one, Stranger)])
            )
            for near, numbers in cover.names(mask, hints):
                for end, inside in far:
                    holding = [
                        pair
                        for pair in self.pairs
                        if _is_of(pair, side, behind, numbers) and _is_in(pair[side == "out"], inside)
                    ]
                    if behind is not None:
                        at = cover.ground.addresses(cover.side, behind)
                        text = ", ".join(address_text(family, low) for family in FAMILIES for low, _ in at.of(family)[:1])
                        yield self._change(ground, end, replace(near, name=f"{near.name}@{text}"), holding)
                    elif side == "out":
                        yield self._change(ground, near, end, holding)
                    else:
                        yield self._change(ground, end, near, holding)

    def _change(self, ground: Ground, source: End, destination: End, pairs: Sequence[Pair]) -> Change:
        share, opened, way = self.like
        ports = PortSet(*(canonical(pair for its, pair in self.segments if its is family) for family in FAMILIES))
        witnesses = list(islice(self._witnesses(ground, pairs), _PAIRS * _SEGMENTS))
        found = sorted({cause for one in witnesses for cause in causes(ground, one, opened=opened)})
        return Change(share, opened, way, source, destination, ports, witnesses[0].packet, tuple(found))

    def _hints(self, ground: Ground) -> frozenset[str]:
        """The names in the statements behind some of the crossings."""
        found = set()
        for one in islice(self._witnesses(ground, self.pairs), _PAIRS * _SEGMENTS):
            for cause in causes(ground, one, opened=self.like[1]):
                found |= set(cause.text.replace("(", " ").replace(")", " ").replace(",", " ").split())
        return frozenset(found)

    def _witnesses(self, ground: Ground, pairs: Sequence[Pair]) -> Iterator[Witness]:
        for family, segment in self.segments[:_SEGMENTS]:
            asked = of_keys((segment,))
            for pair in pairs[:_PAIRS]:
                for crossing in self.known.get((family, pair), ()):
                    packets = intersection(crossing.packets, asked)
                    if packets is not FALSE:
                        yield seen(ground, crossing, packets)
                        break


def _is_of(pair: Pair, side: str, behind: Stranger | None, numbers: int) -> bool:
    a, b = pair
    near = a if side == "out" else b
    if isinstance(near, Behind):
        return near.stranger == behind and bool(numbers >> near.kind.number & 1)
    return behind is None and isinstance(near, Kind) and bool(numbers >> near.number & 1)


def _is_in(end: Side, inside: int | frozenset[Stranger]) -> bool:
    if isinstance(inside, int):
        return isinstance(end, Kind) and bool(inside >> end.number & 1)
    return end in inside


def _groups(found: Iterator[Crossing]) -> list[_Group]:
    """The crossings by what they have in common, their keys cut where any of them begins or ends."""
    known: dict[tuple[Share, bool, Way], dict[tuple[Family, Pair], list[Crossing]]] = {}
    for one in found:
        of_like = known.setdefault((one.share, one.opened, one.way), {})
        of_like.setdefault((one.family, (one.source, one.destination)), []).append(one)
    groups: list[_Group] = []
    for like, crossing in known.items():
        holders: dict[tuple[Family, Interval], dict[Pair, None]] = {}
        held = {place: canonical(pair for one in every for pair in keys(one.packets)) for place, every in crossing.items()}
        for family in FAMILIES:
            edges = sorted({edge for (its, _), spans in held.items() if its is family for low, high in spans for edge in (low, high + 1)})
            following = dict(zip(edges, edges[1:], strict=False))
            for (its, pair), spans in held.items():
                for low, high in spans if its is family else ():
                    while low <= high:
                        holders.setdefault((family, (low, following[low] - 1)), {})[pair] = None
                        low = following[low]
        of_pairs: dict[frozenset[Pair], _Group] = {}
        for segment, pairs in holders.items():
            group = of_pairs.setdefault(frozenset(pairs), _Group(like, tuple(pairs), crossing))
            group.segments.append(segment)
        for group in of_pairs.values():
            # A packet that people know is a better witness than one of protocol 0.
            group.segments.sort(key=lambda one: (not one[1][0] <= _USUAL <= one[1][1], one[0].value, one[1]))
        groups += of_pairs.values()
    return groups


def _merged(changes: Sequence[Change]) -> list[Change]:
    """One change for the same ends; what all nodes and all others may do is the world's."""
    found: dict[tuple[object, ...], Change] = {}
    for one in changes:
        ends = (one.source.name, one.source.nodes, one.destination.name, one.destination.nodes)
        place = (one.share, one.opened, one.way, *ends)
        found[place] = _joined(found[place], one) if place in found else one
    return _worldwide(list(found.values()))


def _joined(a: Change, b: Change) -> Change:
    source, destination = (
        replace(one, addresses=one.addresses | other.addresses)
        for one, other in ((a.source, b.source), (a.destination, b.destination))
    )
    together = tuple(sorted({*a.causes, *b.causes}))
    return replace(a, source=source, destination=destination, ports=a.ports | b.ports, causes=together)


def _worldwide(changes: list[Change]) -> list[Change]:
    left: list[Change] = []
    everyone = {_place(one): one for one in changes if one.source.name == ALL and not one.source.partial}
    taken = set()
    for one in changes:
        nodes = everyone.get(_place(one)) if one.source.name == OUTSIDE else None
        if nodes is None:
            left.append(one)
            continue
        taken.add(_place(one))
        source = replace(one.source, name=WORLD)
        left.append(replace(one, source=source, causes=tuple(sorted({*one.causes, *nodes.causes}))))
    return [one for one in left if not (one.source.name == ALL and _place(one) in taken and not one.source.partial)]


def _place(one: Change) -> tuple[object, ...]:
    return (one.share, one.opened, one.way, one.destination.name, one.destination.nodes, one.ports)
