"""What becomes of the ports between two kinds of ends: parts with one fate, each with the statements that make it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from netpolicy.dsl.syntax import Verb
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.intervals import Intervals, difference, intersection, union_all
from netpolicy.packet.ports import NO_PORT, PortSet
from netpolicy.policy.model import Statement
from netpolicy.verify.baseline import open_icmp


class Where(Enum):
    """A place where the rules of a node judge a packet of the question, or of its reply."""

    SENDER = "sender"
    RECEIVER = "receiver"
    PUBLISHED = "published"
    REPLY_SENT = "reply sent"
    REPLY_RECEIVED = "reply received"


@dataclass(frozen=True, slots=True)
class Bearing:
    """The statements, by their bits, that speak of a packet at the receiver (`met`) and at the sender (`sent`).

    `published` are those that speak of it when the receiver sends it on behind DNAT. `judged_by` are the ends whose
    rules judge it.
    """

    met: int
    sent: int
    published: int
    judged_by: tuple[Where, ...]


@dataclass(frozen=True, slots=True)
class Fate:
    """Ports of one fate: which ends refuse them, and the statements that speak of them.

    `baseline` passes whatever statements say. `published` are those that pass as well when the receiver sends them on
    behind DNAT.
    """

    ports: PortSet
    refusing: tuple[Where, ...]
    allows: tuple[Statement, ...] = ()
    denies: tuple[Statement, ...] = ()
    baseline: bool = False
    published: PortSet = NO_PORT

    @property
    def passes(self) -> bool:
        return not self.refusing


def fates(ports: PortSet, ruling: Sequence[Statement], bearing: Bearing, families: Sequence[Family]) -> list[Fate]:
    """The ports of these families, cut by fate; in both families where it is the same."""
    found: dict[tuple[object, ...], list[Fate]] = {}
    for family in families:
        for one in _of_family(family, ports.of(family), ruling, bearing):
            likeness = (one.refusing, one.baseline, one.allows, one.denies)
            found.setdefault(likeness, []).append(one)
    return [_joined(some) for some in found.values()]


def always(ports: PortSet, families: Sequence[Family]) -> list[Fate]:
    """The fate of packets that every node lets pass, whatever its policy."""
    whole = _only(ports, families)
    return [Fate(whole, (), baseline=True)] if whole else []


def _only(ports: PortSet, families: Sequence[Family]) -> PortSet:
    return PortSet(*(ports.of(family) if family in families else () for family in FAMILIES))


def _joined(some: Sequence[Fate]) -> Fate:
    first = some[0]
    ports, published = (PortSet.union_all(sets) for sets in ([o.ports for o in some], [o.published for o in some]))
    return Fate(ports, first.refusing, first.allows, first.denies, first.baseline, published)


def _of_family(family: Family, keys: Intervals, ruling: Sequence[Statement], bearing: Bearing) -> Iterator[Fate]:
    open_ = intersection(keys, open_icmp(family)) if bearing.judged_by else ()
    if open_:
        yield Fate(_one(family, open_), (), baseline=True)
    for part, spoken in _cut(family, difference(keys, open_), ruling, bearing.met | bearing.sent):
        refusing = tuple(where for where in bearing.judged_by if not _admitted(ruling, spoken & _at(bearing, where)))
        of = [one for place, one in enumerate(ruling) if spoken >> place & 1]
        allows, denies = (tuple(one for one in of if one.verb is verb) for verb in (Verb.ALLOW, Verb.DENY))
        published: Intervals = ()
        if not refusing and Where.RECEIVER in bearing.judged_by:
            published = intersection(part, _published(family, ruling, bearing.published))
        yield Fate(_one(family, part), refusing, allows, denies, published=_one(family, published))


def _cut(family: Family, keys: Intervals, ruling: Sequence[Statement], bearing: int) -> list[tuple[Intervals, int]]:
    """The keys with the statements that speak of them."""
    parts = [(keys, 0)] if keys else []
    for place, one in enumerate(ruling):
        if bearing >> place & 1:
            own = one.ports.of(family)
            cut = [(intersection(part, own), spoken | 1 << place) for part, spoken in parts]
            cut += [(difference(part, own), spoken) for part, spoken in parts]
            parts = [one for one in cut if one[0]]
    return sorted(parts)


def _at(bearing: Bearing, where: Where) -> int:
    return bearing.met if where is Where.RECEIVER else bearing.sent


def _published(family: Family, ruling: Sequence[Statement], spoken: int) -> Intervals:
    """Ports of forwarded services that some allow opens; a deny closes all that it names."""
    of = [one for place, one in enumerate(ruling) if spoken >> place & 1]
    opened = union_all([one.forwarded.of(family) for one in of if one.verb is Verb.ALLOW])
    return difference(opened, union_all([one.ports.of(family) for one in of if one.verb is Verb.DENY]))


def _admitted(ruling: Sequence[Statement], spoken: int) -> bool:
    """Some allow is among the statements, and no deny."""
    verbs = {one.verb for place, one in enumerate(ruling) if spoken >> place & 1}
    return verbs == {Verb.ALLOW}


def _one(family: Family, keys: Intervals) -> PortSet:
    return PortSet(v4=keys) if family is Family.V4 else PortSet(v6=keys)
