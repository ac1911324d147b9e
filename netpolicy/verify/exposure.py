"""What strangers reach: how much of the public address space gets to the nodes of each class, on which ports.

It is read from the plans, so it is what all statements together open, net of denies: a CIDR in two halves is the CIDR,
and a range of ports is each of its ports. Addresses that nodes declare are no strangers.

The *world* of a family is at least half of its public addresses; a *wide* network is more than a /16 of IPv4 or a /32
of IPv6 of them. Addresses that no packet on the Internet comes from (private, shared, loopback, documentation,
multicast, reserved: RFC 6890 and its successors) do not count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import ip_network
from itertools import pairwise

from netpolicy.dsl.syntax import Verb
from netpolicy.flow.model import Effect, Flow, NodeClass, Plan
from netpolicy.packet.addresses import EVERYWHERE, FAMILIES, AddressSet, Family
from netpolicy.packet.intervals import Intervals, canonical, contains, difference, intersection, size, union, union_all
from netpolicy.packet.ports import PORTED, VALUE_BITS, VALUE_LAST, Protocol
from netpolicy.policy.cluster import Address
from netpolicy.policy.model import Policy, Statement
from netpolicy.verify.wellknown import WellKnown

_V4 = EVERYWHERE - AddressSet.of_networks(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4"),
    )
)
_V6 = AddressSet.of_networks([ip_network("2000::/3")]) - AddressSet.of_networks(
    ip_network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
PUBLIC = AddressSet(_V4.v4, _V6.v6)
"""Addresses that a packet from the Internet may come from."""

MOST = {family: size(PUBLIC.of(family)) // 2 for family in FAMILIES}
"""So many public addresses or more are the world."""
WIDE = {Family.V4: 1 << 16, Family.V6: 1 << 96}
"""More public addresses than these are a wide network."""
MANY_PORTS = (VALUE_LAST + 1) // 2
"""Who opens so many ports of a protocol has not chosen them."""


class Degree(Enum):
    """How many strangers there are; fewer than these are not told of."""

    WORLD = "the world"
    WIDE = "a wide network"


@dataclass(frozen=True, slots=True)
class Reach:
    """Keys of one family on which strangers of one degree reach an address of a class, by these statements.

    `virtual` is the address where no node declares it; else each node of the class has one like it. It is `whole`
    where the world reaches most ports of that protocol.
    """

    node_class: NodeClass
    family: Family
    virtual: Address | None
    first: int
    last: int
    degree: Degree
    statements: tuple[Statement, ...]
    whole: bool = False

    @property
    def whom(self) -> str:
        """Whom the statements name."""
        return ", ".join(sorted({one.whom.text for one in self.statements}))


@dataclass(frozen=True, slots=True)
class Exposed:
    """What strangers reach, as it is told: `what` on these nodes, by these statements in order of their places."""

    degree: Degree
    whom: str
    what: str
    nodes: tuple[str, ...]
    statements: tuple[Statement, ...]

    @property
    def about(self) -> str:
        return f"{'world' if self.degree is Degree.WORLD else 'wide'} -> {self.whom} : {self.what}"

    @property
    def where(self) -> str:
        """`node `core``, or how many and one of them."""
        return some_nodes(self.nodes)


@dataclass(frozen=True, slots=True)
class Exposure:
    """What strangers reach in a cluster."""

    reaches: tuple[Reach, ...]

    def on(self, ports: Iterable[WellKnown], *degrees: Degree) -> list[tuple[WellKnown, Exposed]]:
        """Who reaches each of these ports, apart by degree and by whom; not where the whole protocol is open."""
        found: list[tuple[WellKnown, Exposed]] = []
        for port in ports:
            met = [
                one
                for one in self.reaches
                if one.first <= port.key <= one.last and one.degree in degrees and not one.whole
            ]
            found += ((port, one) for one in _told(met, port.text))
        return found

    def wholly(self) -> list[Exposed]:
        """Protocols with ports that the world reaches on most of their ports, as `any` or `tcp any`."""
        by_class: dict[int, list[Reach]] = {}
        for one in self.reaches:
            if one.whole:
                by_class.setdefault(id(one.node_class), []).append(one)
        told: dict[str, list[Reach]] = {}
        for its in by_class.values():
            names = sorted({Protocol(number).name.lower() for one in its for number in _ported(one)})
            everything = len(names) == len(PORTED)
            opening = _opening_most(its)
            told.setdefault("any" if everything else f"{'+'.join(names)} any", []).append(
                replace(its[0], statements=opening)
            )
        return [one for what, its in told.items() for one in _told(its, what)]

    def open_to_world(self, ports: Collection[WellKnown] = ()) -> list[Reach]:
        """What the world reaches of protocols with ports, on these ports or on any."""
        return [
            one
            for one in self.reaches
            if one.degree is Degree.WORLD
            and (any(one.first <= port.key <= one.last for port in ports) if ports else any(_ported(one)))
        ]


def exposure(policy: Policy, plans: Sequence[Plan]) -> Exposure:
    """All that the world and wide networks reach, at declared addresses and at virtual ones."""
    exposing = _Exposing(policy)
    return Exposure(tuple(one for plan in plans for its in exposing.of(plan) for one in _marked(its)))


def strangers(addresses: AddressSet, policy: Policy) -> AddressSet:
    """The public addresses among these that no node declares."""
    return (addresses & PUBLIC) - policy.nodes


def degree_of(count: int, family: Family) -> Degree | None:
    """What so many public addresses are; None for few."""
    if count >= MOST[family]:
        return Degree.WORLD
    return Degree.WIDE if count > WIDE[family] else None


def some_nodes(names: Sequence[str]) -> str:
    """`node `core``, or how many and one of them."""
    return f"node `{names[0]}`" if len(names) == 1 else f"{len(names):,} nodes, such as `{names[0]}`"


@dataclass(frozen=True, slots=True)
class Border:
    """A flow as some see it: those of its sources that are asked about, and its keys, in one family."""

    flow: Flow
    sources: Intervals
    keys: Intervals


class _Exposing:
    def __init__(self, policy: Policy) -> None:
        self.outside = PUBLIC - policy.nodes
        self.by_id: dict[str, list[Statement]] = {}
        for one in policy.of(Verb.ALLOW):
            self.by_id.setdefault(one.id, []).append(one)
        self._parts: dict[tuple[Family, int], tuple[Intervals, Intervals]] = {}

    def of(self, plan: Plan) -> Iterator[list[Reach]]:
        """The reaches at each address of a class."""
        for family in FAMILIES:
            inbound, virtual = self.border(plan.inbound, family), self.border(plan.virtual, family)
            if any(one.flow.effect is Effect.ALLOW for one in inbound):
                for first, last in plan.node_class.own.of(family):
                    for address in range(first, last + 1):
                        yield list(self.at(plan.node_class, (family, address), inbound))
            opened = union_all([one.flow.destinations.of(family) for one in virtual if one.flow.effect is Effect.ALLOW])
            for first, last in opened:
                for address in range(first, last + 1):
                    yield list(self.at(plan.node_class, (family, address), virtual, virtual=True))

    def border(self, flows: Iterable[Flow], family: Family) -> list[Border]:
        found = (Border(one, self.part(one.sources.of(family), family), one.ports.of(family)) for one in flows)
        return [one for one in found if one.sources and one.keys]

    def part(self, sources: Intervals, family: Family) -> Intervals:
        """The strangers among sources; many flows share one set of sources, which is kept so that its id is."""
        known = self._parts.get((family, id(sources)))
        if known is None:
            known = self._parts[family, id(sources)] = (sources, intersection(sources, self.outside.of(family)))
        return known[1]

    def at(
        self, node_class: NodeClass, address: Address, border: Sequence[Border], *, virtual: bool = False
    ) -> Iterator[Reach]:
        """The reaches at one address."""
        family, at = address[0], address if virtual else None
        met = [one for one in border if address in one.flow.destinations]
        for first, last, allowing, reached in stretches(met):
            degree = degree_of(size(reached), family)
            if degree is None:
                continue
            # A flow has the statements of all that it covers, which may say less: each part has its own.
            asking = [each for one in allowing for name in one.flow.statements for each in self.by_id.get(name, ())]
            asking = [one for one in asking if _opens(one, address, at)]
            for start, end in _parts(asking, family, first, last):
                yield Reach(node_class, family, at, start, end, degree, self.blamed(asking, family, start))

    def blamed(self, asking: Sequence[Statement], family: Family, key: int) -> tuple[Statement, ...]:
        """The statements that let strangers in on a key; where wide ones do, they alone.

        It is by whom that they are wide or narrow, since a statement for each half of a network says what one says.
        """
        parts = [
            (one, part)
            for one in asking
            if contains(one.ports.of(family), key) and (part := self.part(one.who.addresses.of(family), family))
        ]
        let_in: dict[str, Intervals] = {}
        for one, part in parts:
            let_in[one.whom.text] = union(let_in.get(one.whom.text, ()), part)
        wide = {whom: held for whom, held in let_in.items() if degree_of(size(held), family) is not None} or let_in
        widest = {whom for whom, held in wide.items() if not any(_within(held, other) for other in wide.values())}
        told = [(one, part) for one, part in parts if one.whom.text in widest]
        return in_order(
            one
            for one, part in told
            if not any(_within(part, other) and one.whom.text == by.whom.text for by, other in told)
        )


def _within(held: Intervals, other: Intervals) -> bool:
    """Whether it is a part of the other, and not all of it."""
    return held != other and not difference(held, other)


def in_order(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """The statements by their places, each once."""

    def key(one: Statement) -> tuple[str, int, str]:
        return (one.span.source.name, one.span.start, one.id) if one.span is not None else ("", -1, one.id)

    # By identity: a statement's hash reads all its addresses.
    return tuple(sorted({id(one): one for one in statements}.values(), key=key))


def stretches(met: Sequence[Border]) -> Iterator[tuple[int, int, list[Border], Intervals]]:
    """Keys between which no flow begins or ends: first, last, the allows there, and the sources that they let in."""
    edges = sorted({edge for one in met for first, last in one.keys for edge in (first, last + 1)})
    known: dict[tuple[int, ...], Intervals] = {}
    for first, following in pairwise(edges):
        here = tuple(number for number, one in enumerate(met) if contains(one.keys, first))
        allowing = [met[number] for number in here if met[number].flow.effect is Effect.ALLOW]
        if not allowing:
            continue
        if here not in known:
            denied = union_all([met[number].sources for number in here if met[number].flow.effect is Effect.DENY])
            known[here] = difference(union_all([one.sources for one in allowing]), denied)
        yield first, following - 1, allowing, known[here]


def _parts(asking: Iterable[Statement], family: Family, first: int, last: int) -> list[tuple[int, int]]:
    """The stretch, cut where a statement begins or ends."""
    edges = {edge for one in asking for ends in one.ports.of(family) for edge in (ends[0], ends[1] + 1)}
    starts = sorted({first, *(edge for edge in edges if first < edge <= last)})
    return list(zip(starts, [*(start - 1 for start in starts[1:]), last], strict=True))


def _opens(one: Statement, address: Address, at: Address | None) -> bool:
    """Whether an allow is about the address, in this direction."""
    if at is None:
        return address in one.whom.addresses
    return any((each.family, each.address) == at for each in one.whom.virtual)


def _ported(one: Reach) -> Iterator[int]:
    """The protocols with ports of which it holds some port."""
    return (number for number in PORTED if one.first >> VALUE_BITS <= number <= one.last >> VALUE_BITS)


def _marked(reaches: Sequence[Reach]) -> Iterator[Reach]:
    """The reaches at one address; those are whole that belong to a protocol of which the world has most ports."""
    keys = canonical((one.first, one.last) for one in reaches if one.degree is Degree.WORLD)
    starts = {number: number << VALUE_BITS for number in PORTED}
    whole = {
        number
        for number, start in starts.items()
        if size(intersection(keys, ((start, start + VALUE_LAST),))) >= MANY_PORTS
    }
    for one in reaches:
        is_whole = one.degree is Degree.WORLD and not whole.isdisjoint(_ported(one))
        yield replace(one, whole=True) if is_whole else one


def _opening_most(reaches: Sequence[Reach]) -> tuple[Statement, ...]:
    """Of the statements, those with a whom that has most ports of a protocol by them; where none has, all."""
    statements = in_order(each for one in reaches for each in one.statements)
    keys: dict[str, Intervals] = {}
    for one in statements:
        keys[one.whom.text] = union_all([keys.get(one.whom.text, ()), *(one.ports.of(family) for family in FAMILIES)])
    spans = [((number << VALUE_BITS, (number << VALUE_BITS) + VALUE_LAST),) for number in PORTED]
    most = {whom for whom, own in keys.items() if any(size(intersection(own, one)) >= MANY_PORTS for one in spans)}
    return tuple(one for one in statements if one.whom.text in most) or statements


def _told(reaches: Iterable[Reach], what: str) -> list[Exposed]:
    """Reaches as they are told: once for a degree and whom."""
    groups: dict[tuple[Degree, str], list[Reach]] = {}
    for one in reaches:
        groups.setdefault((one.degree, one.whom), []).append(one)
    return [
        Exposed(
            degree,
            whom,
            what,
            tuple(dict.fromkeys(name for one in its for name in one.node_class.members)),
            in_order(each for one in its for each in one.statements),
        )
        for (degree, whom), its in groups.items()
    ]
