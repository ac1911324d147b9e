"""What changes between two sides in meaning: flows opened and closed by role pair, and the nodes that load others.

Nodes are compared by name: one that only changed its address has no flow opened or closed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from netpolicy.packet.family import FAMILIES
from netpolicy.packet.intervals import size
from netpolicy.policy.identity import Identity
from netpolicy.verify.diff.cover import ALL
from netpolicy.verify.diff.crossing import Ground, Share, crossings
from netpolicy.verify.diff.grouping import groups
from netpolicy.verify.diff.kinds import NO_ROLE
from netpolicy.verify.diff.naming import Change, Naming
from netpolicy.verify.diff.risk import risk_of
from netpolicy.verify.diff.strangers import OUTSIDE, WORLD
from netpolicy.verify.emitted import Emitted


@dataclass(frozen=True, slots=True)
class Touched:
    """A node of both sides that loads other rules, or has other addresses."""

    name: str
    rules: bool
    addresses: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of the nodes of a role are touched."""

    role: str
    touched: int
    whole: int


@dataclass(frozen=True, slots=True)
class Difference:
    """All that changes, what raises a risk first. `came` and `went` are nodes of one side alone.

    `tallies` count the touched nodes by role, on the new side.
    """

    changes: tuple[Change, ...]
    touched: tuple[Touched, ...]
    came: tuple[Identity, ...]
    went: tuple[Identity, ...]
    tallies: tuple[Tally, ...] = ()

    def of(self, share: Share, *, opened: bool) -> list[Change]:
        """The changes of nodes of one share."""
        return [one for one in self.changes if one.share is share and one.opened is opened]

    def __bool__(self) -> bool:
        return bool(self.changes or self.touched or self.came or self.went)


def diff(old: Emitted, new: Emitted) -> Difference:
    """What changes from the old side to the new."""
    ground = Ground(old, new)
    naming = Naming(ground)
    found = _merged([change for group in groups(crossings(ground)) for change in naming.changes(group)])
    before, after = ({node.node: node for node in side.nodes} for side in (old, new))
    touched = [
        Touched(name, before[name].digest != node.digest, before[name].interfaces != node.interfaces)
        for name, node in sorted(after.items())
        if name in before
    ]
    touched = [one for one in touched if one.rules or one.addresses]
    return Difference(
        tuple(sorted(found, key=order)),
        tuple(touched),
        tuple(node for name, node in sorted(after.items()) if name not in before),
        tuple(node for name, node in sorted(before.items()) if name not in after),
        _tallies(new.nodes, {one.name for one in touched}),
    )


def order(one: Change) -> tuple[object, ...]:
    """Sorts what raises a risk most first: kept nodes, opened, from anywhere, to data or admin ports, many ports."""
    far = 0 if one.source.name in (WORLD, OUTSIDE) else 1 if one.source.name.startswith(OUTSIDE) else 2
    if one.source.nodes:
        far = 3
    width = max(size(one.ports.of(family)) for family in FAMILIES)
    ends = (one.source.name, one.destination.name, one.source.nodes, one.destination.nodes, one.way.value)
    place = (one.share is not Share.KEPT, not one.opened, risk_of(one).level.rank)
    return (*place, far, -width, *ends, one.ports.v4, one.ports.v6)


def _tallies(nodes: Sequence[Identity], touched: Collection[str]) -> tuple[Tally, ...]:
    """How many nodes of each role are touched; a node of several roles counts in each."""
    whole: dict[str, list[int]] = {}
    for node in nodes:
        for role in node.roles or (NO_ROLE,):
            counted = whole.setdefault(role, [0, 0])
            counted[0] += node.node in touched
            counted[1] += 1
    return tuple(Tally(role, *counted) for role, counted in sorted(whole.items()) if counted[0])


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
